"""The runtimes that compute an exported graph, each behind the same small interface."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..types import Array


class Session(Protocol):
    """A graph that is ready to run."""

    def run(self, image: Array) -> dict[str, Array]:
        """The outputs by name.

        Args:
            image: float32 [B, H, W, C].
        """


class OnnxSession:
    """ONNX Runtime on the CPU, or on a GPU where onnxruntime-gpu is installed.

    Args:
        path: an .onnx file.
        threads: number of threads; None leaves it to the runtime.
        precision: "float32".
    """

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        _only_float32(path, precision)
        runtime = _import("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        if threads:
            options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(
            str(path), options, providers=runtime.get_available_providers()
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, image: Array) -> dict[str, Array]:
        """See `Session`."""
        return dict(zip(self._names, self._session.run(None, {"image": image}), strict=True))


class OpenVinoSession:
    """OpenVINO on the CPU.

    Args:
        path: an .xml file, with its .bin file beside it.
        threads: number of threads; None leaves it to the runtime.
        precision: "float32", or "bfloat16" on a CPU that computes it.
    """

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        core = _import("openvino", "openvino").Core()
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        if precision == "bfloat16":
            able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            if "BF16" not in able:
                raise ValueError(
                    "precision is 'bfloat16', which this CPU does not compute: it must be "
                    "'float32' here."
                )
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._model = core.compile_model(str(path), "CPU", options)

    def run(self, image: Array) -> dict[str, Array]:
        """See `Session`."""
        # A request of its own for each call, so that several threads may call.
        results = self._model.create_infer_request().infer({"image": image})
        return {output.any_name: np.array(values) for output, values in results.items()}


class LiteRtSession:
    """LiteRT, formerly TensorFlow Lite, on the CPU; one image at a time.

    Args:
        path: a .tflite file.
        threads: number of threads; None leaves it to the runtime.
        precision: "float32".
    """

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        _only_float32(path, precision)
        interpreter = _import("ai_edge_litert.interpreter", "litert").Interpreter
        self._interpreter = interpreter(model_path=str(path), num_threads=threads)
        self._run: Any = None
        self._shape: tuple[int, ...] = ()

    def run(self, image: Array) -> dict[str, Array]:
        """See `Session`."""
        each = [self._one(image[index : index + 1]) for index in range(len(image))]
        return {name: np.concatenate([outputs[name] for outputs in each]) for name in each[0]}

    def _one(self, image: Array) -> dict[str, Array]:
        if self._shape != image.shape:
            [given] = self._interpreter.get_input_details()
            self._run = None  # it would keep the interpreter from resizing
            self._interpreter.resize_tensor_input(given["index"], image.shape)
            self._interpreter.allocate_tensors()
            self._run, self._shape = self._interpreter.get_signature_runner(), image.shape
        return {name: np.array(values) for name, values in self._run(image=image).items()}


# A function (path, threads, precision) -> session for each format, by the file's suffix.
SESSIONS: Mapping[str, Callable[[Path, int | None, str], Session]] = {
    ".onnx": OnnxSession,
    ".xml": OpenVinoSession,
    ".tflite": LiteRtSession,
}


def _only_float32(path: Path, precision: str) -> None:
    if precision != "float32":
        raise ValueError(
            f"precision is {precision!r}, but {path.name} runs in 'float32': 'bfloat16' is for "
            "OpenVINO."
        )


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{module.partition(".")[0]} is not installed: pip install "mask-rcnn[{extra}]"'
        ) from error

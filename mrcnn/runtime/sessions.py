"""The runtimes that compute an exported graph, each behind the same small interface."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..types import Array


class Session(Protocol):
    """A graph that is ready to run.

    Attributes:
        names: of the outputs.
    """

    names: list[str]

    def run(self, image: Array) -> dict[str, Array]:
        """The outputs by name.

        Args:
            image: float32 [B, H, W, C].
        """


class Unusable(ValueError):
    """A file or a CPU that cannot do what is asked; the message says all."""


class OnnxSession:
    """ONNX Runtime on the CPU, or on a GPU where onnxruntime-gpu is installed.

    Args:
        path: an .onnx file.
        threads: number of threads; None leaves it to the runtime.
        precision: "float32".
    """

    format = "onnx"
    precisions = ("float32",)

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        runtime = _import("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        if threads:
            options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(
            str(path), options, providers=_providers(runtime.get_available_providers())
        )
        self.names = [output.name for output in self._session.get_outputs()]

    def run(self, image: Array) -> dict[str, Array]:
        """The outputs by name of `image`, see `Session`."""
        return dict(zip(self.names, self._session.run(None, {"image": image}), strict=True))


class OpenVinoSession:
    """OpenVINO on the CPU.

    Args:
        path: an .xml file, with its .bin file beside it.
        threads: number of threads; None leaves it to the runtime.
        precision: "float32", or "bfloat16" on a CPU that computes it.

    Raises:
        Unusable: the .bin file is missing, or the CPU does not compute in the precision.
    """

    format = "openvino"
    precisions = ("float32", "bfloat16")

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        core = _import("openvino", "openvino").Core()
        if not path.with_suffix(".bin").is_file():
            raise Unusable(f"{path.with_suffix('.bin')} is missing: it has the weights of {path}.")
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        if precision == "bfloat16":
            able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            if "BF16" not in able:
                raise Unusable(
                    "precision is 'bfloat16', which this CPU does not compute: it must be "
                    "'float32' here."
                )
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._model = core.compile_model(str(path), "CPU", options)
        self.names = [output.any_name for output in self._model.outputs]

    def run(self, image: Array) -> dict[str, Array]:
        """The outputs by name of `image`, see `Session`."""
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

    format = "litert"
    precisions = ("float32",)

    def __init__(self, path: Path, threads: int | None, precision: str) -> None:
        interpreter = _import("ai_edge_litert.interpreter", "litert").Interpreter
        self._interpreter = interpreter(model_path=str(path), num_threads=threads)
        [signature] = self._interpreter.get_signature_list().values()
        self.names: list[str] = signature["outputs"]
        self._run: Any = None
        self._shape: tuple[int, ...] = ()

    def run(self, image: Array) -> dict[str, Array]:
        """The outputs by name of `image`, see `Session`."""
        each = [self._one(image[index : index + 1]) for index in range(len(image))]
        return {name: np.concatenate([outputs[name] for outputs in each]) for name in each[0]}

    def _one(self, image: Array) -> dict[str, Array]:
        if self._shape != image.shape:
            [given] = self._interpreter.get_input_details()
            # It would keep the interpreter from resizing, which may fail.
            self._run, self._shape = None, ()
            self._interpreter.resize_tensor_input(given["index"], image.shape)
            self._interpreter.allocate_tensors()
            self._run, self._shape = self._interpreter.get_signature_runner(), image.shape
        return {name: np.array(values) for name, values in self._run(image=image).items()}


# The session of each format, by the file's suffix.
SESSIONS: Mapping[str, type[OnnxSession | OpenVinoSession | LiteRtSession]] = {
    ".onnx": OnnxSession,
    ".xml": OpenVinoSession,
    ".tflite": LiteRtSession,
}


def _providers(available: Sequence[str]) -> list[Any]:
    """CUDA in float32 where it is, and the CPU; other providers compute in other precisions."""
    cuda = [("CUDAExecutionProvider", {"use_tf32": 0})]
    return [*(each for each in cuda if each[0] in available), "CPUExecutionProvider"]


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{module.partition(".")[0]} is not installed: pip install "mask-rcnn[{extra}]"'
        ) from error

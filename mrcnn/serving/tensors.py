"""Tensors of the Open Inference Protocol, version 2: JSON, and the binary data extension.

https://github.com/kserve/open-inference-protocol describes the JSON. With the extension, the values
of tensors follow it as bytes, in order, and the header `Inference-Header-Content-Length` says how
long the JSON is.
"""

import dataclasses
import json
import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..types import Array
from .refusals import Refused

HEADER = "Inference-Header-Content-Length"

# Data types by their names in the protocol; values are little-endian.
TYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "INT32": "<i4",
    "FP32": "<f4",
}
_NAMES = {np.dtype(code).newbyteorder("="): name for name, code in TYPES.items()}
# Lists of numbers take many times their text in memory.
_MOST_JSON = 16 * 2**20
_INPUTS = ("UINT8", "UINT16", "FP32")


@dataclasses.dataclass(frozen=True, slots=True)
class Inference:
    """What a client asks for.

    Attributes:
        id: the client's name for it, or "".
        images: [B, H, W, C], uint8, uint16 or float32.
        outputs: names of the outputs that it asks for, in order, and whether as bytes; empty for
            those by default.
        binary: whether those by default are bytes.
        parameters: of the request, by name.
    """

    id: str
    images: Array
    outputs: Mapping[str, bool]
    binary: bool
    parameters: Mapping[str, Any]


def parsed(body: bytes, json_length: str | None, outputs: Collection[str]) -> Inference:
    """A request to infer.

    Args:
        body: of the request.
        json_length: the header `HEADER`, or None if all of it is JSON.
        outputs: names of all outputs that there are.

    Raises:
        Refused: it breaks the protocol, or has other tensors than the model.

    Example:
        >>> from mrcnn.serving.tensors import parsed
        >>> tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 2, 1], "data": [7, 8]}
        >>> parsed(json.dumps({"inputs": [tensor]}).encode(), None, ["boxes"]).images.ravel()
        array([7, 8], dtype=uint8)
    """
    length = len(body) if json_length is None else _length(json_length, len(body))
    if length > _MOST_JSON:
        raise Refused(
            413,
            f"the JSON has {length} bytes: at most {_MOST_JSON} are accepted. Send tensors as "
            "bytes, by the binary data extension.",
        )
    try:
        request = json.loads(body[:length])
    except (ValueError, RecursionError) as error:
        raise _wrong(f"the request is no JSON: {error}") from None
    if not isinstance(request, dict):
        raise _wrong("the request is no JSON object")
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise _wrong("inputs must be a list of one tensor, image")
    parameters = _parameters(request)
    return Inference(
        str(request.get("id", "")),
        _tensor(inputs[0], memoryview(body)[length:]),
        _wanted(request.get("outputs") or [], outputs, bool(parameters.get("binary_data_output"))),
        bool(parameters.get("binary_data_output")),
        parameters,
    )


def encoded(
    told: Mapping[str, Any], tensors: Mapping[str, tuple[Array, bool]]
) -> tuple[bytes, int]:
    """An answer.

    Args:
        told: entries of its JSON beside "outputs".
        tensors: by name, of a type in `TYPES` and any shape; and whether as bytes.

    Returns:
        The body; and the length of its JSON, or 0 if all of it is JSON.
    """
    outputs: list[dict[str, Any]] = []
    values: list[bytes] = []
    for name, (tensor, binary) in tensors.items():
        kind = _NAMES[tensor.dtype]
        output: dict[str, Any] = {"name": name, "datatype": kind, "shape": list(tensor.shape)}
        if binary:
            values.append(tensor.astype(TYPES[kind], copy=False).tobytes())
            output["parameters"] = {"binary_data_size": len(values[-1])}
        else:
            output["data"] = tensor.ravel().tolist()
        outputs.append(output)
    head = json.dumps({**told, "outputs": outputs}).encode()
    return b"".join((head, *values)), len(head) if values else 0


def _length(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise _wrong(f"{HEADER} is {text!r}: it must be the length of the JSON, at most {most}")
    return int(text)


def _tensor(tensor: Mapping[str, Any], rest: memoryview) -> Array:
    """The images [B, H, W, C] of an input tensor, whose bytes may be in the `rest` of the body."""
    name, kind, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if name != "image":
        raise _wrong(f"the input is {name!r}: it must be 'image'")
    if kind not in _INPUTS:
        raise _wrong(f"the datatype of image is {kind!r}: it must be one of {', '.join(_INPUTS)}")
    sides = isinstance(shape, list) and all(type(side) is int and side > 0 for side in shape)
    if not sides or len(shape) != 4:  # type: ignore[arg-type]
        raise _wrong(
            f"the shape of image is {shape!r}: it must be [images, height, width, channels], all "
            "above 0"
        )
    dtype = np.dtype(TYPES[str(kind)])
    count, size = math.prod(shape), _parameters(tensor).get("binary_data_size")  # type: ignore[arg-type]
    if size is not None:
        if size != count * dtype.itemsize or size != len(rest):
            raise _wrong(
                f"image has {size!r} bytes, of {len(rest)} in the body: its shape takes "
                f"{count * dtype.itemsize}"
            )
        values = np.frombuffer(rest, dtype)
    else:
        values = _numbers(tensor.get("data"), dtype)
        if values.size != count:
            raise _wrong(f"image has {values.size} values: its shape takes {count}")
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _numbers(data: Any, dtype: np.dtype[Any]) -> Array:
    """The values of a tensor in JSON, nested or not."""
    try:
        given = np.asarray(data)
    except (ValueError, OverflowError, RecursionError):
        given = np.asarray(None)
    kinds = "iuf" if dtype.kind == "f" else "iu"
    if given.size and given.dtype.kind not in kinds:
        raise _wrong(f"the data of image must be a list of numbers of {dtype.name}")
    if dtype.kind == "u" and given.size:
        low, high, limit = given.min(), given.max(), np.iinfo(dtype).max
        if low < 0 or high > limit:
            raise _wrong(f"image has values from {low} to {high}: {dtype.name} goes to {limit}")
    return given.astype(dtype)


def _wanted(asked: Any, known: Collection[str], binary: bool) -> dict[str, bool]:
    """The outputs asked for, and whether each is bytes."""
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise _wrong("outputs must be a list of tensors")
    wanted = {}
    for each in asked:
        name, parameters = each.get("name"), _parameters(each)
        if name not in known:
            raise _wrong(f"there is no output {name!r}: there are {', '.join(known)}")
        if "classification" in parameters or "shared_memory_region" in parameters:
            raise _wrong(f"the output {name} is neither classified nor put into shared memory")
        wanted[str(name)] = bool(parameters.get("binary_data", binary))
    return wanted


def _parameters(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = holder.get("parameters", {})
    if not isinstance(parameters, dict):
        raise _wrong("parameters must be a JSON object")
    return parameters


def _wrong(why: str) -> Refused:
    return Refused(400, f"{why}.")

"""Tensors as JSON and as bytes."""

import json

import numpy as np
import pytest

from mrcnn.serving.refusals import Refused
from mrcnn.serving.tensors import encoded, parsed

OUTPUTS = ("boxes", "masks")
TENSOR = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 1], "data": [1, 2, 3, 4]}


def parse(tensor=TENSOR, rest=b"", **entries):
    text = json.dumps({"inputs": [tensor], **entries}).encode()
    return parsed(text + rest, str(len(text)) if rest else None, OUTPUTS)


def test_json():
    asked = parse(id="7", outputs=[{"name": "masks"}])
    assert asked.images.dtype == np.uint8 and asked.images[..., 0].tolist() == [[[1, 2], [3, 4]]]
    assert (asked.id, asked.outputs, asked.binary) == ("7", {"masks": False}, False)
    nested = parse({**TENSOR, "data": [[[[1], [2]], [[3], [4]]]]})
    assert (nested.images == asked.images).all()
    floats = parse({**TENSOR, "datatype": "FP32", "data": [0.5, 1, -2, 1e9]})
    assert floats.images.dtype == np.float32 and floats.images[0, 0, 0, 0] == 0.5


def test_bytes():
    pixels = np.array([1, 2, 3, 40_000], "<u2")
    tensor = {"name": "image", "datatype": "UINT16", "shape": [1, 2, 2, 1]}
    tensor["parameters"] = {"binary_data_size": 8}
    asked = parse(
        tensor,
        pixels.tobytes(),
        parameters={"binary_data_output": True},
        outputs=[{"name": "boxes"}, {"name": "masks", "parameters": {"binary_data": False}}],
    )
    assert asked.images.dtype == np.uint16 and asked.images.ravel().tolist() == [1, 2, 3, 40_000]
    assert asked.outputs == {"boxes": True, "masks": False} and asked.binary


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "input_1"}, "the input is 'input_1': it must be 'image'"),
        ({"datatype": "INT64"}, "the datatype of image is 'INT64': it must be one of UINT8"),
        ({"shape": [2, 2, 1]}, r"the shape of image is \[2, 2, 1\]: it must be \[images"),
        ({"shape": [1, 2, 2, 0]}, "all above 0"),
        ({"shape": [1, 2, -2, -1]}, "all above 0"),
        ({"shape": [1, 2, 2, True]}, "all above 0"),
        ({"shape": "1"}, "all above 0"),
        ({"shape": [1, 2, 2, 3]}, "image has 4 values: its shape takes 12"),
        ({"data": [1, 2, 3, 256]}, "image has values from 1 to 256: uint8 goes to 255"),
        ({"data": [1, 2, 3, -1]}, "from -1 to 3"),
        ({"data": [1, 2, 3, 0.5]}, "must be a list of numbers of uint8"),
        ({"data": [1, 2, 3, "4"]}, "must be a list of numbers"),
        ({"data": [[1, 2], [3]]}, "must be a list of numbers"),
        ({"data": None}, "must be a list of numbers"),
        ({"data": [10**400] * 4}, "must be a list of numbers"),
        ({"parameters": []}, "parameters must be a JSON object"),
        ({"parameters": {"binary_data_size": 4}}, "image has 4 bytes, of 0 in the body"),
    ],
)
def test_what_breaks_the_protocol(change, message):
    with pytest.raises(Refused, match=message) as raised:
        parse({**TENSOR, **change})
    assert raised.value.status == 400


@pytest.mark.parametrize("size", [3, 5, 8])
def test_other_numbers_of_bytes(size):
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 1]}
    tensor["parameters"] = {"binary_data_size": size}
    with pytest.raises(Refused, match=f"image has {size} bytes, of {size} in the body"):
        parse(tensor, bytes(size))


@pytest.mark.parametrize(
    ("body", "length", "message"),
    [
        (b"{", None, "the request is no JSON"),
        (b"[" * 100_000, None, "the request is no JSON"),
        (b"\xff", None, "the request is no JSON"),
        (b"[]", None, "no JSON object"),
        (b"{}", None, "inputs must be a list of one tensor"),
        (b'{"inputs": [1]}', None, "inputs must be a list of one tensor"),
        (b"{}", "3", "Inference-Header-Content-Length is '3': it must be"),
        (b"{}", "-1", "it must be the length of the JSON, at most 2"),
        (b"{}", "x", "it must be the length of the JSON"),
    ],
)
def test_what_is_no_request(body, length, message):
    with pytest.raises(Refused, match=message):
        parsed(body, length, OUTPUTS)


def test_long_json(monkeypatch):
    monkeypatch.setattr("mrcnn.serving.tensors._MOST_JSON", 50)
    with pytest.raises(Refused, match="at most 50 are accepted") as raised:
        parse()
    assert raised.value.status == 413


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([{"name": "keypoints"}], "there is no output 'keypoints': there are boxes, masks"),
        (["boxes"], "outputs must be a list of tensors"),
        ([{"name": "boxes", "parameters": {"classification": 3}}], "neither classified"),
    ],
)
def test_impossible_outputs(outputs, message):
    with pytest.raises(Refused, match=message):
        parse(outputs=outputs)


def test_answers():
    boxes = np.array([[1, 2.5]], np.float32)
    count = np.array([3], np.int32)
    body, length = encoded({"id": "7"}, {"boxes": (boxes, False), "count": (count, False)})
    assert length == 0
    assert json.loads(body) == {
        "id": "7",
        "outputs": [
            {"name": "boxes", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.5]},
            {"name": "count", "datatype": "INT32", "shape": [1], "data": [3]},
        ],
    }
    body, length = encoded({}, {"boxes": (boxes, True), "count": (count, False)})
    first = json.loads(body[:length])["outputs"][0]
    assert first["parameters"] == {"binary_data_size": 8} and "data" not in first
    assert np.frombuffer(body[length:], "<f4").tolist() == [1.0, 2.5]

"""The Open Inference Protocol, by hand and with Triton's client."""

import numpy as np
import pytest
from fake_model import FakeModel

from .real_server import running


def images(*squares):
    """uint8 [B, 40, 60, 3]; an image has squares of these values."""
    made = np.zeros((len(squares), 40, 60, 3), np.uint8)
    for image, values in zip(made, squares, strict=True):
        for index, value in enumerate(values):
            image[1:5, 6 * index + 1 : 6 * index + 5] = value
    return made


def request_of(pixels, kind="UINT8", **entries):
    tensor = {"name": "image", "datatype": kind, "shape": pixels.shape}
    return {"inputs": [{**tensor, "data": pixels.ravel().tolist()}], **entries}


def infer(client, *arguments, address="/v2/models/best/infer", **options):
    return client.post(address, json=request_of(*arguments, **options))


def outputs(answer):
    return {
        each["name"]: np.array(each["data"]).reshape(each["shape"])
        for each in answer.json()["outputs"]
    }


def test_health_and_metadata(client):
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for start in ("/v2/models/best", "/v2/models/best/versions/1"):
        told = client.get(start).json()
        assert told["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
        assert [each["name"] for each in told["outputs"]] == [
            *("boxes", "class_ids", "scores", "count", "masks")
        ]
        assert client.get(f"{start}/ready").json() == {"name": "best", "ready": True}


@pytest.mark.parametrize("start", ["/v2/models/other", "/v2/models/best/versions/2"])
def test_other_models(client, start):
    for answer in (
        client.get(start),
        client.get(f"{start}/ready"),
        client.post(f"{start}/infer", json=request_of(images([255]))),
    ):
        assert answer.status_code == 404 and "this server has 'best'" in answer.json()["error"]


def test_infer(client):
    answer = infer(client, images([255, 128], []), id="7")
    told = answer.json()
    assert (told["model_name"], told["model_version"], told["id"]) == ("best", "1", "7")
    found = outputs(answer)
    assert found["count"].tolist() == [2, 0]
    assert found["boxes"].tolist() == [[[1, 1, 5, 5], [1, 7, 5, 11]], [[0] * 4] * 2]
    assert found["class_ids"].tolist() == [[1, 2], [0, 0]]
    assert np.allclose(found["scores"], [[0.9, 0.6], [0, 0]])
    assert "masks" not in found
    answer = infer(client, images([255]), address="/v2/models/best/versions/1/infer")
    assert outputs(answer)["count"].tolist() == [1]


def test_nothing_is_found(client):
    found = outputs(infer(client, images([])))
    assert found["boxes"].shape == (1, 0, 4) and found["count"].tolist() == [0]


def test_masks_and_scores(client):
    wanted = [{"name": "masks"}, {"name": "count"}]
    answer = infer(client, images([255, 128], [255]), outputs=wanted, parameters={"min_score": 0.7})
    found = outputs(answer)
    assert list(found) == ["masks", "count"]
    assert found["masks"].shape == (2, 40, 60, 1) and found["count"].tolist() == [1, 1]
    assert found["masks"].sum() == 32 and found["masks"][0, 1:5, 1:5].all()


def test_floats(client):
    pixels = images([255]).astype(np.float32)
    assert outputs(infer(client, pixels, "FP32"))["count"].tolist() == [1]


def test_refusals(serve):
    client = serve(max_pixels=5000, queue=3)
    wrong = infer(client, images([255]), parameters={"min_score": "high"})
    assert wrong.status_code == 400 and "min_score is 'high'" in wrong.json()["error"]
    many = infer(client, images(*[[]] * 4))
    assert many.status_code == 413 and "there are 4 images: at most 3" in many.json()["error"]
    large = infer(client, images(*[[]] * 3))
    assert large.status_code == 413 and "have 7200 pixels: at most 5000" in large.json()["error"]
    channels = infer(client, np.zeros((1, 8, 8, 5), np.uint8))
    assert channels.status_code == 422 and "image 0 has 5 channels" in channels.json()["error"]


def test_tritons_client(settings):
    triton = pytest.importorskip("tritonclient.http")
    with (
        running(settings(), FakeModel) as ((host, port), *_),
        triton.InferenceServerClient(f"{host}:{port}") as client,
    ):
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("best") and client.is_model_ready("best", "1")
        assert client.get_server_metadata()["name"] == "mask-rcnn"
        assert client.get_model_metadata("best")["versions"] == ["1"]
        pixels = images([255, 128], [255])
        for binary in (True, False):
            tensor = triton.InferInput("image", pixels.shape, "UINT8")
            tensor.set_data_from_numpy(pixels, binary_data=binary)
            wanted = [
                triton.InferRequestedOutput(name, binary_data=binary)
                for name in ("boxes", "class_ids", "count", "masks")
            ]
            result = client.infer("best", [tensor], outputs=wanted, request_id="7")
            assert result.get_response()["id"] == "7"
            assert result.as_numpy("boxes")[0].tolist() == [[1, 1, 5, 5], [1, 7, 5, 11]]
            assert result.as_numpy("class_ids").tolist() == [[1, 2], [1, 0]]
            assert result.as_numpy("count").tolist() == [2, 1]
            masks = result.as_numpy("masks")
            assert masks.dtype == bool and masks.shape == (2, 40, 60, 2) and masks.sum() == 48
        # Without a list of outputs, all but the masks come, as bytes.
        result = client.infer("best", [tensor])
        assert result.as_numpy("scores").shape == (2, 2) and result.as_numpy("masks") is None
        empty = triton.InferInput("image", [1, 40, 60, 3], "UINT8")
        empty.set_data_from_numpy(images([]))
        assert client.infer("best", [empty]).as_numpy("boxes").shape == (1, 0, 4)
        with pytest.raises(triton.InferenceServerException, match="there is no model 'other'"):
            client.infer("other", [tensor])

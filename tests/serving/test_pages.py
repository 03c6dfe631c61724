"""The addresses of the server, with a model that finds squares."""

import csv
import io
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.results.kinds import KINDS

from .conftest import as_png, png


def detect(client, data, query="", **headers):
    return client.post(f"/detect{query}", content=data, headers=headers)


def test_about(client):
    about = client.get("/about").json()
    assert (about["model"], about["class_names"]) == ("best", ["BG", "bright", "dim"])
    assert (about["min_score"], about["limits"]["bytes"]) == (0.5, 64 * 2**20)
    assert about["formats"]["csv"] == {
        "type": "text/csv",
        "suffix": ".csv",
        "about": KINDS["csv"].about,
    }


def test_the_page(client):
    answer = client.get("/")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert client.get("/page/index.html").text == answer.text
    assert client.get("/page/../settings.py").status_code == 404
    assert client.get("/page/%2e%2e/settings.py").status_code == 404


def test_json_has_all_objects_with_outlines(client):
    told = detect(client, png(255, 128), "?format=json&name=a/b.png").json()
    assert told["image"]["name"] == "b.png"
    assert [told["image"][side] for side in ("height", "width", "channels", "dtype")] == [
        *(40, 60, 3, "uint8")
    ]
    first, second = told["objects"]
    assert (first["id"], first["class"], first["score"]) == (1, "bright", 0.9)
    assert first["box"] == [1, 1, 5, 5] and first["area"] == 16
    assert first["centroid"] == [2.5, 2.5]
    assert first["polygons"] == [[[[1, 1], [5, 1], [5, 5], [1, 5]]]]
    assert first["figures"]["intensity_mean_0"] == 255
    assert (second["class_id"], second["score"]) == (2, 0.6)


def test_accept_chooses_the_format(client):
    data = png(255, 255, 128)
    coco = detect(client, data)
    assert coco.headers["content-type"] == "application/json"
    assert len(coco.json()["annotations"]) == 3
    assert coco.json()["categories"][0]["name"] == "bright"
    geojson = detect(client, data, accept="application/geo+json").json()
    assert len(geojson["features"]) == 3
    rois = zipfile.ZipFile(io.BytesIO(detect(client, data, accept="application/zip").content))
    assert [name[:4] for name in rois.namelist()] == ["0001", "0002", "0003"]
    labels = tifffile.imread(io.BytesIO(detect(client, data, accept="image/tiff").content))
    assert labels.shape == (40, 60) and labels.max() == 3 and labels[2, 2] == 1
    overlay = Image.open(io.BytesIO(detect(client, data, accept="image/png").content))
    assert overlay.size == (60, 40)
    rows = list(csv.DictReader(io.StringIO(detect(client, data, accept="text/csv").text)))
    assert [row["class"] for row in rows] == ["bright", "bright", "dim"]
    labelme = detect(client, data, "?name=x.png", accept="application/vnd.labelme+json").json()
    assert labelme["imagePath"] == "x.png" and len(labelme["shapes"]) == 3
    refused = detect(client, data, accept="video/mp4")
    assert refused.status_code == 406 and "image/tiff" in refused.json()["error"]


def test_format_wins_over_accept(client):
    answer = detect(client, png(255), "?format=csv&name=%C3%A4.tif", accept="image/png")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''%C3%A4.csv"


def test_scores_and_classes(client):
    data = png(255, 128)

    def found(query):
        return [row["object"] for row in detect(client, data, query).json()["annotations"]]

    assert found("") == [1, 2]
    assert found("?min_score=0.7") == [1]
    assert found("?classes=dim") == [2]  # its number does not depend on what is left out
    assert found("?classes=dim,bright") == [1, 2]
    assert found("?min_score=0.95") == []


def test_a_form(client):
    answer = client.post("/detect?format=csv", files={"image": ("../../p1.png", png(255))})
    assert answer.text.splitlines()[1].startswith("p1.png,1,bright,0.9,16,")


def test_a_second_request_does_not_need_the_network(gate, serve):
    client = serve(gate)
    before = len(gate.batches)
    for form in ("json", "coco", "csv", "overlay"):
        assert detect(client, png(255), f"?format={form}&name={form}.png").status_code == 200
    assert len(gate.batches) == before + 1
    assert "mrcnn_cache_hits_total 3.0" in client.get("/metrics").text
    # Another client does not see the first one's name.
    assert "overlay.png" in detect(client, png(255), "?name=overlay.png").text
    assert "json.png" not in detect(client, png(255), "?name=overlay.png").text


def test_preview_of_16_bits(client):
    pixels = np.linspace(300, 4000, 40 * 60).reshape(40, 60).astype(np.uint16)
    answer = client.post("/preview", content=as_png(pixels))
    assert answer.headers["content-type"] == "image/png" and answer.headers["x-scale"] == "1"
    seen = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert seen.shape == (40, 60, 3) and seen.dtype == np.uint8
    assert seen.min() == 0 and seen.max() == 255


def npy(pixels):
    out = io.BytesIO()
    np.save(out, pixels)
    return out.getvalue()


def tiff(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 415, "the body is empty"),
        (b"hello", 415, "cannot be read as an image: it is damaged, or not in a format"),
        (b"%PDF-1.4", 415, "it is a PDF, not a raster image"),
        (png(255)[:60], 415, "cannot be read as an image"),
        (npy(np.zeros((40, 60, 0), np.uint8)), 422, "40 x 60 pixels of 0 channels"),
        (npy(np.zeros((0, 60, 3), np.uint8)), 422, "0 x 60 pixels"),
        (npy(np.zeros((40, 60, 7), np.uint8)), 422, "has 7 channels"),
        (npy(np.array([[None]])), 415, "Python objects in dtype"),
        (tiff(np.zeros((5, 40, 60), np.uint8), metadata={"axes": "ZYX"}), 422, "cannot be used"),
    ],
)
def test_what_is_no_image_for_the_model(client, data, status, message):
    for address in ("/detect", "/preview"):
        answer = client.post(f"{address}?name=it", content=data)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        text = answer.json()["error"]
        assert message in text and "mrcnn-serve" not in text
    assert client.get("/v2/health/ready").status_code == 200


def test_pixels_without_data(client):
    nothing = np.full((40, 60), np.nan, np.float32)
    answer = detect(client, tiff(nothing), "?name=a.tif")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("a.tif has 2400 values that are NaN or infinite")


def test_limits(serve):
    client = serve(max_pixels=2000, max_bytes=5000)
    answer = detect(client, png(255))
    assert answer.status_code == 413
    assert answer.json()["error"].endswith("which counts as 2400: at most 2000 are accepted.")
    # It is refused by its header: the file ends there.
    bomb = png(255, size=(4000, 4000))[:100]
    assert detect(client, bomb).status_code == 413
    answer = detect(client, bytes(6000))
    assert answer.status_code == 413 and "more than 5000 bytes" in answer.json()["error"]

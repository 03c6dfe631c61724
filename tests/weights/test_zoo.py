import hashlib
from pathlib import Path

import pytest

import mrcnn.weights.zoo
from mrcnn.weights.zoo import ZOO, entry, is_name, name_of, published_weights


def test_addresses():
    v1 = ZOO["torchvision:maskrcnn_resnet50_fpn"]
    assert v1.url == "https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
    assert (v1.checksum, v1.epsilon, v1.file) == (
        "sha256:bf2d0c1e", 0.0, "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
    )  # fmt: skip
    r50 = ZOO["detectron2:mask_rcnn_R_50_FPN_3x"]
    assert r50.url == (
        "https://dl.fbaipublicfiles.com/detectron2/COCO-InstanceSegmentation/"
        "mask_rcnn_R_50_FPN_3x/137849600/model_final_f10217.pkl"
    )
    assert (r50.checksum, r50.epsilon) == ("md5:f10217", 1e-5)


def test_entries():
    files = [value.file for value in ZOO.values()]
    assert len(set(files)) == len(files)
    epsilons = {name for name, value in ZOO.items() if value.epsilon == 0}
    assert epsilons == {
        f"torchvision:{kind}rcnn_resnet50_fpn" for kind in ("mask", "faster", "keypoint")
    }
    for name, value in ZOO.items():
        assert value.url.startswith("https://") and is_name(name)
        assert name.split(":")[1].split("_")[0] in value.url
        # The name says what it finds.
        assert (value.mask is not None) == ("mask" in name), name
        assert (value.keypoints is not None) == ("keypoint" in name), name


def test_unknown_names():
    with pytest.raises(ValueError, match="did you mean 'torchvision:maskrcnn_resnet50_fpn'"):
        entry("torchvision:maskrcnn_resnet50")


def test_a_file_is_fetched_once_and_checked(tmp_path, monkeypatch):
    content = b"weights"
    digits = hashlib.sha256(content).hexdigest()[:8]
    published = mrcnn.weights.zoo.Entry(
        f"https://example.org/x-{digits}.pth", f"sha256:{digits}", ""
    )
    monkeypatch.setitem(ZOO, "torchvision:x", published)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    fetched = []

    def fetch(url, path, checksum=None):
        fetched.append((url, checksum))
        path.write_bytes(content)

    monkeypatch.setattr(mrcnn.weights.zoo, "download", fetch)
    path = published_weights("torchvision:x")
    assert path == published_weights("torchvision:x") == tmp_path / "models" / f"x-{digits}.pth"
    assert fetched == [(published.url, f"sha256:{digits}")]
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match=rf"x-{digits}.pth is not the file .* start with {digits}"):
        published_weights("torchvision:x")


def test_names_need_a_colon():
    assert is_name("torchvision:x") and is_name("detectron2:R-50")
    for name in ("torchvision", "detectron2", "torchvision.pth", None):
        assert not is_name(name)


def test_names_of_files():
    assert name_of("a/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth") == (
        "torchvision:maskrcnn_resnet50_fpn"
    )
    assert name_of(Path("R-50.pkl")) == "detectron2:R-50"
    assert name_of("maskrcnn_resnet50_fpn_coco.pth") is None


def test_without_a_network(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", fail)
    place = tmp_path / "models" / "mask_rcnn_R_50_FPN_3x_137849600_model_final_f10217.pkl"
    with pytest.raises(ConnectionError, match=r"other means and place it at .*_f10217.pkl"):
        published_weights("detectron2:mask_rcnn_R_50_FPN_3x")
    assert not place.exists()

"""Whole networks with weights of torchvision and Detectron2, held against what those compute."""

import json

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared_data import foreign_image, foreign_values
from weights.foreign.models import MANIFESTS, manifest, seeded

from mrcnn.inference.detector import detector_of
from mrcnn.inference.molding import meta_of, mold_input
from mrcnn.mask_rcnn import MaskRCNN

pytestmark = pytest.mark.slow


def network(name, folder, values):
    """The model of a file of values, and the settings that the file states."""
    config = json.loads(str(values["info_json"]))["config"]
    np.savez(folder / "weights.npz", **seeded(manifest(name)))
    if "min_size" in config:
        sides = config["min_size"], config["max_size"]
        settings = {}
    else:
        sides = config["INPUT.MIN_SIZE_TEST"], config["INPUT.MAX_SIZE_TEST"]
        settings = {"POST_NMS_ROIS_INFERENCE": config["MODEL.RPN.POST_NMS_TOPK_TEST"]}
    settings |= {"IMAGE_MIN_DIM": sides[0], "IMAGE_MAX_DIM": sides[1]}
    return MaskRCNN.from_pretrained(folder / "weights.npz", model_dir=folder, **settings)


def stages(model, molded):
    """The feature maps by their names in both projects' files, each [h, w, C]."""
    image, *features = model.keras_model.backbone
    found = dict(zip([f"res{n}" for n in range(2, 6)], features, strict=False))
    found |= dict(zip([f"body{n}" for n in range(4)], features, strict=False))
    if model.config.NECK == "fpn":
        end = "_bn" if model.config.FPN_NORM else ""
        levels = [model.keras_model.get_layer(f"fpn_p{n}{end}").output for n in range(2, 6)]
        levels.append(model.keras_model.get_layer("fpn_p6").output)
        found |= dict(zip([f"p{n}" for n in range(2, 7)], levels, strict=True))
        names = [*(f"fpn{n}" for n in range(4)), "fpnpool"]
        found |= dict(zip(names, levels, strict=True))
    outputs = keras.Function(image, list(found.values()))(molded[None])
    return {name: np.asarray(map_)[0] for name, map_ in zip(found, outputs, strict=True)}


def nearest(result, boxes, class_ids):
    """Index of the detection of the same class with the nearest box, for each of theirs."""
    other = result["class_ids"][None] != class_ids[:, None]
    distance = np.abs(result["rois"][None] - boxes[:, None]).max(axis=-1)
    return np.where(other, np.inf, distance).argmin(axis=1)


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_stage(name, tmp_path):
    values = foreign_values(name)
    images = json.loads(str(values["info_json"]))["images"]
    [number] = [n for n, image in enumerate(images) if "synthetic" in image]
    image, key = foreign_image(**images[number]["synthetic"]), f"img{number}."
    model = network(name, tmp_path, values)
    molded, frame = mold_input(image, model.config)
    assert molded.shape[:2] == tuple(values[key + "padded_size"])

    compared = 0
    for stage, found in stages(model, molded).items():
        if f"{key}lattice.{stage}" in values:
            y, x, channel = values[f"{key}lattice_step.{stage}"]
            expected = values[f"{key}lattice.{stage}"]
            atol = 1e-4 * np.abs(expected).max()
            assert_allclose(found[::y, ::x, ::channel], expected, rtol=0, atol=atol, err_msg=stage)
            compared += 1
    assert compared >= 1

    metas = meta_of(frame, model.config)[None]
    [rois] = detector_of(model).predict(molded[None], metas)["ROI"]
    rois = rois[rois.any(axis=1)] * np.tile(molded.shape[:2], 2)
    proposals = values[key + "proposals"][:, [1, 0, 3, 2]]
    assert len(rois) == len(proposals)
    apart = np.abs(rois[:, None] - proposals[None]).max(axis=-1)
    assert (apart.min(axis=0) < 0.05).all() and (apart.min(axis=1) < 0.05).all()

    [result] = model.detect([image])
    boxes = values[key + "boxes"][:, [1, 0, 3, 2]]
    # Detectron2's classes begin with 0, and the background comes last.
    class_ids = values[key + "labels"] + name.startswith("detectron2")
    assert len(result["scores"]) == len(boxes)
    of_theirs = nearest(result, boxes, class_ids)
    assert sorted(of_theirs) == list(range(len(boxes)))
    assert_allclose(result["rois"][of_theirs], boxes, rtol=0, atol=0.05)
    assert_allclose(result["scores"][of_theirs], values[key + "scores"], rtol=0, atol=2e-4)
    if "masks" in result:
        shape = (min(10, len(boxes)), *image.shape[:2])
        masks = np.unpackbits(values[key + "masks_packed"])[: np.prod(shape)].reshape(shape) > 0
        ours = np.moveaxis(result["masks"], -1, 0)[of_theirs[: len(masks)]]
        both, either = (masks & ours).sum(axis=(1, 2)), (masks | ours).sum(axis=(1, 2))
        assert (both >= 0.98 * either).all()
    if "keypoints" in result:
        points = values[key + "keypoints"][..., [1, 0]]
        apart = np.abs(result["keypoints"][of_theirs][..., :2] - points).max(axis=-1)
        # A keypoint may jump between two equal maxima.
        assert np.mean(apart > 0.5) < 0.01 and apart.max() < 1


@pytest.mark.parametrize("version", ["", "_v2"])
def test_the_way_back(version, tmp_path):
    torch, detection = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    detection = detection.models.detection
    name = f"torchvision_maskrcnn_resnet50_fpn{version}"
    values = foreign_values(name)
    model = network(name, tmp_path, values)
    model.export_weights(tmp_path / "back.pth", "torchvision")
    build = getattr(detection, f"maskrcnn_resnet50_fpn{version}")
    theirs = build(weights=None, weights_backbone=None, num_classes=91).eval()
    theirs.load_state_dict(torch.load(tmp_path / "back.pth", weights_only=True))
    for tensor, (key, expected) in zip(
        theirs.state_dict().values(), seeded(manifest(name)).items(), strict=True
    ):
        assert_allclose(tensor.numpy(), expected, rtol=0, atol=0, err_msg=key)

"""Exported tiny networks, and what Keras and their runtimes find in the same images."""

import numpy as np
from tiny import shapes, spread, tiny_config

from mrcnn import runtime
from mrcnn.mask_rcnn import MaskRCNN

# Settings with different graphs, by name.
CHOICES = {
    "default": {},
    "open": {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": None, "IMAGE_MIN_SCALE": None},
    "torchvision": {
        "IMAGE_RESIZE_MODE": "short_side",
        "IMAGE_SIDE_MULTIPLE": 32,
        "PIXEL_STD": [58.0, 57.0, 57.0],
        "DETECTION_ALL_CLASSES": True,
        "RPN_NMS_BY_LEVEL": True,
        "RPN_CLIP_TO_IMAGE": True,
        "RPN_MIN_SIZE": 1,
        "ROI_POOLER": "roi_align",
        "SAMPLING_RATIO": 2,
        "ROI_ALIGN_ALIGNED": False,
        "BOX_COORDINATES": "continuous",
    },
    "adaptive": {"ROI_POOLER": "roi_align", "NMS_ACROSS_CLASSES": True},
    "maxima": {"ROI_POOLER": "roi_align", "ROI_ALIGN_AGGREGATION": "max"},
    "pool": {"ROI_POOLER": "roi_pool", "DETECTION_NMS": "soft_gaussian"},
    "soft": {"DETECTION_NMS": "soft_linear"},
    "keypoints": {"HEADS": ["box", "mask", "keypoint"], "NUM_CLASSES": 2, "NUM_KEYPOINTS": 3},
    "boxes": {"HEADS": ["box"]},
    "agnostic": {"MASK_CLASS_AGNOSTIC": True, "MASK_HEAD": "mlp3"},
}


def model_of(choice, folder):
    """A model with one of the CHOICES, whose detections differ."""
    own = {"IMAGES_PER_GPU": 2, "KEYPOINT_HEAD_CHANNELS": 16, "KEYPOINT_HEAD_LAYERS": 2}
    model = MaskRCNN("inference", tiny_config({**own, **CHOICES[choice]}), str(folder))
    spread(model.keras_model)
    return model


def images(choice):
    """Two images; without open sides, they are padded in the network's input."""
    [(image, _, _)] = shapes(1, size=(48, 64))
    return [image, image[:, ::-1]]


def in_order(result):
    """The detections by class and box: those of nearly equal scores may swap places."""
    rows = np.lexsort([*np.rint(result["rois"].T), result["class_ids"]])
    parts = {
        name: part[rows] for name, part in result.items() if name not in ("masks", "truncated")
    }
    if "masks" in result:
        parts["masks"] = result["masks"][..., rows]
    return {**parts, "truncated": result["truncated"]}


def assert_same(model, path, choice, tolerance=2e-4):
    """Check that an exported model finds what a Keras model finds."""
    exported = runtime.load(path)
    found = exported.detect(images(choice))
    wanted = model.detect(images(choice))
    assert sum(len(each["scores"]) for each in wanted) > 2
    for ours, theirs in zip(map(in_order, found), map(in_order, wanted), strict=True):
        assert ours.keys() == theirs.keys()
        np.testing.assert_array_equal(ours["class_ids"], theirs["class_ids"])
        np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=tolerance)
        np.testing.assert_allclose(ours["rois"], theirs["rois"], atol=1e-2)
        assert ours["truncated"] == theirs["truncated"]
        if "masks" in theirs:
            assert ours["masks"].dtype == bool
            assert (ours["masks"] != theirs["masks"]).mean() < 1e-3
        if "keypoints" in theirs:
            np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], atol=2e-2)

from mrcnn.weights.coco_names import COCO_81, COCO_91, coco_names


def test_the_gaps():
    assert [i for i, name in enumerate(COCO_91) if name == "N/A"] == [
        12, 26, 29, 30, 45, 66, 68, 69, 71, 83,
    ]  # fmt: skip
    assert (len(COCO_91), len(COCO_81), len(set(COCO_81))) == (91, 81, 81)
    assert (COCO_91[1], COCO_91[18], COCO_91[90], COCO_81[80]) == (
        "person", "dog", "toothbrush", "toothbrush",
    )  # fmt: skip
    assert all(name == name.strip() for name in COCO_91)


def test_names_fit_the_number_of_classes():
    assert coco_names(91, "torchvision") == list(COCO_91)
    assert coco_names(81, "detectron2") == list(COCO_81)
    assert coco_names(81, "torchvision") is None and coco_names(2, "detectron2") is None
    assert coco_names(2, "torchvision", has_keypoints=True) == ["BG", "person"]
    assert coco_names(3, "torchvision", has_keypoints=True) is None

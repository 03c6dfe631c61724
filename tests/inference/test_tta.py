"""Detection in several orientations."""

import types

import numpy as np
import pytest
import scipy.ndimage
from tiny import TinyConfig

from mrcnn.inference import tta
from mrcnn.instances.masks import InstanceMasks


def find_spots(images):
    """A detector of connected bright pixels; the score is their brightness."""
    results = []
    for image in images:
        labels, count = scipy.ndimage.label(image[..., 0])
        masks = InstanceMasks.from_labels(labels, count)
        scores = scipy.ndimage.maximum(image[..., 0], labels, np.arange(count) + 1)
        scores = np.reshape(scores, count).astype(np.float32) / 255
        classes = np.ones(count, np.int32)
        results.append(
            {"rois": masks.boxes, "class_ids": classes, "scores": scores, "masks": masks}
        )
    return results


def spots():
    image = np.zeros((9, 13, 3), np.uint8)
    image[1:3, 1:6] = 250
    image[5:8, 9:12] = 200
    image[4, 2:4] = 150
    return image


@pytest.mark.parametrize("orientations", range(1, 9))
def test_results_come_back_to_where_they_were(orientations):
    image = spots()
    seen = []

    def detect(images):
        seen.extend(images)
        return find_spots(images)

    turned = tta.turned(detect, orientations)([image])[0]
    plain = find_spots([image])[0]
    assert len({each.tobytes() + bytes(each.shape) for each in seen}) == orientations
    order = np.argsort(-plain["scores"])
    np.testing.assert_array_equal(turned["rois"], plain["rois"][order])
    np.testing.assert_allclose(turned["scores"], plain["scores"][order], rtol=1e-6)
    np.testing.assert_array_equal(turned["masks"].dense(), plain["masks"].dense()[..., order])
    assert turned["class_ids"].dtype == np.int32
    assert turned["scores"].dtype == np.float32


def test_what_is_seen_in_few_orientations_is_dropped():
    """In each orientation, what lies in the first row is lost."""

    def blind(images):
        images = [image.copy() for image in images]
        for image in images:
            image[0] = 0
        return find_spots(images)

    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 2:4] = image[4:6, 4:6] = 255
    result = tta.turned(blind, 4)([image])[0]
    # Flipped up-down, row 0 becomes row 7: two of the four orientations keep it.
    assert result["scores"].tolist() == pytest.approx([1.0, 0.5])
    few = tta.turned(blind, 4, min_votes=0.75)([image])[0]
    assert few["rois"].tolist() == [[4, 4, 6, 6]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tta.turned(find_spots, 9), "orientations is 9"),
        (lambda: tta.turned(find_spots, 0), "orientations is 0"),
        (lambda: tta.turned(find_spots, min_votes=2), "min_votes is 2"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_detect(monkeypatch):
    model = types.SimpleNamespace(config=TinyConfig())
    monkeypatch.setattr(tta, "detect_crops", lambda model, images: find_spots(images))
    image = spots()
    (result,) = tta.detect(model, [image])
    plain = find_spots([image])[0]
    by_score = np.argsort(-plain["scores"])
    np.testing.assert_array_equal(result["masks"], plain["masks"].dense()[..., by_score])
    assert result["masks"].dtype == bool
    with pytest.raises(ValueError, match=r"one array of shape \(9, 13, 3\): it must be a list"):
        tta.detect(model, image)


def test_masked_pixels_are_turned_with_the_image():
    image = np.ma.masked_array(np.arange(30, dtype=np.uint16).reshape(5, 6, 1), False)
    image[0, 1] = np.ma.masked
    seen = []

    def detect(images):
        seen.extend(images)
        masks = InstanceMasks([], [], images[0].shape[:2])
        none = np.zeros(0)
        return [{"rois": masks.boxes, "class_ids": none, "scores": none, "masks": masks}]

    tta.turned(detect, 8)([image])
    assert len(seen) == 8
    for turned in seen:
        assert turned.data[turned.mask].tolist() == [1] and turned.flags.c_contiguous


def find_figures(images, scores):
    """A detector of figures: a bright head in channel 1 and two hands in channel 2.

    The left hand is the one on the left when the head is up. A keypoint's score is its brightness,
    and a figure's is the next of `scores`.
    """
    results = []
    for image in images:
        masks = InstanceMasks.from_dense(image.any(axis=2)[..., None])
        (head,), hands = (np.argwhere(image[..., channel]) + 0.5 for channel in (1, 2))
        body = np.mean(np.argwhere(image[..., 0]) + 0.5, axis=0)
        up = head - body
        sides = [np.cross(up, hand - body) for hand in hands]
        left, right = hands[np.argsort(sides)[::-1]]
        points = [[*p, image[tuple(p.astype(int))].max() / 100] for p in (head, left, right)]
        results.append(
            {
                "rois": masks.boxes,
                "class_ids": np.array([1], np.int32),
                "scores": np.array([next(scores)], np.float32),
                "masks": masks,
                "keypoints": np.float32([points]),
            }
        )
    return results


def figure():
    image = np.zeros((11, 14, 3), np.uint8)
    image[3:8, 5:7, 0] = 200
    image[2, 5, 1], image[4, 3, 2], image[5, 9, 2] = 50, 60, 70
    return image


@pytest.mark.parametrize("with_masks", [True, False])
@pytest.mark.parametrize("orientations", range(1, 9))
def test_keypoints_come_back_to_where_they_were(orientations, with_masks):
    # The last orientation scores best, so the keypoints are its own.
    scores = iter(np.arange(1, 9) / 10)
    image = figure()

    def detect(images):
        found = find_figures(images, scores)
        return found if with_masks else [{**f, "masks": None} for f in found]

    turned = tta.turned(detect, orientations, min_votes=1, flip_pairs=[(1, 2)])
    (result,) = turned([image])
    (plain,) = find_figures([image], iter([0.5]))
    expected = [[2.5, 5.5, 0.5], [4.5, 3.5, 0.6], [5.5, 9.5, 0.7]]
    np.testing.assert_array_equal(plain["keypoints"], np.float32([expected]))
    np.testing.assert_array_equal(result["keypoints"], plain["keypoints"])
    np.testing.assert_array_equal(result["rois"], plain["rois"])
    assert ("masks" in result) == with_masks


def test_keypoints_need_their_flip_pairs():
    def detect(images):
        return find_figures(images, iter([0.5]))

    message = "flip_pairs is None, but the results have keypoints, and a mirrored left hand is a"
    with pytest.raises(ValueError, match=message):
        tta.turned(detect, 2)([figure()])
    with pytest.raises(ValueError, match=r"flip_pairs has \(1, 3\)"):
        tta.turned(detect, 2, flip_pairs=[(1, 3)])([figure()])
    (alone,) = tta.turned(detect, 1)([figure()])
    assert alone["keypoints"].shape == (1, 3, 3)
    # Without pairs to swap, the hands of the mirror image, which scores best, stay swapped.
    scores = iter([0.5, 0.6])
    (swapped,) = tta.turned(lambda i: find_figures(i, scores), 2, flip_pairs=())([figure()])
    np.testing.assert_array_equal(
        swapped["keypoints"][:, [0, 2, 1], :2], alone["keypoints"][..., :2]
    )


def test_detect_takes_the_flip_pairs_from_the_configuration(monkeypatch):
    scores = iter(np.arange(1, 20) / 20)
    monkeypatch.setattr(tta, "detect_crops", lambda model, images: find_figures(images, scores))
    settings = {"HEADS": ("box", "mask", "keypoint"), "NUM_KEYPOINTS": 3}
    config = TinyConfig.from_dict({**settings, "KEYPOINT_FLIP_PAIRS": [(1, 2)]})
    (result,) = tta.detect(types.SimpleNamespace(config=config), [figure()])
    (plain,) = find_figures([figure()], iter([0.5]))
    np.testing.assert_array_equal(result["keypoints"], plain["keypoints"])
    assert result["masks"].dtype == bool
    config = TinyConfig.from_dict(settings)
    with pytest.raises(ValueError, match="KEYPOINT_FLIP_PAIRS"):
        tta.detect(types.SimpleNamespace(config=config), [figure()])


@pytest.mark.parametrize("across", [False, True])
def test_orientations_that_disagree_on_a_class(monkeypatch, across):
    """Two of three say class 2; with NMS_ACROSS_CLASSES, the object has that one only."""
    ids = iter([1, 2, 2])

    def find(model, images):
        found = find_spots(images)
        class_id = next(ids)
        return [{**f, "class_ids": np.full(len(f["rois"]), class_id, np.int32)} for f in found]

    monkeypatch.setattr(tta, "detect_crops", find)
    config = TinyConfig.from_dict({"NMS_ACROSS_CLASSES": across})
    model = types.SimpleNamespace(config=config)
    image = np.zeros((6, 7, 3), np.uint8)
    image[2:5, 1:4] = 255
    (result,) = tta.detect(model, [image], orientations=3, min_votes=0)
    assert result["class_ids"].tolist() == ([2] if across else [2, 1])
    assert result["scores"].tolist() == pytest.approx([2 / 3] if across else [2 / 3, 1 / 3])

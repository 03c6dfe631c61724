import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.anchors.targets import build_rpn_targets
from mrcnn.augment import Flips
from mrcnn.config_rules import parts
from mrcnn.datasets.reading import check_classes
from mrcnn.images.meta import parse_image_meta
from mrcnn.instances.overlaps import compute_overlaps_masks
from mrcnn.loading.inputs import training_inputs
from mrcnn.loading.samples import build_sample, load_image_gt


@pytest.fixture
def config():
    return TinyConfig()


def one_sample(image_size, boxes, class_ids=None):
    """A sample whose instances are filled boxes."""
    masks = np.zeros((*image_size, len(boxes)), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    class_ids = [1] * len(boxes) if class_ids is None else class_ids
    return np.full((*image_size, 3), 50, np.uint8), masks, np.array(class_ids, np.int32)


# matterport's Mask_RCNN, the reference
@pytest.fixture
def reference(train, unpack):
    """Function: number -> the reference's dataset, with only that image and its masks."""

    def dataset(i):
        mask = unpack(train[f"ds{i}.mask_packed"], train[f"ds{i}.mask_shape"])
        # The archive has only the pixels of image 1.
        image = train.get(f"ds{i}.image", np.zeros((*mask.shape[:2], 3), np.uint8))
        return InMemory([(image, mask, train[f"ds{i}.class_ids"])] * 3, names="abcd", source="p")

    return dataset


@pytest.mark.parametrize("i", range(3))
def test_ground_truth_matches_the_reference(i, reference, train, train_config, unpack):
    image, meta, class_ids, bbox, mask = load_image_gt(reference(i), train_config, i)
    assert image.dtype == np.uint8 and image.shape == (256, 256, 3)
    assert_array_equal(meta, train[f"ds{i}.full.meta"])
    assert_array_equal(class_ids, train[f"ds{i}.full.class_ids"])
    assert class_ids.dtype == np.int32 and bbox.dtype == np.int32 and mask.dtype == bool
    assert np.abs(bbox - train[f"ds{i}.full.bbox"]).max() <= 1
    # Masks are resized like their image, with half-pixel centres; the reference aligns the corners.
    # Edges therefore differ by up to a pixel. Measured: 0.954 to 1.
    wanted = unpack(train[f"ds{i}.full.mask_packed"], train[f"ds{i}.full.mask_shape"])
    assert np.diag(compute_overlaps_masks(mask, wanted)).min() > 0.95
    if i == 1:
        # The reference truncates the resized pixels, including float noise.
        assert np.abs(image.astype(int) - train["ds1.resized_u8"]).max() <= 1


@pytest.mark.parametrize("i", range(3))
def test_mini_masks_match_the_reference(i, reference, train, train_config, unpack):
    _, meta, class_ids, bbox, mask = load_image_gt(
        reference(i), train_config, i, use_mini_mask=True
    )
    assert mask.shape == tuple(train[f"ds{i}.mini.mask_shape"]) == (28, 28, 6)
    assert mask.dtype == bool
    assert_array_equal(meta, train[f"ds{i}.mini.meta"])
    assert_array_equal(class_ids, train[f"ds{i}.mini.class_ids"])
    assert np.abs(bbox - train[f"ds{i}.mini.bbox"]).max() <= 1
    # The same difference, in boxes of about 50 pixels. Measured: 0.965 to 1.
    wanted = unpack(train[f"ds{i}.mini.mask_packed"], train[f"ds{i}.mini.mask_shape"])
    print(np.diag(compute_overlaps_masks(mask, wanted)))
    assert np.diag(compute_overlaps_masks(mask, wanted)).min() > 0.95


# By hand


def test_a_scaled_and_padded_image_by_hand(config):
    # 32 x 16 is enlarged to 64 x 32 and padded left and right.
    dataset = InMemory([one_sample((32, 16), [(4, 2, 10, 9)], [2])])
    image, meta, class_ids, bbox, mask = load_image_gt(dataset, config, 0)
    assert image.shape == (64, 64, 3)
    assert_array_equal(image[:, 16:48], 50)
    assert not image[:, :16].any() and not image[:, 48:].any()
    assert_array_equal(class_ids, [2])
    assert_array_equal(bbox, [[8, 20, 20, 34]])
    assert mask.sum() == 12 * 14 and mask[8:20, 20:34].all()
    meta = parse_image_meta(meta[None])
    assert meta["image_id"] == [0] and meta["scale"] == [2]
    assert_array_equal(meta["original_image_shape"], [[32, 16, 3]])
    assert_array_equal(meta["image_shape"], [[64, 64, 3]])
    assert_array_equal(meta["window"], [[0, 16, 64, 48]])
    assert_array_equal(meta["active_class_ids"], [[1, 1, 1]])


def test_active_classes_are_those_of_the_source(config):
    dataset = InMemory([one_sample((64, 64), [(4, 2, 10, 9)])], names=["cup"], source="kitchen")
    dataset.add_class("garden", 7, "rose")
    dataset.add_image("garden", 1, "rose.png")
    dataset.samples.append(one_sample((64, 64), [(4, 2, 10, 9)], [2]))
    dataset.prepare()
    for image_id, active in enumerate(([1, 1, 0], [1, 0, 1])):
        meta = load_image_gt(dataset, config, image_id)[1]
        assert_array_equal(meta[12:], active)


def test_grey_and_rgba_images_become_rgb(config):
    _, mask, class_ids = one_sample((64, 64), [(4, 2, 10, 9)])
    grey = np.full((64, 64), 9, np.uint8)
    rgba = np.full((64, 64, 4), 9, np.uint8)
    for image in (grey, grey[..., None], rgba):
        dataset = InMemory([(image, mask, class_ids)])
        assert_array_equal(load_image_gt(dataset, config, 0)[0], np.full((64, 64, 3), 9))


def test_masks_without_pixels_are_dropped_with_a_warning(config, caplog):
    boxes = [(4, 4, 20, 20), (30, 30, 30, 40), (40, 40, 50, 60)]
    dataset = InMemory([one_sample((64, 64), boxes, [1, 2, -2])])
    _, _, class_ids, bbox, mask = load_image_gt(dataset, config, 0)
    assert_array_equal(class_ids, [1, -2])
    assert_array_equal(bbox, [boxes[0], boxes[2]])
    assert mask.shape == (64, 64, 2)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "image 0 (shape0.png): dropped 1 masks without pixels"


def test_masks_of_other_types_count_where_they_are_not_zero(config):
    image, mask, class_ids = one_sample((64, 64), [(4, 4, 20, 20)])
    for kind in (np.uint8, np.float32, np.int64):
        dataset = InMemory([(image, mask.astype(kind) * 3, list(class_ids))])
        _, _, ids, bbox, ours = load_image_gt(dataset, config, 0)
        assert ours.dtype == bool and ids.dtype == np.int32
        assert_array_equal(bbox, [[4, 4, 20, 20]])


@pytest.mark.parametrize("mini", [False, True])
@pytest.mark.parametrize("shape", [(0, 0, 0), (64, 64, 0)])
def test_an_image_without_instances(config, shape, mini):
    image = np.full((64, 64, 3), 7, np.uint8)
    dataset = InMemory([(image, np.zeros(shape), [])])
    _, _, class_ids, bbox, mask = load_image_gt(dataset, config, 0, use_mini_mask=mini)
    assert class_ids.shape == (0,) and bbox.shape == (0, 4)
    assert mask.shape == ((16, 16, 0) if mini else (64, 64, 0)) and mask.dtype == bool


# Rejected input


def refusal(config, sample, names=("red", "blue"), kind=ValueError):
    with pytest.raises(kind) as caught:
        load_image_gt(InMemory([sample], names), config, 0)
    return str(caught.value)


def test_masks_whose_size_is_not_the_images(config):
    image, mask, class_ids = one_sample((64, 48), [(4, 4, 20, 20)])
    assert refusal(config, (image, mask.swapaxes(0, 1), class_ids)) == (
        "image 0 (shape0.png): its masks are 48x64 pixels, but the image is 64x48 "
        "(height x width): they must have the same size. The image looks turned by EXIF: the "
        "annotations must be for the upright image. If they are not, save the image without its "
        "EXIF orientation."
    )


def test_different_numbers_of_masks_and_class_ids(config):
    image, mask, _ = one_sample((64, 48), [(4, 4, 20, 20)] * 3)
    assert refusal(config, (image, mask, [1, 1])) == (
        "image 0 (shape0.png): load_mask returned masks of shape (64, 48, 3) and 2 class ids: the "
        "masks must be (height, width, 2)."
    )
    # One mask without its last axis.
    assert "masks of shape (64, 48) and 1" in refusal(config, (image, mask[..., 0], [1]))


def test_class_ids_out_of_range(config):
    image, mask, _ = one_sample((64, 64), [(4, 4, 20, 20)] * 4)
    assert refusal(config, (image, mask, [3, 0, 2, -3])) == (
        "image 0 (shape0.png): class ids [-3, 0, 3] are out of range: they must be from 1 to 2 "
        "(negative for a crowd)."
    )


def test_num_classes_that_differs_from_the_dataset(config):
    """Such a dataset can be inspected, but not used for training."""
    dataset = InMemory([one_sample((64, 64), [])], names=("cup", "pot", "pan"))
    _, meta, *_ = load_image_gt(dataset, config, 0)
    assert meta[12:].tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError) as caught:
        check_classes(dataset, config)
    assert str(caught.value) == (
        "NUM_CLASSES is 3, but the dataset has 4 classes including the background: BG, cup, pot, "
        "pan."
    )


def test_class_ids_that_are_names(config, monkeypatch):
    dataset = InMemory([one_sample((64, 64), [])])
    answer = np.ones((64, 64, 1), bool), np.array(["cup"])
    monkeypatch.setattr(dataset, "load_mask", lambda image_id: answer)
    with pytest.raises(TypeError, match=r"^image 0 .*class ids of <U3, such as .*'cup'"):
        load_image_gt(dataset, config, 0)


def test_an_image_of_a_source_without_classes(config):
    dataset = InMemory([one_sample((64, 64), [])])
    dataset.add_image("attic", 7, "attic.png")
    dataset.samples *= 2
    dataset.prepare()
    with pytest.raises(ValueError) as caught:
        load_image_gt(dataset, config, 1)
    assert str(caught.value) == (
        "image 1 (attic.png): its source 'attic' has no classes; sources with classes are 'shapes'."
    )


def test_impossible_pixels_name_the_image(config):
    _, mask, class_ids = one_sample((64, 64), [(4, 4, 20, 20)])
    message = refusal(config, (np.ones((64, 64, 5), np.uint8), mask, class_ids))
    assert message.startswith("image 0 (shape0.png) has 5 channels, but IMAGE_CHANNEL_COUNT is 3")
    broken = np.full((64, 64, 3), np.nan, np.float32)
    assert refusal(config, (broken, mask, class_ids)).startswith("image 0 (shape0.png) has 12288")


def test_deep_images_are_scaled_as_configured(config):
    image, mask, class_ids = one_sample((64, 64), [(4, 4, 20, 20)])
    dataset = InMemory([(image.astype(np.uint16) * 10, mask, class_ids)])
    config.IMAGE_SCALING = (0, 2550)
    np.testing.assert_array_equal(load_image_gt(dataset, config, 0)[0], image)


# Crops and augmentation


def painted(rng, size, count):
    """Return white boxes on black, and the masks of these boxes."""
    masks = np.zeros((*size, count), bool)
    for index in range(count):
        y, x = rng.integers(0, size[0] - 8), rng.integers(0, size[1] - 8)
        masks[y : y + rng.integers(4, 30), x : x + rng.integers(4, 30), index] = True
    image = np.repeat(masks.any(axis=2)[..., None], 3, axis=2) * 200.0
    return image, masks, np.ones(count, np.int32)


@given(
    st.integers(0, 10_000),
    st.sampled_from([(64, 64), (64, 96), (200, 130), (77, 141), (300, 64)]),
    st.integers(1, 4),
    st.sampled_from(["square", "crop", "pad64"]),
    st.booleans(),
    st.sampled_from([None, Flips(0.5, 0.5)]),
)
def test_image_and_mask_stay_aligned(seed, size, count, mode, augment, augmentation):
    config = TinyConfig()
    config.IMAGE_RESIZE_MODE = mode
    config.IMAGE_MIN_DIM = config.IMAGE_MAX_DIM = 64 if mode != "square" else 128
    rng = np.random.default_rng(seed)
    dataset = InMemory([painted(rng, size, count)])
    image, _, class_ids, bbox, mask = load_image_gt(
        dataset, config, 0, augment, augmentation, rng=rng
    )
    assert image.shape[:2] == mask.shape[:2]
    assert len(class_ids) == len(bbox) == mask.shape[2] <= count
    inside = mask.any(axis=2)
    # A resized pixel takes the mask of the nearest pixel of the image, which has a weight of at
    # least 1/4 in it.
    white = image[..., 0] / 200
    assert inside[white > 0.7501].all() and not inside[white < 0.2499].any()
    for index, (y1, x1, y2, x2) in enumerate(bbox):
        rows, columns = np.nonzero(mask[..., index])
        assert (y1, x1) == (rows.min(), columns.min())
        assert (y2, x2) == (rows.max() + 1, columns.max() + 1)


def test_a_crop_drops_what_is_out_of_sight(config):
    config.IMAGE_RESIZE_MODE = "crop"
    corners = [(0, 0, 8, 8), (0, 92, 8, 100), (92, 0, 100, 8), (92, 92, 100, 100)]
    dataset = InMemory([one_sample((100, 100), corners, [1, 2, 1, 2])])
    seen = []
    for seed in range(60):
        image, meta, class_ids, bbox, mask = load_image_gt(
            dataset, config, 0, rng=np.random.default_rng(seed)
        )
        assert image.shape == (64, 64, 3) and mask.shape == (64, 64, len(class_ids))
        assert_array_equal(meta[7:11], [0, 0, 64, 64])
        assert (bbox[:, 2] > bbox[:, 0]).all() and (bbox[:, 3] > bbox[:, 1]).all()
        seen += list(class_ids)
    assert 2 < len(seen) < 30 and set(seen) == {1, 2}


def test_the_old_augment_flips_half_of_the_time(config):
    image, masks, class_ids = one_sample((64, 64), [(4, 4, 20, 20)])
    dataset = InMemory([(image, masks, class_ids)])
    boxes = [
        load_image_gt(dataset, config, 0, augment=True, rng=np.random.default_rng(seed))[3][0]
        for seed in range(40)
    ]
    left, right = [4, 4, 20, 20], [4, 44, 20, 60]
    assert {tuple(box) for box in boxes} == {tuple(left), tuple(right)}
    assert 10 <= sum(list(box) == left for box in boxes) <= 30


def test_the_same_generator_gives_the_same_image(config):
    config.IMAGE_RESIZE_MODE = "crop"
    dataset = InMemory(shapes(1, (200, 200)))

    def load(seed):
        rng = np.random.default_rng(seed)
        return load_image_gt(dataset, config, 0, augmentation=Flips(0.5, 0.5), rng=rng)

    for ours, again in zip(load(3), load(3), strict=True):
        assert_array_equal(ours, again)
    assert not np.array_equal(load(3)[0], load(4)[0])


# Training samples


ANCHORS = np.array(
    [[y, x, y + 16, x + 16] for y in range(0, 64, 8) for x in range(0, 64, 8)], float
)


def sample_of(dataset, config, seed=0, **options):
    options = {"augment": False, "augmentation": None, **options}
    rng = np.random.default_rng(seed)
    inputs = training_inputs(config, parts.heads(config))
    return build_sample(
        dataset, config, 0, ("masks",), inputs, lambda shape: ANCHORS, rng=rng, **options
    )


def test_a_sample_by_hand(config):
    boxes = [(8, 8, 24, 24), (40, 32, 56, 64)]
    sample = sample_of(InMemory([one_sample((64, 64), boxes, [2, -1])]), config)
    assert sample["image"].dtype == np.float32
    pixels = np.broadcast_to(50 - config.MEAN_PIXEL, (64, 64, 3))
    assert_allclose(sample["image"], pixels, rtol=1e-6)
    assert_array_equal(sample["gt_class_ids"], [2, -1, 0, 0])
    assert_array_equal(sample["gt_boxes"], [*boxes, [0] * 4, [0] * 4])
    assert sample["gt_masks"].shape == (16, 16, 4)
    assert sample["gt_masks"][:, :, :2].all() and not sample["gt_masks"][:, :, 2:].any()
    assert [a.dtype for a in (sample["gt_class_ids"], sample["gt_boxes"], sample["gt_masks"])] == [
        np.int32,
        np.int32,
        bool,
    ]
    assert sample["rpn_match"].shape == (64, 1) and sample["rpn_match"].dtype == np.int32
    # The anchor on the first box, with all deltas 0; none for the crowd.
    assert_array_equal(np.flatnonzero(sample["rpn_match"] == 1), [9])
    assert sample["rpn_bbox"].shape == (32, 4) and not sample["rpn_bbox"].any()


@pytest.mark.parametrize("flipped", [False, True])
def test_short_side_pads_with_zeros_on_the_right_even_if_flipped(config, flipped):
    config.IMAGE_RESIZE_MODE, config.IMAGE_MAX_DIM = "short_side", 100
    config.PIXEL_STD = 2.0
    dataset = InMemory([one_sample((40, 60), [(10, 6, 20, 30)], [2])])
    # 40 x 60 becomes 64 x 96, and IMAGE_SIDE_MULTIPLE is 40: 80 x 120.
    config.IMAGE_SIDE_MULTIPLE = 40
    seed = next(n for n in range(99) if _flips(n) == flipped)
    sample = sample_of(dataset, config, seed, augment=True)
    image = sample["image"]
    assert image.shape == (80, 120, 3)
    expected = np.broadcast_to((50 - config.MEAN_PIXEL) / 2, (64, 96, 3))
    assert_allclose(image[:64, :96], expected, rtol=1e-6)
    assert not image[64:].any() and not image[:, 96:].any()
    meta = parse_image_meta(sample["image_meta"][None])
    assert_array_equal(meta["window"], [[0, 0, 64, 96]])
    assert_array_equal(meta["image_shape"], [[80, 120, 3]])
    columns = (96 - 48, 96 - 10) if flipped else (10, 48)  # 6 and 30, times 1.6
    assert_allclose(sample["gt_boxes"][0], [16, columns[0], 32, columns[1]], atol=1)


def _flips(seed):
    rng = np.random.default_rng(seed)
    rng.integers(2**32)  # the place of a crop
    return bool(rng.integers(2))


def test_full_masks_without_mini_masks(config):
    config.USE_MINI_MASK = False
    sample = sample_of(InMemory([one_sample((64, 64), [(8, 8, 24, 24)])]), config)
    assert sample["gt_masks"].shape == (64, 64, 4)
    assert_array_equal(np.argwhere(sample["gt_masks"]).max(axis=0), [23, 23, 0])


def test_an_image_without_instances_has_negative_anchors_only(config):
    sample = sample_of(InMemory([one_sample((64, 64), [])]), config)
    assert set(np.unique(sample["rpn_match"])) == {-1, 0}
    assert (sample["rpn_match"] == -1).sum() == config.RPN_TRAIN_ANCHORS_PER_IMAGE
    for name in ("rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks"):
        assert not sample[name].any(), name
    assert sample["gt_masks"].shape == (16, 16, 4)


def test_more_instances_than_the_limit(config):
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 40, (9, 2))
    boxes = [(y, x, y + 12 + i % 3, x + 12 + i // 3) for i, (y, x) in enumerate(corners)]
    class_ids = np.array([1, 2, -1, 2, 1, 2, 1, -2, 2], np.int32)
    image, masks, _ = one_sample((64, 64), boxes)
    for index, (y1, x1, _, x2) in enumerate(boxes):
        # A bite out of each, in a different place.
        bite = slice(y1 + index, y1 + index + 3), slice(x1 + 3, x2 - 3)
        masks[*bite, index] = False
    dataset = InMemory([(image, masks, class_ids)])
    _, _, _, all_boxes, all_masks = load_image_gt(dataset, config, 0, use_mini_mask=True)
    assert_array_equal(all_boxes, boxes)
    match, _ = build_rpn_targets((64, 64), ANCHORS, class_ids, boxes, config)
    chosen = set()
    for seed in range(30):
        sample = sample_of(dataset, config, seed)
        places = [[tuple(box) for box in all_boxes].index(tuple(box)) for box in sample["gt_boxes"]]
        assert places == sorted(set(places)) and len(places) == 4
        chosen.update(places)
        assert_array_equal(sample["gt_class_ids"], class_ids[places])
        assert_array_equal(sample["gt_masks"], all_masks[:, :, places])
        # The anchors learn from every instance, not only from those kept.
        assert_array_equal(sample["rpn_match"][:, 0] == 1, match == 1)
    assert chosen == set(range(9))

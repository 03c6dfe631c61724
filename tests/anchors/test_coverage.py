import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mrcnn.anchors import coverage
from mrcnn.anchors.coverage import anchor_coverage, best_iou, suggest_anchor_scales
from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.config import Config
from mrcnn.geometry.boxes import compute_overlaps
from mrcnn.images.resizing import resize_image
from mrcnn.instances.masks import InstanceMasks
from mrcnn.legacy.resize import resize_mask


class SmallConfig(Config):
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def config_of(**settings):
    return type("Changed", (SmallConfig,), settings)()


CONFIGS = [
    config_of(),
    config_of(RPN_ANCHOR_STRIDE=2),
    config_of(RPN_ANCHOR_SCALES=((8, 12), (20,), 32, 64, (100, 150)), RPN_ANCHOR_RATIOS=[0.3, 1]),
    config_of(RPN_ANCHOR_GRID="image", RPN_ANCHOR_ROUNDING=True),
]

place, side = st.integers(-20, 210) | st.floats(-20, 210), st.integers(0, 90) | st.floats(0, 9)


@given(
    st.sampled_from(CONFIGS),
    st.lists(st.tuples(place, place, side, side), max_size=6),
    st.sampled_from([(128, 128, 3), (100, 200), (64, 64)]),
)
def test_best_iou_is_that_of_all_anchors(config, rows, shape):
    boxes = np.array([(y, x, y + h, x + w) for y, x, h, w in rows], float).reshape(-1, 4)
    wanted = compute_overlaps(pyramid_anchors(config, shape), boxes).max(axis=0)
    assert_allclose(best_iou(boxes, config, shape), wanted, rtol=1e-9, atol=1e-12)


def test_each_box_is_compared_with_the_anchors_of_its_own_input_shape():
    config = SmallConfig()
    boxes = [[100, 100, 120, 150], [10, 20, 40, 30], [100, 100, 120, 150]]
    shapes = [(64, 64), (128, 128), (192, 128)]
    alone = [best_iou([box], config, shape)[0] for box, shape in zip(boxes, shapes, strict=True)]
    assert_array_equal(best_iou(boxes, config, shapes), alone)
    assert alone[0] < alone[2]


class Rectangles:
    """A dataset of unreadable images, with rectangles as instances."""

    def __init__(self, *images):
        self.images = images
        self.image_ids = np.arange(len(images))

    def has(self, field, image_id):
        return field == "masks"

    def load_instances(self, image_id):
        shape, boxes, class_ids = self.images[image_id]
        crops = [np.ones((y2 - y1, x2 - x1)) for y1, x1, y2, x2 in boxes]
        corners = [box[:2] for box in boxes]
        return InstanceMasks(crops, corners, shape), np.array(class_ids, np.int32)


DATASET = Rectangles(
    ((100, 50), [(10, 20, 40, 30), (0, 0, 5, 5), (50, 10, 90, 48)], [1, -1, 2]),
    ((64, 64), [], []),
    ((30, 60), [(5, 6, 20, 40), (3, 3, 3, 3)], [2, 1]),
)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"IMAGE_MIN_DIM": 64, "IMAGE_RESIZE_MODE": "pad64"},
        {"IMAGE_MIN_DIM": 64, "IMAGE_RESIZE_MODE": "none"},
    ],
)
def test_boxes_lie_where_the_loader_puts_them(settings):
    config = config_of(**settings)
    coverage = anchor_coverage(DATASET, config)
    assert_array_equal(coverage.class_ids, [1, 2, 2])
    row = 0
    for image_id in (0, 2):
        masks, class_ids = DATASET.load_instances(image_id)
        image, _, scale, padding, _ = resize_image(
            np.zeros((masks.height, masks.width, 3), np.uint8),
            config.IMAGE_MIN_DIM,
            config.IMAGE_MAX_DIM,
            mode=config.IMAGE_RESIZE_MODE,
        )
        moved = InstanceMasks.from_dense(resize_mask(masks.dense(), scale, padding)).boxes
        for box in moved[(class_ids > 0) & (moved[:, 2] > 0)]:
            assert_allclose(coverage.boxes[row], box, atol=0.6)  # `box` is in whole pixels
            assert_array_equal(coverage.input_shapes[row], image.shape[:2])
            row += 1
    assert row == 3
    wanted = [
        compute_overlaps(pyramid_anchors(config, shape), box).max()
        for box, shape in zip(coverage.boxes, coverage.input_shapes, strict=True)
    ]
    assert_allclose(coverage.best_iou, wanted)


def test_mode_crop_scales_and_does_not_cut():
    config = config_of(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=64, IMAGE_MIN_SCALE=2.0)
    coverage = anchor_coverage(DATASET, config, image_ids=[0])
    assert_allclose(coverage.boxes, [[20, 40, 80, 60], [100, 20, 180, 96]])
    assert_array_equal(coverage.input_shapes, [[200, 100]] * 2)
    assert_allclose(coverage.sizes, [[60, 20], [80, 76]])


def test_recall_by_hand():
    config = config_of(RPN_ANCHOR_RATIOS=[1], IMAGE_RESIZE_MODE="none")
    # Squares centred on anchors, with sides 16 (an anchor), 20 (IoU 256 / 400) and 10 (64 / 100).
    boxes = [(24, 24, 40, 40), (22, 22, 42, 42), (67, 67, 77, 77)]
    coverage = anchor_coverage(Rectangles(((128, 128), boxes, [1, 1, 1])), config)
    assert_allclose(coverage.best_iou, [1, 0.64, 0.64])
    assert coverage.recall(0.5) == 1 and coverage.recall(0.7) == pytest.approx(1 / 3)


def test_nothing_to_cover():
    coverage = anchor_coverage(Rectangles(((64, 64), [], [])), SmallConfig())
    assert coverage.boxes.shape == (0, 4) and np.isnan(coverage.recall(0.5))
    assert coverage.summary() == "0 instances"
    assert coverage.suggested_scales() == SmallConfig.RPN_ANCHOR_SCALES


def squares(sides, rng, extent=512):
    corners = rng.random((len(sides), 2)) * (extent - sides[:, None])
    return np.concatenate([corners, corners + sides[:, None]], axis=1)


def test_suggested_scales_fit_the_boxes():
    rng = np.random.default_rng(0)
    config = Config()
    boxes = squares(rng.uniform(20, 120, 3000), rng)
    scales = suggest_anchor_scales(boxes, config, (512, 512))
    assert len(scales) == 5 and all(type(scale) is int for scale in scales)
    assert all(s >= stride for s, stride in zip(scales, config.BACKBONE_STRIDES, strict=True))
    assert 18 <= scales[0] <= 40 and 80 <= scales[-1] <= 180
    before = best_iou(boxes, config, (512, 512))
    after = best_iou(boxes, config, (512, 512), scales)
    assert after.mean() > before.mean() + 0.05
    assert (after >= 0.7).mean() > (before >= 0.7).mean() + 0.15
    assert (after >= 0.5).mean() >= (before >= 0.5).mean()
    assert scales == suggest_anchor_scales(boxes, config, (512, 512))
    # Scales that fit are left unchanged.
    fitted = config_of(RPN_ANCHOR_SCALES=scales)
    assert suggest_anchor_scales(boxes, fitted, (512, 512)) == scales


def test_without_a_pyramid_all_scales_are_on_one_level():
    rng = np.random.default_rng(0)
    boxes = squares(rng.uniform(40, 90, 80), rng)
    one_map = {"NECK": "c4", "BACKBONE": "resnet50", "BACKBONE_STRIDES": [16]}
    config = config_of(**one_map, RPN_ANCHOR_SCALES=(100, 300, 500))
    [scales] = suggested = suggest_anchor_scales(boxes, config, (512, 512))
    assert len(scales) == 3 and min(scales) >= 16 and max(scales) <= 180
    assert best_iou(boxes, config, (512, 512), suggested).mean() > 0.7
    assert best_iou(boxes, config, (512, 512)).mean() < 0.6
    assert anchor_coverage(
        Rectangles(((512, 512), np.rint(boxes).astype(int), [1] * 80)), config
    ).suggested_scales() != ((100, 300, 500),)


@settings(max_examples=30)
@given(st.floats(1, 400), st.floats(1, 6), st.integers(1, 40), st.integers(0, 99))
def test_a_suggestion_is_never_worse(start, spread, count, seed):
    rng = np.random.default_rng(seed)
    boxes = squares(np.minimum(start * spread ** rng.random(count), 512), rng)
    config = SmallConfig()
    scales = suggest_anchor_scales(boxes, config, (512, 512))
    before = best_iou(boxes, config, (512, 512))
    after = best_iou(boxes, config, (512, 512), scales)
    assert after.mean() >= before.mean()
    for iou in (0.5, 0.7):
        assert (after >= iou).mean() >= (before >= iou).mean()


def test_a_part_that_misleads_changes_nothing(monkeypatch):
    monkeypatch.setattr(coverage, "_SEARCHED_BOXES", 2)
    config = config_of(RPN_ANCHOR_RATIOS=[1])
    # The search sees only the first and the last, which fit no anchor; the others are anchors.
    boxes = np.array([[0, 0, 23, 23]] + [[16, 16, 48, 48]] * 50 + [[32, 32, 80, 80]])
    assert best_iou(boxes, config, (128, 128))[1:-1].min() == 1
    assert suggest_anchor_scales(boxes, config, (128, 128)) == config.RPN_ANCHOR_SCALES
    assert suggest_anchor_scales(boxes[[0, -1]], config, (128, 128)) != config.RPN_ANCHOR_SCALES


def test_summary_has_the_figures():
    rng = np.random.default_rng(0)
    boxes = np.rint(squares(rng.uniform(20, 100, 60), rng, extent=128)).astype(int)
    dataset = Rectangles(((128, 128), boxes, [1] * 60))
    coverage = anchor_coverage(dataset, config_of(RPN_ANCHOR_SCALES=(32, 64, 128, 256, 512)))
    first, now, suggested = coverage.summary().splitlines()
    assert first.startswith("60 instances of 1 classes")
    assert now.startswith("RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512): median best IoU 0.")
    assert f"recall {coverage.recall(0.5):.1%} at IoU 0.5, {coverage.recall(0.7):.1%}" in now
    assert suggested.startswith(f"RPN_ANCHOR_SCALES = {coverage.suggested_scales()}: median")
    for scales in ([32, 64, 128, 256, 512], [[8, 16], [32, 33], [64, 65], [128, 129], [256, 257]]):
        of_array = anchor_coverage(dataset, config_of(RPN_ANCHOR_SCALES=np.array(scales)))
        of_list = anchor_coverage(dataset, config_of(RPN_ANCHOR_SCALES=scales))
        assert of_array.summary() == of_list.summary() and "int64" not in of_array.summary()
    coverage.config.RPN_ANCHOR_SCALES = np.array(coverage.suggested_scales())
    assert "no better scales" in coverage.summary()

import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import TinyConfig, shapes, spread

from mrcnn.anchors.pyramid import pyramid_anchors
from mrcnn.geometry.boxes import denorm_boxes, norm_boxes
from mrcnn.images.meta import parse_image_meta
from mrcnn.images.pixels import as_channels
from mrcnn.inference import detector
from mrcnn.instances.masks import InstanceMasks
from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.network

KEYS = ["rois", "class_ids", "scores", "masks", "truncated"]


def build(folder, **settings):
    config = TinyConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    return MaskRCNN("inference", config, str(folder))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Square mode, batches of two; random weights that detect several objects in any image."""
    model = build(tmp_path_factory.mktemp("logs"))
    spread(model.keras_model)
    return model


@pytest.fixture(scope="module")
def padding_model(tmp_path_factory):
    model = build(tmp_path_factory.mktemp("logs"), IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=None)
    spread(model.keras_model)
    return model


@pytest.fixture(scope="module")
def images():
    """Images of one size: RGB noise with rectangles."""
    return [image for image, _, _ in shapes(5, (60, 50), seed=2)]


def assert_same(results, others, atol=1e-5):
    assert len(results) == len(others)
    for result, other in zip(results, others, strict=True):
        assert list(result) == list(other) == KEYS
        assert_array_equal(result["rois"], other["rois"])
        assert_array_equal(result["class_ids"], other["class_ids"])
        assert_allclose(result["scores"], other["scores"], atol=atol)
        assert_array_equal(result["masks"], other["masks"])
        assert result["truncated"] == other["truncated"]


def refusal(model, images, kind=ValueError):
    with pytest.raises(kind) as caught:
        model.detect(images)
    return str(caught.value)


# Results


@pytest.mark.parametrize("sizes", [(60, 50), (64, 64), (40, 100)])
def test_crops_are_the_dense_masks(model, sizes):
    images = [image for image, _, _ in shapes(3, sizes, seed=4)]
    results = detector.detect_crops(model, images)
    dense = [{**result, "masks": result["masks"].dense()} for result in results]
    assert_same(dense, model.detect(images))
    assert sum(len(result["rois"]) for result in results) >= 3


def test_a_result(model, images):
    [result] = model.detect(images[1:2])
    rois, class_ids, scores, masks = (result[key] for key in KEYS[:4])
    count = len(rois)
    assert 2 <= count <= model.config.DETECTION_MAX_INSTANCES
    assert rois.dtype == class_ids.dtype == np.int32
    assert scores.dtype == np.float32 and masks.dtype == bool
    assert rois.shape == (count, 4) and class_ids.shape == scores.shape == (count,)
    assert masks.shape == (60, 50, count)
    assert set(class_ids) == {1, 2}
    assert (scores[:-1] >= scores[1:]).all() and (scores > 0).all() and (scores <= 1).all()
    assert rois.min() >= 0 and (rois <= [60, 50, 60, 50]).all()
    assert (rois[:, 2:] > rois[:, :2]).all()
    for (y1, x1, y2, x2), mask in zip(rois, np.moveaxis(masks, 2, 0), strict=True):
        outside = mask.copy()
        outside[y1:y2, x1:x2] = False
        assert not outside.any()
    assert masks.any()


@pytest.mark.parametrize("limit", [3, 5])
def test_a_limit_that_cuts_is_named(model, images, tmp_path, limit, caplog):
    all_, few = (build(tmp_path, DETECTION_MAX_INSTANCES=count) for count in (12, limit))
    for each in (all_, few):
        each.keras_model.set_weights(model.keras_model.get_weights())
    counts = [len(result["scores"]) for result in all_.detect(images)]
    assert "DETECTION_MAX_INSTANCES" not in caplog.text
    expected = ["DETECTION_MAX_INSTANCES" if count > limit else "" for count in counts]
    assert len(set(expected)) == (2 if limit == 5 else 1), counts
    molded, metas, _ = few.mold_inputs(images)
    for results in (
        few.detect(images),
        detector.detect_crops(few, images),
        few.detect_molded(molded, metas),
    ):
        cut = [str(result["truncated"]) for result in results]
        assert [name if name == "DETECTION_MAX_INSTANCES" else "" for name in cut] == expected
    assert caplog.text.count(f"DETECTION_MAX_INSTANCES is {limit}: an image has more") == 1


def test_any_number_of_images_gives_what_each_gives_alone(model, images):
    assert model.config.BATCH_SIZE == 2
    alone = [model.detect([image])[0] for image in images]
    assert len({str(result["rois"]) for result in alone}) == 5
    for count in (1, 2, 3, 5):
        assert_same(model.detect(images[:count]), alone[:count])
    assert_same(model.detect(np.stack(images[:3])), alone[:3])
    assert_same(model.detect(tuple(images[2:4])), alone[2:4])


def test_images_run_in_batches_of_the_configured_size(model, images, monkeypatch):
    sizes, predict = [], model.keras_model.predict_on_batch

    def counting(inputs):
        sizes.append([len(array) for array in inputs])
        return predict(inputs)

    monkeypatch.setattr(model.keras_model, "predict_on_batch", counting)
    model.detect(images)
    assert sizes == [[2] * 3, [2] * 3, [1] * 3]
    model.detect_molded(*model.mold_inputs(images[:3])[:2])
    assert sizes[3:] == [[2] * 3, [1] * 3]


@pytest.mark.parametrize("fixture", ["model", "padding_model"])
def test_images_of_different_sizes_in_one_call(fixture, images, request):
    model = request.getfixturevalue(fixture)
    sizes = [(60, 50), (60, 50), (40, 90), (64, 64), (128, 70), (33, 64), (60, 50)]
    mixed = [shapes(1, size, seed)[0][0] for seed, size in enumerate(sizes)]
    results = model.detect(mixed)
    assert [result["masks"].shape[:2] for result in results] == sizes
    assert sum(len(result["rois"]) for result in results) > len(sizes)
    assert_same(results, [model.detect([image])[0] for image in mixed])


def test_images_of_many_sizes_are_no_cause_for_a_warning(padding_model, images, monkeypatch):
    predict, heard, logger = (
        padding_model.keras_model.predict_on_batch,
        [],
        logging.getLogger("tensorflow"),
    )

    def warn(inputs):
        logger.warning("5 out of the last 5 calls to f triggered tf.function retracing.")
        logger.warning("something else")
        return predict(inputs)

    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())
    logger.addHandler(listener)
    monkeypatch.setattr(padding_model.keras_model, "predict_on_batch", warn)
    try:
        padding_model.detect(images[:1])
        assert heard == ["something else"]
        logger.warning("f triggered tf.function retracing.")
        assert len(heard) == 2
    finally:
        logger.removeHandler(listener)


def test_extreme_outputs_still_give_boxes(model, images):
    kernel = model.keras_model.get_layer("rpn_model").get_layer("rpn_bbox_pred").kernel
    before = kernel.numpy()
    kernel.assign(before * 1e4)
    try:
        deltas, rois = model.run_graph(
            images[:2],
            [(name, model.keras_model.get_layer(name).output) for name in ("rpn_bbox", "ROI")],
        ).values()
        assert np.abs(deltas).max() > 1000  # exp(0.2 * 1000) overflows float32
        assert np.isfinite(rois).all()
        model.detect(images[:3])
    finally:
        kernel.assign(before)


def test_verbose_prints_the_arrays(model, images, capsys):
    model.detect(images[:1])
    assert capsys.readouterr().out == ""
    model.detect(images[:1], verbose=1)
    lines = capsys.readouterr().out.splitlines()
    starts = ["Processing 1 images", "image ", "molded_images ", "image_metas ", "anchors "]
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    assert "(1, 64, 64, 3)" in lines[2] and "(1, 1023, 4)" in lines[4]


def test_detections_in_a_molded_image_are_those_in_the_image(model):
    # 64 x 64 pixels are molded without resizing.
    same_size = [image for image, _, _ in shapes(3, seed=7)]
    molded, metas, windows = model.mold_inputs(same_size)
    assert_array_equal(windows, [[0, 0, 64, 64]] * 3)
    assert_same(model.detect_molded(molded, metas), model.detect(same_size))


def test_detections_in_a_molded_image_are_moved_by_its_padding(model, images):
    # 60 x 50 pixels are enlarged to 64 x 53 and padded left and right.
    molded, metas, windows = model.mold_inputs(images[:1])
    assert_array_equal(windows, [[0, 5, 64, 58]])
    [inside], [result] = model.detect_molded(molded, metas), model.detect(images[:1])
    assert inside["masks"].shape == (64, 64, len(result["rois"]))
    assert_array_equal(inside["class_ids"], result["class_ids"])
    moved = (inside["rois"] - [0, 5, 0, 5]) * [60 / 64, 50 / 53, 60 / 64, 50 / 53]
    assert np.abs(moved - result["rois"]).max() <= 1.5


def test_there_must_be_one_meta_per_molded_image(model, images):
    molded, metas, _ = model.mold_inputs(images[:3])
    with pytest.raises(ValueError, match="there are 3 molded images but 2 image metas"):
        model.detect_molded(molded, metas[:2])


# Rejected input


def test_unknown_mode(tmp_path):
    with pytest.raises(ValueError) as caught:
        MaskRCNN("train", TinyConfig(), str(tmp_path))
    assert str(caught.value) == "mode is 'train': it must be 'training' or 'inference'."


def test_a_configuration_that_cannot_work(tmp_path):
    config = TinyConfig()
    config.IMAGE_MAX_DIM = 100
    with pytest.raises(ValueError, match=r"IMAGE_MAX_DIM is 100: it must be a multiple of 64"):
        MaskRCNN("inference", config, str(tmp_path))


def test_training_with_an_inference_model(model):
    with pytest.raises(ValueError) as caught:
        model.train(None, None, 0.1, 1, "all")
    assert str(caught.value) == (
        "train() needs a model in training mode, but this one is in inference mode: create "
        "MaskRCNN('training', config, model_dir) and load the weights into it."
    )


def test_detecting_with_a_training_model(tmp_path, images):
    model = MaskRCNN("training", TinyConfig(), str(tmp_path))
    for name, arguments in (
        ("detect", [images]),
        ("detect_molded", [images, []]),
        ("run_graph", [images, []]),
    ):
        with pytest.raises(ValueError) as caught:
            getattr(model, name)(*arguments)
        assert str(caught.value) == (
            f"{name}() needs a model in inference mode, but this one is in training mode: create "
            "MaskRCNN('inference', config, model_dir) and load the weights into it."
        )


def test_no_images(model):
    assert refusal(model, []) == "images is an empty list: at least one image is needed."


@pytest.mark.parametrize("shape", [(60, 50), (60, 50, 3)])
def test_one_image_without_a_list(model, shape):
    assert refusal(model, np.zeros(shape, np.uint8)) == (
        f"images is one array of shape {shape}: it must be a list of images, [image] for a single "
        "one."
    )


@pytest.mark.parametrize("shape", [(), (60,), (1, 60, 50, 3), (0, 50, 3), (60, 0)])
def test_images_of_another_rank_or_without_pixels(model, images, shape):
    assert refusal(model, [images[0], np.zeros(shape, np.uint8)]) == (
        f"image 1 has shape {shape}: it must be one image, [height, width] or [height, width, "
        "channels], with at least one pixel."
    )


@pytest.mark.parametrize("channels", [2, 5])
def test_images_with_other_channel_counts(model, images, channels):
    assert refusal(model, [images[0], np.zeros((60, 50, channels), np.uint8)]) == (
        f"image 1 has {channels} channels, but IMAGE_CHANNEL_COUNT is 3: 1 (gray), 3 (RGB) or 4 "
        "(RGBA) would be accepted."
    )


def test_types_that_are_not_pixels(model, images):
    def message(image):
        return refusal(model, [images[0], image], TypeError)

    assert message(images[0].astype(object)) == (
        "image 1 is an array of object: it must hold numbers (uint8, uint16, float32, ...) or "
        "booleans."
    )
    assert message(np.array(["a.png"])).startswith("image 1 is an array of <U5")


def test_values_that_are_not_pixels(model, images):
    broken = images[0].astype(np.float32)
    broken[3, 4] = np.nan
    broken[5, 6, 0] = np.inf
    assert refusal(model, [images[1], broken]) == (
        "image 1 has 4 values that are NaN or infinite: all must be finite."
    )
    bright = images[0].astype(np.float32)
    bright[0, 0] = 300
    assert refusal(model, [bright]).startswith(
        f"image 0 is an array of float32 with values {bright.min()} to 300.0"
    )


def test_a_side_that_is_not_a_multiple_of_64(tmp_path, images):
    model = build(tmp_path, IMAGE_RESIZE_MODE="none")
    for shape, side in (((128, 100, 3), 100), ((60, 64, 3), 60)):
        message = refusal(model, [np.zeros(shape, np.uint8) + 9])
        assert message.startswith(f"an image has a side of {side} pixels: it must be a multiple")
    # An image that fits runs as it is.
    [result] = model.detect([np.zeros((128, 64, 3), np.uint8) + 9])
    assert result["masks"].shape[:2] == (128, 64)


def test_crop_mode_is_for_training(tmp_path, images):
    model = build(tmp_path, IMAGE_RESIZE_MODE="crop")
    assert refusal(model, images) == (
        "IMAGE_RESIZE_MODE is 'crop', which takes random crops for training: to detect in the "
        "whole image, it must be 'square', 'pad64' or 'none'."
    )


# Converted input


def test_grey_images_are_repeated(model, images):
    grey = images[0][..., 0]
    wanted = model.detect([np.stack([grey] * 3, axis=2)])
    assert_same(model.detect([grey]), wanted)
    assert_same(model.detect([grey[..., None]]), wanted)


def test_alpha_is_dropped(model, images):
    alpha = np.random.default_rng(0).integers(0, 256, (60, 50, 1), dtype=np.uint8)
    rgba = np.concatenate([images[0], alpha], axis=2)
    assert_same(model.detect([rgba]), model.detect(images[:1]))


def test_pixels_of_other_types(model, images):
    for kind in (np.int32, np.int64):
        assert_same(model.detect([images[0].astype(kind)]), model.detect(images[:1]))
    assert_same(model.detect([images[0].tolist()]), model.detect(images[:1]))


def test_pixels_without_data_are_left_out(model, images):
    holes = np.zeros(images[0].shape[:2], bool)
    holes[20:] = True
    deep = images[0].astype(np.uint16) * 12 + 1
    wanted = model.detect([as_channels(np.ma.masked_array(deep, holes[..., None].repeat(3, 2)), 3)])
    deep[holes] = 65535
    assert_same(model.detect([deep]), wanted)
    assert_same(model.detect([np.ma.masked_equal(deep, 65535)]), wanted)


def test_pixels_are_scaled_as_the_configuration_says(model, images, monkeypatch):
    wanted = model.detect(images[:1])
    for kind, factor in ((np.uint16, 257), (np.float32, 1 / 255)):
        monkeypatch.setattr(model.config, "IMAGE_SCALING", "full")
        assert_same(model.detect([images[0].astype(kind) * kind(factor)]), wanted)
    monkeypatch.setattr(model.config, "IMAGE_SCALING", (-1000, 3080))
    assert_same(model.detect([images[0].astype(np.int16) * 16 - 1000]), wanted)
    monkeypatch.setattr(model.config, "IMAGE_SCALING", "auto")
    deep = images[0].astype(np.uint16) * 9
    scaled = as_channels(deep, 3)
    assert scaled.max() == 255 and scaled.min() == 0
    assert_same(model.detect([deep]), model.detect([scaled]))


@pytest.mark.parametrize("channels", [1, 5])
def test_models_with_other_channel_counts(channels, images, tmp_path):
    model = build(tmp_path, IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=np.full(channels, 114.8))
    spread(model.keras_model)
    gray = images[0][..., 0]
    [result] = model.detect([np.repeat(gray[..., None], channels, axis=2)])
    assert len(result["rois"]) and result["masks"].shape[:2] == (60, 50)
    cube = np.stack([images[index][..., 0] for index in range(5)], axis=2)[..., :channels]
    assert_array_equal(model.mold_inputs([cube])[0].shape, [1, 64, 64, channels])
    if channels == 1:
        assert_same(model.detect([gray, np.stack([gray] * 3, axis=2)]), [result] * 2)
    else:
        others = model.detect([cube])[0]
        assert not np.array_equal(others["scores"], result["scores"])


def test_float_pixels(model):
    # At the network's size, because floats are not truncated to integers after resizing.
    image = shapes(1)[0][0]
    for kind in (np.float32, np.float64):
        assert_same(model.detect([image.astype(kind)]), model.detect([image]))


def test_the_image_is_left_as_it_is(model, images):
    before = images[0].copy()
    model.detect(images[:1])
    assert_array_equal(images[0], before)


# Molding


def test_molded_inputs_by_hand(model):
    image = np.full((32, 16, 3), 100, np.uint8)
    molded, metas, windows = model.mold_inputs([image, np.full((64, 64, 3), 7, np.uint8)])
    assert molded.shape == (2, 64, 64, 3) and molded.dtype == np.float32
    assert_array_equal(windows, [[0, 16, 64, 48], [0, 0, 64, 64]])
    mean = model.config.MEAN_PIXEL
    assert_allclose(molded[0, :, 16:48], np.broadcast_to(100 - mean, (64, 32, 3)), rtol=1e-6)
    assert_allclose(molded[0, :, :16], np.broadcast_to(-mean, (64, 16, 3)), rtol=1e-6)
    assert_allclose(molded[1, 5, 5], 7 - mean, rtol=1e-6)
    assert metas.shape == (2, 12 + 3) and metas.dtype == np.float64
    meta = parse_image_meta(metas)
    assert_array_equal(meta["image_id"], [0, 0])
    assert_array_equal(meta["original_image_shape"], [[32, 16, 3], [64, 64, 3]])
    assert_array_equal(meta["image_shape"], [[64, 64, 3]] * 2)
    assert_array_equal(meta["window"], windows)
    assert_array_equal(meta["scale"], [2, 1])
    assert not meta["active_class_ids"].any()


def test_images_that_mold_to_different_sizes(padding_model):
    images = [np.zeros((64, side, 3), np.uint8) + 9 for side in (64, 65)]
    with pytest.raises(ValueError) as caught:
        padding_model.mold_inputs(images)
    assert str(caught.value) == (
        "the molded images have the shapes [(64, 64, 3), (64, 128, 3)]: all in a batch must be "
        "equal. Mold them one by one, or set IMAGE_RESIZE_MODE to 'square'."
    )


def test_anchors_are_normalised_and_cached(padding_model):
    small = padding_model.get_anchors((64, 64, 3))
    pixels = pyramid_anchors(padding_model.config, (64, 64, 3))
    assert small.dtype == np.float32 and small.shape == (1023, 4)
    assert_array_equal(padding_model.anchors, pixels)
    assert_allclose(small, (pixels - [0, 0, 1, 1]) / 63, atol=1e-6)
    wide = padding_model.get_anchors((64, 128, 3))
    assert wide.shape == (2 * 1023, 4) and len(padding_model.anchors) == 2 * 1023
    # The same boxes in pixels, normalised by a greater width.
    assert_allclose(denorm_boxes(wide, (64, 128))[0], denorm_boxes(small, (64, 64))[0])
    assert padding_model.get_anchors([64, 64, 3]) is small
    assert len(padding_model.anchors) == 1023


def test_anchors_of_many_sizes_are_not_all_kept(padding_model):
    own = detector.Detector(padding_model.keras_model, padding_model.config)
    for width in range(64, 64 * 20, 64):
        for get_anchors in (padding_model.get_anchors, own.get_anchors):
            assert get_anchors((64, width, 3)).shape == (1023 * width // 64, 4)
    assert len(padding_model._anchors_by_shape) == len(own.get_anchors) == 4


# Unmolding, by hand: 96 x 128 pixels at half scale in the middle of 64 x 64


ORIGINAL, MOLDED, WINDOW = (96, 128, 3), (64, 64, 3), (8, 0, 56, 64)


def detections(rows):
    """Rows of (box in pixels of the molded image, class id, score), plus two rows of padding."""
    table = np.zeros((len(rows) + 2, 6), np.float32)
    for row, (box, class_id, score) in zip(table, rows, strict=False):
        row[:] = [*norm_boxes(np.array(box), MOLDED[:2]), class_id, score]
    return table


def halves(count):
    """4 x 4 masks, all true for class 1 and true in the upper half for class 2."""
    masks = np.zeros((count, 4, 4, 3), np.float32)
    masks[..., 1] = 1
    masks[:, :2, :, 2] = 1
    return masks


def test_unmolding_by_hand(model):
    rows = [
        ((8, 0, 56, 64), 1, 0.9),  # the window is the whole image
        ((16, 8, 40, 32), 2, 0.8),
        ((20, 10, 30, 20), 1, 0.7),
    ]
    boxes, class_ids, scores, masks = model.unmold_detections(
        detections(rows), halves(5), ORIGINAL, MOLDED, WINDOW
    )
    # In the window of 48 x 64 pixels, 0..47 and 0..63 map to 0..95 and 0..127; y2 and x2 are one
    # further: (16 - 8) / 47 * 95 = 16.2, (39 - 8) / 47 * 95 + 1 = 63.7, 8 / 63 * 127 =
    # 16.1, 31 / 63 * 127 + 1 = 63.5; (20 - 8) / 47 * 95 = 24.3, 21 / 47 * 95 + 1 = 43.4, 10 / 63 *
    # 127 = 20.2, 19 / 63 * 127 + 1 = 39.3.
    assert_array_equal(boxes, [[0, 0, 96, 128], [16, 16, 64, 63], [24, 20, 43, 39]])
    assert_array_equal(class_ids, [1, 2, 1])
    assert_allclose(scores, [0.9, 0.8, 0.7])
    assert (boxes.dtype, class_ids.dtype, scores.dtype) == (np.int32, np.int32, np.float32)
    assert masks.shape == (96, 128, 3) and masks.dtype == bool
    assert masks[..., 0].all()
    # The upper half; bilinear interpolation with the zeros around it rounds its corners.
    assert masks[16:40, 22:57, 1].all() and not masks[40:, :, 1].any()
    assert not masks[:16, :, 1].any() and not masks[:, :16, 1].any() and not masks[:, 63:, 1].any()
    assert_array_equal(np.argwhere(masks[..., 2])[[0, -1]], [[24, 20], [42, 38]])


def test_boxes_without_area_are_dropped_with_their_masks(model):
    rows = [
        ((20, 10, 30, 20), 1, 0.9),
        ((30, 10, 20, 20), 1, 0.8),  # upside down
        ((30, 20, 40, 10), 2, 0.7),
        ((20, 30, 30, 40), 2, 0.6),
    ]
    boxes, class_ids, scores, masks = model.unmold_detections(
        detections(rows), halves(6), ORIGINAL, MOLDED, WINDOW
    )
    assert_array_equal(class_ids, [1, 2])
    assert_allclose(scores, [0.9, 0.6])
    assert boxes.shape == (2, 4) and masks.shape == (96, 128, 2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    assert masks[..., 0].sum() == areas[0]
    assert 0.4 < masks[..., 1].sum() / areas[1] < 0.6


def test_what_comes_after_the_first_class_0_is_padding(model):
    rows = [((20, 10, 30, 20), 1, 0.9), ((20, 10, 30, 20), 0, 0), ((20, 30, 30, 40), 2, 0.6)]
    _, class_ids, _, masks = model.unmold_detections(
        detections(rows), halves(5), ORIGINAL, MOLDED, WINDOW
    )
    assert_array_equal(class_ids, [1])
    assert masks.shape == (96, 128, 1)


def test_detections_without_padding_rows(model):
    rows = [((20, 10, 30, 20), 1, 0.9)] * 3
    full = detections(rows)[:3]
    boxes, *_ = model.unmold_detections(full, halves(3), ORIGINAL, MOLDED, WINDOW)
    assert len(boxes) == 3


def test_nothing_found(model):
    boxes, class_ids, scores, masks = model.unmold_detections(
        detections([]), halves(2), ORIGINAL, MOLDED, WINDOW
    )
    assert boxes.shape == (0, 4) and boxes.dtype == np.int32
    assert class_ids.shape == (0,) and class_ids.dtype == np.int32
    assert scores.shape == (0,) and scores.dtype == np.float32
    assert masks.shape == (96, 128, 0) and masks.dtype == bool


def test_mask_values_of_at_least_a_half_are_inside(model):
    masks = np.full((3, 4, 4, 3), 0.5, np.float32)
    masks[1] = 0.499
    rows = [((20, 10, 30, 20), 1, 0.9)] * 2
    *_, found = model.unmold_detections(detections(rows)[:3], masks, ORIGINAL, MOLDED, WINDOW)
    assert found[..., 0].sum() == 19 * 19 and not found[..., 1].any()


def test_what_the_reference_detected(small, small_config, seeded_h5, tmp_path, unpack):
    """From image to masks in its pixels, with weights of matterport's Mask_RCNN (the reference)."""
    model = MaskRCNN("inference", small_config, str(tmp_path))
    model.load_weights(seeded_h5)
    [result] = model.detect([small["img1.original"]])
    rois, class_ids = small["img1.final.rois"], small["img1.final.class_ids"]
    masks = unpack(small["img1.final.masks_packed"], small["img1.final.masks_shape"])
    # Of the reference's 96 boxes, 8 are slivers that lie in the padding.
    real = (rois[:, 2] - rois[:, 0] > 1) & (rois[:, 3] - rois[:, 1] > 1)
    assert real.sum() == 88
    distance = np.abs(result["rois"][None] - rois[real, None]).max(axis=-1)
    distance[result["class_ids"][None] != class_ids[real, None]] = 1000
    found = distance.argmin(axis=1)
    matched = distance.min(axis=1) <= 1
    # Three more differ because the reference clips a RoI at the edge, and one because 0.01% of the
    # resized pixels differ by 1.
    assert matched.sum() >= 84
    scores = small["img1.final.scores"][real]
    np.testing.assert_allclose(result["scores"][found[matched]], scores[matched], atol=2e-3)
    ours, theirs = result["masks"][..., found[matched]], masks[..., real][..., matched]
    ious = (ours & theirs).sum(axis=(0, 1)) / (ours | theirs).sum(axis=(0, 1))
    assert np.median(ious) > 0.999
    # With these random weights a mask may depend on a single such pixel.
    assert (ious > 0.99).mean() > 0.95


@pytest.mark.parametrize("kind", ["dense", "crops"])
def test_detections_with_at_least_a_given_score(kind):
    masks = np.zeros((6, 8, 3), bool)
    for i in range(3):
        masks[i : i + 2, i : i + 3, i] = True
    found = {
        "rois": np.array([[i, i, i + 2, i + 3] for i in range(3)], np.int32),
        "class_ids": np.array([1, 2, 3], np.int32),
        "scores": np.float32([0.9, 0.5, 0.4]),
        "masks": masks if kind == "dense" else InstanceMasks.from_dense(masks),
    }
    sure = detector.with_score(found, 0.5)
    assert sure.keys() == found.keys()
    assert sure["class_ids"].tolist() == [1, 2] and sure["rois"].tolist() == [
        [0, 0, 2, 3],
        [1, 1, 3, 4],
    ]
    dense = sure["masks"] if kind == "dense" else sure["masks"].dense()
    assert np.array_equal(dense, masks[:, :, :2])
    assert len(detector.with_score(found, 0.95)["scores"]) == 0
    assert len(found["scores"]) == 3


def test_scores_by_class():
    result = {"class_ids": np.array([1, 2, 2]), "scores": np.array([0.7, 0.6, 0.4], np.float32)}
    kept = detector.with_score(result, [0, 0.7, 0.5])
    assert kept["class_ids"].tolist() == [1, 2]
    assert detector.with_score(result, [0, 0.8, 0])["class_ids"].tolist() == [2, 2]

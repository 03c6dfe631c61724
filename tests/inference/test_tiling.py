"""Detection in tiles: a detector that knows the truth, and some that do not quite."""

import logging
import resource
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
import scenes
import scipy.ndimage
from conftest import load_sample
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import Scene, check, knowing_detector
from tiny import TinyConfig, shapes, spread

from mrcnn.config import Config
from mrcnn.evaluation import Comparison, ObjectScores
from mrcnn.inference import tiling
from mrcnn.inference.detector import detect_crops
from mrcnn.inference.tiles import Grid
from mrcnn.inference.tiling import tiled, tiled_parts
from mrcnn.instances.masks import InstanceMasks
from mrcnn.instances.overlaps import iou
from mrcnn.mask_rcnn import MaskRCNN

TESTS = Path(__file__).resolve().parents[1]


@st.composite
def tilings(draw):
    """Tile and overlap, of any shape, down to the smallest."""
    tile = draw(st.tuples(*[st.integers(3, 40)] * 2))
    return tile, draw(st.integers(1, (min(tile) - 1) // 2))


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(*[st.integers(1, 70)] * 2),
    size=st.sampled_from([4, 15, 40]),
    tiles=tilings(),
    pieces=st.booleans(),
    batch_size=st.integers(1, 4),
)
def test_every_object_once_whatever_the_tiles(seed, shape, size, tiles, pieces, batch_size):
    rng = np.random.default_rng(seed)
    scene = Scene(shape, side=16)
    scene.fill(rng, 25, lambda: int(rng.integers(1, size)), outside=5)
    detect = knowing_detector(rng, pieces)
    [result] = tiled(detect, *tiles, batch_size)([scene])
    check(scene, result)
    assert (np.diff(result["scores"]) <= 0).all()


def scene_of(shape, *objects):
    """A scene of (mask, y, x)."""
    scene = Scene(shape, side=64)
    for mask, y, x in objects:
        scene.add(mask, y, x)
    assert len(scene.crops) == len(objects)
    return scene


def filled(height, width):
    return np.ones((height, width), bool)


GRID = Grid((100, 300), tile=60, overlap=12)  # columns start at 0, 48, 96, ...
assert GRID[0, 1].box == (0, 48, 60, 108)

HARD = {
    "exactly the region that two tiles share": [(filled(10, 12), 20, 48)],
    "a corner of four tiles": [(filled(20, 12), 40, 48)],
    "one pixel beyond a border": [(filled(5, 13), 20, 48), (filled(5, 13), 30, 47)],
    "touching a border from inside and outside": [(filled(5, 9), 5, 51), (filled(5, 9), 15, 60)],
    "single pixels at borders": [(filled(1, 1), y, x) for y in (39, 40, 59, 60) for x in (48, 59)],
    "longer than five tiles": [(filled(3, 290), 44, 5), (filled(90, 2), 0, 297)],
    "a ring around a seam, with something in it": [
        (scenes.ring(60, 60), 20, 30),
        (filled(10, 20), 45, 50),
    ],
    "a C with its bow in one tile and its arms in another": [
        (scenes.c_shape(45, 70)[:, ::-1], 5, 10),
        (scenes.c_shape(45, 70), 52, 10),
    ],
    "neighbours that touch along a seam": [(filled(50, 54), 10, 0), (filled(50, 54), 10, 54)],
    "neighbours that touch across a seam": [(filled(20, 100), 5, 20), (filled(20, 100), 25, 20)],
    "strokes joined left and right": [(scenes.s_shape(45, 200), 10, 20)],
    "a comb": [(scenes.comb(60, 250), 20, 20)],
}


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("name", HARD)
def test_hard_cases(name, pieces):
    scene = scene_of((100, 300), *HARD[name])
    for seed in range(3):
        detect = knowing_detector(np.random.default_rng(seed), pieces)
        check(scene, tiled(detect, 60, 12)([scene])[0])


def test_objects_that_overlap_come_once_each():
    """Their masks share most of their pixels, also where tiles do."""
    truth = InstanceMasks(
        [filled(10, 80), filled(10, 90), filled(40, 6)], [(20, 10), (22, 12), (5, 50)], (60, 120)
    )

    class Place:
        """An image whose slices say where they are."""

        shape, dtype = (60, 120), np.uint8

        def __getitem__(self, window):
            return np.stack(np.mgrid[window], axis=-1)

    def detect(images):
        for image in images:
            (y, x), (h, w) = image[0, 0], image.shape[:2]
            masks = InstanceMasks(truth.crops, truth.boxes[:, :2] - [y, x], (h, w))
            masks = masks[masks.visible]
            one = np.ones(len(masks))
            yield {"rois": masks.boxes, "class_ids": one, "scores": one, "masks": masks}

    [result] = tiled(detect, 40, 10)([Place()])
    assert sorted(result["rois"].tolist()) == sorted(truth.boxes.tolist())
    assert sorted(result["masks"].areas) == sorted(truth.areas)


class Watched(Scene):
    """A scene that notes how far down it was read."""

    lowest = 0

    def __getitem__(self, window):
        self.lowest = max(self.lowest, window[0].stop)
        return super().__getitem__(window)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), tiles=tilings())
def test_parts_are_final(seed, tiles):
    rng = np.random.default_rng(seed)
    scene = Watched((80, 40), side=16)
    scene.fill(rng, 20, lambda: int(rng.integers(1, 25)))
    scene.lowest = 0
    grid = Grid(scene.shape, *tiles)
    parts = []
    for row, part in enumerate(tiled_parts(knowing_detector(rng), scene, *tiles)):
        assert scene.lowest == grid[row, 0].box[2]  # nothing of the next row was read
        ends = part["rois"][:, 2]
        assert (ends <= grid.top(row + 1)).all()
        assert not row or (ends > grid.top(row)).all()  # what was certain has been given
        assert (np.diff(part["scores"]) <= 0).all()
        parts.append(part)
    assert len(parts) == grid.rows
    assert sum(len(part["scores"]) for part in parts) == len(scene.crops)
    check(scene, tiling.joined(parts))


def test_memory_does_not_grow_with_the_image():
    peaks = []
    for height in (400, 2400):
        rng = np.random.default_rng(0)
        scene = Scene((height, 120), side=64)
        scene.fill(rng, height // 20, lambda rng=rng: int(rng.integers(3, 20)))
        parts = tiled_parts(knowing_detector(rng), scene, 64, 16)
        tracemalloc.start()
        found = sum(len(part["scores"]) for part in parts)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == len(scene.crops) == height // 20
    assert peaks[1] < 2.5 * peaks[0]  # of which some is the grid


# Detectors that are not exact


def blobs(seed=0, shape=(160, 200), count=60):
    """A scene of blobs of 8 to 20 pixels."""
    rng = np.random.default_rng(seed)
    scene = Scene(shape, side=64)
    for _ in range(20 * count):
        if len(scene.crops) == count:
            return scene
        h, w, y, x = (int(v) for v in rng.integers([8, 8, 4, 4], [21, 21, *shape]))
        if y + h > shape[0] - 4 or x + w > shape[1] - 4:
            continue
        if not scene[max(y - 3, 0) : y + h + 3, max(x - 3, 0) : x + w + 3].any():
            scene.add(scenes.ellipse(h, w), y, x)
    raise AssertionError("no room")


def clumsy_detector(rng, change):
    """A detector whose masks `change(mask, touches)` changes; `touches`: at the tile's border."""

    def detect(images):
        for image, result in zip(images, knowing_detector(rng)(images), strict=True):
            masks = result["masks"].dense()
            border = np.ones(image.shape, bool)
            border[1:-1, 1:-1] = False
            changed = [
                change(masks[..., i], bool((masks[..., i] & border).any()))
                for i in range(masks.shape[-1])
            ]
            masks = np.stack(changed, axis=-1) if changed else masks
            yield {**result, "masks": masks}

    return detect


def assert_each_once(scene, result, min_iou):
    overlaps = iou(scene.masks(), result["masks"])
    assert len(result["scores"]) == len(scene.crops)
    assert overlaps.max(axis=1).min() >= min_iou


@pytest.mark.parametrize("tile", [52, 61, (60, 90)])
def test_masks_that_differ_from_tile_to_tile(tile):
    rng = np.random.default_rng(1)

    def change(mask, touches):
        step = scipy.ndimage.binary_dilation if rng.random() < 0.5 else scipy.ndimage.binary_erosion
        return step(mask)

    scene = blobs()
    assert_each_once(scene, tiled(clumsy_detector(rng, change), tile, 25)([scene])[0], 0.55)


@pytest.mark.parametrize("tile", [52, 61, (60, 90)])
@pytest.mark.parametrize("gap", [1, 2, 3])
def test_masks_that_end_before_the_border(tile, gap):
    """What is cut looks whole, and ends some pixels early."""

    def change(mask, touches):
        if touches:
            mask = mask.copy()
            for edge in (np.s_[:gap], np.s_[-gap:], np.s_[:, :gap], np.s_[:, -gap:]):
                mask[edge] = False
        return mask

    scene = blobs()
    detect = clumsy_detector(np.random.default_rng(1), change)
    assert_each_once(scene, tiled(detect, tile, 25)([scene])[0], 0.9 if gap < 3 else 0.7)


def test_what_is_cut_is_often_missed():
    rng = np.random.default_rng(1)
    scene = blobs()
    missing = clumsy_detector(rng, lambda mask, touches: mask & (not touches or rng.random() < 0.5))
    assert_each_once(scene, tiled(missing, 60, 25)([scene])[0], 1)


def test_classes_at_a_seam():
    """The class depends on the tile; the tile with the object in its core decides."""
    scene = scene_of((60, 108), (filled(10, 8), 20, 52), (filled(10, 90), 40, 5))
    detect = knowing_detector(np.random.default_rng(0))

    def classify(images):
        for image, result in zip(images, detect(images), strict=True):
            ones = np.ones(len(result["scores"]), np.int32)
            left = image[22, 6] == 0  # the right tile has the short object here
            first = {"class_ids": ones, "scores": 0.9 * ones}
            yield {**result, **(first if left else {"class_ids": 2 * ones, "scores": 0.6 * ones})}

    [apart] = tiled(classify, 60, 12)([scene])
    assert sorted(apart["class_ids"].tolist()) == [1, 2, 2]
    assert apart["class_ids"][apart["masks"].areas.argmin()] == 2
    [across] = tiled(classify, 60, 12, across_classes=True)([scene])
    assert len(across["scores"]) == 2
    long = across["masks"].areas.argmax()
    # The first tile decides 49 of its 90 columns.
    assert across["class_ids"][long] == 1
    assert across["scores"][long] == pytest.approx((49 * 0.9 + 41 * 0.6) / 90)


# Results of other kinds


def test_boxes_without_masks():
    scene = blobs()

    def detect(images):
        for result in knowing_detector(np.random.default_rng(0))(images):
            del result["masks"]
            yield result

    [result] = tiled(detect, 60, 25)([scene])
    assert "masks" not in result
    assert sorted(result["rois"].tolist()) == sorted(scene.masks().boxes.tolist())
    # An object longer than a tile.
    scene = scene_of((60, 300), (filled(10, 280), 20, 10))
    assert tiled(detect, 60, 25)([scene])[0]["rois"].tolist() == [[20, 10, 30, 290]]


def test_fields_of_heads():
    """Keypoints in the image's pixels, and whatever else a head gives for each object."""
    scene = blobs()

    def detect(images):
        results = knowing_detector(np.random.default_rng(0))(images)
        for image, result in zip(images, results, strict=True):
            centres = result["rois"].reshape(-1, 2, 2).mean(axis=1)
            points = np.concatenate([centres, np.ones((len(centres), 1))], axis=1)[:, None]
            numbers = [image[crop_pixel(result["masks"], i)] for i in range(len(centres))]
            yield {
                **result,
                "keypoints": points.astype(np.float32),
                "numbers": np.array(numbers, np.int16),
                "truncated": "DETECTION_MAX_INSTANCES" if len(centres) > 9 else "",
            }

    [result] = tiled(detect, 60, 25)([scene])
    centres = result["rois"].reshape(-1, 2, 2).mean(axis=1)
    np.testing.assert_array_equal(result["keypoints"][:, 0, :2], centres)
    assert result["keypoints"].dtype == np.float32 and result["numbers"].dtype == np.int16
    assert sorted(result["numbers"]) == list(range(1, 61))
    assert result["truncated"] == "DETECTION_MAX_INSTANCES"
    [empty] = tiled(detect, 60, 25)([Scene((100, 100))])
    assert empty["keypoints"].shape == (0, 1, 3) and empty["numbers"].shape == (0,)
    assert empty["masks"].shape == (100, 100, 0) and empty["rois"].shape == (0, 4)
    assert empty["truncated"] == ""


def crop_pixel(masks, i):
    """A pixel of a mask."""
    y, x = np.argwhere(masks.crops[i])[0] + masks.boxes[i, :2]
    return y, x


def test_a_small_image_is_detected_as_a_whole():
    scene = blobs()
    seen = []

    def detect(images):
        seen.extend(image.shape for image in images)
        return knowing_detector(np.random.default_rng(0))(images)

    results = tiled(detect, 200, 25)([scene, scene])
    assert seen == [(160, 200)] * 2
    plain = detect([scene[:160, :200]])[0]
    order = np.argsort(-plain["scores"], kind="stable")
    for result in results:
        np.testing.assert_array_equal(result["rois"], plain["rois"][order])
        check(scene, result)


def test_16_bits_are_scaled_by_the_range_of_the_image():
    image = np.zeros((100, 100, 1), np.uint16)
    image[:, 50:] = 1000
    image[10:14, 5:9] = 600
    seen = []

    def detect(images):
        seen.extend(images)
        none = np.zeros(0)
        return [{"rois": np.zeros((0, 4)), "class_ids": none, "scores": none} for _ in images]

    config = Config.from_dict({"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": [0.0]})
    tiled(detect, 40, 8, config=config)([image])
    assert {each.dtype for each in seen} == {np.dtype(np.uint8)}
    assert seen[0].max() == 153 and seen[-1].min() == 255
    seen.clear()
    tiled(detect, 40, 8)([image])
    assert seen[0].dtype == np.uint16 and seen[0].max() == 600


def test_objects_that_are_larger_than_tiles_are_counted(caplog):
    scene = scene_of(
        (100, 300), (filled(5, 200), 44, 30), *[(filled(5, 5), 10, x) for x in range(5, 290, 20)]
    )
    detect = knowing_detector(np.random.default_rng(0))
    with caplog.at_level(logging.WARNING):
        tiled(detect, 60, 12)([scene])
    (record,) = caplog.records
    assert record.message.startswith("6% of 16 objects touch two opposite borders of a tile: tiles")
    assert "60x60 pixels" in record.message
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        tiled(detect, (60, 250), 12)([scene])
    assert not caplog.records


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tiled(None, 64, 32), "overlap is 32: .*less than half"),
        (lambda: tiled(None, batch_size=0), "batch_size is 0: it must be a whole number of at"),
        (lambda: tiled(None, min_iou=2), r"min_iou is 2: it must lie in \[0, 1\]"),
        (
            lambda: tiled_parts(None, np.zeros((4, 4, 3, 1))),
            r"shape \(4, 4, 3, 1\): it must be one",
        ),
        (lambda: tiled(None)(np.zeros((4, 4, 3))), r"\[image\] for a single one"),
        (lambda: tiled_parts(None, np.zeros((0, 4))), "with at least one pixel"),
        (lambda: tiled_parts(None, np.zeros((4, 4)), 2), "tile is 2"),
        (lambda: tiled(lambda images: [])([np.zeros((4, 4))]), "gave 0 results for 1 tiles"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_detect_uses_the_settings_of_the_model(monkeypatch):
    calls = {}

    def fake(*arguments):
        calls["made"] = arguments[1:]
        return lambda images: images

    monkeypatch.setattr(tiling, "tiled", fake)

    class Model:
        config = TinyConfig()

    assert tiling.detect(Model, ["image"], 500, 50) == ["image"]
    assert calls["made"] == (500, 50, 2, Model.config, False)


# With a network


@pytest.mark.network
def test_a_network_finds_the_same_in_tiles():
    """A network of random weights, on an image that a tile covers and one that repeats it."""
    config = TinyConfig()
    config.IMAGES_PER_GPU = config.BATCH_SIZE = 1
    keras.utils.set_random_seed(0)
    model = MaskRCNN("inference", config, "logs")
    spread(model.keras_model)
    [(image, _, _)] = shapes(1)
    [plain] = detect_crops(model, [image])
    [result] = tiling.detect(model, [image], tile=64, overlap=16)
    seen = plain["masks"].visible
    for name in ("rois", "class_ids", "scores"):
        np.testing.assert_array_equal(result[name], plain[name][seen])
    np.testing.assert_array_equal(result["masks"].dense(), plain["masks"][seen].dense())
    large = np.tile(image, (3, 2, 1))
    [result] = tiling.detect(model, [large], tile=64, overlap=16)
    assert result["masks"].shape[:2] == (192, 128)
    assert len(result["scores"]) > config.DETECTION_MAX_INSTANCES


@pytest.mark.network
def test_a_mosaic_of_nuclei_is_found_as_well_as_its_images():
    """Two held-back images, with a margin that keeps the nuclei that they cut apart."""
    nucleus = load_sample("nucleus")
    data = Path(nucleus.__file__).parent / "data"
    dataset = nucleus.load_dataset(data, "val")
    chosen = [
        image_id
        for image_id in dataset.image_ids
        if dataset.image_reference(image_id).startswith(("60cb7187", "f73e3795"))
    ]
    images = [dataset.load_image(image_id) for image_id in chosen]
    masks = [dataset.load_instances(image_id)[0] for image_id in chosen]
    margin, side = 24, 256
    mosaic = np.empty((side + 2 * margin, 2 * (side + margin) + margin, 3), np.uint8)
    mosaic[:] = np.median(np.concatenate(images), axis=(0, 1))
    crops, corners = [], []
    for image, of_image, left in zip(images, masks, (margin, side + 2 * margin), strict=True):
        mosaic[margin : margin + side, left : left + side] = image
        crops += of_image.crops
        corners += (of_image.boxes[:, :2] + [[margin, left]]).tolist()
    model = nucleus.make_model("inference")
    apart = list(zip(masks, detect_crops(model, images), strict=True))
    truth = InstanceMasks(crops, corners, mosaic.shape)
    together = [(truth, tiling.detect(model, [mosaic], tile=200, overlap=64)[0])]
    assert len(truth) == 64
    # A nucleus is 0.008, and machines differ by one or two.
    assert f1(together) >= f1(apart) - 0.02


def f1(pairs):
    """F1 at an IoU of 0.5, of (true masks, result) for each image."""
    scores = ObjectScores([1], [0.5])
    for truth, result in pairs:
        scores.add(Comparison(truth, np.ones(len(truth), np.int32), result))
    return scores.compute()["f1"][0]


def large_scene():
    """20,000 x 20,000 pixels and 6,000 objects, some much larger than a tile."""
    rng = np.random.default_rng(0)
    scene = Scene((20_000, 20_000))
    for y in range(3):
        scene.add(scenes.bar(300, 4500), 3000 + 6000 * y, 5000 * y)
        scene.add(scenes.ring(2000, 1500), 500 + 6000 * y, 12_000 - 5000 * y)
        scene.add(scenes.c_shape(1200, 2000), 9000, 1000 + 6000 * y)
        scene.add(scenes.stairs(3000, 1), 14_000, 6000 * y)
    scene.fill(rng, 6000, lambda: int(rng.integers(1, 200)), outside=100)
    assert len(scene.crops) == 6000
    return scene


def detect_in_large_scene():
    """Run in a process of its own: print seconds and megabytes."""

    def megabytes():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before = megabytes()
    scene = large_scene()  # which is small itself
    start = time.perf_counter()
    detect = knowing_detector(np.random.default_rng(1))
    [result] = tiled(detect, 1024, 128)([scene])
    seconds = time.perf_counter() - start
    check(scene, result)
    print(f"{seconds:.1f} s, {megabytes() - before:.0f} MB")


@pytest.mark.network
def test_6000_objects_on_400_megapixels():
    code = "from inference import test_tiling; test_tiling.detect_in_large_scene()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TESTS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    megabytes = float(done.stdout.split()[-2])
    assert megabytes < 1500

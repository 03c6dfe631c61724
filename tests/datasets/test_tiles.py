"""Tiles of images: what is cut together, how they are read, and how they are split."""

import pickle

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn.config import Config
from mrcnn.datasets import Dataset, large_files, split
from mrcnn.datasets.reading import read_instances, read_sample
from mrcnn.datasets.tiles import Tiles
from mrcnn.instances import InstanceBoxes, InstanceKeypoints, InstanceMasks, KeypointLayout
from mrcnn.loading.source import SampleSource


class Scenes(Dataset):
    """Images of noise, given masks [H, W, N] and class ids for each."""

    def __init__(self, scenes):
        super().__init__()
        rng = np.random.default_rng(0)
        self.images = [
            rng.integers(0, 256, (*masks.shape[:2], 3), dtype=np.uint8) for masks, _ in scenes
        ]
        self.scenes, self.reads = scenes, []
        self.add_class("scenes", 1, "cell")
        self.add_class("scenes", 2, "vessel")
        for number in range(len(scenes)):
            self.add_image("scenes", f"s{number}", None, slide=number // 2)
        self.prepare()

    def load_image(self, image_id):
        self.reads.append(("image", image_id))
        return self.images[image_id]

    def load_mask(self, image_id):
        self.reads.append(("masks", image_id))
        return self.scenes[image_id]


def scene(size, boxes, class_ids=None):
    """Filled boxes as masks, and class ids."""
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks, np.array(class_ids or [1] * len(boxes), np.int32)


@st.composite
def scenes(draw):
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    count = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    masks = np.zeros((height, width, count), bool)
    for i in range(count):
        y1, x1 = rng.integers(0, height), rng.integers(0, width)
        y2, x2 = rng.integers(y1, height + 1), rng.integers(x1, width + 1)
        masks[y1:y2, x1:x2, i] = rng.random((y2 - y1, x2 - x1)) < 0.7
    return masks, rng.choice([1, 2, -1, -2], count).astype(np.int32)


@settings(max_examples=60)
@given(
    scenes(), st.integers(1, 30), st.integers(1, 30), st.sampled_from([0, 0.3, 0.5, 1]), st.data()
)
def test_tiles_put_together_are_the_image_and_its_instances(made, height, width, keep, data):
    masks, class_ids = made
    dataset = Scenes([made])
    overlap = data.draw(st.integers(0, min(height, width) - 1))
    tiles = dataset.tiles((height, width), overlap, keep)
    seen = np.zeros(masks.shape[:2], int)
    found = np.zeros_like(masks)
    for i in tiles.image_ids:
        info = tiles.image_info[i]
        y1, x1, y2, x2 = info["tile"]
        shape = min(height, masks.shape[0]), min(width, masks.shape[1])
        assert (y2 - y1, x2 - x1) == shape == (info["height"], info["width"])
        assert min(y1, x1) >= 0 and y2 <= masks.shape[0] and x2 <= masks.shape[1]
        np.testing.assert_array_equal(tiles.load_image(i), dataset.images[0][y1:y2, x1:x2])
        seen[y1:y2, x1:x2] += 1
        # What the slices of the dense masks hold, without the instances that are not seen.
        cut = masks[y1:y2, x1:x2]
        inside = cut.sum((0, 1))
        visible = np.flatnonzero(inside)
        own, own_ids = tiles.load_mask(i)
        if len(visible):
            np.testing.assert_array_equal(own, cut[..., visible])
        assert len(own_ids) == len(visible)
        for k, class_id in zip(visible, own_ids, strict=True):
            share = inside[k] / masks[..., k].sum()
            kept = class_ids[k] > 0 and share >= keep
            assert class_id == (class_ids[k] if kept else -abs(class_ids[k]))
            found[y1:y2, x1:x2, k] |= cut[..., k]
        instances = read_instances(tiles, i, own.shape if len(own_ids) else shape)
        assert instances.visible.all()
        np.testing.assert_array_equal(instances.class_ids, own_ids)
    assert seen.min() >= 1
    np.testing.assert_array_equal(found, masks)
    # The image and the masks were read once for all tiles.
    assert len(dataset.reads) == 2


def test_areas_add_up_where_tiles_do_not_overlap():
    made = scene((60, 90), [(5, 5, 50, 80), (20, 20, 31, 31)])
    tiles = Scenes([made]).tiles(30)
    areas = np.zeros(2)
    for i in tiles.image_ids:
        cut = tiles._cut("instances", i)
        areas[cut.indices] += cut.shapes.areas
    assert areas.tolist() == made[0].sum((0, 1)).tolist()


def test_names_places_and_what_stays_of_the_entry():
    dataset = Scenes([scene((50, 100), [(0, 0, 5, 5)])] * 3)
    tiles = dataset.tiles(50)
    assert isinstance(tiles, Tiles) and tiles.num_images == 6
    assert tiles.image_info[1] == {
        "id": "s0 [0:50, 50:100]",
        "source": "scenes",
        "path": None,
        "slide": 0,
        "height": 50,
        "width": 50,
        "tile_of": 0,
        "tile": (0, 50, 50, 100),
    }
    assert tiles.image_reference(1) == "s0 [0:50, 50:100]"
    assert tiles.class_names == ["BG", "cell", "vessel"]
    assert tiles.source_class_ids == {"": [0], "scenes": [0, 1, 2]}
    assert tiles.map_source_class_id("scenes.2") == 2
    assert not tiles.reads_files and tiles.source_image_link(1) is None
    assert dataset.num_images == 3 and "tile" not in dataset.image_info[0]
    part = dataset.subset([2]).tiles(50)
    assert [info["tile_of"] for info in part.image_info] == [2, 2]


def test_an_object_that_fits_the_overlap_is_whole_in_a_tile():
    rng = np.random.default_rng(1)
    corners = [(int(y), int(x)) for y, x in rng.integers(0, 180, (40, 2))]
    made = scene((200, 200), [(y, x, y + 20, x + 20) for y, x in corners])
    tiles = Scenes([made]).tiles(70, overlap=20, keep=1)
    learnt = {
        k
        for i in tiles.image_ids
        for k in [tiles._cut("instances", i)]
        for k in k.indices[k.class_ids > 0].tolist()
    }
    assert learnt == set(range(40))


# Boxes, keypoints and other fields


class Figures(Dataset):
    """Boxes without masks, their keypoints, and a field of the subclass's own."""

    keypoint_layout = KeypointLayout(["left", "right"], flip_pairs=[(0, 1)])

    def __init__(self):
        super().__init__()
        self.add_class("figures", 1, "figure")
        self.add_image("figures", 7, path="figure.png")
        self.prepare()

    def load_image(self, image_id):
        return np.zeros((40, 100, 3), np.uint8)

    def load_boxes(self, image_id):
        boxes = [[0.25, 30.5, 20, 60.5], [5, 5, 15, 15], [20, 45, 30, 95]]
        return InstanceBoxes(boxes, (40, 100)), np.array([1, 1, -1])

    def load_keypoints(self, image_id):
        points = [[[5, 35, 2], [6, 58, 2]], [[9, 9, 1], [0, 0, 0]], [[25, 49.5, 2], [25, 90, 1]]]
        return InstanceKeypoints(points, (40, 100))

    def load_heights(self, image_id):
        return self.load_boxes(image_id)[0]


def test_boxes_are_cut_and_their_areas_decide():
    tiles = Figures().tiles((40, 50))
    assert not tiles.has("masks", 0) and tiles.has("boxes", 0)
    boxes, class_ids = tiles.load_boxes(0)
    np.testing.assert_allclose(
        boxes.boxes, [[0.25, 30.5, 20, 50], [5, 5, 15, 15], [20, 45, 30, 50]]
    )
    assert boxes.shape == (40, 50, 3)
    assert class_ids.tolist() == [1, 1, -1]
    boxes, class_ids = tiles.load_boxes(1)
    np.testing.assert_allclose(boxes.boxes, [[0.25, 0, 20, 10.5], [20, 0, 30, 45]])
    assert class_ids.tolist() == [-1, -1]
    for i in range(2):  # rounding does not make a crowd of a box that is all there
        assert (
            Figures().tiles((40, 50), keep=1).load_boxes(i)[1].tolist()
            == [
                [-1, 1, -1],
                [-1, -1],
            ][i]
        )


def test_keypoints_outside_a_tile_are_not_labelled():
    tiles = Figures().tiles((40, 50))
    assert tiles.keypoint_layout is Figures.keypoint_layout
    assert tiles.has("keypoints", 0) and not tiles.has("depths", 0)
    left, right = (
        read_instances(tiles, i, (40, 50), ("boxes", "keypoints")).fields["keypoints"]
        for i in range(2)
    )
    assert left.points.tolist() == [
        [[5, 35, 2], [0, 0, 0]],
        [[9, 9, 1], [0, 0, 0]],
        [[25, 49.5, 2], [0, 0, 0]],
    ]
    assert right.points.tolist() == [[[0, 0, 0], [6, 8, 2]], [[0, 0, 0], [25, 40, 1]]]
    assert right.flip_pairs == ((0, 1),)
    assert tiles.check().ok


def test_keypoints_far_from_what_is_seen_of_an_instance_are_not_labelled():
    class Far(Figures):
        def load_boxes(self, image_id):
            return InstanceBoxes([[0, 0, 10, 52]], (40, 100)), np.array([1])

        def load_keypoints(self, image_id):
            return InstanceKeypoints([[[5, 20, 2], [39, 95, 2]]], (40, 100))

    tiles = Far().tiles((40, 50))
    points = read_instances(tiles, 1, (40, 50), ("boxes", "keypoints")).fields["keypoints"].points
    assert points.tolist() == [[[0, 0, 0], [0, 0, 0]]]


def test_a_field_of_a_subclass_and_one_that_is_missing():
    tiles = Figures().tiles((40, 50))
    assert tiles.has("heights", 1)
    assert len(tiles.load_heights(1)) == 2 and tiles.load_heights(1).shape[:2] == (40, 50)
    with pytest.raises(AttributeError, match="'Tiles' object has no attribute 'load_depths'"):
        tiles.load_depths(0)
    assert not hasattr(Scenes([scene((9, 9), [(0, 0, 3, 3)])]).tiles(5), "load_keypoints")


# Training, checks and splits


class TwoConfig(Config):
    NAME = "two"
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    MEAN_PIXEL = np.zeros(3)


@pytest.mark.network  # the heads' inputs are declared beside their layers
def test_training_draws_tiles_in_random_order_with_their_labels():
    dataset = Scenes([scene((128, 192), [(60, 60, 70, 70), (3, 3, 20, 30)], [2, 1])])
    source = SampleSource(dataset.tiles(64), TwoConfig(), seed=3)
    samples = [source.sample(number) for number in range(12)]
    ids = [int(sample["image_meta"][0]) for sample in samples]
    assert sorted(ids[:6]) == sorted(ids[6:]) == list(range(6)) and ids[:6] != ids[6:]
    at_origin = samples[ids.index(0)]
    np.testing.assert_array_equal(at_origin["image"], dataset.images[0][:64, :64])
    assert at_origin["gt_class_ids"][:3].tolist() == [-2, 1, 0]
    assert at_origin["gt_boxes"][1].tolist() == [3, 3, 20, 30]


def test_a_pickled_copy_reads_the_same():
    tiles = Scenes([scene((40, 40), [(5, 5, 30, 30)])]).tiles(20)
    tiles.load_image(0)
    copy = pickle.loads(pickle.dumps(tiles))
    for i in range(4):
        np.testing.assert_array_equal(copy.load_image(i), tiles.load_image(i))
        np.testing.assert_array_equal(copy.load_mask(i)[0], tiles.load_mask(i)[0])


def test_check_counts_crowds_at_borders_and_finds_masks_of_another_size():
    made = scene((40, 80), [(5, 30, 15, 45), (20, 5, 30, 15)])
    report = Scenes([made]).tiles(40).check()
    assert report.ok and report.crowds == 1
    assert report.class_instances == {"cell": 2, "vessel": 0}
    wrong = Scenes([made])
    wrong.scenes = [scene((40, 79), [(5, 30, 15, 45)])]
    tiles = wrong.tiles(40)
    text = r"image 0 \(None\): its instances are 40x79 pixels, but the image is 40x80"
    with pytest.raises(ValueError, match=text):
        tiles.load_instances(0)
    assert tiles.check().bad_image_ids == [0, 1]


def test_all_crowds_say_why():
    tiles = Scenes([scene((40, 80), [(0, 0, 40, 80)])]).tiles(40, keep=0.75)
    assert "of which less than 75% lies in the tile counts as a crowd" in str(tiles.check())


@pytest.mark.parametrize("function", [split, lambda tiles, *given: tiles.split(*given)])
def test_a_split_keeps_the_tiles_of_an_image_together(function):
    dataset = Scenes([scene((40, 60 + i), [(0, 0, 5, 5)]) for i in range(10)])
    tiles = dataset.tiles(20)
    for seed in range(3):
        parts = function(tiles, 0.3, seed)
        images = [{part.image_info[i]["tile_of"] for i in part.image_ids} for part in parts]
        assert not images[0] & images[1]
        assert [sorted(ids) for ids in images] == [
            part.image_ids.tolist() for part in dataset.split(0.3, seed)
        ]
        assert sum(part.num_images for part in parts) == tiles.num_images
    left = tiles.without([0, 1, 2, 3, 4, 5, 6, 7])  # of the first image
    assert 0 not in {left.image_info[i]["tile_of"] for part in left.split() for i in part.image_ids}
    by_slide = tiles.split_by_group("slide", 0.4)
    slides = [{part.image_info[i]["slide"] for i in part.image_ids} for part in by_slide]
    assert not slides[0] & slides[1]
    with pytest.raises(ValueError, match="all tiles are of one image"):
        dataset.subset([4]).tiles(20).split()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"size": 0}, "size is 0: it must be a whole number of pixels, or"),
        ({"size": (64, 64, 3)}, r"size is \(64, 64, 3\): it must"),
        ({"size": 64.5}, "size is 64.5: it must"),
        (
            {"size": 64, "overlap": 64},
            "overlap is 64: it must be .* less than the tile's side of 64",
        ),
        ({"size": (64, 32), "overlap": -1}, "overlap is -1: it must"),
        ({"size": 64, "keep": 1.5}, r"keep is 1.5: it must lie in \[0, 1\]"),
    ],
)
def test_impossible_tiles(arguments, text):
    with pytest.raises(ValueError, match=text):
        Scenes([scene((9, 9), [(0, 0, 3, 3)])]).tiles(**arguments)


def test_a_dataset_that_is_not_prepared():
    with pytest.raises(RuntimeError, match="is not prepared"):
        Dataset().tiles(64)


# Files


class Files(Dataset):
    """The files at given paths, each with one instance."""

    def __init__(self, *paths):
        super().__init__()
        self.add_class("files", 1, "cell")
        for path in paths:
            self.add_image("files", path.name, path)
        self.prepare()

    def load_instances(self, image_id):
        return InstanceMasks([np.ones((6, 6))], [(3, 3)], (30, 50)), np.array([1], np.int32)


def noise(channels=(3,), dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (30, 50, *channels), dtype)


def test_tiles_of_files_are_parts_of_what_the_dataset_reads(tmp_path, monkeypatch):
    Image.fromarray(noise()).save(tmp_path / "colour.png")
    Image.fromarray(noise(())).save(tmp_path / "gray.png")
    np.save(tmp_path / "five.npy", noise((5,), np.uint16))
    tifffile.imwrite(tmp_path / "gray.tif", noise((), np.uint16))
    tifffile.imwrite(tmp_path / "tiled.tif", noise(), tile=(16, 16), compression="zlib")
    with_nodata = noise((), np.int16)
    with_nodata[2:5, 7:30] = -9999
    tifffile.imwrite(
        tmp_path / "nodata.tif", with_nodata, extratags=[(42113, "s", 6, "-9999", True)]
    )
    dataset = Files(*sorted(tmp_path.iterdir()))
    whole = [dataset.load_image(i) for i in range(6)]
    opened = []
    monkeypatch.setattr(
        large_files,
        "open_source",
        lambda path, *given, real=large_files.open_source: (
            opened.append(path) or real(path, *given)
        ),
    )
    for large in (2**26, 1):
        monkeypatch.setattr(large_files, "LARGE", large)
        tiles = dataset.tiles(20, overlap=4)
        for i, info in enumerate(tiles.image_info):
            y1, x1, y2, x2 = info["tile"]
            image, expected = tiles.load_image(i), whole[info["tile_of"]][y1:y2, x1:x2]
            assert image.dtype == expected.dtype
            np.testing.assert_array_equal(image, np.ma.getdata(expected))
            np.testing.assert_array_equal(np.ma.getmaskarray(image), np.ma.getmaskarray(expected))
        assert {path.name for path in opened} == (
            set() if large > 1 else {"five.npy", "gray.tif", "tiled.tif", "nodata.tif"}
        )
    tile = next(i for i, info in enumerate(tiles.image_info) if "gray.png" in info["path"])
    assert tiles.image_info[tile]["path"] == f"{tmp_path / 'gray.png'} [0:20, 0:20]"
    assert tiles.image_reference(tile) == "gray.png [0:20, 0:20]"
    assert tiles.source_image_link(tile) == tmp_path / "gray.png"
    image, instances = read_sample(tiles, TwoConfig(), tile)
    assert image.shape == (20, 20, 3) and instances.boxes.tolist() == [[3, 3, 9, 9]]


def test_a_file_is_decoded_once_for_several_tiles(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        Image.fromarray(noise()).save(tmp_path / name)
    dataset, read = Files(tmp_path / "a.png", tmp_path / "b.png"), []
    monkeypatch.setattr(
        Dataset,
        "load_image",
        lambda self, i, real=Dataset.load_image: read.append(i) or real(self, i),
    )
    tiles = dataset.tiles(10)
    assert read == []  # sizes come from the headers
    for i in np.random.default_rng(0).permutation(tiles.image_ids):
        tiles.load_image(i)
    assert sorted(read) == [0, 1]
    monkeypatch.setattr(Tiles, "CACHE_BYTES", 30 * 50 * 3)  # one image
    tiles = dataset.tiles(10)
    for i in tiles.image_ids:
        tiles.load_image(i)
    assert sorted(read) == [0, 0, 1, 1]


def test_a_folder_of_zarr_is_an_image(tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.open(
        str(tmp_path / "a.zarr"), mode="w", shape=(30, 50, 3), chunks=(8, 8, 3), dtype="u1"
    )
    stored[:] = noise()
    tiles = Files(tmp_path / "a.zarr").tiles(20)
    assert tiles.num_images == 6
    y1, x1, y2, x2 = tiles.image_info[4]["tile"]
    np.testing.assert_array_equal(tiles.load_image(4), noise()[y1:y2, x1:x2])

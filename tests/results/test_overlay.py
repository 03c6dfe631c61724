import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from skimage.draw import disk

from mrcnn.images import open_regions
from mrcnn.instances import InstanceBoxes, InstanceMasks
from mrcnn.results import ImageFacts, Objects, overlay
from mrcnn.results.found import colour_of
from mrcnn.visualize.drawing import random_colors
from mrcnn.visualize.pictures import as_rgb

SHAPE = (120, 160)
GRAY = np.full(SHAPE, 200, np.uint8)


def facts(pixels=GRAY, class_names=("BG", "cell")):
    return ImageFacts("a.tif", pixels.shape[:2], class_names, pixels=pixels)


def objects_of(masks, class_ids=None, first=1):
    count = len(masks)
    class_ids = np.ones(count) if class_ids is None else class_ids
    return Objects(np.arange(first, first + count), class_ids, [0.9] * count, masks.boxes, masks)


def disks(places, radius, shape=SHAPE):
    crop = np.zeros((2 * radius + 1,) * 2, bool)
    crop[disk((radius, radius), radius + 0.5)] = True
    return InstanceMasks([crop] * len(places), np.array(places) - radius, shape)


def drawn(tmp_path, image, parts):
    overlay.write(tmp_path / "a.png", image, parts)
    with Image.open(tmp_path / "a.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.array(picture)


def changed(picture, pixels):
    return (picture != as_rgb(pixels)).any(axis=2)


def test_an_image_without_objects_is_shown_as_figures_show_it(tmp_path):
    pixels = np.random.default_rng(0).integers(300, 4000, (50, 70, 2), dtype=np.uint16)
    for parts in ([], [objects_of(disks([(9, 9)], 4)[:0])]):
        assert_array_equal(drawn(tmp_path, facts(pixels), parts), as_rgb(pixels))


def test_what_is_shown_may_be_a_channel_of_the_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(300, 4000, (50, 70, 2), dtype=np.uint16)
    image = ImageFacts("a.tif", (50, 70), ["BG"], pixels=pixels, shown=pixels[..., 1])
    assert_array_equal(drawn(tmp_path, image, []), as_rgb(pixels[..., 1]))


def test_outlines_are_the_outermost_pixels_of_masks(tmp_path):
    masks = disks([(60, 80)], 30)
    picture = drawn(tmp_path, facts(), [objects_of(masks)])
    mask = masks.dense()[..., 0]
    distance = np.hypot(*(np.indices(SHAPE) - np.array([60, 80])[:, None, None]))
    new = changed(picture, GRAY)
    assert not new[~mask].any()
    assert new[mask & (distance > 29.6)].all()
    assert not new[(distance > 20) & (distance < 27)].any()  # the number is in the middle
    assert new[distance < 12].any()
    outline = picture[mask & (distance > 29.6)]
    assert (outline == outline[0]).all() and np.ptp(outline[0].astype(int)) > 100


def test_neighbours_have_different_colours_and_classes_the_same(tmp_path):
    places = [(30, 30), (30, 90), (90, 30), (90, 90)]
    masks = disks(places, 20)
    tops = [(y - 20, x) for y, x in places]
    picture = drawn(tmp_path, facts(), [objects_of(masks)])
    assert len({tuple(picture[top]) for top in tops}) == 4
    image = facts(class_names=["BG", "a", "b"])
    picture = drawn(tmp_path, image, [objects_of(masks, [1, 2, 1, 9])])
    colours = [list(colour_of(class_id)) for class_id in (1, 2, 1, 9)]
    assert [picture[top].tolist() for top in tops] == colours


def test_of_many_objects_the_numbers_give_the_colours(tmp_path, monkeypatch):
    masks, palette = disks([(30, 30), (30, 90)], 20), np.rint(255 * np.array(random_colors(12)))
    monkeypatch.setattr(overlay, "_COMPARED", 1)
    picture = drawn(tmp_path, facts(), [objects_of(masks, first=15)])
    assert_array_equal(picture[10, [30, 90]], palette[[3, 4]])


def test_outlines_of_large_objects_are_thicker(tmp_path):
    masks = disks([(150, 150)], 120, (300, 300))
    pixels = np.full((300, 300), 200, np.uint8)
    new = changed(drawn(tmp_path, facts(pixels), [objects_of(masks)]), pixels)
    assert new[30:45, 150].sum() == 4


def test_numbers_stand_beside_small_objects_and_inside_the_picture(tmp_path):
    corners = [(1, 1), (1, 158), (118, 1), (118, 158), (60, 80)]
    masks = disks(corners, 1)
    new = changed(drawn(tmp_path, facts(), [objects_of(masks, first=100)]), GRAY)
    mask = masks.dense().any(axis=2)
    for y, x in corners:
        near = np.zeros(SHAPE, bool)
        near[max(y - 15, 0) : y + 15, max(x - 30, 0) : x + 30] = True
        assert (new & near & ~mask).sum() > 60, (y, x)
        assert not new[y, x] or mask[y, x]
    # The middle of an object of 3 x 3 pixels is neither outlined nor written over.
    assert not new[[1, 1, 118, 118, 60], [1, 158, 1, 158, 80]].any()


def test_numbers_keep_out_of_each_others_way(tmp_path):
    """Of two small objects side by side, the right one's number leaves the left one free."""
    masks = disks([(60, 60), (60, 66)], 2)
    picture = drawn(tmp_path, facts(), [objects_of(masks)])
    new = changed(picture, GRAY)
    assert not new[59:62, 59:62].any() and not new[59:62, 65:68].any()


def test_numbers_are_not_written_over_each_other(tmp_path):
    masks = disks([(60, 60), (60, 60), (60, 60)], 1)
    new = changed(drawn(tmp_path, facts(), [objects_of(masks)]), GRAY)
    assert new[54:67, 62:72].any() and new[45:59, 55:66].any() and new[54:67, 49:59].any()


def test_boxes_alone(tmp_path):
    objects = Objects([1], [1], [0.9], [[20, 30, 80, 130]])
    new = changed(drawn(tmp_path, facts(), [objects]), GRAY)
    assert new[20, 30:130].all() and new[79, 30:130].all() and new[20:80, [30, 129]].all()
    assert not new[:20].any() and not new[80:].any() and not new[25:75, 34:60].any()


def test_single_pixels_and_objects_without_pixels(tmp_path):
    masks = InstanceMasks([np.ones((1, 1)), np.zeros((3, 3))], [(50, 60), (9, 9)], SHAPE)
    new = changed(drawn(tmp_path, facts(), [objects_of(masks)]), GRAY)
    assert new[50, 60] and not new[:30].any()


def test_a_huge_image_becomes_a_preview(tmp_path, monkeypatch):
    class Pixels:
        shape, dtype = (1200, 900), np.dtype(np.uint8)

        def __getitem__(self, place):
            assert place == (slice(None, None, 3), slice(None, None, 3))
            return np.full((400, 300), 200, np.uint8)

    monkeypatch.setattr(overlay, "_LARGEST", 1_000_000)
    monkeypatch.setattr(overlay, "_PREVIEW_SIDE", 400)
    masks = disks([(300, 300)], 90, Pixels.shape).joined(disks([(900, 300)], 12, Pixels.shape))
    picture = drawn(tmp_path, facts(Pixels()), [objects_of(masks)])
    assert picture.shape == (400, 300, 3)
    new = changed(picture, np.full((400, 300), 200, np.uint8))
    assert new[70, 100] and new[100 - 8 : 108, 92:108].any()
    small = new[300 - 20 : 320, 100 - 20 : 120]
    assert 0 < small.sum() < 40  # its outline, and no number


def test_the_preview_of_an_image_on_disk_aligns_with_its_objects(tmp_path, monkeypatch):
    pixels = np.zeros((1201, 905), np.uint8)
    masks = disks([(300, 300), (1100, 800)], 80, pixels.shape)
    pixels[masks.dense().any(axis=2)] = 200
    np.save(tmp_path / "a.npy", pixels)
    monkeypatch.setattr(overlay, "_LARGEST", 1_000_000)
    monkeypatch.setattr(overlay, "_PREVIEW_SIDE", 400)
    with open_regions(tmp_path / "a.npy") as regions:
        on_disk = drawn(tmp_path, facts(regions), [objects_of(masks)])
    assert on_disk.shape == (301, 227, 3)  # every fourth pixel
    assert_array_equal(on_disk, drawn(tmp_path, facts(pixels), [objects_of(masks)]))


def test_the_pixels_must_be_known(tmp_path):
    image = ImageFacts("a.tif", SHAPE, ["BG", "cell"])
    with pytest.raises(ValueError, match=r"^a\.tif has no pixels"):
        overlay.write(tmp_path / "a.png", image, [])
    assert not list(tmp_path.iterdir())


def test_box_and_mask_of_a_box_look_the_same(tmp_path):
    boxes = InstanceBoxes([[20, 30, 80, 130]], SHAPE)
    with_mask = drawn(tmp_path, facts(), [objects_of(boxes.filled())])
    assert_array_equal(with_mask, drawn(tmp_path, facts(), [Objects([1], [1], [0.9], boxes.boxes)]))

import numpy as np
import pytest
from shared_data import foreign_values

from mrcnn import ops
from mrcnn.geometry import boxes as numpy_boxes


@pytest.fixture
def normalised(units):
    """matterport's Mask_RCNN ran its graph functions on normalised boxes of a 200 x 300 image."""
    return [numpy_boxes.norm_boxes(units[name], (200, 300)) for name in ("b1", "b2")]


def test_apply_box_deltas(units, normalised):
    ours = ops.apply_box_deltas_graph(normalised[0], units["deltas"])
    np.testing.assert_allclose(ours, units["g.apply_box_deltas"], atol=1e-6)


def test_clip_boxes_to_a_window():
    boxes = np.array([[-1, 2, 3, 9], [4, 4, 6, 6], [8, 8, 9, 9]], "float32")
    ours = ops.clip_boxes_graph(boxes, np.array([0, 1, 5, 7], "float32"))
    np.testing.assert_array_equal(ours, [[0, 2, 3, 7], [4, 4, 5, 6], [5, 7, 5, 7]])


def test_overlaps(units, normalised):
    ours = ops.overlaps_graph(*normalised)
    np.testing.assert_allclose(ours, units["g.overlaps"], atol=1e-6)


def test_overlaps_of_batches_are_those_of_their_images():
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.random((3, 7, 2, 2)), axis=2).reshape(3, 7, 4).astype("float32")
    ours = np.asarray(ops.overlaps_graph(boxes, boxes[:, :5]))
    assert ours.shape == (3, 7, 5)
    for image in range(3):
        expected = numpy_boxes.compute_overlaps(boxes[image], boxes[image, :5])
        np.testing.assert_allclose(ours[image], expected, rtol=1e-5, atol=1e-6)


def test_overlaps_of_boxes_in_whole_pixels(units):
    ours = ops.overlaps_graph(units["b1"], units["b2"])
    np.testing.assert_allclose(ours, units["compute_overlaps"], rtol=1e-5, atol=1e-6)


def test_overlap_of_boxes_without_area_is_zero():
    empty = np.zeros((1, 4), "float32")
    np.testing.assert_array_equal(ops.overlaps_graph(empty, empty), [[0]])


def test_box_refinement(units, normalised):
    first, second = normalised
    ours = ops.box_refinement_graph(first[:12], second)
    np.testing.assert_allclose(ours, units["g.box_refinement"], rtol=1e-5, atol=1e-6)


def test_norm_and_denorm(units):
    np.testing.assert_allclose(
        ops.norm_boxes_graph(units["b1"], (200, 300)), units["g.norm_boxes"], rtol=1e-6
    )
    ours = ops.denorm_boxes_graph(units["g.norm_boxes"], (200, 300))
    np.testing.assert_array_equal(ours, units["g.denorm_boxes"])
    assert ours.dtype.name == "int32"


def test_norm_with_a_size_for_each_image():
    boxes = np.array([[[0, 0, 10, 20]], [[0, 0, 10, 20]]])
    sizes = np.array([[[10, 20]], [[19, 39]]])
    ours = np.asarray(ops.norm_boxes_graph(boxes, sizes))
    np.testing.assert_allclose(ours[:, 0], [[0, 0, 1, 1], [0, 0, 0.5, 0.5]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_gather_rows(shape):
    rows = np.arange(np.prod(shape)).reshape(shape).astype("float32")
    indices = np.array([[2, 0], [1, 1]])
    ours = np.asarray(ops.gather_rows(rows, indices))
    np.testing.assert_array_equal(ours, np.stack([rows[0][[2, 0]], rows[1][[1, 1]]]))


def test_take_flagged_in_order():
    flags = np.array([[False, True, False, True, True], [False, False, True, False, False]])
    indices, taken = ops.take_flagged(flags, 2)
    np.testing.assert_array_equal(taken, [2, 1])
    np.testing.assert_array_equal(np.asarray(indices)[0], [1, 3])
    assert int(np.asarray(indices)[1, 0]) == 2


def test_take_flagged_by_key():
    flags = np.array([[True, True, False, True]])
    keys = np.array([[0.2, 0.9, 1.0, 0.5]], "float32")
    indices, taken = ops.take_flagged(flags, 2, keys)
    np.testing.assert_array_equal(indices, [[1, 3]])
    np.testing.assert_array_equal(taken, [2])


@pytest.mark.parametrize("project", ["torchvision", "detectron2"])
@pytest.mark.parametrize(("name", "std_dev"), [("w1", [1, 1, 1, 1]), ("w10", [0.1, 0.1, 0.2, 0.2])])
def test_other_projects_move_boxes_in_the_same_way(project, name, std_dev):
    """Two boxes from each; a height and a width grow by more than the limit."""
    values = foreign_values(f"{project}_ops")
    yx = [1, 0, 3, 2]
    boxes = values["coder.boxes"][:, yx]
    deltas = values["coder.deltas"].reshape(-1, 2, 4)[..., yx] * np.float32(std_dev)
    limit = np.log(1000 / 16)
    ours = np.asarray(ops.apply_box_deltas_graph(boxes[:, None], deltas, limit))
    expected = values[f"coder.decode_{name}"].reshape(-1, 2, 4)[..., yx]
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-3)
    for place in range(2):
        in_numpy = numpy_boxes.apply_box_deltas(boxes, deltas[:, place], limit)
        np.testing.assert_allclose(in_numpy, expected[:, place], rtol=1e-5, atol=1e-3)
    deltas = ops.box_refinement_graph(boxes, values["coder.gt"][:, yx]) / np.float32(std_dev)
    np.testing.assert_allclose(deltas, values[f"coder.encode_{name}"][:, yx], atol=1e-5)


def test_the_growth_of_boxes_is_limited():
    boxes, deltas = np.array([[0.0, 0, 2, 4]], "f"), np.array([[0, 0, 5, np.log(2)]], "f")
    for move in (ops.apply_box_deltas_graph, numpy_boxes.apply_box_deltas):
        ours = np.asarray(move(boxes, deltas, np.log(8)))
        np.testing.assert_allclose(ours, [[-7, -2, 9, 6]], rtol=1e-6)
        size = 2 * np.exp(5)
        np.testing.assert_allclose(np.ptp(np.asarray(move(boxes, deltas))[0, ::2]), size, rtol=1e-6)


def test_norm_of_continuous_boxes():
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 200, (5, 4)).astype(np.float32)
    ours = np.asarray(ops.norm_boxes_graph(boxes, (200, 300), margin=0))
    np.testing.assert_allclose(ours, boxes / [200, 300, 200, 300], rtol=1e-6)

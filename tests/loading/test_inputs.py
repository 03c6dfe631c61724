"""What the loader makes is what the training graph takes."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import InMemory, TinyConfig, shapes

from mrcnn.config_rules import parts
from mrcnn.instances import InstanceBoxes, InstanceMasks, Instances
from mrcnn.loading.batches import BatchSequence
from mrcnn.loading.inputs import Input, image_inputs, image_shape, padded, training_inputs
from mrcnn.loading.source import SampleSource
from mrcnn.network import graph
from mrcnn.network.heads import Head

BOTH, BOX = ("box", "mask"), ("box",)
NAMES = ["image", "image_meta", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes"]


def config_of(**settings):
    return type("Changed", (TinyConfig,), settings)()


def inputs_of(config):
    return training_inputs(config, parts.heads(config))


def declared(**settings):
    return {wanted.name: wanted for wanted in inputs_of(config_of(**settings))}


def instances_of(boxes, class_ids, **fields):
    boxes = np.array(boxes).reshape(-1, 4)
    crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    masks = InstanceMasks(crops, boxes[:, :2], (64, 64))
    return Instances(class_ids, {"masks": masks, **fields})


def test_names_shapes_and_dtypes():
    rows = [(each.name, each.shape, each.dtype) for each in inputs_of(config_of())]
    assert rows == [
        ("image", (64, 64, 3), "float32"),
        ("image_meta", (15,), "float32"),
        ("rpn_match", (None, 1), "int32"),
        ("rpn_bbox", (32, 4), "float32"),
        ("gt_class_ids", (4,), "int32"),
        ("gt_boxes", (4, 4), "float32"),
        ("gt_masks", (16, 16, 4), "bool"),
    ]


def test_the_box_head_alone_asks_for_no_masks():
    assert list(declared(HEADS=BOTH)) == [*NAMES, "gt_masks"]
    assert list(declared(HEADS=BOX)) == NAMES


def test_detection_takes_the_first_two():
    config = config_of()
    assert image_inputs(config) == inputs_of(config)[:2]


@pytest.mark.parametrize(
    ("settings", "image", "masks"),
    [
        ({}, (64, 64, 3), (16, 16, 4)),
        ({"USE_MINI_MASK": False}, (64, 64, 3), (64, 64, 4)),
        ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128}, (128, 128, 3), (16, 16, 4)),
        ({"IMAGE_RESIZE_MODE": "pad64"}, (None, None, 3), (16, 16, 4)),
        (
            {"IMAGE_RESIZE_MODE": "none", "USE_MINI_MASK": False},
            (None,) * 2 + (3,),
            (None, None, 4),
        ),
        ({"IMAGE_CHANNEL_COUNT": 5, "MEAN_PIXEL": 100}, (64, 64, 5), (16, 16, 4)),
        ({"MAX_GT_INSTANCES": 9, "MINI_MASK_SHAPE": (7, 5)}, (64, 64, 3), (7, 5, 9)),
    ],
)
def test_sides_that_depend_on_settings(settings, image, masks):
    assert image_shape(config_of(**settings)) == image
    found = declared(**settings)
    assert found["image"].shape == image and found["gt_masks"].shape == masks


def test_the_fields_where_heads_find_their_truth():
    assert {name: wanted.field for name, wanted in declared().items() if wanted.field} == {
        "gt_masks": "masks"
    }


# Against what the loader makes and the graph takes

CASES = [
    {"HEADS": BOTH},
    {"HEADS": BOX},
    {"HEADS": BOTH, "USE_MINI_MASK": False},
    {"HEADS": BOTH, "IMAGE_RESIZE_MODE": "pad64", "USE_MINI_MASK": False, "IMAGES_PER_GPU": 1},
    {"HEADS": BOX, "IMAGE_RESIZE_MODE": "pad64", "IMAGES_PER_GPU": 1},
]


def agree(shape, wanted):
    """Whether `shape` matches `wanted`, where None stands for any side."""
    return len(shape) == len(wanted) and all(
        right in (None, side) for side, right in zip(shape, wanted, strict=True)
    )


@pytest.mark.parametrize("settings", CASES)
def test_samples_and_batches_are_as_declared(settings):
    config = config_of(**settings)
    found = inputs_of(config)
    source = SampleSource(InMemory(shapes(2, (64, 128))), config, seed=0)
    sample = source.sample(0)
    [batch] = BatchSequence(source, 1)[0]
    assert set(sample) == {wanted.name for wanted in found}
    assert set(batch) == {f"input_{wanted.name}" for wanted in found}
    for wanted in found:
        made, batched = sample[wanted.name], batch[f"input_{wanted.name}"]
        assert agree(made.shape, wanted.shape), wanted
        assert batched.shape == (config.BATCH_SIZE, *made.shape)
        assert batched.dtype == made.dtype
        # Boxes of masks are in whole pixels, which become floats without loss.
        is_integer = wanted.name == "gt_boxes" and "mask" in config.HEADS
        kind = "i" if is_integer else np.dtype(wanted.dtype).kind
        assert made.dtype.kind == kind, wanted
        assert np.can_cast(made.dtype, wanted.dtype, "same_kind"), wanted


@pytest.mark.parametrize("settings", CASES)
def test_the_graph_takes_what_is_declared(settings):
    config = config_of(**settings)
    found = inputs_of(config)
    taken = graph.build("training", config).inputs
    assert [tensor.name for tensor in taken] == [f"input_{wanted.name}" for wanted in found]
    assert [tuple(tensor.shape) for tensor in taken] == [(None, *wanted.shape) for wanted in found]
    assert [tensor.dtype for tensor in taken] == [wanted.dtype for wanted in found]


# Arrays


def test_arrays_are_padded_with_zeros():
    config = config_of(MINI_MASK_SHAPE=(3, 2))
    found = declared(MINI_MASK_SHAPE=(3, 2))
    instances = instances_of([(1, 2, 9, 12), (20, 30, 40, 50)], [2, -1])
    class_ids = padded(found["gt_class_ids"], instances, config)
    assert_array_equal(class_ids, [2, -1, 0, 0])
    assert class_ids.dtype == np.int32
    boxes = padded(found["gt_boxes"], instances, config)
    assert_array_equal(boxes, [(1, 2, 9, 12), (20, 30, 40, 50), *[(0, 0, 0, 0)] * 2])
    masks = padded(found["gt_masks"], instances, config)
    assert masks.shape == (3, 2, 4) and masks.dtype == bool
    assert masks[..., :2].all() and not masks[..., 2:].any()


def test_whole_masks():
    found = declared(USE_MINI_MASK=False)["gt_masks"]
    config = config_of(USE_MINI_MASK=False)
    masks = padded(found, instances_of([(1, 2, 9, 12)], [1]), config)
    assert masks.shape == (64, 64, 4) and masks.sum() == 80 and masks[1:9, 2:12, 0].all()


def test_boxes_alone_keep_their_fractions():
    config = config_of(HEADS=BOX)
    boxes = InstanceBoxes([(1.5, 2, 9.25, 12)], (64, 64))
    made = padded(declared(HEADS=BOX)["gt_boxes"], Instances([1], {"boxes": boxes}), config)
    assert_array_equal(made, [(1.5, 2, 9.25, 12), *[(0, 0, 0, 0)] * 3])


@pytest.mark.parametrize("count", [0, 4])
def test_no_instances_and_as_many_as_allowed(count):
    rows = [(8 * n, 4, 8 * n + 8, 12) for n in range(count)]
    instances, config = instances_of(rows, [1] * count), config_of()
    for wanted in inputs_of(config)[4:]:
        made = padded(wanted, instances, config)
        assert made.shape == wanted.shape
        assert made.any() == bool(count)


def test_the_axis_of_the_instances():
    config = config_of()
    instances = instances_of([(1, 2, 9, 12)], [1])
    for axis in range(3):
        shape = tuple(4 if side == axis else 1 for side in range(3))
        made = padded(Input("ones", shape, "int8", _ones, axis=axis), instances, config)
        assert_array_equal(made.ravel(), [1, 0, 0, 0])
        assert made.shape == shape and made.dtype == np.int8


def _ones(instances, config):
    return np.ones((1, 1, 1), np.int8)


def areas_of(instances, config):
    return instances.fields["masks"].areas.astype(np.float32)


class AreaHead(Head):
    name, field, needs = "area", "areas", ("masks",)

    @classmethod
    def inputs(cls, config):
        wanted = Input("gt_areas", (config.MAX_GT_INSTANCES,), "float32", areas_of, "areas")
        return [wanted]


def test_a_custom_heads_input_is_made():
    config = config_of(HEADS=("box", AreaHead))
    source = SampleSource(InMemory(shapes(1)), config, seed=0)
    assert [wanted.name for wanted in source.inputs] == [*NAMES, "gt_areas"]
    sample = source.sample(0)
    _, masks, _ = source.dataset.samples[0]
    assert "gt_masks" not in sample
    assert_array_equal(sample["gt_areas"], [*masks.sum(axis=(0, 1)), 0, 0])
    assert sample["gt_areas"].dtype == np.float32


def test_inputs_can_be_pickled():
    config = config_of(HEADS=("box", "mask", AreaHead))
    found = inputs_of(config)
    again = pickle.loads(pickle.dumps(found))
    assert again == found and [wanted.name for wanted in again][-2:] == ["gt_masks", "gt_areas"]
    instances = instances_of([(1, 2, 9, 12)], [2])
    for ours, theirs in zip(again[4:], found[4:], strict=True):
        assert_array_equal(padded(ours, instances, config), padded(theirs, instances, config))

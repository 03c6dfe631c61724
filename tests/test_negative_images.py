"""Training on images without instances: the losses, and what is learnt."""

import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn.loading.source import SampleSource, stack
from mrcnn.network import graph
from mrcnn.training import optimization, trainable

pytestmark = pytest.mark.network

BOXES_AND_MASKS = ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
CLASSES = ("rpn_class_loss", "mrcnn_class_loss")


@pytest.fixture(scope="module")
def inputs():
    """Function: image ids -> a batch; images 0 and 1 have instances, and 2 and 3 have none."""
    samples = shapes(4)
    for number in (2, 3):
        image, masks, _ = samples[number]
        samples[number] = (image[:, ::-1] // 3, masks[..., :0], np.zeros(0, np.int32))
    source = SampleSource(InMemory(samples), TinyConfig(), shuffle=False, seed=0)

    def batch(*numbers):
        made = stack([source.sample(number) for number in numbers])
        return {f"input_{name}": array for name, array in made.items()}

    return batch


@pytest.fixture
def model():
    model = graph.build("training", TinyConfig(), seed=0)
    model.get_layer("proposal_targets").shuffle = False
    spread(model)
    trainable.set_trainable(model, ".*")
    optimization.compile_model(model, TinyConfig(), learning_rate=0.02, momentum=0.9)
    model.run_eagerly = True  # faster than compiling for a few steps
    return model


def losses(model, batch):
    """The losses of a batch by name, without training."""
    found = model.test_on_batch(batch, return_dict=True)
    return {name: float(value) for name, value in found.items()}


def test_a_batch_of_background_alone(model, inputs):
    """There is nothing to learn about boxes and masks, but that all is background."""
    batch = inputs(2, 3)
    first = losses(model, batch)
    assert [first[name] for name in BOXES_AND_MASKS] == [0, 0, 0]
    assert all(first[name] > 0.1 for name in CLASSES)
    for _ in range(7):
        found = model.train_on_batch(batch, return_dict=True)
        assert all(np.isfinite(float(value)) for value in found.values())
    last = losses(model, batch)
    assert all(last[name] < 0.5 * first[name] for name in CLASSES)
    assert [last[name] for name in BOXES_AND_MASKS] == [0, 0, 0]


def test_background_beside_an_image_with_instances(model, inputs):
    """Boxes and masks are means over positives, which background does not change."""
    alone, mixed = losses(model, inputs(0, 0)), losses(model, inputs(0, 2))
    background = losses(model, inputs(2, 2))
    for name in BOXES_AND_MASKS:
        assert alone[name] > 0
        np.testing.assert_allclose(mixed[name], alone[name], rtol=1e-4, err_msg=name)
    for name in CLASSES:
        low, high = sorted([alone[name], background[name]])
        assert low < mixed[name] < high

"""Training networks on images without instances, in several sizes, and with pasted instances."""

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes, spread

from mrcnn.augment import simple_copy_paste
from mrcnn.loading.source import SampleSource, stack
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.runs import history
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
    """There is nothing to learn about boxes and masks, only that everything is background."""
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
    """Box and mask losses are means over positives, which background does not change."""
    alone, mixed = losses(model, inputs(0, 0)), losses(model, inputs(0, 2))
    background = losses(model, inputs(2, 2))
    for name in BOXES_AND_MASKS:
        assert alone[name] > 0
        np.testing.assert_allclose(mixed[name], alone[name], rtol=1e-4, err_msg=name)
    for name in CLASSES:
        low, high = sorted([alone[name], background[name]])
        assert low < mixed[name] < high


SETTINGS = {
    "jitter": {"TRAIN_SCALE_JITTER": (0.3, 2.0), "TRAIN_NEGATIVE_IMAGES": False},
    "sizes without masks": {"TRAIN_MIN_DIMS": [32, 48, 64], "HEADS": ("box",)},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_it_trains_saves_resumes_and_detects(tmp_path, case):
    data = InMemory(shapes(4, (80, 60)))

    def build(**settings):
        keras.utils.set_random_seed(0)
        config = TinyConfig.from_dict({**SETTINGS[case], "VALIDATION_EVERY": 0, **settings})
        return MaskRCNN("training", config, str(tmp_path))

    def train(model, epochs, **options):
        steps = simple_copy_paste()
        model.train(data, data, 0.001, epochs, "all", augmentation=steps, verbose=0, **options)

    model = build()
    with eager_training():
        train(model, 1)
        resumed = build()
        train(resumed, 2, resume=True)
    rows = history.read(model.log_dir)
    assert resumed.log_dir == model.log_dir and [row["epoch"] for row in rows] == [1, 2]
    assert all(np.isfinite(row["loss"]) and np.isfinite(row["val_loss"]) for row in rows)
    # The settings belong to the run.
    name = next(iter(SETTINGS[case]))
    with pytest.raises(ValueError, match=f"- {name} is None, was "):
        train(build(**{name: None}), 3, resume=True)

    detecting = MaskRCNN("inference", TinyConfig.from_dict(SETTINGS[case]), str(tmp_path))
    detecting.load_weights(detecting.find_last())
    [result] = detecting.detect([data.load_image(0)])
    assert result["rois"].shape == (len(result["scores"]), 4)
    assert ("masks" in result) == ("HEADS" not in SETTINGS[case])

import keras
import numpy as np
import pytest
from conftest import needs_bfloat16
from tiny import InMemory, TinyConfig, shapes, spread

from mrcnn.loading.source import SampleSource, stack
from mrcnn.model import MaskRCNN
from mrcnn.network import graph
from mrcnn.network.precision import precision_of
from mrcnn.training import optimization

pytestmark = pytest.mark.network

HALVES = [pytest.param("bfloat16", marks=needs_bfloat16), "float16"]
# Steps until float16's loss scale is low enough for finite gradients, plus one.
STEPS = 12


def config_with(precision):
    config = TinyConfig()
    config.MIXED_PRECISION = precision
    return config


def compiled(precision):
    config = config_with(precision)
    keras.utils.set_random_seed(2)
    model = graph.build("training", config, seed=1)
    model.get_layer("proposal_targets").shuffle = False
    optimization.compile_model(model, config, 0.01, 0.9)
    model.run_eagerly = keras.backend.backend() == "tensorflow"  # faster than tracing a few steps
    return model


def train(model):
    """Losses of every step, all with the same batch."""
    source = SampleSource(InMemory(shapes(2)), model.get_layer("ROI").config, seed=0)
    batch = list(stack([source.sample(number) for number in range(2)]).values())
    return [model.train_on_batch(batch, return_dict=True) for _ in range(STEPS)]


@pytest.fixture(scope="module")
def whole():
    model = compiled(None)
    return model, train(model)


@pytest.mark.parametrize("precision", HALVES)
def test_training_is_close_to_float32(whole, precision, tmp_path):
    model = compiled(precision)
    losses, expected = train(model), whole[1]
    for name in expected[0]:
        # The heads' losses depend on proposals; those with similar scores swap places.
        tolerance = 0.02 if name.startswith("rpn") else 0.1
        assert losses[0][name] == pytest.approx(expected[0][name], rel=tolerance), name
    assert np.isfinite([list(step.values()) for step in losses]).all()
    assert losses[-1]["loss"] < 0.6 * losses[0]["loss"]
    assert {weight.dtype for weight in model.weights} == {"float32"}

    model.save_weights(tmp_path / "half.h5")
    again = compiled(None)
    again.load_weights(tmp_path / "half.h5")
    for ours, theirs in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("precision", HALVES)
def test_which_layers_compute_in_which_precision(precision):
    training_model = graph.build("training", config_with(precision))
    inference = graph.build("inference", config_with(precision))
    for name in ("conv1", "fpn_p2", "mrcnn_class_conv1", "mrcnn_mask_conv1"):
        assert training_model.get_layer(name).compute_dtype == precision
        assert inference.get_layer(name).compute_dtype == precision
    assert {output.dtype for output in training_model.outputs[-5:]} == {"float32"}
    whole = ("ROI", "roi_align_classifier", "mrcnn_class", "mrcnn_mask", "proposal_targets")
    for model in (training_model, inference):
        names = [layer.name for layer in model.layers]
        for name in filter(names.__contains__, [*whole, "mrcnn_detection"]):
            assert model.get_layer(name).compute_dtype == "float32", name
    detections, mrcnn_class, _, mrcnn_mask, rois, rpn_class, _ = inference.outputs
    for output in (detections, mrcnn_class, mrcnn_mask, rois, rpn_class):
        assert output.dtype == "float32"


def test_float16_scales_its_loss():
    optimizer = compiled("float16").optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(optimizer.inner_optimizer, keras.optimizers.SGD)
    assert optimizer.inner_optimizer.global_clipnorm == 5
    assert isinstance(compiled("bfloat16").optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("precision", HALVES)
def test_detection_after_loading(precision, tmp_path):
    trained = graph.build("training", config_with(precision))
    spread(trained)
    for name in ("mrcnn_class_logits", "mrcnn_bbox_fc"):
        kernel = trained.get_layer(name).kernel
        kernel.assign(kernel * 0.05)
    trained.get_layer("mrcnn_class_logits").bias.assign([-1, 0, 1])
    trained.save_weights(tmp_path / "trained.h5")
    results = []
    for each in (None, precision):
        model = MaskRCNN("inference", config_with(each), tmp_path)
        model.load_weights(tmp_path / "trained.h5")
        model.keras_model.run_eagerly = True
        results.append(model.detect([shapes(1)[0][0]])[0])
    expected, ours = results
    assert len(expected["scores"]) and ours["scores"].dtype == np.float32
    assert ours["class_ids"][0] == expected["class_ids"][0]
    np.testing.assert_allclose(ours["scores"][0], expected["scores"][0], atol=0.02)
    # Of the twelve proposals, those with similar scores swap places.
    assert np.abs(expected["rois"] - ours["rois"][0]).max(axis=1).min() <= 4


def test_keras_is_left_as_it_was():
    with pytest.raises(KeyError), precision_of(config_with("float16")):
        assert keras.config.dtype_policy().name == "mixed_float16"
        raise KeyError
    assert keras.config.dtype_policy().name == "float32"
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with precision_of(config_with(None)):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")

import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import TinyConfig, shapes, spread

from mrcnn.inference.detector import Detector, SharedDetector
from mrcnn.network import graph
from mrcnn.network.sharing import share

pytestmark = pytest.mark.network

IMAGES = [image for image, _, _ in shapes(3, (60, 50), seed=2)]


def config_of(**settings):
    return TinyConfig.from_dict({**TinyConfig().to_dict(), **settings})


def trained(config):
    model = graph.build("training", config, seed=1)
    model.jit_compile = False
    spread(model)
    return model


def separate(training_model, detector):
    """A detector with a separate graph and a copy of the weights."""
    keras_model = graph.build("inference", detector.config)
    for layer in keras_model.layers:
        if layer.weights:
            layer.set_weights(training_model.get_layer(layer.name).get_weights())
    return Detector(keras_model, detector.config)


def assert_detects_alike(detector, other):
    found = 0
    results, expected = (each.detect(IMAGES) for each in (detector, other))
    for result, wanted in zip(results, expected, strict=True):
        found += len(result["scores"])
        for name in wanted:
            assert_array_equal(result[name], wanted[name], err_msg=name)
    assert found > 3
    return results


@pytest.fixture(scope="module")
def model():
    return trained(TinyConfig())


def test_the_variables_are_the_trained_ones(model, monkeypatch):
    made, build = [], graph.build

    def spy(*args):
        prototype = build(*args)
        made.extend(weakref.ref(variable) for variable in prototype.variables)
        return prototype

    monkeypatch.setattr(graph, "build", spy)
    inference = share(model, TinyConfig())
    own = {id(variable) for variable in model.variables}
    assert len(inference.variables) == 96
    assert {id(variable) for variable in inference.variables} < own
    assert type(inference) is type(model) and inference.jit_compile is False
    gc.collect()
    assert len(made) == 96
    assert not [variable().path for variable in made if variable() is not None]


def test_it_detects_as_a_separate_network_with_the_weights_of_the_moment():
    model = trained(TinyConfig())
    detector = SharedDetector(model, TinyConfig())
    before = assert_detects_alike(detector, separate(model, detector))
    for variable in model.trainable_variables:
        variable.assign(variable * 1.02)
    after = assert_detects_alike(detector, separate(model, detector))
    assert not np.array_equal(before[0]["scores"], after[0]["scores"])


def test_sizes_and_detections_may_differ_from_training():
    model = trained(config_of(IMAGE_RESIZE_MODE="crop"))
    assert model.input_shape[0] == (None, 64, 64, 3)
    config = config_of(
        IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=128, DETECTION_MAX_INSTANCES=9
    )  # molded to 192x128
    detector = SharedDetector(model, config)
    assert detector.keras_model.input_shape[0] == (None, None, None, 3)
    assert detector.keras_model.output_shape[0] == (None, 9, 6)
    assert_detects_alike(detector, separate(model, detector))


def test_a_network_of_other_layers_is_refused(model):
    with pytest.raises(ValueError) as caught:
        share(model, config_of(FPN_CLASSIF_FC_LAYERS_SIZE=16))
    text = str(caught.value)
    assert text.startswith(
        "the layer 'mrcnn_class_conv1' of the inference graph, with weights of "
        "shapes [(3, 3, 16, 16), (16,)], cannot share the training graph's weights: it has "
        "shapes [(3, 3, 16, 32), (32,)] there."
    )


def test_a_layer_without_a_counterpart_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.get_layer("res4a"), "name", "other")
    with pytest.raises(ValueError, match=r"'res4a'.*does not exist there.*must name its layers"):
        share(model, TinyConfig())

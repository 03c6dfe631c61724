import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn import network, training


@pytest.fixture(scope="module")
def model():
    return network.build("training", TinyConfig(), seed=0)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("heads", ("conv1", "bn", "res")),
        ("5+", ("conv1", "bn_conv1", "res2", "bn2", "res3", "bn3", "res4", "bn4")),
        ("3+", ("conv1", "bn_conv1", "res2", "bn2")),
        ("all", ()),
    ],
)
def test_layers_by_stage(model, name, frozen):
    chosen = training.set_trainable(model, training.LAYER_REGEX[name])
    every = training.set_trainable(model, ".*")
    assert chosen == [layer for layer in every if not layer.startswith(frozen or "-")]
    assert {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"} <= set(chosen)


def test_a_regex_matches_whole_names(model):
    assert training.set_trainable(model, "conv") == []
    assert not model.trainable_weights
    assert training.set_trainable(model, "rpn_class_raw|conv1") == ["conv1", "rpn_class_raw"]
    assert len(model.trainable_weights) == 4
    training.set_trainable(model, ".*")


def test_optimiser(model):
    config = TinyConfig()
    training.compile_model(model, config, learning_rate=0.02, momentum=0.8)
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    assert optimizer.momentum == 0.8
    # The norm of all gradients together, not that of each.
    assert optimizer.global_clipnorm == config.GRADIENT_CLIP_NORM
    assert optimizer.clipnorm is None


def test_xla_is_the_configurations_choice(monkeypatch):
    config = TinyConfig()
    assert training.jit_compile(config) is False
    config.XLA = True
    assert training.jit_compile(config) is True
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert training.jit_compile(config) == "auto"


def test_feed(model):
    config = TinyConfig()
    data = InMemory(shapes(4))
    train, val = training.batches(config, data, data)
    assert training.feed(train, model) is train
    assert training.feed(None, model) is None
    config.IMAGE_RESIZE_MODE = "none"
    open_model = network.build("training", config)
    dataset = training.feed(val, open_model)
    assert int(dataset.cardinality()) == len(val) == 1
    [(batch,)] = dataset.as_numpy_iterator()
    for name, array in val[0][0].items():
        np.testing.assert_allclose(batch[name], array, rtol=1e-6)
    assert dataset.element_spec[0]["input_image"].shape.as_list() == [None, None, None, 3]

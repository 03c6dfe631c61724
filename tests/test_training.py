from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn import network, training
from mrcnn.callbacks import validation
from mrcnn.distribution import OneDevice
from mrcnn.stages import Stage
from mrcnn.train_state import Progress


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


def run_of(custom=(), val=True, **settings):
    """What `training.callbacks` asks of a run."""
    config = TinyConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    data = InMemory(shapes(4))
    train, val_batches = training.batches(config, data, data if val else None, seed=3)
    return SimpleNamespace(
        distribution=OneDevice(),
        model=SimpleNamespace(
            log_dir="logs", checkpoint_path="logs/{epoch:04d}.h5", keras_model="the training graph"
        ),
        config=config,
        progress=Progress(0, 0, Stage("all", 0.1, 0, 1), 3),
        train_batches=train,
        val_batches=val_batches,
        val_dataset=data if val else None,
        custom_callbacks=list(custom),
        last_saved=lambda: None,
    )


def test_callbacks_come_in_order():
    custom = keras.callbacks.TerminateOnNaN()
    names = [type(callback).__name__ for callback in training.callbacks(run_of([custom]))]
    order = [
        "StopIfNotFinite", "_Averages", "ValidateAP", "TensorBoard", "WriteHistory", "SaveWeights",
        "TerminateOnNaN", "LambdaCallback", "ProgressBar", "SaveState",
    ]  # fmt: skip
    places = [len(names) - 1 - names[::-1].index(name) for name in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("settings", "monitor"),
    [
        ({}, "val_segm_AP"),
        ({"VALIDATION_EVERY": 0}, "val_loss"),
        ({"VALIDATION_STEPS": 0}, None),
        ({"VALIDATION_STEPS": 0, "VALIDATION_IMAGES": 2}, "val_segm_AP"),
        ({"val": False}, None),
        ({"MONITOR": "val_bbox_AP50"}, "val_bbox_AP50"),
    ],
)
def test_what_tells_the_best_epoch(settings, monitor, monkeypatch):
    monkeypatch.setattr(validation, "SharedDetector", lambda *args: args)
    run = run_of(**settings)
    training.callbacks(run)
    assert run.progress.monitor == monitor


def test_a_network_without_ap_is_told_by_its_loss(caplog):
    run = run_of()
    run.model.keras_model = keras.Sequential()
    training.callbacks(run)
    assert run.progress.monitor == "val_loss" and "no AP while this network" in caplog.text


def test_figures_of_the_last_epoch():
    history = [{"epoch": 1}, {"epoch": 2, "loss": 1.0, "val_loss": 2.0, "val_segm_AP50": 0.5}]
    assert training.last_figures(history) == {"segm_AP50": 0.5}
    assert training.last_figures([]) == {}


@pytest.mark.parametrize(("momentum", "averages"), [(None, False), (0.9, True)])
def test_averages(model, momentum, averages):
    config = TinyConfig()
    config.EMA = momentum
    training.compile_model(model, config, learning_rate=0.02, momentum=0.8)
    assert training.averages(model) is averages

import math

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, eager_training, shapes

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.network.graph_model import GraphModel
from mrcnn.network.losses import LossLayer
from mrcnn.runs import history
from mrcnn.training import optimization
from mrcnn.training.optimization import WarmUp, build_optimizer, l2_factor, learning_rate_of

pytestmark = pytest.mark.network


def config_with(**settings):
    return type("WithSettings", (TinyConfig,), {"STEPS_PER_EPOCH": 4, **settings})()


def rates(config, count, **epochs):
    rate = learning_rate_of(config, 0.1, **epochs)
    return [float(rate(step)) if callable(rate) else rate for step in range(count)]


def test_the_default_is_the_references_sgd():
    ours = build_optimizer(config_with(), 0.02, 0.8, total_epochs=3).get_config()
    keras_own = keras.optimizers.SGD(learning_rate=0.02, momentum=0.8, global_clipnorm=5.0)
    assert ours | {"name": ""} == keras_own.get_config() | {"name": ""}


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW")])
def test_optimizer_by_name(name, kind):
    config = config_with(OPTIMIZER=name, EMA=0.99, GRADIENT_ACCUMULATION=3, GRADIENT_CLIP_NORM=2)
    optimizer = build_optimizer(config, 1, 0.7)
    settings = optimizer.get_config()
    assert type(optimizer).__name__ == kind
    assert settings["learning_rate"] == 1
    assert settings["beta_1"] == 0.7
    assert settings["global_clipnorm"] == 2
    assert settings["gradient_accumulation_steps"] == 3
    assert (settings["use_ema"], settings["ema_momentum"]) == (True, 0.99)


def test_custom_optimizer():
    config = config_with(OPTIMIZER=keras.optimizers.Lion, LR_WARMUP_STEPS=2)
    optimizer = build_optimizer(config, 0.1, 0.9)
    assert isinstance(optimizer, keras.optimizers.Lion)
    assert optimizer.global_clipnorm == 5
    assert float(optimizer.learning_rate) == pytest.approx(0.05)

    def wrong(learning_rate, **options):
        return "adam"

    with pytest.raises(
        TypeError, match=r"OPTIMIZER returned 'adam': it must return a keras\.optim"
    ):
        build_optimizer(config_with(OPTIMIZER=wrong), 0.1, 0.9)


def test_adamw_decays_the_same_weights_once_it_is_loaded():
    optimizer = build_optimizer(config_with(OPTIMIZER="adamw"), 0.5, 0.8)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
    weights = [keras.Variable([1.0], name=name) for name in ("kernel", "bias", "gamma", "beta")]
    again.build(weights)
    again.apply([keras.ops.zeros(1)] * 4)
    assert [float(weight[0]) for weight in weights] == pytest.approx(
        [1 - 0.5 * 0.0001, 1, 1, 1], abs=1e-6
    )


def test_adamw_decays_in_place_of_the_loss():
    config = config_with(OPTIMIZER="adamw", WEIGHT_DECAY=0.5)
    assert (l2_factor(config), l2_factor(config_with(WEIGHT_DECAY=0.5))) == (0, 0.5)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    optimizer = build_optimizer(config, 0.1, 0.9)
    optimizer.build(model.trainable_variables)
    gradients = [keras.ops.zeros(variable.shape) for variable in model.trainable_variables]
    optimizer.apply(gradients)
    after = {variable.name: float(variable.numpy().max()) for variable in model.trainable_variables}
    assert after == {"kernel": pytest.approx(0.95), "bias": 1, "gamma": 1, "beta": 1}


def test_a_constant_rate_can_be_set():
    optimizer = build_optimizer(config_with(), 0.1, 0.9)
    optimizer.learning_rate = 0.3
    assert float(optimizer.learning_rate) == pytest.approx(0.3)


def test_the_rate_falls_in_steps_after_epochs():
    config = config_with(LR_SCHEDULE="step", LR_STEPS=[1, 3], LR_FACTOR=0.5)
    assert rates(config, 14) == pytest.approx([0.1] * 4 + [0.05] * 8 + [0.025] * 2)
    # The same epochs, started later.
    assert rates(config, 10, first_epoch=1) == pytest.approx([0.05] * 8 + [0.025] * 2)
    assert rates(config, 6, first_epoch=2) == pytest.approx([0.05] * 4 + [0.025] * 2)
    assert learning_rate_of(config, 0.1, first_epoch=3) == pytest.approx(0.025)


def test_a_cosine_ends_with_the_last_epoch():
    config = config_with(LR_SCHEDULE="cosine")
    expected = [0.05 * (1 + math.cos(math.pi * step / 8)) for step in range(8)] + [0, 0]
    assert rates(config, 10, total_epochs=2) == pytest.approx(expected, abs=1e-8)
    assert rates(config, 10, total_epochs=5, first_epoch=3) == pytest.approx(expected, abs=1e-8)
    with pytest.raises(ValueError, match=r"LR_SCHEDULE is 'cosine': it needs the number of the la"):
        learning_rate_of(config, 0.1)


def test_warm_up():
    assert rates(config_with(LR_WARMUP_STEPS=4), 6) == pytest.approx(
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]
    )
    settings = {"LR_SCHEDULE": "step", "LR_STEPS": [1]}
    config = config_with(LR_WARMUP_STEPS=8, **settings)
    whole = rates(config_with(**settings), 10)
    shares = [min(1, (step + 1) / 8) for step in range(10)]
    assert rates(config, 10) == pytest.approx(np.multiply(whole, shares))


@pytest.mark.parametrize("rate", [0.2, keras.optimizers.schedules.CosineDecay(0.2, 20)])
def test_warm_up_is_saved_with_its_optimizer(rate):
    optimizer = keras.optimizers.SGD(WarmUp(rate, 5))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    for step in (0, 3, 9):
        assert float(again._learning_rate(step)) == float(optimizer._learning_rate(step))


def linear_model(config, learning_rate=0.1):
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(build_optimizer(config, learning_rate, 0.9, total_epochs=2), "mse")
    return model


@pytest.mark.parametrize("clip", [1e9, 0.1])
def test_accumulated_gradients_are_those_of_the_larger_batch(clip):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    whole = linear_model(config_with(GRADIENT_CLIP_NORM=clip))
    parts = linear_model(config_with(GRADIENT_CLIP_NORM=clip, GRADIENT_ACCUMULATION=2))
    start = whole.get_weights()[0]
    whole.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    parts.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    assert np.abs(whole.get_weights()[0] - start).max() > 0.01
    for ours, expected in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert int(parts.optimizer.iterations) == int(whole.optimizer.iterations) == 4


def test_schedules_count_batches_under_accumulation():
    model = linear_model(config_with(LR_SCHEDULE="cosine", GRADIENT_ACCUMULATION=2))
    model.fit(np.zeros((6, 3)), np.zeros((6, 2)), batch_size=1, verbose=0)
    expected = 0.05 * (1 + math.cos(math.pi * 6 / 8))  # 6 of 2 epochs x 4 batches
    assert float(model.optimizer.learning_rate) == pytest.approx(expected)


def test_the_network_is_compiled_as_configured():
    # Here two half batches do not equal a whole one: each loss is a mean over its own RoIs.
    config = config_with(OPTIMIZER="adamw", LR_SCHEDULE="cosine", GRADIENT_ACCUMULATION=2)
    model = graph.build("training", config)
    optimization.compile_model(model, config, 0.1, 0.9, total_epochs=4, first_epoch=1)
    assert model.optimizer.gradient_accumulation_steps == 2
    assert float(model.optimizer._learning_rate(6)) == pytest.approx(0.05)  # half of 3 x 4
    assert model.weight_decay == 0
    assert model.optimizer.weight_decay == config.WEIGHT_DECAY


@pytest.fixture(scope="module")
def model():
    return graph.build("training", TinyConfig(), seed=0)


def test_optimiser(model):
    config = TinyConfig()
    optimization.compile_model(model, config, learning_rate=0.02, momentum=0.8)
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    assert optimizer.momentum == 0.8
    # The global norm of all gradients, not the norm of each.
    assert optimizer.global_clipnorm == config.GRADIENT_CLIP_NORM
    assert optimizer.clipnorm is None


def test_xla_is_the_configurations_choice(monkeypatch):
    config = TinyConfig()
    assert optimization.jit_compile(config) is False
    config.XLA = True
    assert optimization.jit_compile(config) is True
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert optimization.jit_compile(config) == "auto"


@pytest.mark.parametrize(("momentum", "averages"), [(None, False), (0.9, True)])
def test_averages(model, momentum, averages):
    config = TinyConfig()
    config.EMA = momentum
    optimization.compile_model(model, config, learning_rate=0.02, momentum=0.8)
    assert optimization.averages(model) is averages


# A subclass that adds a loss


class WithEdges(MaskRCNN):
    """Adds a loss on the mask head's outputs, as projects do in `build`."""

    def build(self, mode, config):
        model = super().build(mode, config)
        if mode == "inference":
            return model
        masks = model.get_layer("mrcnn_mask").output
        loss = LossLayer(lambda values: keras.ops.mean(values) + 3.0, name="edge_loss")([masks])
        return GraphModel(model.inputs, [*model.outputs, loss], name="mask_rcnn")


class EdgeConfig(TinyConfig):
    LOSS_WEIGHTS = {**TinyConfig.LOSS_WEIGHTS, "edge_loss": 2.0}


def test_a_loss_that_a_subclass_adds_has_its_weight(tmp_path):
    model = WithEdges("training", EdgeConfig(), tmp_path)
    model.compile(0.01, 0.9)
    names = model.keras_model.loss_names
    assert names[-1] == "edge_loss" and len(names) == 6
    outputs = [None] * (len(model.keras_model.names) - 6) + [np.float32(1)] * 6
    penalty = float(model.keras_model.l2_penalty())
    assert float(model.keras_model.compute_loss(y_pred=outputs)) == pytest.approx(7 + penalty)
    assert WithEdges("inference", EdgeConfig(), tmp_path).keras_model.loss_names == ()


def test_training_takes_the_weight_of_an_added_loss(tmp_path):
    data = InMemory(shapes(2))
    config = EdgeConfig()
    config.STEPS_PER_EPOCH = 1
    model = WithEdges("training", config, tmp_path)
    with eager_training():
        model.train(data, None, 0.01, 1, "heads", verbose=0)
    [row] = history.read(model.log_dir)
    assert row["edge_loss"] > 3 and row["loss"] > 2 * row["edge_loss"]


def test_a_loss_that_nobody_adds_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"LOSS_WEIGHTS names \['edge_loss'\]: the losses are rpn"):
        MaskRCNN("training", EdgeConfig(), tmp_path)
    config = EdgeConfig()
    config.LOSS_WEIGHTS = {**EdgeConfig.LOSS_WEIGHTS, "egde_loss": 1.0}
    model = WithEdges("training", config, tmp_path)
    with pytest.raises(ValueError, match=r"names \['egde_loss'\]: .*mrcnn_mask_loss, edge_loss\."):
        model.compile(0.01, 0.9)


def test_another_kind_of_model_is_refused(tmp_path):
    with pytest.raises(
        TypeError, match=r"the model is a Functional: build\(\) must return a Graph"
    ):
        optimization.compile_model(keras.Model(*[keras.Input((1,))] * 2), TinyConfig(), 0.1, 0.9)

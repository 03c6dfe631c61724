from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.legacy.generator import data_generator
from mrcnn.network import graph
from mrcnn.network.graph_model import GraphModel, outputs_by_name
from mrcnn.training import optimization

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def config():
    return TinyConfig()


@pytest.fixture(scope="module")
def model(config):
    model = graph.build("training", config, seed=1)
    optimization.compile_model(model, config, learning_rate=0.01, momentum=0.9)
    model.run_eagerly = True  # faster than tracing a few steps
    return model


def test_the_penalty_is_the_mean_square_of_kernels_and_biases(model):
    expected = sum(
        float((weight.numpy() ** 2).mean()) * model.weight_decay
        for weight in model.trainable_weights
        if weight.name in ("kernel", "bias")
    )
    assert expected > 0
    assert float(model.l2_penalty()) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_of_a_sum_is_the_papers_weight_decay(config):
    """Its gradient is WEIGHT_DECAY times each weight: one step of SGD shows it."""
    config = type(config).from_dict({"WEIGHT_DECAY": 0.5, "WEIGHT_DECAY_ON": "sum"})
    model = graph.build("training", config, seed=1)
    optimization.compile_model(model, config, learning_rate=0.1, momentum=0.0)
    weights = [w for w in model.trainable_weights if w.name not in ("gamma", "beta")]
    expected = 0.25 * sum(float((weight.numpy().astype(float) ** 2).sum()) for weight in weights)
    assert float(model.l2_penalty()) == pytest.approx(expected, rel=1e-5)
    model.set_loss(dict.fromkeys(model.loss_names, 0.0), model.weight_decay, "sum")
    model.optimizer.global_clipnorm = None
    model.run_eagerly = True
    before = [weight.numpy() for weight in weights]
    model.train_on_batch(next(data_generator(InMemory(shapes(2)), config, batch_size=2))[0])
    for weight, value in zip(weights, before, strict=True):
        np.testing.assert_allclose(weight.numpy(), value * (1 - 0.1 * 0.5), rtol=1e-5, atol=1e-8)
    still = [weight.numpy() for weight in model.trainable_weights if weight.name == "gamma"]
    assert still and all((gamma == 1).all() for gamma in still)


def test_losses_are_weighted(model):
    model.set_loss({"rpn_class_loss": 2.0, "mrcnn_mask_loss": 0.0}, weight_decay=0.0)
    outputs = [None] * (len(model.names) - 5) + [np.float32(value) for value in (1, 2, 3, 4, 5)]
    assert float(model.compute_loss(y_pred=outputs)) == 2 * 1 + 2 + 3 + 4
    model.set_loss({}, weight_decay=0.0001)
    assert len(model.loss_means) == 5


def test_weights_of_losses_that_the_model_does_not_have(model):
    with pytest.raises(ValueError) as caught:
        model.set_loss({"rpn_class_loss": 1.0, "edge_loss": 2.0}, weight_decay=0.0)
    assert str(caught.value) == (
        "LOSS_WEIGHTS names ['edge_loss']: the model's losses are rpn_class_loss, rpn_bbox_loss, "
        "mrcnn_class_loss, mrcnn_bbox_loss, mrcnn_mask_loss. A loss is an output whose name ends "
        "in '_loss'."
    )
    assert "edge_loss" not in model.loss_weights


@pytest.mark.parametrize("method", ["fit", "fit_generator"])
def test_fit_takes_the_generator_of_lists(model, config, method):
    generator = data_generator(InMemory(shapes(4)), config, batch_size=2, seed=3)
    history = getattr(model, method)(generator, steps_per_epoch=2, epochs=1, verbose=0).history
    assert set(history) == {"loss", *(mean.name for mean in model.loss_means)}
    assert np.isfinite(history["loss"]).all()


def test_keras_fit_is_refused_for_replicas(model, monkeypatch):
    replicas = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(type(model), "distribute_strategy", replicas, raising=False)
    for call in ("fit", "evaluate"):
        with pytest.raises(ValueError, match=rf"Keras's {call}\(\) cannot use 2 devices: use "):
            getattr(model, call)([])


def test_it_is_described_by_how_it_was_built(model):
    description = model.get_config()
    assert description["name"] == "mask_rcnn" and description["mask_rcnn"]["mode"] == "training"
    assert description["mask_rcnn"]["seed"] == 1
    again = keras.models.model_from_json(model.to_json())
    assert again.get_config() == description
    assert again.names == model.names and again.recipe.config.NAME == "Tiny"


def test_a_model_of_other_tensors_is_described_layer_by_layer(model):
    image = keras.Input((2,))
    small = GraphModel(image, {"area_loss": keras.layers.Dense(1, name="area_loss")(image)})
    assert [layer["class_name"] for layer in small.get_config()["layers"]] == [
        "InputLayer",
        "Dense",
    ]
    again = GraphModel.from_config(small.get_config())
    assert type(again) is GraphModel and again.loss_names == ("area_loss",)


def test_a_folder_instead_of_a_file_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="zipped is False: the model can only be saved in one"):
        model.save(tmp_path / "model", zipped=False)
    assert not list(tmp_path.iterdir())


def test_add_loss_is_refused_with_an_alternative(model):
    with pytest.raises(NotImplementedError, match=r"rpn_class_loss, .* name ends in '_loss'\."):
        model.add_loss(0.0)


def test_weights_round_trip(model, config, tmp_path):
    model.save_weights(tmp_path / "weights.h5")
    other = graph.build("training", config)
    other.load_weights(tmp_path / "weights.h5")
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_subclass_may_make_another_model_from_the_tensors(model, config, tmp_path):
    """Older projects' `build` adds layers and makes a model from the inputs and outputs."""
    again = GraphModel(model.inputs, model.outputs)
    assert again.loss_names == model.loss_names
    outputs = [np.float32(i) for i in range(len(model.outputs))]
    again.set_loss({}, weight_decay=0.0)
    assert float(again.compute_loss(y_pred=outputs)) == sum(outputs[-5:])
    plain = keras.Model(model.inputs, model.outputs)
    assert list(outputs_by_name(plain, outputs))[-5:] == list(model.loss_names)

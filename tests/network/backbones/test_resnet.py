import keras
import numpy as np
import pytest
from seeded_weights import manifest

from mrcnn.network.backbones.resnet import resnet_graph
from mrcnn.network.layers import BatchNorm

pytestmark = pytest.mark.network


@pytest.mark.parametrize("architecture", ["resnet50", "resnet101"])
def test_layers_are_those_of_the_weight_files(architecture):
    image = keras.Input((64, 64, 3))
    features = resnet_graph(image, architecture, stage5=True)
    model = keras.Model(image, features)
    expected = {
        layer: [shape for _, shape in weights]
        for layer, weights in manifest(architecture).items()
        if layer.startswith(("conv1", "res", "bn"))
    }
    ours = {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights}
    assert ours == expected
    assert [tuple(x.shape[1:]) for x in features] == [
        (16, 16, 64),
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]


def test_stage_5_may_be_left_out():
    assert resnet_graph(keras.Input((64, 64, 3)), "resnet50")[4] is None


def test_unknown_architecture():
    with pytest.raises(
        ValueError, match=r"architecture is 'vgg': it must be resnet50 or resnet101\."
    ):
        resnet_graph(keras.Input((64, 64, 3)), "vgg")


@pytest.mark.parametrize(
    ("train_bn", "model_trains", "statistics_move"),
    [(False, True, False), (None, True, True), (None, False, False), (True, False, True)],
)
def test_batch_norm_keeps_the_mode_it_was_built_with(train_bn, model_trains, statistics_move):
    x = keras.Input((3,))
    layer = BatchNorm()
    model = keras.Model(x, layer(x, training=train_bn))
    before = layer.moving_mean.numpy()
    model(np.full((4, 3), 5.0, "float32"), training=model_trains)
    assert (layer.moving_mean.numpy() != before).all() == statistics_move

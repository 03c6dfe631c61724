import keras
import pytest
from keras import layers

from mrcnn.network.backbones.levels import layers_behind


def maps_of(image):
    """C2 to C5, whose layers' names say nothing about levels; C4 also sees C2."""
    x, maps = image, []
    for name in ("red", "green", "blue", "white"):
        if name == "blue":
            skip = layers.Conv2D(4, 2, 2, name="skip")(maps[0])
            x = layers.Add()([x, skip])
        x = layers.Conv2D(4, 1 if name == "red" else 2, 4 if name == "red" else 2, name=name)(x)
        maps.append(layers.Activation("relu")(x))
        x = maps[-1]
    return maps


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (5, ["white"]),
        (4, ["blue", "skip", "white"]),
        (3, ["blue", "green", "skip", "white"]),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_layers_of_later_levels(first, expected, nested):
    image = keras.Input((64, 64, 3))
    maps = maps_of(image)
    if nested:
        model, image = keras.Model(image, maps), keras.Input((64, 64, 3))
        maps = model(image * 2)
    assert sorted(layers_behind(image, maps, first)) == expected


def test_a_level_without_weights():
    image = keras.Input((64, 64, 3))
    *maps, c4, _ = maps_of(image)
    assert layers_behind(image, [*maps, c4, layers.MaxPooling2D(2)(c4)], 5) == []

"""A test backbone that shares no layer name with a ResNet."""

from keras import layers

from mrcnn.network.backbones import Backbone


class Plain(Backbone):
    """C1 to C5 from one convolution each."""

    stem = "entry"
    trainable = {"3+": r"level[345]", "4+": r"level[45]", "5+": r"level5"}
    fresh = r"adapter.*"

    def build(self, image, config):
        c2 = layers.Conv2D(8, 5, 4, padding="same", activation="relu", name="entry")(image)
        features = [c2, c2]
        for level in (3, 4, 5):
            x = layers.Conv2D(12, 3, 2, padding="same", activation="relu", name=f"level{level}")(
                features[-1]
            )
            features.append(x)
        features[-1] = layers.Conv2D(16, 1, name="adapter_c5")(features[-1])
        return features


def of(**attributes):
    """A `Plain` with other attributes."""
    return type("Changed", (Plain,), attributes)()

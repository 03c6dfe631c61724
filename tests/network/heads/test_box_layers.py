"""The layers of the box head."""

import keras
from seeded_weights import manifest

from mrcnn.network.heads.box_layers import box_head


def test_the_layers_are_those_of_the_weight_files():
    rois = keras.Input((5, 4))
    features = keras.Input((5, 7, 7, 256))
    model = keras.Model([rois, features], box_head(lambda _: features, 7, 81)(rois))
    expected = {
        name: [shape for _, shape in rows]
        for name, rows in manifest("resnet101", 81).items()
        if name.startswith(("mrcnn_class", "mrcnn_bbox"))
    }
    assert len(expected) == 6
    assert {x.name: [tuple(w.shape) for w in x.weights] for x in model.layers if x.weights} == (
        expected
    )

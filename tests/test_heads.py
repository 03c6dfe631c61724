import keras
import numpy as np
import pytest

from mrcnn import heads

ROIS = np.random.default_rng(0).normal(size=(2, 5, 6, 6, 4)).astype("float32")


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (heads.Conv2D, keras.layers.Conv2D, {"kernel_size": 3, "padding": "same"}),
        (heads.Conv2D, keras.layers.Conv2D, {"kernel_size": 6, "activation": "relu"}),
        (heads.Conv2DTranspose, keras.layers.Conv2DTranspose, {"kernel_size": 2, "strides": 2}),
    ],
)
def test_a_convolution_over_rois_is_one_over_each(ours, theirs, options):
    layer, plain = ours(3, **options), theirs(3, **options)
    outputs = np.asarray(layer(ROIS))
    plain.build((None, 6, 6, 4))
    plain.set_weights(layer.get_weights())
    for image in range(2):
        np.testing.assert_allclose(outputs[image], plain(ROIS[image]), atol=1e-5)
    assert layer.compute_output_shape(ROIS.shape) == outputs.shape
    assert type(layer).__name__ == type(plain).__name__

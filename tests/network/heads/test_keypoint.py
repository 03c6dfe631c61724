"""The keypoint head's layers, settings and decoding."""

import keras
import numpy as np
import pytest
from keras import ops
from shared_data import foreign_values

from mrcnn.config import Config
from mrcnn.images.frame import Frame
from mrcnn.network.heads import Found, KeypointHead
from mrcnn.network.heads.keypoint import Doubled, keypoint_head
from mrcnn.network.layers import Conv2DTranspose


def test_transposed_convolution_and_upsampling_of_torchvision():
    values = foreign_values("torchvision_ops")
    deconv = Conv2DTranspose(2, (4, 4), strides=2, padding="same")
    x = values["kp.deconv_input"][:, None]  # each image is one RoI
    deconv(x)
    deconv.kernel.assign(values["kp.deconv_weight"].transpose(2, 3, 1, 0))
    deconv.bias.assign(values["kp.deconv_bias"])
    low = deconv(x)
    np.testing.assert_allclose(
        ops.convert_to_numpy(low)[:, 0], values["kp.deconv_output"], atol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(Doubled()(low))[:, 0], values["kp.deconv_up2"], atol=1e-5
    )


def test_doubled_by_hand():
    x = np.array([0, 4, 8], "float32").reshape(1, 1, 3, 1, 1)
    doubled = ops.convert_to_numpy(Doubled()(x))
    assert doubled.shape == (1, 1, 6, 2, 1)
    assert doubled[0, 0, :, 1, 0].tolist() == [0, 1, 3, 5, 7, 8]


def test_the_layers_of_the_paper():
    rois, features = keras.Input((2, 4)), keras.Input((2, 14, 14, 256))
    maps = keypoint_head(lambda _: features, 17)(rois)
    assert maps.shape == (None, 2, 56, 56, 17)
    model = keras.Model([rois, features], maps)
    kernels = {x.name: tuple(x.kernel.shape) for x in model.layers if x.weights}
    assert kernels == {
        "mrcnn_keypoint_conv1": (3, 3, 256, 512),
        **{f"mrcnn_keypoint_conv{i}": (3, 3, 512, 512) for i in range(2, 9)},
        "mrcnn_keypoint_deconv": (4, 4, 17, 512),
    }


class PeopleConfig(Config):
    NAME = "people"
    NUM_CLASSES = 2
    HEADS = ("box", "mask", "keypoint")


def problems(**settings):
    return KeypointHead.problems(PeopleConfig.from_dict(settings))


def test_settings():
    PeopleConfig().validate()
    assert problems() == []
    assert problems(KEYPOINT_FLIP_PAIRS=[(1, 2)]) == []
    assert problems(NUM_KEYPOINTS=0) == [
        "NUM_KEYPOINTS is 0: it must be a whole number of at least 1."
    ]
    assert "KEYPOINT_HEAD_LAYERS is 1.5" in problems(KEYPOINT_HEAD_LAYERS=1.5)[0]
    (line,) = problems(KEYPOINT_FLIP_PAIRS=[(1, 17)])
    assert "KEYPOINT_FLIP_PAIRS is [(1, 17)]: flip_pairs has (1, 17)" in line
    (line,) = problems(KEYPOINT_FLIP_PAIRS=[(1, 2), (2, 3)])
    assert "keypoints [2] more than once" in line
    (line,) = problems(KEYPOINT_FLIP_PAIRS=3)
    assert "KEYPOINT_FLIP_PAIRS is 3" in line


def test_other_heads_do_not_read_them():
    config = PeopleConfig.from_dict({"HEADS": ("box", "mask"), "NUM_KEYPOINTS": 0})
    config.validate()


def test_decoded_in_pixels_of_the_image():
    # An image of 100x200 in an input of 128x128: half as high, 14 pixels of padding at each end.
    image_shape, input_shape = (100, 200, 3), (128, 128, 3)
    frame = Frame.of_window(image_shape, input_shape, (32, 0, 96, 128))
    box = np.array([40, 20, 68, 48])  # pixels of the input, as large as the map
    detections = np.zeros((3, 6), np.float32)
    detections[1, :4] = (box - [0, 0, 1, 1]) / 127
    maps = np.zeros((3, 28, 28, 2), np.float32)
    maps[1, 5, 7, 0] = maps[1, 0, 27, 1] = 20
    found = Found(
        np.array([1]), np.array([1]), np.array([[12, 31, 57, 75]]), image_shape, True, frame
    )
    outputs = {"mrcnn_detection": detections, "mrcnn_keypoint": maps}
    keypoints = KeypointHead(PeopleConfig()).decode(outputs, found)
    assert keypoints.shape == (1, 2, 3)
    assert keypoints.dtype == np.float32
    scale_y, scale_x = 100 / 64, 200 / 128
    expected = [
        [(45.5 - 32) * scale_y, 27.5 * scale_x],
        [(40.5 - 32) * scale_y, 47.5 * scale_x],
    ]
    np.testing.assert_allclose(keypoints[0, :, :2], expected, atol=1e-3)
    np.testing.assert_allclose(keypoints[0, :, 2], 1, atol=1e-4)


def test_scores_of_torchvision_are_logits():
    frame = Frame.of_window((64, 64, 3), (64, 64, 3), (0, 0, 64, 64), margin=0)
    detections = np.array([[0.25, 0.25, 0.6875, 0.6875, 1, 1]], np.float32)  # 28 pixels
    maps = np.zeros((1, 28, 28, 1), np.float32)
    maps[0, 5, 7] = 3
    outputs = {"mrcnn_detection": detections, "mrcnn_keypoint": maps}
    found = Found(
        np.array([0]), np.array([1]), np.array([[16, 16, 44, 44.0]]), (64, 64, 3), True, frame
    )
    config = PeopleConfig.from_dict({"KEYPOINT_SCORES": "torchvision"})
    points = KeypointHead(config).decode(outputs, found)
    np.testing.assert_allclose(points, [[[21.5, 23.5, 3]]], rtol=1e-5)
    share = KeypointHead(PeopleConfig()).decode(outputs, found)[0, 0, 2]
    assert share == pytest.approx(np.exp(3) / (np.exp(3) + 28 * 28 - 1), rel=1e-4)


def test_decoding_nothing():
    frame = Frame.of_window((64, 64, 3), (64, 64, 3), (0, 0, 64, 64))
    none = np.zeros(0, int)
    found = Found(none, none, np.zeros((0, 4), int), (64, 64, 3), True, frame)
    outputs = {"mrcnn_detection": np.zeros((3, 6)), "mrcnn_keypoint": np.zeros((3, 8, 8, 5))}
    assert KeypointHead(PeopleConfig()).decode(outputs, found).shape == (0, 5, 3)

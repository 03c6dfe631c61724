"""The graph that is exported, against the inference graph."""

import keras
import numpy as np
import pytest
from tiny import spread, tiny_config

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network.exported import Results, build_exported

pytestmark = pytest.mark.network


@pytest.mark.parametrize("sides", [(64, 64), (None, None)])
def test_its_outputs(tmp_path, sides):
    config = tiny_config({"IMAGES_PER_GPU": 2})
    model = MaskRCNN("inference", config, str(tmp_path))
    spread(model.keras_model)
    exported = build_exported(config, sides)
    weights = {layer.name: layer.get_weights() for layer in model.keras_model.layers}
    for layer in exported.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    assert exported.input_shape == (None, *sides, 3)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    found = exported.predict_on_batch(images.astype(np.float32))
    wanted = model.detect(list(images))
    for row, result in enumerate(wanted):
        count = found["count"][row]
        assert count == len(result["scores"]) > 0
        np.testing.assert_allclose(found["scores"][row, :count], result["scores"], atol=1e-5)
        np.testing.assert_array_equal(found["class_ids"][row, :count], result["class_ids"])
        np.testing.assert_array_equal(np.rint(found["boxes"][row, :count]), result["rois"])


def test_the_mask_of_each_class():
    detections = np.zeros((1, 3, 6), np.float32)
    detections[0, :2, 4:] = [[2, 0.9], [1, 0.8]]
    detections[0, :2, :4] = [[0, 0, 1, 1], [0, 0, 0.5, 0.5]]
    masks = np.arange(1 * 3 * 2 * 2 * 3, dtype=np.float32).reshape(1, 3, 2, 2, 3)
    outputs = {
        "mrcnn_detection": detections,
        "mrcnn_mask": masks,
        "mrcnn_keypoint": np.ones((1, 3, 4, 4, 2)),
        "area": np.full((1, 3, 1), 7),
        "ROI": np.zeros((1, 5, 4)),
        "rpn_class": np.zeros((1, 9, 2)),
    }
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in outputs.items()}
    found = Results(tiny_config({}))([tensors, keras.ops.zeros((1, 11, 21, 3))])
    assert set(found) == {
        *("boxes", "class_ids", "scores", "count", "masks", "keypoint_maps", "area", "proposals")
    }
    np.testing.assert_array_equal(found["masks"][0, 0], masks[0, 0, ..., 2])
    np.testing.assert_array_equal(found["masks"][0, 1], masks[0, 1, ..., 1])
    assert not np.any(found["masks"][0, 2]) and not np.any(found["boxes"][0, 2])
    np.testing.assert_array_equal(found["boxes"][0, :2], [[0, 0, 11, 21], [0, 0, 6, 11]])
    assert found["count"].numpy().tolist() == [2]
    tensors["scores"] = tensors["area"]
    with pytest.raises(ValueError, match=r"a head has the outputs \['scores'\], which are names"):
        Results(tiny_config({})).call([tensors, keras.ops.zeros((1, 11, 21, 3))])

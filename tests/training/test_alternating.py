"""The four steps on a tiny network: which weights change, from where, and on whose proposals."""

import shutil

import keras
import numpy as np
import pytest
from tiny import InMemory, Staged, TinyConfig, eager_training, shapes

from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph
from mrcnn.network.graph_model import outputs_by_name
from mrcnn.runs import history
from mrcnn.training.alternating import Groups, Proposals, step_config, train_alternately

pytestmark = pytest.mark.network

DECAY = 1e-3


class Steps(keras.callbacks.Callback):
    """The weights by layer name at the beginning and end of each step, and its RoIs."""

    def __init__(self):
        super().__init__()
        self.begins, self.ends, self.inputs = [], [], []

    def on_train_begin(self, logs=None):
        self.begins.append(weights(self.model))
        self.inputs.append([tensor.name for tensor in self.model.inputs])

    def on_train_end(self, logs=None):
        self.ends.append(weights(self.model))

    def changed(self, step):
        begin, end = self.begins[step], self.ends[step]
        return {name for name in begin if not same(begin[name], end[name])}


def weights(keras_model):
    found = {}
    for layer in keras_model.layers:
        if hasattr(layer, "layers"):
            found.update(weights(layer))
        elif layer.weights:
            found[layer.name] = layer.get_weights()
    return found


def same(one, other):
    return all(np.array_equal(*arrays) for arrays in zip(one, other, strict=True))


def build(folder):
    # The decay changes every kernel that trains, even one that got no gradient in a single step.
    decay = {"WEIGHT_DECAY": DECAY, "WEIGHT_DECAY_ON": "sum"}
    config = TinyConfig.from_dict({"STEPS_PER_EPOCH": 1, "VALIDATION_EVERY": 0, **decay})
    return MaskRCNN("training", config, folder)


def run(model, steps, **options):
    data = InMemory(shapes(4))
    with eager_training():
        train_alternately(
            model, data, data, 0.01, (1, 1, 1, 1), custom_callbacks=[steps], verbose=0, **options
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model, steps = build(tmp_path_factory.mktemp("runs")), Steps()
    start = weights(model.keras_model)
    run(model, steps)
    return model, steps, start


SHARED = {"conv1", "res2a", "res3a", "res4a", "res5a", "fpn_c2p2", "fpn_c5p5", "fpn_p2", "fpn_p5"}
RPN = {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
HEADS = {"mrcnn_class_conv1", "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask_conv1"}


def test_what_changes_in_each_step(trained):
    _, steps, _ = trained
    rpn, detector, rpn_again, detector_again = map(steps.changed, range(4))
    assert rpn > SHARED | RPN and not rpn & HEADS
    assert detector > SHARED | HEADS and not detector & RPN
    assert rpn_again == RPN
    assert detector_again > HEADS and not detector_again & (SHARED | RPN)
    assert all(name.startswith("mrcnn_") for name in detector_again)


def test_where_each_step_starts(trained):
    model, steps, start = trained
    for name, arrays in start.items():
        assert same(steps.begins[0][name], arrays)
        # The detector has a backbone of its own, from the same start.
        assert same(steps.begins[1][name], steps.ends[0][name] if name in RPN else arrays)
        assert same(steps.begins[2][name], steps.ends[1][name])
        assert same(steps.begins[3][name], steps.ends[2][name])
        assert same(weights(model.keras_model)[name], steps.ends[3][name])


def test_the_runs_and_the_losses_that_they_minimise(trained):
    model, steps, _ = trained
    names = sorted(path.name[:-13] for path in model.model_dir.iterdir())
    assert names == ["tiny_1_rpn", "tiny_2_detector", "tiny_3_rpn", "tiny_4_detector"]
    assert "tiny_4_detector" in model.log_dir and model.epoch == 1
    assert ["input_roi" in inputs for inputs in steps.inputs] == [False, True, False, False]
    for number, path in enumerate(sorted(model.model_dir.iterdir())):
        [row] = history.read(path)
        kind = "rpn" if number in (0, 2) else "mrcnn"
        minimised = sum(row[name] for name in model.keras_model.loss_names if name.startswith(kind))
        trained_layers = (steps.begins[number][name] for name in steps.changed(number))
        kernels = [arrays[0] for arrays in trained_layers if len(arrays) == 2]  # not BatchNorm
        penalty = DECAY / 2 * sum(float((kernel**2).sum()) for kernel in kernels)
        assert row["loss"] == pytest.approx(minimised + penalty, rel=1e-3)
        assert row["val_loss"] > 0


def test_finished_steps_are_skipped_and_the_rest_is_trained(trained, tmp_path):
    whole, _, _ = trained
    for name in ("tiny_1_rpn", "tiny_2_detector"):
        [path] = whole.model_dir.glob(f"{name}*")
        shutil.copytree(path, tmp_path / path.name)
    # A script that starts anew may have other random weights in its new layers.
    again, steps = build(tmp_path), Steps()
    run(again, steps, resume=True)
    assert len(steps.begins) == 2
    ours, expected = weights(again.keras_model), weights(whole.keras_model)
    for name in expected:
        for one, two in zip(ours[name], expected[name], strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5, err_msg=name)


def test_proposals_are_those_of_the_network(trained):
    model, _, _ = trained
    graph = model.keras_model
    images = np.stack([image for image, *_ in shapes(2)]).astype(np.float32) - 120
    found = Proposals(graph)({"input_image": images})
    assert found.shape == (2, 200, 4) and found.dtype == np.int32
    rois = outputs_by_name(graph, graph.outputs)["ROI"]
    rois = np.asarray(keras.Function(graph.inputs[0], rois)(images))
    is_roi = (rois != 0).any(axis=-1)
    assert is_roi.any() and not found[~is_roi].any()
    np.testing.assert_allclose(found[is_roi], rois[is_roi] * 63 + [0, 0, 1, 1], atol=0.51)


def test_groups_are_disjoint_and_whole(trained):
    model, _, start = trained
    groups = Groups.of(model.keras_model)
    assert groups.rpn == RPN and groups.shared > SHARED and groups.heads > HEADS
    assert sorted([*groups.rpn, *groups.shared, *groups.heads]) == sorted(start)


def test_stage_5_belongs_to_the_heads_that_share_it():
    settings = {"NECK": "c4", "BACKBONE": Staged(), "TOP_DOWN_PYRAMID_SIZE": 256}
    groups = Groups.of(graph.build("training", TinyConfig.from_dict(settings)))
    assert groups.rpn == RPN
    assert {"conv1", "res2a", "res3a", "res4a"} <= groups.shared and "res5a" in groups.heads
    assert not {name for name in groups.shared if name.startswith(("res5", "mrcnn", "fpn"))}


def test_settings_of_a_step():
    losses = (*TinyConfig.LOSS_WEIGHTS, "edge_loss")
    config = TinyConfig.from_dict({"MONITOR": "val_bbox_AP", "VALIDATION_EVERY": 3})
    steps = [step_config(config, number, losses) for number in range(4)]
    for step, on in zip(steps, ("rpn", "mrcnn", "rpn", "mrcnn"), strict=True):
        weighted = {name for name in losses if step.LOSS_WEIGHTS.get(name, 1.0)}
        others = {"edge_loss"} if on == "mrcnn" else set()
        assert weighted == others | {name for name in losses if name.startswith(on)}
    assert [step.MONITOR for step in steps] == [None, None, None, "val_bbox_AP"]
    assert [step.VALIDATION_EVERY for step in steps] == [0, 0, 0, 3]
    assert config.NAME == "Tiny" and set(config.LOSS_WEIGHTS.values()) == {1.0}


def test_what_cannot_work(trained, tmp_path):
    finished, _, _ = trained
    data = InMemory(shapes(1))

    def refused(model, match, epochs=(1, 1, 1, 1), rate=0.01):
        with pytest.raises(ValueError, match=match):
            train_alternately(model, data, None, rate, epochs, verbose=0)

    refused(finished, r"the model has the weights of .*tiny_4_detector\S+ after epoch 1: train_alt")
    model = build(tmp_path)
    refused(model, r"epochs is 4: it must be four whole numbers of at least 1, one for", epochs=4)
    refused(model, r"epochs is \(1, 0, 1, 1\): it must be four", epochs=(1, 0, 1, 1))
    refused(model, r"learning_rate is \[0.1, 0.2\]: it must be four numbers", rate=[0.1, 0.2])
    model.config.GPU_COUNT = 2
    refused(model, r"GPU_COUNT is 2: train_alternately\(\) trains on one device")
    model.config.GPU_COUNT, model.config.USE_RPN_ROIS = 1, False
    refused(model, r"USE_RPN_ROIS is False: train_alternately\(\) needs it to be True")
    refused(MaskRCNN("inference", TinyConfig(), tmp_path), r"but this one is in inference mode")

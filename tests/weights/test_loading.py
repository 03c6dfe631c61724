import json
import logging
import os

import h5py
import keras
import numpy as np
import pytest
from conftest import DATA, config_of, load_reference
from numpy.testing import assert_allclose, assert_array_equal
from seeded_weights import make_weights, manifest, write_h5

from mrcnn import weights
from mrcnn.network import graph
from mrcnn.training import trainable
from mrcnn.weights.keras_h5 import WeightsFile

CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]


@pytest.fixture(scope="module")
def inference():
    return build("inference")


@pytest.fixture(scope="module")
def seeded():
    """dict of layer name to list of (weight name, array), the values of `seeded_h5`."""
    return make_weights(manifest("resnet50", 5), seed=10)


def build(mode, **settings):
    config = config_of(load_reference("small"))
    for name, value in settings.items():
        setattr(config, name, value)
    return graph.build(mode, config)


@pytest.fixture
def tiny():
    """conv1 [1, 1, 3, 2] and dense [2, 3], with biases."""
    return chain(
        (4, 4, 3),
        keras.layers.Conv2D(2, 1, name="conv1"),
        keras.layers.ReLU(name="relu"),
        keras.layers.Dense(3, name="dense"),
    )


def chain(shape, *layers):
    """A functional model of layers one behind another."""
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def tiny_arrays(**changes):
    arrays = {
        "conv1": [np.arange(6).reshape(1, 1, 3, 2), np.array([7, 8])],
        "dense": [np.arange(6).reshape(2, 3) * 10, np.array([1, 2, 3])],
    }
    return {**arrays, **changes}


@pytest.fixture
def write(tmp_path):
    """Function: dict of layer name to list of arrays -> path of a file with them."""

    def _write(arrays):
        path = tmp_path / "weights.h5"
        layers = {
            layer: [
                (f"{layer}/w{index}:0", np.float32(array)) for index, array in enumerate(values)
            ]
            for layer, values in arrays.items()
        }
        write_h5(layers, path)
        return path

    return _write


def values(model):
    return {
        name: [np.array(variable) for variable in variables]
        for name, variables in weights.weighted_layers(model).items()
    }


def assert_same(model, wanted):
    got = values(model)
    assert list(got) == list(wanted)
    for name, arrays in wanted.items():
        assert len(got[name]) == len(arrays), name
        for ours, theirs in zip(got[name], arrays, strict=True):
            assert_array_equal(ours, theirs, err_msg=name)


def assert_refused(model, path, message, **options):
    """The file is refused with this message, and the model is as it was."""
    before = values(model)
    with pytest.raises(ValueError) as caught:
        weights.load(model, path, **options)
    assert str(caught.value).replace(str(path), "FILE") == message
    assert_same(model, before)


def layout(path):
    """[layer, [(weight name, shape)]] as the reference would read the file."""
    with h5py.File(path) as file:
        assert file.attrs["backend"] == b"tensorflow"
        assert file.attrs["keras_version"] == b"2.2.5"
        names = [name.decode() for name in file.attrs["layer_names"]]
        assert sorted(names) == sorted(file)
        rows = []
        for name in names:
            group = file[name]
            found = []
            group.visititems(lambda path, node, found=found: found.append((path, node)))
            sets = {path: node for path, node in found if isinstance(node, h5py.Dataset)}
            weight_names = [weight.decode() for weight in group.attrs["weight_names"]]
            assert sorted(weight_names) == sorted(sets)
            assert {node.dtype for node in sets.values()} == {np.dtype("<f4")}
            rows.append([name, [(weight, sets[weight].shape) for weight in weight_names]])
    return rows


def reference_layout(architecture, mode, num_classes):
    layers = manifest(architecture, num_classes)
    rows = json.loads((DATA / f"manifest_{architecture}.json").read_text())
    order = [name for name, _ in rows[f"layer_order_{mode}"] if name in layers]
    assert sorted(order) == sorted(layers)
    return [[name, layers[name]] for name in order]


# The whole network


@pytest.mark.parametrize(
    ("encode", "group"), [(str.encode, None), (str, "model_weights")], ids=["bytes", "str-group"]
)
def test_every_tensor_of_a_reference_file(inference, seeded, tmp_path, encode, group):
    path = tmp_path / "reference.h5"
    write_h5(seeded, path, encode=encode, group=group)
    for variable in inference.weights:
        variable.assign(np.zeros(variable.shape))
    report = weights.load(inference, path, complete=True)
    assert_same(inference, {name: [array for _, array in rows] for name, rows in seeded.items()})
    assert report.path == str(path)
    assert report.loaded == list(seeded)
    assert len(report.loaded) == 131
    assert not any([report.excluded, report.missing, report.left_over, report.mismatched])
    # Our heads expect RGB and so does their conv1: nothing is turned round.
    assert report.notes == []


def test_every_level_shares_the_weights_of_the_rpn(inference, seeded, seeded_h5):
    inference.get_layer("rpn_model").set_weights(
        [np.zeros(array.shape) for _, array in seeded["rpn_model"]]
    )
    report = inference.load_weights(seeded_h5)
    assert "rpn_model" in report.loaded
    got = [
        (variable.path, np.array(variable)) for variable in inference.get_layer("rpn_model").weights
    ]
    assert [path for path, _ in got] == [
        "rpn_conv_shared/kernel",
        "rpn_conv_shared/bias",
        "rpn_class_raw/kernel",
        "rpn_class_raw/bias",
        "rpn_bbox_pred/kernel",
        "rpn_bbox_pred/bias",
    ]
    for (_, ours), (_, theirs) in zip(got, seeded["rpn_model"], strict=True):
        assert_array_equal(ours, theirs)


def test_another_number_of_classes(inference, seeded, seeded_h5, tmp_path, caplog):
    path = tmp_path / "coco.h5"
    shapes = manifest("resnet50", 81)
    coco = {
        name: [(weight, np.zeros(shape, "f4")) for weight, shape in shapes[name]]
        for name in CLASS_LAYERS
    }
    write_h5({**seeded, **coco}, path)
    weights.load(inference, seeded_h5)
    inference.get_layer("conv1").set_weights([np.ones((7, 7, 3, 64)), np.ones(64)])
    assert_refused(
        inference,
        path,
        "FILE: shapes disagree in 3 layers, nothing was loaded:\n"
        "- mrcnn_class_logits: kernel (1024, 81) in the file, (1024, 5) in the model; "
        "bias (81,) in the file, (5,) in the model\n"
        "- mrcnn_bbox_fc: kernel (1024, 324) in the file, (1024, 20) in the model; "
        "bias (324,) in the file, (20,) in the model\n"
        "- mrcnn_mask: kernel (1, 1, 256, 81) in the file, (1, 1, 256, 5) in the model; "
        "bias (81,) in the file, (5,) in the model\n"
        "If they are to start anew, for other classes or channels, pass "
        "exclude=['mrcnn_class_logits', 'mrcnn_bbox_fc', "
        "'mrcnn_mask'] and train them.",
    )
    # The list of the reference's samples, with a layer that has no weights.
    report = weights.load(inference, path, exclude=[*CLASS_LAYERS, "mrcnn_bbox"])
    assert report.excluded == CLASS_LAYERS
    assert len(report.loaded) == 128
    assert_same(inference, {name: [array for _, array in rows] for name, rows in seeded.items()})
    assert not caplog.records

    report = inference.load_weights(path, skip_mismatch=True)
    assert list(report.mismatched) == CLASS_LAYERS
    assert "mismatched, unchanged: mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_mask" in caplog.text


def test_saves_the_layout_of_the_reference(inference, seeded, seeded_h5, tmp_path):
    weights.load(inference, seeded_h5)
    path = tmp_path / "saved.h5"
    inference.save_weights(path)
    assert layout(path) == reference_layout("resnet50", "inference", 5)
    with WeightsFile(path) as file:
        for name, rows in seeded.items():
            for ours, (_, theirs) in zip(file.arrays(name), rows, strict=True):
                assert_array_equal(ours, theirs, err_msg=name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved.h5"]


def test_training_and_inference_exchange_weights(inference, seeded, seeded_h5, tmp_path):
    model = build("training")
    # Frozen layers are written in the same order.
    trainable.set_trainable(model, "rpn_bbox_pred|bn2a.*|mrcnn_mask")
    assert weights.load(model, seeded_h5, complete=True).missing == []
    path = tmp_path / "trained.h5"
    model.save_weights(path)
    assert layout(path) == reference_layout("resnet50", "training", 5)
    inference.get_layer("mrcnn_mask").set_weights([np.zeros((1, 1, 256, 5)), np.zeros(5)])
    assert weights.load(inference, path, complete=True).left_over == []
    assert_same(inference, {name: [array for _, array in rows] for name, rows in seeded.items()})


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_resnet101_has_the_layers_of_the_reference(mode):
    model = build(mode, BACKBONE="resnet101", NUM_CLASSES=81)
    rows = [
        [
            name,
            [
                ("/".join(variable.path.split("/")[-2:]) + ":0", tuple(variable.shape))
                for variable in variables
            ],
        ]
        for name, variables in weights.weighted_layers(model).items()
    ]
    assert rows == reference_layout("resnet101", mode, 81)
    assert len(rows) == 233
    assert model.count_params() == 64_158_584


def test_imagenet_backbone_is_turned_from_bgr_to_rgb(
    inference, seeded, seeded_h5, tmp_path, caplog
):
    backbone = {
        name: rows for name, rows in seeded.items() if name.startswith(("conv1", "bn", "res"))
    }
    backbone["fc1000"] = [("fc1000/bias:0", np.zeros(1000, "f4"))]
    path = tmp_path / "resnet50_notop.h5"
    write_h5(backbone, path)
    weights.load(inference, seeded_h5)
    report = weights.load(inference, path)
    kernel, bias = values(inference)["conv1"]
    (_, wanted), (_, wanted_bias) = seeded["conv1"]
    for channel in range(3):
        assert_array_equal(kernel[:, :, channel], wanted[:, :, 2 - channel])
    assert_array_equal(bias, wanted_bias)
    assert_array_equal(values(inference)["res2a_branch2a"][0], seeded["res2a_branch2a"][0][1])
    assert report.notes == ["conv1's input channels reversed: BGR in the file, RGB here"]
    assert len(report.loaded) == 106
    assert len(report.missing) == 25
    assert report.left_over == ["fc1000"]
    assert "106 layers loaded, 0 excluded, 25 missing in the file, 1 left over" in str(report)
    assert "random ones: fpn_c5p5, fpn_c4p4" in caplog.text


# Other channels than those of the file


@pytest.mark.parametrize("channels", [1, 5])
def test_conv1_of_rgb_is_spread_over_other_channels(seeded, seeded_h5, tmp_path, channels):
    model = build("inference", IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=114.8)
    backbone = {
        name: rows for name, rows in seeded.items() if name.startswith(("conv1", "bn", "res"))
    }
    imagenet = tmp_path / "resnet50_notop.h5"
    write_h5(backbone, imagenet)
    (_, rgb), (_, bias) = seeded["conv1"]
    for path, complete in ((seeded_h5, True), (imagenet, False)):
        model.get_layer("conv1").set_weights([np.zeros((7, 7, channels, 64)), np.zeros(64)])
        report = weights.load(model, path, complete=complete)
        kernel, got = values(model)["conv1"]
        for channel in range(channels):
            assert_allclose(kernel[:, :, channel], rgb.sum(axis=2) / channels, rtol=1e-6)
        assert_array_equal(got, bias)
        assert report.notes == [
            f"conv1 spread over {channels} channels: each has the mean of the file's RGB kernel, "
            f"times 3 / {channels}"
        ]
        assert "conv1" in report.loaded and not report.mismatched
    saved = tmp_path / "own.h5"
    model.save_weights(saved)
    before = values(model)
    assert weights.load(model, saved, complete=True).notes == []
    assert_same(model, before)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_gray_image_is_answered_as_its_rgb_was(tiny, write, channels):
    path = write(tiny_arrays())
    weights.load(tiny, path)
    other = chain(
        (4, 4, channels), keras.layers.Conv2D(2, 1, name="conv1"), keras.layers.Dense(3, name="d")
    )
    weights.load(other, path)
    gray = np.random.default_rng(0).random((1, 4, 4, 1)).astype(np.float32)
    answers = [
        np.array(model.get_layer("conv1")(np.repeat(gray, count, axis=3)))
        for model, count in ((tiny, 3), (other, channels))
    ]
    assert_allclose(answers[0], answers[1], rtol=1e-6)


def test_conv1_is_spread_only_if_all_else_agrees(write):
    model = chain((4, 4, 5), keras.layers.Conv2D(2, 1, name="conv1"))
    kernel, bias = tiny_arrays()["conv1"]
    before = values(model)
    for arrays in ([kernel], [kernel, bias[:1]], [kernel[..., :1], bias], [kernel[:, :, :2], bias]):
        with pytest.raises(ValueError, match="shapes disagree in 1 layers, nothing was loaded"):
            weights.load(model, write({"conv1": arrays}))
    other = chain((4, 4, 5), keras.layers.Conv2D(2, 1, name="conv2"))
    with pytest.raises(ValueError, match="shapes disagree in 1 layers"):
        weights.load(other, write({"conv2": [kernel, bias]}))
    assert_same(model, before)


# What a tiny model shows as well


def test_loads_by_name_and_order(tiny, write):
    path = write(dict(reversed(tiny_arrays().items())))
    report = weights.load(tiny, str(path), complete=True)
    assert_same(tiny, tiny_arrays())
    assert report.loaded == ["conv1", "dense"]


@pytest.mark.parametrize("exclude", ["conv1", ["conv1"], ("conv1", "relu")])
def test_excluded_layers_keep_their_values(tiny, write, exclude, caplog):
    before = values(tiny)
    report = weights.load(tiny, write(tiny_arrays()), exclude=exclude)
    assert_same(tiny, {"conv1": before["conv1"], "dense": tiny_arrays()["dense"]})
    assert (report.loaded, report.excluded, report.left_over) == (["dense"], ["conv1"], [])
    assert not caplog.records


def test_exclude_may_be_none(tiny, write):
    assert weights.load(tiny, write(tiny_arrays()), exclude=None).excluded == []


def test_an_excluded_layer_may_have_any_shape_or_be_missing(tiny, write):
    arrays = tiny_arrays(conv1=[np.zeros(9)])
    assert weights.load(tiny, write(arrays), exclude=["conv1"], complete=True).mismatched == {}
    del arrays["conv1"]
    assert weights.load(tiny, write(arrays), exclude=["conv1"], complete=True).missing == []


def test_an_unknown_exclude_is_warned_of(tiny, write, caplog):
    report = weights.load(tiny, write(tiny_arrays()), exclude=["mrcnn_clas_logits", "conv1"])
    assert report.unknown_excludes == ["mrcnn_clas_logits"]
    assert [record.getMessage() for record in caplog.records] == [
        "exclude names no layer of the model: ['mrcnn_clas_logits']"
    ]


def test_missing_and_left_over_layers(tiny, write, caplog):
    before = values(tiny)
    arrays = {"conv1": tiny_arrays()["conv1"], "other": [np.zeros(2)], "relu": [], "pool": []}
    path = write(arrays)
    with caplog.at_level(logging.INFO):
        report = weights.load(tiny, path)
    assert (report.loaded, report.missing, report.left_over) == (["conv1"], ["dense"], ["other"])
    assert_same(tiny, {"conv1": arrays["conv1"], "dense": before["dense"]})
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", str(report)),
        (
            "WARNING",
            f"{path}: 1 layers are not in the file and keep the values they have, in a new model "
            "random ones: dense",
        ),
    ]


def test_an_incomplete_file(tiny, write):
    assert_refused(
        tiny,
        write({"conv1": tiny_arrays()["conv1"]}),
        "FILE lacks 1 layers of the model: dense. Nothing was loaded; by_name=True loads what is "
        "there.",
        complete=True,
    )


def test_no_layer_matches(tiny, write):
    assert_refused(
        tiny,
        write({"conv1_conv": [np.zeros(2)]}),
        "FILE: no layer of the model got weights. The file has conv1_conv; the model wants conv1, "
        "dense.",
    )


def test_shapes_disagree(tiny, write):
    kernel, bias = tiny_arrays()["dense"]
    assert_refused(
        tiny,
        write(tiny_arrays(dense=[kernel.T, bias])),
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: kernel (3, 2) in the file, (2, 3) in the model\n"
        "If they are to start anew, for other classes or channels, pass "
        "exclude=['dense'] and train them.",
    )


def test_number_of_tensors_disagrees(tiny, write):
    assert_refused(
        tiny,
        write(tiny_arrays(dense=tiny_arrays()["dense"][:1])),
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: 1 tensors in the file, 2 in the model\n"
        "If they are to start anew, for other classes or channels, pass "
        "exclude=['dense'] and train them.",
    )


def test_skip_mismatch(tiny, write):
    before = values(tiny)
    report = weights.load(tiny, write(tiny_arrays(dense=[np.zeros(3)])), skip_mismatch=True)
    assert report.mismatched == {"dense": "1 tensors in the file, 2 in the model"}
    assert_same(tiny, {"conv1": tiny_arrays()["conv1"], "dense": before["dense"]})


def test_not_finite(tiny, write):
    # In the last layer, after others that were good.
    assert_refused(
        tiny,
        write(tiny_arrays(dense=[np.zeros((2, 3)), [0, np.nan, 0]])),
        "FILE: dense dense/w1:0 holds NaN or infinite values.",
    )


def test_a_data_set_larger_than_the_layer_is_not_read(tiny, write):
    path = write(tiny_arrays())
    with h5py.File(path, "a") as file:
        del file["dense/dense/w0:0"]
        # 4 TB that the file does not hold; reading would end this process.
        size = (1 << 20, 1 << 20)
        file["dense"].create_dataset("dense/w0:0", size, "f4", chunks=(1024, 1024))
    assert_refused(
        tiny,
        path,
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: kernel (1048576, 1048576) in the file, (2, 3) in the model\n"
        "If they are to start anew, for other classes or channels, pass "
        "exclude=['dense'] and train them.",
    )


def test_a_link_is_refused(tiny, write):
    path = write(tiny_arrays())
    with h5py.File(path, "a") as file:
        del file["dense/dense/w1:0"]
        file["dense/dense/w1:0"] = h5py.ExternalLink("other.h5", "/w")
    message = "FILE: 'w1:0' is a ExternalLink, which leads elsewhere; refused."
    assert_refused(tiny, path, message)


def test_truncated(tiny, write):
    path = write(tiny_arrays())
    path.write_bytes(path.read_bytes()[:-1])
    before = values(tiny)
    with pytest.raises(ValueError, match="is truncated"):
        weights.load(tiny, path)
    assert_same(tiny, before)


def test_no_file(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no weights file .*missing\.h5"):
        weights.load(tiny, tmp_path / "missing.h5")


def test_the_file_is_closed(tiny, write):
    path = write(tiny_arrays())
    weights.load(tiny, path)
    with h5py.File(path, "a") as file:
        file.attrs["open"] = "for writing"


@pytest.mark.parametrize("dtype", ["float16", "mixed_bfloat16"])
def test_weights_are_float32_in_the_file(dtype, tmp_path):
    layer = keras.layers.Dense(2, name="dense", dtype=dtype)
    model = chain((3,), layer)
    path = tmp_path / "half.h5"
    weights.save(model, path)
    with WeightsFile(path) as file:
        kernel, _ = file.arrays("dense")
    assert layout(path)[0][1][0] == ("dense/kernel:0", (3, 2))
    assert_array_equal(kernel, np.array(layer.kernel, np.float32))
    weights.load(model, path)
    assert_array_equal(np.array(layer.kernel, np.float32), kernel)


def test_batch_norm_order(tmp_path):
    layer = keras.layers.BatchNormalization(name="bn")
    model = chain((2,), layer)
    layer.set_weights(np.arange(1, 9).reshape(4, 2))
    layer.trainable = False
    weights.save(model, tmp_path / "bn.h5")
    with WeightsFile(tmp_path / "bn.h5") as file:
        assert file.weight_names("bn") == [
            "bn/gamma:0",
            "bn/beta:0",
            "bn/moving_mean:0",
            "bn/moving_variance:0",
        ]
        assert_array_equal(file.arrays("bn"), [[1, 2], [3, 4], [5, 6], [7, 8]])


class Block(keras.layers.Layer):
    """A layer of a custom backbone, with weights of its own and of layers inside."""

    def __init__(self):
        super().__init__(name="block")
        self.layers = [keras.layers.Dense(2, name="first"), keras.layers.Dense(2, name="second")]

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(2,), initializer="ones")
        for layer in self.layers:
            layer.build(shape)

    def call(self, inputs):
        return self.layers[1](self.layers[0](inputs)) * self.scale


def test_a_layer_of_layers_loses_none_of_its_weights(tmp_path):
    model = chain((2,), Block(), keras.layers.Dropout(0.1, seed=1))
    assert [variable.path for variable in weights.weighted_layers(model)["block"]] == [
        "block/scale",
        "block/first/kernel",
        "block/first/bias",
        "block/second/kernel",
        "block/second/bias",
    ]
    before = values(model)
    weights.save(model, tmp_path / "block.h5")
    model.get_layer("block").scale.assign([5.0, 6.0])
    weights.load(model, tmp_path / "block.h5")
    assert_same(model, before)


def test_weights_whose_short_names_are_alike(tmp_path):
    layer = keras.layers.Bidirectional(keras.layers.LSTM(2), name="both")
    model = chain((4, 3), layer)
    before = values(model)
    weights.save(model, tmp_path / "both.h5")
    with WeightsFile(tmp_path / "both.h5") as file:
        assert file.weight_names("both") == [
            f"both/{way}_lstm/lstm_cell/{kind}:0"
            for way in ("forward", "backward")
            for kind in ("kernel", "recurrent_kernel", "bias")
        ]
    layer.set_weights([np.zeros_like(array) for array in before["both"]])
    weights.load(model, tmp_path / "both.h5")
    assert_same(model, before)


def test_more_names_than_an_attribute_holds(tmp_path):
    # 40 names of 2 kB; HDF5 refuses attributes of more than 64 kB.
    names = [f"{'x' * 2000}{index:02}" for index in range(40)]
    layers = [keras.layers.Dense(1, name=name) for name in names]
    model = chain((1,), *layers)
    before = values(model)
    path = tmp_path / "long.h5"
    weights.save(model, path)
    with h5py.File(path) as file:
        assert "layer_names" not in file.attrs
        assert len(file.attrs["layer_names0"]) + len(file.attrs["layer_names1"]) == 40
    with WeightsFile(path) as file:
        assert file.layer_names == names
    layers[7].set_weights([np.full((1, 1), 9), np.full(1, 9)])
    weights.load(model, path, complete=True)
    assert_same(model, before)


def test_overwrite(tiny, tmp_path):
    path = tmp_path / "weights.h5"
    weights.save(tiny, path, overwrite=False)
    written = path.read_bytes()
    tiny.get_layer("dense").set_weights(tiny_arrays()["dense"])
    with pytest.raises(FileExistsError, match="is there already; pass overwrite=True to replace"):
        weights.save(tiny, path, overwrite=False)
    assert path.read_bytes() == written
    weights.save(tiny, str(path))
    assert path.read_bytes() != written


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(tiny, write, monkeypatch, error):
    path = write(tiny_arrays())
    written = path.read_bytes()
    create, calls = h5py.Group.create_dataset, []

    def fail(group, *args, **kwargs):
        calls.append(group.name)
        if len(calls) == 3:
            raise error
        return create(group, *args, **kwargs)

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(type(error)) as caught:
        weights.save(tiny, path)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path} cannot be written: No space left on device."
    assert calls == ["/conv1", "/conv1", "/dense"]
    assert path.read_bytes() == written
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").touch()
    for path, reason in [
        (tmp_path / "file" / "w.h5", "Not a directory"),
        (tmp_path / "missing" / "w.h5", "No such file or directory"),
    ]:
        with pytest.raises(OSError) as caught:
            weights.save(tiny, path)
        assert str(caught.value) == f"{path} cannot be written: {reason}."


def test_a_folder_in_the_place_of_the_file(tiny, tmp_path):
    (tmp_path / "w.h5").mkdir()
    with pytest.raises(OSError, match=r"w\.h5 cannot be written: Is a directory\.$"):
        weights.save(tiny, tmp_path / "w.h5")
    assert os.listdir(tmp_path) == ["w.h5"]


def test_kernels_in_half_precision(tiny, tmp_path):
    path, third = tmp_path / "half.h5", 1 / 3
    for variable in tiny.weights:
        variable.assign(np.full(variable.shape, third))
    weights.save(tiny, path, kernel_dtype="float16")
    with h5py.File(path) as file:
        assert file["conv1/conv1/kernel:0"].dtype == np.float16
        assert file["conv1/conv1/bias:0"].dtype == np.float32
    for variable in tiny.weights:
        variable.assign(np.zeros(variable.shape))
    weights.load(tiny, path)
    kernel, bias = (w.numpy() for w in tiny.get_layer("dense").weights)
    assert kernel.dtype == np.float32
    assert_array_equal(kernel, np.float32(np.float16(third)))
    assert_array_equal(bias, np.float32(third))


def test_a_kernel_beyond_half_precision_leaves_no_file(tiny, tmp_path):
    tiny.get_layer("dense").weights[0].assign(np.full((2, 3), 7e4))
    with pytest.raises(ValueError, match=r"dense/kernel:0 reaches 70000, which float16"):
        weights.save(tiny, tmp_path / "half.h5", kernel_dtype="float16")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="kernel_dtype is 'int8'"):
        weights.save(tiny, tmp_path / "half.h5", kernel_dtype="int8")

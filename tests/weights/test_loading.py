import logging

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from seeded_weights import manifest, write_h5

from mrcnn import weights

from .conftest import assert_same, build, chain, tiny_arrays, values

pytestmark = pytest.mark.network

CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]


def assert_refused(model, path, message, **options):
    """The file is refused with this message, and the model is unchanged."""
    before = values(model)
    with pytest.raises(ValueError) as caught:
        weights.load(model, path, **options)
    assert str(caught.value).replace(str(path), "FILE") == message
    assert_same(model, before)


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
    # The network and the file's conv1 both expect RGB: nothing is reversed.
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
        "To train them from scratch, for other classes or channels, pass "
        "exclude=['mrcnn_class_logits', 'mrcnn_bbox_fc', "
        "'mrcnn_mask'].",
    )
    # The list in the samples of matterport's Mask_RCNN, with a layer that has no weights.
    report = weights.load(inference, path, exclude=[*CLASS_LAYERS, "mrcnn_bbox"])
    assert report.excluded == CLASS_LAYERS
    assert len(report.loaded) == 128
    assert_same(inference, {name: [array for _, array in rows] for name, rows in seeded.items()})
    assert not caplog.records

    report = inference.load_weights(path, skip_mismatch=True)
    assert list(report.mismatched) == CLASS_LAYERS
    assert "mismatched, unchanged: mrcnn_class_logits, mrcnn_bbox_fc, mrcnn_mask" in caplog.text


def test_imagenet_backbone_is_converted_from_bgr_to_rgb(
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
    assert "106 layers loaded, 0 excluded, 25 missing from the file, 1 left over" in str(report)
    assert "keep their values (random in a new model): fpn_c5p5, fpn_c4p4" in caplog.text


# Channels other than the file's


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


# What a tiny model shows just as well


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
        "exclude matches no layer of the model: ['mrcnn_clas_logits']"
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
            f"{path}: 1 layers are not in the file and keep their values (random in a new model): "
            "dense",
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
        "FILE: no layer of the model got weights. The file has conv1_conv; the model expects "
        "conv1, dense.",
    )


def test_shapes_disagree(tiny, write):
    kernel, bias = tiny_arrays()["dense"]
    assert_refused(
        tiny,
        write(tiny_arrays(dense=[kernel.T, bias])),
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: kernel (3, 2) in the file, (2, 3) in the model\n"
        "To train them from scratch, for other classes or channels, pass exclude=['dense'].",
    )


def test_number_of_tensors_disagrees(tiny, write):
    assert_refused(
        tiny,
        write(tiny_arrays(dense=tiny_arrays()["dense"][:1])),
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: 1 tensors in the file, 2 in the model\n"
        "To train them from scratch, for other classes or channels, pass exclude=['dense'].",
    )


def test_skip_mismatch(tiny, write):
    before = values(tiny)
    report = weights.load(tiny, write(tiny_arrays(dense=[np.zeros(3)])), skip_mismatch=True)
    assert report.mismatched == {"dense": "1 tensors in the file, 2 in the model"}
    assert_same(tiny, {"conv1": tiny_arrays()["conv1"], "dense": before["dense"]})


def test_not_finite(tiny, write):
    # In the last layer, after others that were fine.
    assert_refused(
        tiny,
        write(tiny_arrays(dense=[np.zeros((2, 3)), [0, np.nan, 0]])),
        "FILE: dense dense/w1:0 holds NaN or infinite values.",
    )


def test_a_dataset_larger_than_the_layer_is_not_read(tiny, write):
    path = write(tiny_arrays())
    with h5py.File(path, "a") as file:
        del file["dense/dense/w0:0"]
        # 4 TB, none of it in the file: reading would kill this process.
        size = (1 << 20, 1 << 20)
        file["dense"].create_dataset("dense/w0:0", size, "f4", chunks=(1024, 1024))
    assert_refused(
        tiny,
        path,
        "FILE: shapes disagree in 1 layers, nothing was loaded:\n"
        "- dense: kernel (1048576, 1048576) in the file, (2, 3) in the model\n"
        "To train them from scratch, for other classes or channels, pass exclude=['dense'].",
    )


def test_a_link_is_refused(tiny, write):
    path = write(tiny_arrays())
    with h5py.File(path, "a") as file:
        del file["dense/dense/w1:0"]
        file["dense/dense/w1:0"] = h5py.ExternalLink("other.h5", "/w")
    message = "FILE: 'w1:0' is a link (ExternalLink) that points elsewhere; refused."
    assert_refused(tiny, path, message)


def test_truncated(tiny, write):
    path = write(tiny_arrays())
    path.write_bytes(path.read_bytes()[:-1])
    before = values(tiny)
    with pytest.raises(ValueError, match="is truncated"):
        weights.load(tiny, path)
    assert_same(tiny, before)


def test_no_file(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such weights file: .*missing\.h5"):
        weights.load(tiny, tmp_path / "missing.h5")


def test_the_file_is_closed(tiny, write):
    path = write(tiny_arrays())
    weights.load(tiny, path)
    with h5py.File(path, "a") as file:
        file.attrs["open"] = "for writing"

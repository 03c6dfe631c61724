import json
import os
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest
from conftest import DATA
from numpy.testing import assert_array_equal
from seeded_weights import manifest, write_h5

from mrcnn import weights
from mrcnn.training import trainable
from mrcnn.weights.keras_h5 import WeightsFile

from .conftest import assert_same, build, chain, tiny_arrays, values

pytestmark = pytest.mark.network

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([-1, 0.5, 2], np.float32)
LAYERS = {
    "input": [],
    "conv1": [("conv1/kernel:0", KERNEL), ("conv1/bias:0", BIAS)],
    "bn1": [("bn1/gamma:0", BIAS + 1)],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.h5"


@pytest.fixture
def make(path):
    """Function: what to do with the group "conv1", which lists a dataset "w" -> path of a file."""

    def _make(do):
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"conv1"]
            group = file.create_group("conv1")
            group.attrs["weight_names"] = [b"w"]
            do(group)
        return path

    return _make


def refusal(path, read=WeightsFile.shapes):
    with WeightsFile(path) as file, pytest.raises(ValueError) as caught:
        read(file, "conv1")
    return str(caught.value)


def unreadable(path):
    with pytest.raises(ValueError) as caught:
        WeightsFile(path)
    # The file is closed, or HDF5 would refuse to write to it.
    write_h5(LAYERS, path)
    return str(caught.value)


@pytest.mark.parametrize("group", [None, "model_weights"])
@pytest.mark.parametrize("encode", [str.encode, str], ids=["bytes", "str"])
def test_reads_what_h5py_2_and_3_wrote(path, encode, group):
    write_h5(LAYERS, path, encode=encode, group=group)
    with WeightsFile(path) as file:
        assert file.layer_names == ["input", "conv1", "bn1"]
        assert all(type(name) is str for name in file.layer_names)
        assert file.weight_names("input") == []
        assert file.weight_names("conv1") == ["conv1/kernel:0", "conv1/bias:0"]
        assert file.shapes("conv1") == [(2, 3), (3,)]
        assert file.shapes("input") == []
        kernel, bias = file.arrays("conv1")
        assert_array_equal(kernel, KERNEL)
        assert_array_equal(bias, BIAS)
        assert kernel.dtype == bias.dtype == np.float32


def test_path_may_be_str(path):
    write_h5(LAYERS, path)
    with WeightsFile(str(path)) as file:
        assert file.path == path


def test_lists_of_names_in_chunks(path):
    write_h5(LAYERS, path)
    with h5py.File(path, "a") as file:
        for attributes in (file.attrs, file["conv1"].attrs):
            name = "layer_names" if "layer_names" in attributes else "weight_names"
            names = attributes[name]
            del attributes[name]
            attributes[f"{name}0"], attributes[f"{name}1"] = names[:1], names[1:]
    with WeightsFile(path) as file:
        assert file.layer_names == ["input", "conv1", "bn1"]
        assert file.weight_names("conv1") == ["conv1/kernel:0", "conv1/bias:0"]
        assert_array_equal(file.arrays("conv1")[1], BIAS)


def test_a_single_name_may_be_a_scalar(path):
    write_h5({"conv1": [("w", BIAS)]}, path)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = b"conv1"
    with WeightsFile(path) as file:
        assert file.layer_names == ["conv1"]


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_floats_of_any_kind_become_float32(make, dtype):
    path = make(lambda group: group.create_dataset("w", data=BIAS.astype(dtype)))
    with WeightsFile(path) as file:
        (array,) = file.arrays("conv1")
    assert array.dtype == np.float32
    assert_array_equal(array, BIAS)


def test_compressed_datasets(make):
    path = make(lambda group: group.create_dataset("w", data=KERNEL, compression="gzip"))
    with WeightsFile(path) as file:
        assert_array_equal(file.arrays("conv1")[0], KERNEL)


@pytest.mark.parametrize("place", ["missing.h5", "missing/weights.h5"])
def test_no_such_file(tmp_path, place):
    path = tmp_path / place
    with pytest.raises(FileNotFoundError, match=f"^no such weights file: {re.escape(str(path))}.$"):
        WeightsFile(path)


def test_folder_instead_of_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: pass a weights file inside it"):
        WeightsFile(tmp_path)


@pytest.mark.parametrize("path", [None, 3])
def test_not_a_path(path):
    with pytest.raises(TypeError, match=f"^filepath is {path}: it must be the path of a weights"):
        WeightsFile(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_truncated(path, share):
    write_h5(LAYERS, path)
    size = int(path.stat().st_size * share)
    path.write_bytes(path.read_bytes()[:size])
    message = unreadable(path)
    assert message.startswith(f"{path} ({size} bytes) cannot be read as an HDF5 file: it is trunc")
    assert "download or copy it again" in message
    assert "HDF5 says:" in message


def test_text(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "cannot be read as an HDF5 file" in unreadable(path)


def test_pytorch_checkpoint(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    assert "another kind of file (a .keras archive, a PyTorch checkpoint)" in unreadable(path)


def test_keras_archive(path):
    layer = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((3,)), layer])
    archive = path.with_suffix(".keras")
    model.save(archive)
    archive.rename(path)
    assert "another kind of file (a .keras archive" in unreadable(path)


def test_keras_3_weights(path):
    weights = path.with_name("three.weights.h5")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(weights)
    weights.rename(path)
    message = unreadable(path)
    assert message.startswith(f"{path} does not have the layout of Keras 2's save_weights: it has ")
    assert "it has no layer_names and holds layers" in message
    assert message.endswith("a Keras 3 .weights.h5 does not.")


def test_empty_hdf5(path):
    h5py.File(path, "w").close()
    assert "it has no layer_names and holds nothing." in unreadable(path)


def test_model_weights_is_not_a_group(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("model_weights", data=BIAS).attrs["layer_names"] = [b"conv1"]
    assert "it has no layer_names and holds model_weights." in unreadable(path)


def test_model_weights_that_leads_elsewhere(path):
    with h5py.File(path, "w") as file:
        file["model_weights"] = h5py.ExternalLink("other.h5", "/")
    assert unreadable(path) == (
        f"{path}: 'model_weights' is a link (ExternalLink) that points elsewhere; refused."
    )


def test_no_group_for_a_layer(make, path):
    make(lambda group: group.create_dataset("w", data=BIAS))
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = [b"conv1", b"conv2"]
    wanted = re.escape(f"{path} lists a layer 'conv2' but has no group for it.")
    with WeightsFile(path) as file, pytest.raises(ValueError, match=wanted):
        file.weight_names("conv2")


@pytest.mark.parametrize("name", ["", ".", "..", "/conv1", "conv1/", "conv1/w", "conv1/w/x"])
def test_odd_names_of_layers(make, name):
    path = make(lambda group: group.create_dataset("w", data=BIAS))
    with WeightsFile(path) as file, pytest.raises(ValueError, match="has no group for it"):
        file.shapes(name)


@pytest.mark.parametrize("value", [7, h5py.Empty("S5")], ids=["number", "empty"])
def test_invalid_names(make, path, value):
    make(lambda group: None)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = value
    with WeightsFile(path) as file, pytest.raises(ValueError, match="has no group for it"):
        file.shapes(file.layer_names[0])


def test_no_dataset(make):
    wanted = "has no dataset 'w' for layer 'conv1'."
    assert refusal(make(lambda group: None)).endswith(wanted)
    assert refusal(make(lambda group: group.create_group("w"))).endswith(wanted)


def test_soft_link(make):
    def do(group):
        group["real"] = BIAS
        group["w"] = h5py.SoftLink("/conv1/real")

    path = make(do)
    assert refusal(path) == f"{path}: 'w' is a link (SoftLink) that points elsewhere; refused."


@pytest.mark.parametrize("leads", ["dataset", "group", "layer"])
def test_external_link(path, leads):
    other = path.with_name("other.h5")
    write_h5({"conv1": [("conv1/w", BIAS)]}, other)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        if leads == "layer":
            file["conv1"] = h5py.ExternalLink("other.h5", "/conv1")
        else:
            group = file.create_group("conv1")
            group.attrs["weight_names"] = [b"conv1/w"]
            name = "conv1" if leads == "group" else "conv1/w"
            group[name] = h5py.ExternalLink("other.h5", f"/conv1/{name}")
    with h5py.File(path) as file:
        assert_array_equal(file["conv1/conv1/w"], BIAS)  # h5py itself would follow the link
    assert "is a link (ExternalLink) that points elsewhere; refused." in refusal(path)


def test_external_link_on_the_way_to_a_layer(path):
    write_h5({"conv1": [("w", BIAS)]}, path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"there/conv1"]
        file["there"] = h5py.ExternalLink("other.h5", "/")
    wanted = r"'there' is a link \(ExternalLink\)"
    with WeightsFile(path) as file, pytest.raises(ValueError, match=wanted):
        file.arrays("there/conv1")


def test_external_storage(make, path):
    raw = path.with_name("secret")
    raw.write_bytes(BIAS.tobytes())
    make(lambda group: group.create_dataset("w", (3,), "f4", external=[(raw, 0, 12)]))
    assert refusal(path) == f"{path}: 'w' keeps its data in another file; refused."


def test_virtual_dataset(make, path):
    def do(group):
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "w", (3,), "f4")
        group.create_virtual_dataset("w", layout)

    assert refusal(make(do)) == f"{path}: 'w' keeps its data in another file; refused."


@pytest.mark.parametrize("dtype", ["i4", "u1", "?", "S3", h5py.string_dtype(), "c8"], ids=str)
def test_dtype(make, dtype):
    path = make(lambda group: group.create_dataset("w", (3,), dtype))
    assert re.fullmatch(r".*: 'w' has dtype \S+, not a float\.", refusal(path))


def test_reference_dtype(make):
    path = make(lambda group: group.create_dataset("w", (3,), h5py.ref_dtype))
    assert refusal(path).endswith("'w' has dtype object, not a float.")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(make, value):
    path = make(lambda group: group.create_dataset("w", data=np.array([1, value], "f4")))
    wanted = f"{path}: conv1 w holds NaN or infinite values."
    assert refusal(path, WeightsFile.arrays) == wanted


@pytest.mark.filterwarnings("ignore:overflow")
def test_too_large_for_float32(make):
    path = make(lambda group: group.create_dataset("w", data=np.array([1e300])))
    assert "NaN or infinite" in refusal(path, WeightsFile.arrays)


def test_shapes_are_told_without_reading(make):
    # 4 TB, none of it in the file: reading would end this process.
    huge = (1 << 20, 1 << 20)
    path = make(lambda group: group.create_dataset("w", huge, "f4", chunks=(1024, 1024)))
    assert path.stat().st_size < 100_000
    with WeightsFile(path) as file:
        assert file.shapes("conv1") == [huge]


def test_chunks_larger_than_the_dataset(make):
    def do(group):
        options = {"maxshape": (None,), "chunks": (1 << 24,), "compression": "gzip"}
        group.create_dataset("w", (3,), "f4", **options)[0] = 1

    # 64 kB that unpack to 64 MB for three values; it could be 4 GB.
    path = make(do)
    assert path.stat().st_size < 200_000
    assert refusal(path) == f"{path}: 'w' has chunks larger than itself; refused."


def test_small_chunks_larger_than_the_dataset(make):
    path = make(
        lambda group: group.create_dataset("w", data=BIAS, maxshape=(None,), chunks=(1024,))
    )
    with WeightsFile(path) as file:
        assert_array_equal(file.arrays("conv1")[0], BIAS)


def test_damaged_chunk(make):
    path = make(lambda group: group.create_dataset("w", data=np.zeros(9, "f4"), compression="gzip"))
    with h5py.File(path) as file:
        place = file["conv1/w"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[place : place + 4] = b"\xff" * 4
    path.write_bytes(damaged)
    message = refusal(path, WeightsFile.arrays)
    assert message.startswith(f"{path}: conv1 cannot be read; download or copy the file again.")


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        (["conv1", "bn5c_branch2c"], True),
        (["conv1", "bn5c_branch2c", "fc1000"], True),
        (["conv1", "bn5c_branch2c", "mrcnn_mask"], False),
        (["conv1", "bn5c_branch2c", "rpn_model"], False),
        (["conv1", "bn5c_branch2c", "fpn_p2"], False),
        (["block1_conv1", "block5_conv3"], True),
        (["block1_conv1", "block5_conv3", "fpn_p2"], False),
        (["conv1"], False),
        (["bn5c_branch2c"], False),
    ],
    ids=str,
)
def test_which_file_is_an_imagenet_backbone(path, layers, wanted):
    write_h5({name: [("w", BIAS)] for name in layers}, path)
    with WeightsFile(path) as file:
        assert file.is_bgr() is wanted
        assert file.epsilon == (1e-3 if wanted and "conv1" in layers else None)


def test_an_imagenet_backbone_needs_weights(path):
    # A file with only the heads may list the backbone's layers without their weights.
    write_h5({"conv1": [], "bn5c_branch2c": []}, path)
    with WeightsFile(path) as file:
        assert file.is_bgr() is False


# What `save` writes


def layout(path):
    """[layer, [(weight name, shape)]] as matterport's Mask_RCNN would read the file."""
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
    """A layer of a custom backbone, with its own weights and those of nested layers."""

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
    with pytest.raises(FileExistsError, match="already exists; pass overwrite=True to replace"):
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
    with pytest.raises(ValueError, match="kernel_dtype is 'int8': it must be 'float32'"):
        weights.save(tiny, tmp_path / "half.h5", kernel_dtype="int8")

import re
import zipfile

import h5py
import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from seeded_weights import write_h5

from mrcnn.weights.keras_h5 import WeightsFile

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
    """Function: what is to be done with a file whose one layer "conv1" wants a data set "w"."""

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
    # It is closed, or HDF5 would refuse to write there.
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


def test_compressed_data_sets(make):
    path = make(lambda group: group.create_dataset("w", data=KERNEL, compression="gzip"))
    with WeightsFile(path) as file:
        assert_array_equal(file.arrays("conv1")[0], KERNEL)


@pytest.mark.parametrize("place", ["missing.h5", "missing/weights.h5"])
def test_no_such_file(tmp_path, place):
    path = tmp_path / place
    with pytest.raises(
        FileNotFoundError, match=f"^there is no weights file {re.escape(str(path))}.$"
    ):
        WeightsFile(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: give a weights file in it"):
        WeightsFile(tmp_path)


@pytest.mark.parametrize("path", [None, 3])
def test_no_path(path):
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
    assert "of another kind (a .keras archive, a PyTorch checkpoint)" in unreadable(path)


def test_keras_archive(path):
    layer = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((3,)), layer])
    archive = path.with_suffix(".keras")
    model.save(archive)
    archive.rename(path)
    assert "of another kind (a .keras archive" in unreadable(path)


def test_keras_3_weights(path):
    weights = path.with_name("three.weights.h5")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(weights)
    weights.rename(path)
    message = unreadable(path)
    assert message.startswith(f"{path} is not in the layout of Keras 2's save_weights: it has no ")
    assert "holds layers" in message
    assert message.endswith("a Keras 3 .weights.h5 is not.")


def test_empty_hdf5(path):
    h5py.File(path, "w").close()
    assert "it has no layer_names, and holds nothing." in unreadable(path)


def test_model_weights_that_is_no_group(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("model_weights", data=BIAS).attrs["layer_names"] = [b"conv1"]
    assert "it has no layer_names, and holds model_weights." in unreadable(path)


def test_model_weights_that_leads_elsewhere(path):
    with h5py.File(path, "w") as file:
        file["model_weights"] = h5py.ExternalLink("other.h5", "/")
    assert unreadable(path) == (
        f"{path}: 'model_weights' is a ExternalLink, which leads elsewhere; refused."
    )


def test_no_group_for_a_layer(make, path):
    make(lambda group: group.create_dataset("w", data=BIAS))
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = [b"conv1", b"conv2"]
    wanted = re.escape(f"{path} names a layer 'conv2', but has no group for it.")
    with WeightsFile(path) as file, pytest.raises(ValueError, match=wanted):
        file.weight_names("conv2")


@pytest.mark.parametrize("name", ["", ".", "..", "/conv1", "conv1/", "conv1/w", "conv1/w/x"])
def test_odd_names_of_layers(make, name):
    path = make(lambda group: group.create_dataset("w", data=BIAS))
    with WeightsFile(path) as file, pytest.raises(ValueError, match="has no group for it"):
        file.shapes(name)


@pytest.mark.parametrize("value", [7, h5py.Empty("S5")], ids=["number", "empty"])
def test_names_that_are_none(make, path, value):
    make(lambda group: None)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = value
    with WeightsFile(path) as file, pytest.raises(ValueError, match="has no group for it"):
        file.shapes(file.layer_names[0])


def test_no_data_set(make):
    wanted = "lacks the data set 'w' of layer 'conv1'."
    assert refusal(make(lambda group: None)).endswith(wanted)
    assert refusal(make(lambda group: group.create_group("w"))).endswith(wanted)


def test_soft_link(make):
    def do(group):
        group["real"] = BIAS
        group["w"] = h5py.SoftLink("/conv1/real")

    path = make(do)
    assert refusal(path) == f"{path}: 'w' is a SoftLink, which leads elsewhere; refused."


@pytest.mark.parametrize("leads", ["data set", "group", "layer"])
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
        assert_array_equal(file["conv1/conv1/w"], BIAS)  # h5py itself would follow
    assert "is a ExternalLink, which leads elsewhere; refused." in refusal(path)


def test_external_link_on_the_way_to_a_layer(path):
    write_h5({"conv1": [("w", BIAS)]}, path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"there/conv1"]
        file["there"] = h5py.ExternalLink("other.h5", "/")
    wanted = "'there' is a ExternalLink"
    with WeightsFile(path) as file, pytest.raises(ValueError, match=wanted):
        file.arrays("there/conv1")


def test_external_storage(make, path):
    raw = path.with_name("secret")
    raw.write_bytes(BIAS.tobytes())
    make(lambda group: group.create_dataset("w", (3,), "f4", external=[(raw, 0, 12)]))
    assert refusal(path) == f"{path}: 'w' keeps its data in another file; refused."


def test_virtual_data_set(make, path):
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


def test_chunks_larger_than_the_data_set(make):
    def do(group):
        options = {"maxshape": (None,), "chunks": (1 << 24,), "compression": "gzip"}
        group.create_dataset("w", (3,), "f4", **options)[0] = 1

    # 64 kB that unpack to 64 MB for the three numbers that are wanted; it could be 4 GB.
    path = make(do)
    assert path.stat().st_size < 200_000
    assert refusal(path) == f"{path}: 'w' has chunks larger than itself; refused."


def test_small_chunks_larger_than_the_data_set(make):
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
        (["conv1"], False),
        (["bn5c_branch2c"], False),
    ],
    ids=str,
)
def test_which_file_is_an_imagenet_backbone(path, layers, wanted):
    write_h5({name: [("w", BIAS)] for name in layers}, path)
    with WeightsFile(path) as file:
        assert file.is_imagenet_backbone() is wanted


def test_an_imagenet_backbone_needs_weights(path):
    # A file of the heads alone may name the backbone's layers without their weights.
    write_h5({"conv1": [], "bn5c_branch2c": []}, path)
    with WeightsFile(path) as file:
        assert file.is_imagenet_backbone() is False

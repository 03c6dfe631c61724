import struct

import numpy as np
import pytest

from mrcnn.checkpoints import read


@pytest.fixture
def arrays():
    """A few tensors of a network, of several types."""
    rng = np.random.default_rng(3)
    return {
        "conv.weight": rng.normal(size=(2, 3, 1, 2)).astype(np.float32),
        "conv.bias": np.array([1.5, -2], np.float16),
        "norm.running_var": np.array([0.5, 2.25]),
        "norm.num_batches_tracked": np.array(1000),
        "mask": np.array([True, False, True]),
        "empty": np.zeros((0, 4), np.float32),
    }


@pytest.fixture
def refused(tmp_path):
    """Check that a file cannot be read, and return why, without its path."""

    def check(data):
        path = data
        if isinstance(data, bytes):
            path = tmp_path / "weights"
            path.write_bytes(data)
        with pytest.raises(ValueError, match=r"\.$") as raised:
            read(path)
        reason = str(raised.value)
        assert reason.startswith(f"{path}: ")
        return reason.removeprefix(f"{path}: ")

    return check


def same(tensors, arrays):
    """Check tensors against arrays of any precision, in order, and their promises."""
    assert list(tensors) == list(arrays)
    for name, array in arrays.items():
        array = np.asarray(array)
        expected = array.astype(np.float32) if array.dtype.kind == "f" else array
        assert tensors[name].dtype == expected.dtype.newbyteorder("="), name
        assert tensors[name].shape == array.shape, name
        np.testing.assert_array_equal(tensors[name], expected)
        flags = tensors[name].flags
        assert flags.c_contiguous and flags.aligned and not flags.writeable


def bfloat16(*values):
    """Numbers as the bytes of bfloat16: the upper halves of float32."""
    return b"".join(struct.pack("<f", value)[2:] for value in values)

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mrcnn.checkpoints import read
from mrcnn.weights.foreign.torch_file import write

TENSORS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "norm.num_batches_tracked": np.int64(7).reshape(()),
    "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}


@pytest.mark.parametrize("ending", [".pth", ".pt", ".safetensors", ".npz"])
def test_what_is_written_is_read(tmp_path, ending):
    write(TENSORS, tmp_path / f"weights{ending}")
    found = read(tmp_path / f"weights{ending}").tensors
    assert list(found) == list(TENSORS)
    for name, array in TENSORS.items():
        assert found[name].dtype == array.dtype
        assert_array_equal(found[name], array)


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(TENSORS, "~/weights.pth")
    assert list(read(tmp_path / "weights.pth").tensors) == list(TENSORS)


def test_another_ending(tmp_path):
    with pytest.raises(ValueError, match=r"ends in '.h5': it must end in .pth"):
        write(TENSORS, tmp_path / "weights.h5")


def test_pytorch_reads_it(tmp_path):
    torch = pytest.importorskip("torch")
    write(TENSORS, tmp_path / "weights.pth")
    found = torch.load(tmp_path / "weights.pth", weights_only=True)
    assert_array_equal(found["turned"].numpy(), TENSORS["turned"])

"""Plain pickles of arrays: Detectron2's model zoo, and Caffe2's files, which Detectron read."""

from pathlib import Path

from .checkpoint import Checkpoint
from .limits import tensor_budget
from .numpy_objects import StoredArray, numpy_names
from .pickle_stream import PickleStream
from .pickles import load
from .state_dict import about, read_tensors, weights_in


def read(path: Path) -> Checkpoint:
    """Read a pickle of arrays.

    Args:
        path: of the file.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: it is damaged, or holds something other than arrays.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        stream = PickleStream(file, size)
        value = load(stream, numpy_names(size))
    if stream.left:
        raise ValueError(f"damaged: {stream.left:,} bytes follow its pickle")
    budget = tensor_budget(size)
    weights = weights_in(value)
    if weights is value.get("model"):
        tensors = read_tensors(weights, budget)
        return Checkpoint(path, "model-zoo pickle", tensors, *about(value))
    blobs = {
        name: entry
        for name, entry in weights.items()
        if isinstance(entry, StoredArray) and not str(name).endswith("_momentum")
    }
    return Checkpoint(path, "caffe2", read_tensors(blobs, budget), "Caffe2", True)

"""What wrappers of a model put before all its tensors' names."""

from collections.abc import Mapping

from ...types import Array

# PyTorch's DataParallel, Lightning's modules, and compiled models.
PREFIXES = ("module.", "model.", "_orig_mod.")
# Wrappers around each other.
_MOST = 4


def without_prefixes(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors by their names without prefixes that all have.

    Args:
        tensors: arrays of any shape by their names in a file.

    Returns:
        The same arrays, in their shapes, by shorter names.

    Example:
        >>> from mrcnn.weights.foreign.prefixes import without_prefixes
        >>> list(without_prefixes({"module.conv1.weight": np.zeros(3)}))
        ['conv1.weight']
    """
    found = dict(tensors)
    for _ in range(_MOST):
        shared = [prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in found)]
        if not found or not shared:
            break
        found = {name.removeprefix(shared[0]): array for name, array in found.items()}
    return found

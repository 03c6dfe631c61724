"""PyTorch's tensors in a pickle: views of storages that lie elsewhere in the file."""

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array
from .elements import as_elements, element_count, finished, item_size
from .limits import MAX_ELEMENTS
from .numpy_objects import numpy_names
from .pickle_values import shown
from .pickles import Global, Known, Stateful

# Storage classes, and the kinds of their elements.
KINDS = {
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "CharStorage": "i1",
    "ShortStorage": "i2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}
_DTYPES = (
    "half float16 bfloat16 float float32 double float64 bool uint8 int8 short int16 int int32 long "
    "int64"
)
_UNSUPPORTED = {
    "_rebuild_qtensor": "quantised tensors are not read",
    "_rebuild_sparse_tensor": "sparse tensors are not read",
    "_rebuild_sparse_csr_tensor": "sparse tensors are not read",
    "_rebuild_nested_tensor": "nested tensors are not read",
    "_rebuild_meta_tensor_no_storage": "meta tensors have no values",
}


class Storages(abc.ABC):
    """Where the numbers of the tensors lie; each storage is read once and kept until released.

    Args:
        order: of the bytes, "<" or ">".
    """

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self._read: dict[str, Array] = {}

    @abc.abstractmethod
    def byte_count(self, key: str) -> int:
        """The size of the storage of this key.

        Raises:
            ValueError: there is none of this key.
        """

    @abc.abstractmethod
    def fetch(self, key: str) -> Array:
        """The bytes of the storage of this key, uint8 [N]."""

    def read(self, key: str) -> Array:
        """The bytes of the storage of this key, uint8 [N], fetched at the first call."""
        if key not in self._read:
            self._read[key] = self.fetch(key)
        return self._read[key]

    def release(self, key: str) -> None:
        """Forget the bytes of the storage of this key, which no other tensor needs."""
        self._read.pop(key, None)


@dataclass(frozen=True)
class Storage:
    """A storage as a tensor refers to it.

    Attributes:
        storages: where it lies.
        key: its name there.
        kind: of its elements.
        count: of its elements.
        part: first element and number of those that the tensor sees.
    """

    storages: Storages
    key: str
    kind: str
    count: int
    part: tuple[int, int]


class StoredTensor(Stateful):
    """A tensor of a pickle, not yet made: a view of a storage.

    Args:
        storage: that has its elements.
        offset: of the first element in the storage.
        shape: of the tensor, ints [D].
        steps: from an element to the next, in elements of the storage, ints [D].

    Raises:
        ValueError: it reaches beyond its storage.
    """

    def __init__(self, storage: Storage, offset: Any, shape: Any, steps: Any) -> None:
        self._elements = element_count(shape)
        if len(steps) != len(shape):
            raise ValueError(f"damaged: a tensor of {len(shape)} dimensions has {len(steps)} steps")
        if not all(type(step) is int and 0 <= step <= MAX_ELEMENTS for step in (offset, *steps)):
            raise ValueError("refused: a tensor whose offset or steps are negative or implausible")
        last = sum((size - 1) * step for size, step in zip(shape, steps, strict=True))
        if self._elements and offset + last >= storage.part[1]:
            raise ValueError(
                f"damaged: a tensor of shape {shape} reaches to element {offset + last:,} of a "
                f"storage of {storage.part[1]:,}"
            )
        self._storage, self._offset, self._shape, self._steps = storage, offset, shape, steps

    def set_state(self, state: Any) -> None:
        # Flags of a parameter before PyTorch 0.4.
        match state:
            case (bool(), bool(), None | dict()):
                return
        raise ValueError("refused: the pickle sets the state of a tensor")

    @property
    def key(self) -> str:
        """Of its storage."""
        return self._storage.key

    def byte_count(self) -> int:
        """Its size, if its elements lay side by side."""
        storage = self._storage
        expected = storage.count * item_size(storage.kind)
        found = storage.storages.byte_count(storage.key)
        if expected != found:
            raise ValueError(
                f"damaged: storage {shown(storage.key)} has {found:,} bytes, not {expected:,}"
            )
        return self._elements * item_size(storage.kind)

    def read(self) -> Array:
        """The array, see `finished`."""
        storage = self._storage
        raw = storage.storages.read(storage.key)
        values = as_elements(raw, storage.kind, storage.storages.order)
        start = storage.part[0] + self._offset if self._elements else 0
        steps = [step * values.itemsize if self._elements else 0 for step in self._steps]
        view = np.lib.stride_tricks.as_strided(values[start:], self._shape, steps, writeable=False)
        return finished(view, storage.kind)

    def release(self) -> None:
        """Forget its storage, which no other tensor needs."""
        self._storage.storages.release(self._storage.key)


def storage(storages: Storages, arguments: tuple[Any, ...]) -> Storage:
    """What the persistent id of a storage means.

    Args:
        storages: where it lies.
        arguments: "storage", its class, key, place such as "cpu", number of elements and, before
            PyTorch 1.6, None or (key, first element, number of elements) of a view.

    Raises:
        ValueError: it is not of this form.
    """
    match arguments:
        case ("storage", Global(module="torch", name=name), str(key), str(), int(count), *view) if (
            name in KINDS and 0 <= count <= MAX_ELEMENTS
        ):
            match view:
                case [] | [None]:
                    return Storage(storages, key, KINDS[name], count, (0, count))
                case [(str(), int(start), int(size))] if (
                    start >= 0 and size >= 0 and start + size <= count
                ):
                    return Storage(storages, key, KINDS[name], count, (start, size))
    raise ValueError("refused: a persistent id that is not a storage")


def torch_names(size: int) -> Known:
    """What a pickle of PyTorch may mention and call.

    Args:
        size: of the file in bytes.
    """
    names = dict(numpy_names(size))
    names |= {("torch._utils", name): reason for name, reason in _UNSUPPORTED.items()}
    names |= {("torch", name): None for name in (*KINDS, *_DTYPES.split())}
    names |= {
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch.nn.parameter", "Parameter"): _parameter,
        ("torch", "Size"): _size,
        ("torch", "device"): _device,
    }
    return names


def _tensor(arguments):
    match arguments:
        case (Storage() as stored, offset, tuple(shape), tuple(steps), *rest):
            match rest:
                case [] | [bool(), None | dict()] | [bool(), None | dict(), None]:
                    return StoredTensor(stored, offset, shape, steps)
                case [_, _, dict(marks)] if not marks:
                    return StoredTensor(stored, offset, shape, steps)
                case [_, _, dict(marks)]:
                    raise ValueError(f"refused: a tensor marked {shown(next(iter(marks)))}")
    raise ValueError("damaged: a tensor is not made of a storage, an offset, sizes and steps")


def _parameter(arguments):
    match arguments:
        case (StoredTensor() as tensor,) | (StoredTensor() as tensor, bool()):
            return tensor
        case (StoredTensor() as tensor, bool(), None | dict()):
            return tensor
    raise ValueError("damaged: a parameter is not made of a tensor")


def _size(arguments):
    match arguments:
        case (tuple(sizes),):
            element_count(sizes)
            return sizes
    raise ValueError("damaged: a size is not made of numbers")


def _device(arguments):
    match arguments:
        case (str(name),) | (str(name), int()):
            return name
    raise ValueError("damaged: a device without a name")

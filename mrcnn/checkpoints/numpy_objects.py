"""NumPy's arrays in a pickle, and the ordered dict that holds them."""

from collections.abc import Callable
from typing import Any, Literal

from ..types import Array
from .elements import as_elements, element_count, finished, item_size, kind_of
from .limits import Budget
from .pickle_values import shown
from .pickles import Global, Known, Stateful, add_item


class OrderedDict(dict[Any, Any], Stateful):
    """An ordered dict; its state, in PyTorch the versions of modules, is ignored."""

    def set_state(self, state: Any) -> None:
        if not isinstance(state, dict) or len(state) > 1 or "_metadata" not in state:
            raise ValueError("refused: a dict is given attributes other than _metadata")


class ElementType(Stateful):
    """The dtype of an array: its kind and byte order, by numpy's code."""

    def __init__(self, code: str) -> None:
        self.kind, self.order = kind_of(code)

    def set_state(self, state: Any) -> None:
        match state:
            case (int(), "<" | ">" | "|" | "=" as order, None, None, None, int(), int(), *_):
                self.order = ">" if order == ">" else "<"
            case _:
                raise ValueError("refused: elements with fields or other unusual types")


class StoredArray(Stateful):
    """An array of a pickle, not yet made.

    Args:
        encode: turns the text that Python 2 wrote for bytes into bytes.
    """

    def __init__(self, encode: Callable[[str], bytes]) -> None:
        self._encode = encode
        self._raw: bytes | None = None
        self._shape: tuple[int, ...] = ()
        self._kind, self._order, self._fortran = "", "", False

    def fill(self, shape: Any, dtype: Any, fortran: bool, raw: Any) -> None:
        """Take what the array consists of, as the file has it.

        Args:
            shape: a tuple.
            dtype: an `ElementType`.
            fortran: whether the first index changes fastest.
            raw: bytes of the elements, or text that Python 2 wrote for them.

        Raises:
            ValueError: it does not fit together, or the array has something already.
        """
        if not (isinstance(shape, tuple) and isinstance(dtype, ElementType)):
            raise ValueError("damaged: an array without a shape or an element type")
        if isinstance(raw, str):
            raw = self._encode(raw)
        if not isinstance(raw, bytes):
            raise ValueError(f"refused: an array of {shown(raw)} instead of numbers")
        expected = element_count(shape) * item_size(dtype.kind)
        if expected != len(raw):
            raise ValueError(
                f"damaged: an array of shape {shape} has {len(raw):,} bytes, not {expected:,}"
            )
        if self._raw is not None:
            raise ValueError("damaged: an array is filled twice")
        self._raw, self._shape, self._fortran = raw, shape, fortran
        self._kind, self._order = dtype.kind, dtype.order

    def set_state(self, state: Any) -> None:
        match state:
            case (int(), shape, dtype, 0 | 1 as fortran, raw) | (
                shape,
                dtype,
                0 | 1 as fortran,
                raw,
            ):
                self.fill(shape, dtype, bool(fortran), raw)
            case _:
                raise ValueError("damaged: an array with an unknown state")

    def byte_count(self) -> int:
        """Its size in the file."""
        if self._raw is None:
            raise ValueError("damaged: an array without data")
        return len(self._raw)

    def read(self) -> Array:
        """The array, see `finished`."""
        values = as_elements(self._raw, self._kind, self._order)
        order: Literal["F", "C"] = "F" if self._fortran else "C"
        return finished(values.reshape(self._shape, order=order), self._kind)


def numpy_names(size: int) -> Known:
    """What a pickle of arrays may mention and call.

    Args:
        size: of the pickle in bytes.
    """
    # Text can be used often, so that each use counts.
    encoded = Budget(size, "bytes of encoded text, for its size")

    def encode(text):
        encoded.spend(len(text))
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError("refused: text that is not Latin-1 in the place of bytes") from error

    def codecs_encode(arguments):
        match arguments:
            case (str(text), "latin1" | "latin-1"):
                return encode(text)
        raise ValueError("refused: _codecs.encode of something other than Latin-1 text")

    def reconstruct(arguments):
        match arguments:
            case (Global(module="numpy", name="ndarray"), (0,), "b" | b"b"):
                return StoredArray(encode)
        raise ValueError("refused: _reconstruct of something other than an array")

    def from_buffer(arguments):
        match arguments:
            case (raw, dtype, shape, "C" | "F" as order):
                array = StoredArray(encode)
                array.fill(shape, dtype, order == "F", raw)
                return array
        raise ValueError("refused: _frombuffer of something other than an array")

    def scalar(arguments):
        match arguments:
            case (dtype, raw):
                array = StoredArray(encode)
                array.fill((), dtype, False, raw)
                return array
        raise ValueError("refused: a scalar that is not a number")

    names: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): _ordered_dict,
        ("_codecs", "encode"): codecs_encode,
        ("numpy", "ndarray"): None,
        ("numpy", "dtype"): _element_type,
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = reconstruct
        names[f"{core}.multiarray", "scalar"] = scalar
        names[f"{core}.numeric", "_frombuffer"] = from_buffer
    return names


def _element_type(arguments):
    match arguments:
        case (str(code), 0 | 1, 0 | 1):
            return ElementType(code)
    raise ValueError("refused: elements of a type that is not a plain number")


def _ordered_dict(arguments):
    made = OrderedDict()
    match arguments:
        case ():
            return made
        case (list(pairs),):  # Python 2
            for pair in pairs:
                if not isinstance(pair, list | tuple) or len(pair) != 2:
                    raise ValueError("damaged: an ordered dict of other things than pairs")
                add_item(made, *pair)
            return made
    raise ValueError("damaged: an ordered dict of something that is not a list")

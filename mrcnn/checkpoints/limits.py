"""How much memory and time a file may cost: as much as its size and its kind justify."""

# Tensors that share or repeat their data are as large as the file at most twice, those of a
# compressed file this many times (weights hardly shrink), and a small file may have a little more.
SHARING = 2
COMPRESSION = 20
ALLOWANCE = 16 << 20

# Steps of a pickle. A network of a thousand tensors takes 60,000; each step needs up to 100 bytes.
MAX_STEPS = 1_000_000

# Bytes that list a file's tensors: the header of safetensors, the directory of a zip file.
MAX_DIRECTORY = 1 << 20

# Dimensions of a tensor, and elements if all zero sizes were one.
MAX_DIMENSIONS = 32
MAX_ELEMENTS = 1 << 48


class Budget:
    """An amount that is spent in parts.

    Args:
        amount: that may be spent.
        what: it is, for the error message.

    Example:
        >>> from mrcnn.checkpoints.limits import Budget
        >>> budget = Budget(3, "bytes of text")
        >>> budget.spend(2)
        >>> budget.spend(2)
        Traceback (most recent call last):
        ...
        ValueError: refused: it needs more than 3 bytes of text
    """

    def __init__(self, amount: int, what: str) -> None:
        self._amount = self._left = amount
        self._what = what

    def spend(self, amount: int) -> None:
        """Take an amount from what is left.

        Raises:
            ValueError: there is not so much.
        """
        self._left -= amount
        if self._left < 0:
            raise ValueError(f"refused: it needs more than {self._amount:,} {self._what}")


def tensor_budget(size: int) -> Budget:
    """The bytes that all tensors of a file may have together; `size` is the file's, in bytes."""
    return Budget(SHARING * size + ALLOWANCE, "bytes of tensors, for its size")

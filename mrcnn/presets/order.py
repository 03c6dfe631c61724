"""The order of a class's bases: a mixin of settings must come before `Config`."""

from ..config import Config


def check_order(kind: type, mixin: type) -> None:
    """Refuse a class that lists `Config` before a mixin, as its settings would hide the mixin's.

    Args:
        kind: the class.
        mixin: one of its bases, or of their bases.

    Raises:
        TypeError: `class CellConfig(Config, SmallNetwork)`.
    """
    order = kind.__mro__
    if Config not in order[: order.index(mixin)]:
        return
    bases = [base.__name__ for base in kind.__bases__ if base is not mixin]
    name = mixin.__name__
    raise TypeError(
        f"class {kind.__name__}: Config comes before {name} and would hide its settings. Write "
        f"class {kind.__name__}({', '.join([name, *bases])})."
    )

"""Windows of equal size that cover a length."""


def starts(length: int, side: int, overlap: int) -> list[int]:
    """Where the windows begin that cover a length, spread evenly.

    Neighbours share at least `overlap`, and more where the sizes do not divide.

    Args:
        length: what to cover, in pixels.
        side: of the windows; if `length` is shorter, there is one window.
        overlap: at least 0 and less than `side`.

    Returns:
        as few positions as possible, ascending, the first 0.

    Example:
        >>> from mrcnn.geometry.windows import starts
        >>> starts(250, side=100, overlap=20)
        [0, 75, 150]
    """
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [i * (length - side) // (count - 1) for i in range(count)]

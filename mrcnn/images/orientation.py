"""The eight orientations of an image as it is stored (EXIF and TIFF), and the way back."""

from ..types import Array

_TURNED, _ROWS_REVERSED, _COLUMNS_REVERSED = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)


def is_turned(orientation: int) -> bool:
    """Whether the stored image has the upright one's columns as its rows.

    Args:
        orientation: see `upright`.
    """
    return orientation in _TURNED


def upright(image: Array, orientation: int) -> Array:
    """Undo one of the eight orientations.

    Args:
        image: [H, W, ...] as stored.
        orientation: 1 to 8; 1 is upright, and so is any other number.

    Returns:
        A view of the image.
    """
    if orientation in _TURNED:
        image = image.swapaxes(0, 1)
    if orientation in _ROWS_REVERSED:
        image = image[::-1]
    if orientation in _COLUMNS_REVERSED:
        image = image[:, ::-1]
    return image


def stored_window(
    rows: slice, columns: slice, height: int, width: int, orientation: int
) -> tuple[slice, slice]:
    """Where a window of the upright image is stored.

    Args:
        rows, columns: of the window, with a start and a stop, and no step.
        height, width: of the upright image.
        orientation: see `upright`.

    Returns:
        The rows and columns that `upright` turns into the window.

    Example:
        >>> from mrcnn.images.orientation import stored_window, upright
        >>> stored = np.arange(12).reshape(3, 4)
        >>> rows, columns = stored_window(slice(0, 1), slice(0, 3), 4, 3, orientation=6)
        >>> upright(stored[rows, columns], 6)
        array([[8, 4, 0]])
    """
    if orientation in _ROWS_REVERSED:
        rows = slice(height - rows.stop, height - rows.start)
    if orientation in _COLUMNS_REVERSED:
        columns = slice(width - columns.stop, width - columns.start)
    return (columns, rows) if orientation in _TURNED else (rows, columns)

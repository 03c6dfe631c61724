"""The size of a pixel, as an image file gives it."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class PixelSize:
    """The height and width of a pixel.

    Attributes:
        y, x: height and width, in `unit`.
        unit: such as "µm" or "mm".
    """

    y: float
    x: float
    unit: str

"""The detections of an image, whose fields are decoded."""

import dataclasses
from typing import Any

from ..types import Array


@dataclasses.dataclass(frozen=True)
class Found:
    """The N detections of an image, in numpy.

    Attributes:
        rows: int [N], their rows in the network's outputs.
        class_ids: int32 [N].
        boxes: [N, 4] pixels of the image: int32, or float32 with BOX_COORDINATES "continuous".
        image_shape: (H, W, C) of the image.
        dense: whether to return masks as an array [H, W, N] instead of an `InstanceMasks`.
        frame: where the image lies in the network's input, to map positions back.
    """

    rows: Array
    class_ids: Array
    boxes: Array
    image_shape: tuple[int, ...]
    dense: bool = True
    frame: Any = None

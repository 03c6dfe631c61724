"""Results as `Detections` of the package supervision, for its annotators, trackers and counters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .objects import Objects, class_name


def to_supervision(
    result: Mapping[str, Any] | Objects, class_names: Sequence[str] | None = None
) -> Any:
    """Convert the objects found in an image to `supervision.Detections`.

    Args:
        result: of `MaskRCNN.detect`, or `Objects` of one image.
        class_names: one per class id, from the background's at 0.

    Returns:
        `supervision.Detections` of N objects: xyxy, float32 [N, (x1, y1, x2, y2)]; mask, bool
        [N, H, W], or None for boxes alone; confidence, float32 [N]; class_id, int [N]; and in
        `data`, "number", int [N], and, with `class_names`, "class_name", str [N]. The masks are
        dense: 100 of an image of 1,000 x 1,000 pixels take 100 MB.

    Raises:
        ImportError: the package supervision is missing.

    Example:
        >>> from mrcnn.results import Objects, to_supervision
        >>> cells = Objects([1], [1], [0.75], [[10, 20, 13, 24]])
        >>> found = to_supervision(cells, ["BG", "cell"])
        >>> found.xyxy, found.data["class_name"]
        (array([[20., 10., 24., 13.]], dtype=float32), array(['cell'], dtype='<U4'))
    """
    try:
        from supervision import Detections
    except ImportError as error:
        raise ImportError(
            "to_supervision needs the package supervision: `pip install supervision`"
        ) from error
    objects = result if isinstance(result, Objects) else Objects.of_result(result)
    data: dict[str, Any] = {"number": objects.numbers}
    if class_names is not None:
        names = [class_name(class_names, class_id) for class_id in objects.class_ids]
        data["class_name"] = np.array(names, str)
    mask = None
    if objects.masks is not None:
        mask = np.ascontiguousarray(np.moveaxis(objects.masks.dense(), -1, 0))
    return Detections(
        xyxy=objects.boxes[:, [1, 0, 3, 2]].astype(np.float32),
        mask=mask,
        confidence=objects.scores,
        class_id=objects.class_ids.astype(int),
        data=data,
    )

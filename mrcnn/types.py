"""Types of the public API, for editors and type checkers; docstrings give shapes and units."""

import os
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

# A numpy array of any shape and dtype.
Array = npt.NDArray[Any]

# A tensor of the Keras backend, symbolic or eager: Keras has no type that covers all backends.
Tensor = Any

# A path of a file or folder.
PathLike = str | os.PathLike[str]

# An image of a `Dataset`, an entry of its `image_info`: "id", "source", "path" and the other
# arguments of `add_image`.
ImageInfo = dict[str, Any]


class Detections(TypedDict):
    """The N instances found in an image, best first, as `MaskRCNN.detect` returns them.

    Attributes:
        rois: [N, 4], boxes (y1, x1, y2, x2) in pixels; int32, or float32 with BOX_COORDINATES
            "continuous".
        class_ids: int32 [N].
        scores: float32 [N], 0 to 1.
        masks: bool [H, W, N], or an `InstanceMasks`; only with a mask head.
        keypoints: float32 [N, K, 3] of (y, x, score), y and x in pixels, y first as in boxes; only
            with a keypoint head. COCO's files have x first and count pixels from the centre of the
            first one: subtract 0.5.
        truncated: name of the setting that cut the detections of the image, such as
            "DETECTION_MAX_INSTANCES"; "" if none did.
    """

    rois: npt.NDArray[np.int32] | npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    masks: NotRequired[Any]
    keypoints: NotRequired[npt.NDArray[np.float32]]
    truncated: NotRequired[str]

"""The objects found in an image, with what the files of results say about them and their image."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..images.pixel_size import PixelSize
from ..instances import InstanceMasks
from ..instances.masks import as_instances
from ..types import Array


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the files of results need to know about an image.

    Attributes:
        name: relative path of the image with "/", such as "plate1/a.tif". It is unique among the
            results that are written to one folder.
        shape: (height, width) in pixels.
        class_names: one per class id, from the background's at 0.
        path: the image file, if there is one.
        pixels: [H, W] or [H, W, C], the values of the file: an array, or anything that has a shape
            and can be sliced like one. None: unknown.
        channel_names: one per channel of `pixels`, or empty.
        pixel_size: the size of a pixel, if known.
        shown: what pictures show in place of `pixels`, such as the only channel that was looked at.
    """

    name: str
    shape: tuple[int, int]
    class_names: Sequence[str]
    path: Path | None = None
    pixels: Any = None
    channel_names: Sequence[str] = ()
    pixel_size: PixelSize | None = None
    shown: Any = None

    def class_name(self, class_id: int) -> str:
        """The name of a class, or "class 7" if it has none; `class_id` counts from 0."""
        return class_name(self.class_names, class_id)


class Objects:
    """N objects of one image. Those of a large image come in several parts.

    Args:
        numbers: int [N], from 1 and unique in the image; all files of results call an object by
            its number.
        class_ids: int [N].
        scores: float [N].
        boxes: [N, 4] pixels.
        masks: `InstanceMasks` in the whole image, or None for boxes alone.
        keypoints: float [N, K, 3] of (y, x, score) in pixels, or None.

    Attributes:
        numbers, class_ids, scores, boxes, masks, keypoints: as given, as arrays, in pixels.

    Raises:
        ValueError: one has a different number of objects.
    """

    def __init__(
        self,
        numbers: Any,
        class_ids: Any,
        scores: Any,
        boxes: Any,
        masks: InstanceMasks | None = None,
        keypoints: Array | None = None,
    ) -> None:
        self.numbers: Array = np.asarray(numbers, np.int64).reshape(-1)
        self.class_ids: Array = np.asarray(class_ids, np.int32).reshape(-1)
        self.scores: Array = np.asarray(scores, np.float32).reshape(-1)
        self.boxes: Array = np.asarray(boxes).reshape(-1, 4)
        self.masks = masks
        self.keypoints = keypoints
        for name in ("class_ids", "scores", "boxes", "masks", "keypoints"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.numbers):
                raise ValueError(
                    f"there are {len(values)} {name} and {len(self.numbers)} numbers: every "
                    "object needs one of each."
                )

    @classmethod
    def of_result(cls, result: Mapping[str, Any], first: int = 1) -> Self:
        """The objects of a result, numbered in its order.

        Args:
            result: see `MaskRCNN.detect`; its masks may also be `InstanceMasks`.
            first: the first number.
        """
        masks, count = result.get("masks"), len(result["scores"])
        return cls(
            np.arange(first, first + count),
            result["class_ids"],
            result["scores"],
            result["rois"],
            None if masks is None else as_instances(masks),
            result.get("keypoints"),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: Any) -> Self:
        """The objects selected by a slice, a bool array [N] or an array of indices."""
        return type(self)(
            self.numbers[chosen],
            self.class_ids[chosen],
            self.scores[chosen],
            self.boxes[chosen],
            None if self.masks is None else self.masks[chosen],
            None if self.keypoints is None else self.keypoints[chosen],
        )

    def to_napari(self, viewer: Any, *given: Any, **options: Any) -> list[Any]:
        """Show the objects in a napari viewer, see `mrcnn.results.to_napari`.

        Args:
            viewer: a `napari.Viewer`.
            given, options: the other arguments of `to_napari`.

        Returns:
            The new layers.
        """
        from .napari_layers import to_napari

        return to_napari(viewer, self, *given, **options)


def class_name(class_names: Sequence[str], class_id: int) -> str:
    """The name of a class, or "class 7" if it has none.

    Args:
        class_names: one per class id, from the background's at 0.
        class_id: of the class.
    """
    return class_names[class_id] if 0 <= class_id < len(class_names) else f"class {class_id}"

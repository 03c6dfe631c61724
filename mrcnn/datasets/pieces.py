"""Find instances that are several objects: binary masks that were taken for one instance each."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from ..types import Array, ImageInfo
from .report import Report

# An instance with at least _MANY_PIECES separate pieces of similar size is likely several objects.
# Similar: the largest is at most _SIMILAR times as large as the _MANY_PIECES-th largest.
_MANY_PIECES, _SIMILAR = 5, 4
# In an image of several instances, one that fills at least this fraction of its box is not
# examined: separate pieces leave gaps.
_MAX_FILL = 0.75

# A piece with fewer pixels, or with less than this fraction of the largest piece, is a speck.
_FEW_PIXELS, _SPECK = 4, 0.05


def piece_areas(crop: Array) -> Array:
    """The areas of a mask's 8-connected pieces.

    Args:
        crop: bool [h, w].

    Returns:
        int [P] pixels, largest first.
    """
    labels, _ = scipy.ndimage.label(crop, np.ones((3, 3)))
    return np.sort(np.bincount(labels.ravel())[1:])[::-1]


def is_several(areas: Array) -> bool:
    """Whether a mask has several pieces, not counting specks.

    Args:
        areas: int [P], as `piece_areas` returns them.
    """
    return len(areas) > 1 and areas[1] >= max(_FEW_PIXELS, _SPECK * areas[0])


@dataclasses.dataclass
class PiecesCheck:
    """Counts instances in several pieces over the images of a dataset.

    Attributes:
        report: where the findings go.
        instances: number of instances that may be several objects.
        several: number of those that have several pieces.
        first: the first of these, for the report.
        sign: why the masks look binary, as the format's reader noted in `info["binary"]`.
        can_split: whether the reader has the option `split_components`.
    """

    report: Report
    instances: int = 0
    several: int = 0
    first: str = ""
    sign: str = ""
    can_split: bool = False

    def look(
        self,
        info: ImageInfo,
        image_id: int,
        name: str,
        crops: Sequence[Array],
        areas: Array,
        class_ids: Array,
    ) -> None:
        """Count an image's instances.

        Args:
            info: of the image. If "split_components" in it is True or False, the user has decided
                what an instance is, and nothing is counted.
            image_id: index of the image in the dataset.
            name: of the image.
            crops: list of N masks, bool [h, w].
            areas: int [N] pixels.
            class_ids: int [N]; negative for a crowd.
        """
        if info.get("split_components") is not None:
            return
        self.can_split |= "split_components" in info
        self.sign = self.sign or info.get("binary", "")
        for i, (crop, area) in enumerate(zip(crops, areas.tolist(), strict=True)):
            if class_ids[i] < 0 or not area:
                continue
            self.instances += 1
            if area >= _MAX_FILL * crop.size and len(crops) > 1:
                continue
            pieces = piece_areas(crop)
            if is_several(pieces):
                self.several += 1
                self.first = self.first or f"image {image_id} ({name}), {len(pieces)} pieces"
            if len(pieces) >= _MANY_PIECES and pieces[0] <= _SIMILAR * pieces[_MANY_PIECES - 1]:
                kind = (
                    "instances in many separate pieces (a binary mask? each instance needs its own "
                    f"number or mask{self._way_out()})"
                )
                text = f"{name}: one instance in {len(pieces)} pieces"
                self.report.remark(kind, text, image_id, i)

    def finish(self) -> None:
        """Report on the dataset as a whole."""
        some = f"{self.several} of {self.instances} instances have several pieces"
        if self.sign and self.several:
            text = (
                f"{self.sign}, and {some}, first {self.first}: with split_components=True, each "
                "connected piece becomes an instance; if the masks are right, set it to False"
            )
            kind = "binary masks, whose objects become one instance"
            most = 2 * self.several > self.instances
            (self.report.error if most else self.report.remark)(kind, text)
        elif self.sign and self.instances > 1:
            text = (
                f"{self.sign}, in one connected piece: right if each image shows one object; "
                "objects that touch need different numbers"
            )
            self.report.remark("masks that may be binary", text)
        elif 2 * self.several > self.instances > 1:
            text = (
                f"{some}, first {self.first}: right for objects that are partly hidden; otherwise "
                f"each object needs its own number or mask{self._way_out()}"
            )
            self.report.remark("most instances in several separate pieces", text)

    def _way_out(self) -> str:
        return ", or split_components=True" if self.can_split else ""

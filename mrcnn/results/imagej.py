"""Outlines for the ROI manager of ImageJ and Fiji, and for what else reads its files."""

import re
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from ..files.whole import replacing
from ..types import Array, PathLike
from .found import Found, one_by_one
from .objects import ImageFacts, Objects
from .polygons import Outline

# Segments of a path.
_MOVE, _LINE, _CLOSE = 0, 1, 4
_LAST_GROUP = 255
# What file names cannot hold, and characters for which roifile and ImageJ count differently.
_UNNAMEABLE = re.compile(r'[\x00-\x1f/\\:*?"<>|\U00010000-\U0010ffff]')


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write a zip of ROIs: in ImageJ, File > Open or drag it onto the window.

    An object is called "0007-0.93-cell": its number, score and class. Its group is its class id, by
    which ImageJ colours ROIs, and its properties are "class", "object" and "score".

    Outlines follow the edges of pixels, so a ROI selects exactly the pixels of its mask. An object
    of several pieces or with holes is a composite ROI, and one without a mask a rectangle. Objects
    without pixels are left out.

    Args:
        path: of the zip.
        image: see `ImageFacts`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as rois:
        for found in one_by_one(image, parts):
            roi = _roi(found)
            _describe(roi, found)
            rois.writestr(f"{roi.name}.roi", roi.tobytes())


def _roi(found: Found) -> ImagejRoi:
    if found.crop is None:
        return _rectangle(found.box)
    pieces = found.outlines()
    if len(pieces) > 1 or pieces[0].holes:
        return _composite(pieces)
    roi = ImagejRoi.frompoints(pieces[0].ring)
    roi.roitype = ROI_TYPE.TRACED  # ImageJ measures the perimeter of pixel edges smoothed
    return roi


def _rectangle(box: Sequence[float]) -> ImagejRoi:
    y1, x1, y2, x2 = box
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION)
    roi.yd, roi.xd, roi.heightd, roi.widthd = y1, x1, y2 - y1, x2 - x1
    _set_bounds(roi, np.array([[x1, y1], [x2, y2]]))
    return roi


def _composite(pieces: Sequence[Outline]) -> ImagejRoi:
    """A ROI of several rings, of which those inside others are holes."""
    rings = [ring for outline in pieces for ring in outline.rings]
    steps: list[float] = []
    for ring in rings:
        for i, (x, y) in enumerate(ring.tolist()):
            steps += [_LINE if i else _MOVE, x, y]
        steps.append(_CLOSE)
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, shape_roi_size=len(steps))
    roi.multi_coordinates = np.array(steps, np.float32)
    _set_bounds(roi, np.concatenate(rings))
    return roi


def _set_bounds(roi: ImagejRoi, points: Array) -> None:
    roi.left, roi.top = np.floor(points.min(axis=0)).astype(int).tolist()
    roi.right, roi.bottom = np.ceil(points.max(axis=0)).astype(int).tolist()


def _describe(roi: ImagejRoi, found: Found) -> None:
    name = _UNNAMEABLE.sub("_", found.class_name)
    roi.name = f"{found.number:04d}-{found.score:.2f}-{name}"
    roi.group = found.class_id if 0 < found.class_id <= _LAST_GROUP else 0
    roi.properties = {"class": name, "object": found.number, "score": found.score}

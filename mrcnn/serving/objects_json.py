"""`format=json`: all that the page draws and says about an image."""

import json
import math
from collections.abc import Mapping
from typing import Any

from ..results.found import one_by_one
from ..results.objects import ImageFacts, Objects
from ..results.table import rows

# Columns of the table that stand elsewhere.
_ELSEWHERE = ("image", "object", "class", "score", "area", "centroid_y", "centroid_x")
_BOX = ("box_y1", "box_x1", "box_y2", "box_x2")


def objects_json(image: ImageFacts, objects: Objects, facts: Mapping[str, Any]) -> bytes:
    """An image's objects as JSON.

    Args:
        image: see `ImageFacts`.
        objects: to be told.
        facts: further entries beside "objects", such as "seconds"; "image" has more about it.

    Returns:
        JSON in UTF-8: {"class_names": [...], "objects": [...], **facts}. An object has its "id",
        "class_id", "class", "score", "box" (y1, x1, y2, x2) in pixels, "area" in pixels, "centroid"
        [y, x], the other "figures" of the table by name, and "polygons": lists of rings of [x, y]
        in pixels from the image's upper left corner; a polygon's first ring is its outline, and the
        others are holes.
    """
    polygons = {
        found.number: [[ring.tolist() for ring in each.rings] for each in found.outlines()]
        for found in one_by_one(image, [objects])
    }
    told = [
        {
            "id": row["object"],
            "class_id": class_id,
            "class": row["class"],
            "score": _short(row["score"]),
            "box": [row[side] for side in _BOX],
            "area": row["area"],
            "centroid": [_short(row["centroid_y"]), _short(row["centroid_x"])],
            "figures": {
                name: _short(value)
                for name, value in row.items()
                if name not in (*_ELSEWHERE, *_BOX)
            },
            "polygons": polygons.get(row["object"], []),
        }
        for row, class_id in zip(rows(image, [objects]), objects.class_ids.tolist(), strict=True)
    ]
    whole = {"class_names": list(image.class_names), **facts, "objects": told}
    return json.dumps(whole, allow_nan=False).encode()


def image_json(image: ImageFacts, remark: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """What `format=json` says about the image itself.

    Args:
        image: see `ImageFacts`.
        remark: what the user should know about it, or "".
        about: further entries.
    """
    height, width = image.shape
    told = {"name": image.name, "width": width, "height": height, **about, "remark": remark}
    told["channel_names"] = list(image.channel_names)
    if (size := image.pixel_size) is not None:
        told["pixel_size"] = {"y": size.y, "x": size.x, "unit": size.unit}
    return told


def _short(value: float) -> float | None:
    """A number with seven digits, as in the table; None if it is not a number."""
    return float(f"{value:.7g}") if math.isfinite(value) else None

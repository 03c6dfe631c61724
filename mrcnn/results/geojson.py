"""Outlines for QuPath, as GeoJSON."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from ..files.whole import replacing
from ..types import Array, PathLike
from .found import Found, colour_of, one_by_one
from .objects import ImageFacts, Objects
from .polygons import Outline

# Ids are made of an object's image and number, so that writing again gives the same ones.
_IDS = uuid.UUID("4dd03ec8-8d9f-5c1a-9d13-6e4f0a4a1c57")


def write(path: PathLike, image: ImageFacts, parts: Iterable[Objects]) -> None:
    """Write a FeatureCollection: in QuPath, drag it onto the image, or File > Import objects.

    Every object is a detection with its class, and the measurements "score" and "object", its
    number, which is also its name. Outlines follow the edges of pixels exactly, as polygons, or as
    multipolygons if there are several pieces, with holes. Those of objects without masks are their
    boxes. Objects are written one by one, so memory does not grow with their number.

    Args:
        path: of the file.
        image: see `ImageFacts`.
        parts: its objects.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for found in one_by_one(image, parts):
            file.write(separator + json.dumps(_feature(image, found)))
            separator = ",\n"
        file.write("\n]}\n")


def _feature(image: ImageFacts, found: Found) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_IDS, f"{image.name}\n{found.number}")),
        "geometry": _geometry([_polygon(outline) for outline in found.outlines()]),
        "properties": {
            "objectType": "detection",
            "name": str(found.number),
            "classification": {"name": found.class_name, "color": colour_of(found.class_id)},
            "measurements": {"score": found.score, "object": found.number},
        },
    }


def _geometry(polygons: list[Any]) -> dict[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _polygon(outline: Outline) -> list[Any]:
    return [_closed(ring) for ring in outline.rings]


def _closed(ring: Array) -> list[list[float]]:
    points = ring.tolist()
    return [*points, points[0]]

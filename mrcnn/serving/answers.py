"""The formats of an answer: which one a request asks for, and its bytes."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..results.kinds import KINDS
from ..results.objects import ImageFacts, Objects
from .refusals import Refused


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """A format of an answer.

    Attributes:
        type: media type, by which `Accept` chooses it; JSON for the page has none of its own.
        suffix: of a file that holds it.
        about: one line.
    """

    type: str
    suffix: str
    about: str


def _of_kind(kind: str, media_type: str) -> Format:
    return Format(media_type, KINDS[kind].suffix, KINDS[kind].about)


# The first one whose type is acceptable is taken.
FORMATS: Mapping[str, Format] = {
    "coco": _of_kind("coco", "application/json"),
    "geojson": _of_kind("geojson", "application/geo+json"),
    "roi": _of_kind("roi", "application/zip"),
    "labels": _of_kind("labels", "image/tiff"),
    "overlay": _of_kind("overlay", "image/png"),
    "csv": _of_kind("csv", "text/csv"),
    "labelme": _of_kind("labelme", "application/vnd.labelme+json"),
}
JSON = "json"


def chosen_format(name: str | None, accept: str | None) -> str:
    """The format that a request asks for.

    Args:
        name: its query `format`, which wins.
        accept: its header `Accept`; None or "" for any.

    Returns:
        A name in `FORMATS`, or "json".

    Raises:
        Refused: there is no such format.

    Example:
        >>> from mrcnn.serving.answers import chosen_format
        >>> chosen_format(None, "text/csv;q=0.5, application/geo+json")
        'geojson'
        >>> chosen_format("roi", "text/csv")
        'roi'
    """
    if name is not None:
        if name in FORMATS or name == JSON:
            return name
        known = ", ".join((JSON, *FORMATS))
        raise Refused(400, f"format is {name!r}: it must be one of {known}.")
    ranges = _ranges(accept or "*/*")
    weights = {each: _weight(known.type, ranges) for each, known in FORMATS.items()}
    best = max(weights, key=lambda each: weights[each])
    if weights[best] <= 0:
        known = ", ".join(format.type for format in FORMATS.values())
        raise Refused(406, f"Accept is {accept!r}: it must allow one of {known}.")
    return best


def _ranges(accept: str) -> dict[str, float]:
    """The weight of each media range of an `Accept` header."""
    ranges = {}
    for part in accept.split(","):
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if media:
            ranges[media] = weight
    return ranges


def _weight(media_type: str, ranges: Mapping[str, float]) -> float:
    """The weight of a type: that of the narrowest range that covers it."""
    group = media_type.partition("/")[0] + "/*"
    return next((ranges[each] for each in (media_type, group, "*/*") if each in ranges), 0.0)


def written(kind: str, image: ImageFacts, objects: Objects) -> bytes:
    """The file of a format.

    Args:
        kind: a name in `FORMATS`.
        image: see `ImageFacts`.
        objects: of the image.

    Raises:
        OSError: the temporary file cannot be written.

    Example:
        >>> from mrcnn.results import ImageFacts, Objects
        >>> from mrcnn.serving.answers import written
        >>> image = ImageFacts("a.tif", (9, 9), ["BG", "cell"])
        >>> written("csv", image, Objects([], [], [], []))[:18]
        b'image,object,class'
    """
    how = KINDS[kind]
    with tempfile.TemporaryDirectory(prefix="mrcnn-serve-") as folder:
        path = Path(folder) / "written"
        how.write(path, image, [objects])
        if how.joined:
            part, path = path, Path(folder) / "joined"
            how.gather([part], path)
        return path.read_bytes()

"""LabelMe annotations: one JSON file per image, as the desktop tool writes them."""

import base64
import contextlib
import copy
import dataclasses
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.dataset import Dataset
from ..images.opening import open_image
from ..images.reading import image_size
from ..types import Array, PathLike
from .finding import Listing, files_below, find_image, given_path, image_suffix, read_json
from .labelme_groups import Drawn, instances_of, is_flagged_as_hole, is_left_out
from .mixed_boxes import warn_of_boxes
from .naming import checked_map, checked_names
from .records import AnnotatedDataset, Problems, Record
from .shapes import (
    Crop,
    Ellipse,
    Polygon,
    Polyline,
    Rectangle,
    Shape,
    check_finite,
    number,
)


class LabelMeDataset(AnnotatedDataset):
    """Images annotated in LabelMe.

    Shapes that share a label and a group_id are one instance. A shape labelled `_background_` is a
    hole in the shape around it or, with a group_id, in all shapes of its group, and so is one whose
    flags mark it as a hole. Shapes labelled `__ignore__` are left out. If `class_names` or
    `class_map` has one of these labels, it is a class. A file without shapes marks a background
    image; images without a file are not read. An image's id is the name of its JSON file without
    the suffix; in subfolders, its path from the folder that is read.
    """

    SOURCE = "labelme"
    HAS_FILE_SIZES = True

    def load(
        self,
        path: PathLike,
        images: PathLike | None = None,
        line_width: float = 10,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        *,
        ignore_file_sizes: bool = False,
    ) -> None:
        """Add the images and classes of LabelMe files.

        An image is looked for at the path in its annotation, then by file name beside the
        annotation or in `images`, then under the annotation's own name. If it is in none of these
        places, the copy embedded in the annotation is used, if any.

        Args:
            path: folder of JSON files, or of subfolders that hold them; or a single file.
            images: folder of the images; None for the folder of the JSON files.
            line_width: line thickness in pixels; LabelMe itself uses 10.
            class_names, class_map, strict: see `add_records`.
            ignore_file_sizes: whether the heights and widths in the files are ignored, see
                `AnnotatedDataset.load`.

        Raises:
            FileNotFoundError: no such file or folder.
            ValueError: no JSON files; unusable files or shapes.

        Example:
            >>> import json, pathlib
            >>> from mrcnn.formats import LabelMeDataset
            >>> triangle = {"label": "cell", "points": [[1, 1], [9, 1], [5, 8]]}
            >>> content = {"imagePath": "1.png", "shapes": [triangle]}
            >>> _ = pathlib.Path("labelme.json").write_text(json.dumps(content))
            >>> LabelMeDataset.read("labelme.json").class_names
            ['BG', 'cell']
        """
        path = given_path(path)
        images = images if images is None else given_path(images, "images")
        problems, records = Problems(path), []
        asked = {*checked_names(class_names), *checked_map(class_map)}
        listed: Listing = {}
        for file in find_files(path):
            try:
                record, refused = parse_file(file, images or file.parent, line_width, listed, asked)
            except (OSError, ValueError) as error:
                problems.add(_name(file, path), error)
                continue
            record.id = os.path.splitext(_name(file, path))[0]
            if ignore_file_sizes:
                record.height = record.width = None
            records.append(record)
            for entry, reason in refused:
                problems.add(f"{_name(file, path)}, {entry}", reason)
        self.add_records(records, problems, class_names, class_map, strict)
        warn_of_boxes(records, "shapes", path)

    def load_image(self, image_id: int) -> Array:
        """See `Dataset.load_image`."""
        info = self.image_info[image_id]
        if not _is_embedded(info):
            return super().load_image(image_id)
        with _embedded_image(info["path"]) as path:
            single = copy.copy(self)
            single.image_info = [{**info, "path": path}]
            return Dataset.load_image(single, 0)

    def size_of_file(self, image_id: int) -> tuple[int, int]:
        """See `AnnotatedDataset.size_of_file`."""
        info = self.image_info[image_id]
        if not _is_embedded(info):
            return super().size_of_file(image_id)
        with _embedded_image(info["path"]) as path:
            return image_size(path)


def _is_embedded(info: Mapping[str, Any]) -> bool:
    """Whether an image is embedded in its annotation, so that its path is the JSON file's."""
    return str(info["path"]).lower().endswith(".json")


@contextlib.contextmanager
def _embedded_image(path: PathLike) -> Iterator[Path]:
    """Unpack an annotation's embedded image to a temporary file and yield its path."""
    try:
        data = base64.b64decode(read_json(path)["imageData"])
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "imageData")
            image.write_bytes(data)
            yield image
    except (OSError, ValueError) as error:
        raise OSError(f"{path}: its imageData cannot be read as an image: {error}") from error


def find_files(path: PathLike) -> list[Path]:
    """The JSON files in the folder `path`, sorted by name, or `path` itself if it is a file.

    A folder without any has those of its subfolders.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: the folder has no JSON files.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}.")
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.is_file()]
    files = sorted(file for file in files if file.suffix.lower() == ".json")
    files = files or files_below(path, ".json")
    if not files:
        raise ValueError(f"{path} has no .json files.")
    return files


def _name(file: Path, folder: Path) -> str:
    """Name of a file that was found in a folder, or that was given itself."""
    return file.name if file == folder else file.relative_to(folder).as_posix()


def parse_file(
    file: Path,
    images: PathLike,
    line_width: float,
    listed: Listing | None = None,
    asked: Collection[str] = (),
) -> tuple[Record, list[tuple[str, ValueError]]]:
    """Parse a LabelMe file.

    Args:
        file: the JSON file.
        images: folder of its image.
        line_width: line thickness in pixels.
        listed: see `finding.in_any_case`.
        asked: see `labelme_groups.instances_of`.

    Returns:
        record: its image path is the JSON file if the image is embedded.
        refused: (shape, why it cannot be used) of each unusable shape.

    Raises:
        ValueError: not a LabelMe file.
    """
    data = read_json(file)
    shapes = data.get("shapes") if isinstance(data, dict) else None
    if not isinstance(shapes, list):
        raise ValueError("it is not a LabelMe file: it must have a list of 'shapes'.")
    path = _image_of(data, file, images, listed)
    drawn, refused = _parse_shapes(shapes, line_width, asked)
    size = _size(data)
    return Record(file.stem, path, instances_of(drawn, asked, size), *size), refused


def _image_of(data: dict[str, Any], file: Path, images: PathLike, listed: Listing | None) -> str:
    """Path of the image, or of the JSON file if the image is embedded."""
    name = data.get("imagePath")
    if not isinstance(name, str) or not name.strip() or name.lower().endswith(".json"):
        name = f"{file.stem}.jpg"
    path = find_image(name, images, listed=listed)
    twin = file.parent / (file.stem + image_suffix(path))  # both may have been renamed
    if not os.path.isfile(path) and os.path.isfile(twin):
        return os.fspath(twin)
    if not os.path.isfile(path) and isinstance(data.get("imageData"), str):
        return os.fspath(file)
    return path


def _size(data: dict[str, Any]) -> tuple[int | None, int | None]:
    """(height, width), or (None, None)."""
    height, width = data.get("imageHeight"), data.get("imageWidth")
    usable = all(type(side) is int and side > 0 for side in (height, width))
    return (height, width) if usable else (None, None)


def _parse_shapes(
    shapes: list[Any], line_width: float, asked: Collection[str]
) -> tuple[list[Drawn], list[tuple[str, ValueError]]]:
    drawn, refused = [], []
    for i, shape in enumerate(shapes):
        label = shape.get("label") if isinstance(shape, dict) else None
        try:
            if not isinstance(shape, dict):
                raise ValueError("it must be an object with label, points and shape_type.")
            if not isinstance(label, str) or not label.strip():
                raise ValueError(f"its label is {label!r:.60}: it must be a name.")
            group = shape.get("group_id")
            if not isinstance(group, int | float | str | None):
                raise ValueError(f"its group_id is {group!r:.60}: it must be a number.")
            if not is_left_out(label.strip(), asked):
                outline = parse_shape(shape, line_width)
                drawn.append(Drawn(label.strip(), group, outline, is_flagged_as_hole(shape)))
        except ValueError as error:
            name = f" ({label})" if isinstance(label, str) else ""
            refused.append((f"shape {i}{name}", error))
    return drawn, refused


def parse_shape(shape: Mapping[str, Any], line_width: float) -> Shape:
    """Parse a shape of a LabelMe file.

    Args:
        shape: its entry in the file.
        line_width: line thickness in pixels.

    Raises:
        ValueError: the shape cannot be used; the error says why.
    """
    kind = shape.get("shape_type") or "polygon"  # early versions had polygons only
    if kind in ("point", "points"):
        raise ValueError("a point has no area: leave it out, or draw an outline.")
    ys, xs = _points(shape)
    if kind == "mask":
        return _parse_mask(shape.get("mask"), ys, xs)
    if kind in ("line", "linestrip"):
        return Polyline(ys, xs, line_width)
    if kind == "circle":
        if len(ys) != 2:
            raise ValueError(
                f"it is a circle with {len(ys)} points: it must have 2, its centre and one on its "
                "edge."
            )
        radius = float(np.hypot(ys[1] - ys[0], xs[1] - xs[0]))
        return Ellipse(ys[0], xs[0], radius, radius)
    if kind == "rectangle" and len(ys) != 4:
        if len(ys) != 2:
            raise ValueError(
                f"it is a rectangle with {len(ys)} points: it must have 2 or 4, its corners."
            )
        return Rectangle(min(ys), min(xs), max(ys), max(xs))
    # AnyLabeling calls an oriented rectangle "rotation".
    if kind in ("polygon", "rectangle", "oriented_rectangle", "rotation"):
        return Polygon(ys, xs)
    raise ValueError(
        f"its shape_type is {kind!r:.60}: it must be polygon, rectangle, oriented_rectangle, "
        "circle, line, linestrip or mask."
    )


def _points(shape: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    points = shape.get("points")
    if not isinstance(points, list):
        raise ValueError(f"its points are {points!r:.60}: they must be a list of [x, y].")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"it has the point {point!r:.60}: a point must be [x, y].")
    return [number(y) for _, y in points], [number(x) for x, _ in points]


def _parse_mask(text: object, ys: list[float], xs: list[float]) -> "PngMask":
    if len(ys) != 2:
        raise ValueError(
            f"it is a mask with {len(ys)} points: it must have 2, the corners of its box."
        )
    if not isinstance(text, str):
        raise ValueError(f"its mask is {text!r:.60}: it must be a PNG in base64.")
    check_finite([*ys, *xs])
    try:
        mask = PngMask(base64.b64decode(text), round(ys[0]), round(xs[0]))
        height, width = mask.crop(0, 0)[0].shape
    except Exception as error:  # Pillow raises errors of many types
        raise ValueError(f"its mask is not a PNG in base64: {error}.") from error
    box = ys[1] - ys[0] + 1, xs[1] - xs[0] + 1  # in LabelMe, the last row and column are inside
    if abs(height - box[0]) > 1 or abs(width - box[1]) > 1:
        raise ValueError(
            f"its mask has {height} x {width} pixels, but the box of its points has "
            f"{box[0]:g} x {box[1]:g}."
        )
    return mask


@dataclasses.dataclass(frozen=True)
class PngMask:
    """A mask of pixels inside a box, a shape like those of `shapes`.

    Args:
        png: bytes of a one-channel PNG, nonzero inside.
        y, x: position of its first pixel in the image, in pixels.
    """

    png: bytes
    y: int
    x: int

    def crop(self, height: int, width: int) -> Crop:
        """See `Polygon.crop`."""
        with open_image(self.png, formats=("PNG",)) as image:
            pixels = np.asarray(image) != 0
        if pixels.ndim != 2:
            raise ValueError(f"it has {pixels.shape[2]} channels: it must have 1")
        return pixels, (self.y, self.x)

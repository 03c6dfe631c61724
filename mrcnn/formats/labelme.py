"""Annotations of LabelMe (that of the desktop, which writes a json file for every image)."""

import base64
import contextlib
import copy
import dataclasses
import io
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.dataset import Dataset
from ..images.reading import image_size
from .finding import find_image, given_path, read_json
from .records import AnnotatedDataset, Instance, Problems, Record
from .shapes import Ellipse, Parts, Polygon, Polyline, Rectangle, check_finite, number


class LabelMeDataset(AnnotatedDataset):
    """Images that were annotated in LabelMe.

    Shapes of one label and one group_id are one instance. A file without shapes is a background
    image; images without a file are not read. The id of an image is the name of its json file
    without the suffix.
    """

    SOURCE = "labelme"

    def load(self, path, images=None, line_width=10, class_names=None, class_map=None, strict=True):
        """Add the images and classes of LabelMe files.

        An image is looked for where its annotation says, then by its name beside the annotation or
        in `images`, then under the name of the annotation. If it is in none of these places, the
        copy is read that the annotation itself may hold.

        Args:
            path: folder of json files, or one of them.
            images: folder of the images; None for that of the json files.
            line_width: pixels, thickness of lines. LabelMe itself draws 10.
            class_names, class_map, strict: see `add_records`.

        Raises:
            FileNotFoundError: there is no such file or folder.
            ValueError: there is no json file; files or shapes that cannot be used.
        """
        path = given_path(path)
        images = images if images is None else given_path(images, "images")
        problems, records, listed = Problems(path), [], {}
        for file in find_files(path):
            try:
                record, refused = parse_file(file, images or file.parent, line_width, listed)
            except (OSError, ValueError) as error:
                problems.add(file.name, error)
                continue
            records.append(record)
            for entry, reason in refused:
                problems.add(f"{file.name}, {entry}", reason)
        self.add_records(records, problems, class_names, class_map, strict)

    def load_image(self, image_id):
        """See `Dataset.load_image`."""
        info = self.image_info[image_id]
        if not _is_embedded(info):
            return super().load_image(image_id)
        with _unpacked(info["path"]) as path:
            single = copy.copy(self)
            single.image_info = {image_id: {**info, "path": path}}
            return Dataset.load_image(single, image_id)

    def size_of_file(self, image_id):
        """See `AnnotatedDataset.size_of_file`."""
        info = self.image_info[image_id]
        if not _is_embedded(info):
            return super().size_of_file(image_id)
        with _unpacked(info["path"]) as path:
            return image_size(path)


def _is_embedded(info):
    """Whether an image is inside its annotation, which then is its path."""
    return str(info["path"]).lower().endswith(".json")


@contextlib.contextmanager
def _unpacked(path):
    """Path of a short-lived file with the image that is inside an annotation."""
    try:
        data = base64.b64decode(read_json(path)["imageData"])
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "imageData")
            image.write_bytes(data)
            yield image
    except (OSError, ValueError) as error:
        raise OSError(f"{path}: its imageData cannot be read as an image: {error}") from error


def find_files(path):
    """The json files of the folder `path`, sorted by name, or the one file that it names.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the folder has none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.is_file()]
    files = sorted(file for file in files if file.suffix.lower() == ".json")
    if not files:
        raise ValueError(f"{path} has no json files.")
    return files


def parse_file(file, images, line_width, listed=None):
    """What a LabelMe file says.

    Args:
        file: path of the json file.
        images: folder of its image.
        line_width: pixels.
        listed: see `finding.in_any_case`.

    Returns:
        record: `Record`; the path of its image is the json file if the image is inside.
        refused: list of (shape, why it cannot be used).

    Raises:
        ValueError: it is no LabelMe file.
    """
    data = read_json(file)
    shapes = data.get("shapes") if isinstance(data, dict) else None
    if not isinstance(shapes, list):
        raise ValueError("it is no LabelMe file: a list of 'shapes' is accepted.")
    path = _image_of(data, file, images, listed)
    instances, refused = _parse_instances(shapes, line_width)
    return Record(file.stem, path, instances, *_size(data)), refused


def _image_of(data, file, images, listed):
    """Path of the image, or of the json file if the image is inside."""
    name = data.get("imagePath")
    if not isinstance(name, str) or not name.strip() or name.lower().endswith(".json"):
        name = f"{file.stem}.jpg"
    path = find_image(name, images, listed=listed)
    twin = file.parent / (file.stem + Path(path).suffix)  # both may have been renamed
    if not os.path.isfile(path) and os.path.isfile(twin):
        return twin
    if not os.path.isfile(path) and isinstance(data.get("imageData"), str):
        return file
    return path


def _size(data):
    """(height, width), or two None."""
    size = data.get("imageHeight"), data.get("imageWidth")
    return size if all(type(side) is int and side > 0 for side in size) else (None, None)


def _parse_instances(shapes, line_width):
    groups, refused = {}, []  # groups: (label, group) to the shapes that have it
    for i, shape in enumerate(shapes):
        label = shape.get("label") if isinstance(shape, dict) else None
        try:
            if not isinstance(shape, dict):
                raise ValueError("an object with label, points and shape_type is accepted.")
            if not isinstance(label, str) or not label.strip():
                raise ValueError(f"its label is {label!r:.60}: a name is accepted.")
            group = shape.get("group_id")
            if not isinstance(group, int | float | str | None):
                raise ValueError(f"its group_id is {group!r:.60}: a number is accepted.")
            drawn = parse_shape(shape, line_width)
        except ValueError as error:
            name = f" ({label})" if isinstance(label, str) else ""
            refused.append((f"shape {i}{name}", error))
            continue
        key = label.strip(), ("alone", i) if group is None else group
        groups.setdefault(key, []).append(drawn)
    instances = [
        Instance(label, parts[0] if len(parts) == 1 else Parts(tuple(parts)))
        for (label, _), parts in groups.items()
    ]
    return instances, refused


def parse_shape(shape, line_width):
    """What was drawn.

    Args:
        shape: dict of LabelMe.
        line_width: pixels.

    Raises:
        ValueError: it cannot be used; the error says why.
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
            raise ValueError(f"it is a circle of {len(ys)} points: centre and edge are accepted.")
        radius = float(np.hypot(ys[1] - ys[0], xs[1] - xs[0]))
        return Ellipse(ys[0], xs[0], radius, radius)
    if kind == "rectangle" and len(ys) != 4:
        if len(ys) != 2:
            raise ValueError(f"it is a rectangle of {len(ys)} points: 2 or 4 corners are accepted.")
        return Rectangle(min(ys), min(xs), max(ys), max(xs))
    # "rotation" is what AnyLabeling calls it.
    if kind in ("polygon", "rectangle", "oriented_rectangle", "rotation"):
        return Polygon(ys, xs)
    raise ValueError(
        f"its shape_type is {kind!r:.60}: polygon, rectangle, oriented_rectangle, circle, line, "
        "linestrip and mask are accepted."
    )


def _points(shape):
    points = shape.get("points")
    if not isinstance(points, list):
        raise ValueError(f"its points are {points!r:.60}: a list of [x, y] is accepted.")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"it has the point {point!r:.60}: [x, y] is accepted.")
    return [number(y) for _, y in points], [number(x) for x, _ in points]


def _parse_mask(text, ys, xs):
    if len(ys) != 2:
        raise ValueError(f"it is a mask with {len(ys)} points: the 2 corners are accepted.")
    if not isinstance(text, str):
        raise ValueError(f"its mask is {text!r:.60}: a PNG in base64 is accepted.")
    check_finite([*ys, *xs])
    try:
        mask = PngMask(base64.b64decode(text), round(ys[0]), round(xs[0]))
        height, width = mask.crop(0, 0)[0].shape
    except Exception as error:  # Pillow raises errors of many types
        raise ValueError(f"its mask is no PNG in base64: {error}.") from error
    box = ys[1] - ys[0] + 1, xs[1] - xs[0] + 1  # LabelMe's last row and column are inside
    if abs(height - box[0]) > 1 or abs(width - box[1]) > 1:
        raise ValueError(
            f"its mask has {height} x {width} pixels, but the box of its points {box[0]:g} x "
            f"{box[1]:g}."
        )
    return mask


@dataclasses.dataclass(frozen=True)
class PngMask:
    """Pixels inside a box, a shape as those of `shapes`.

    Args:
        png: bytes of a PNG of one channel, nonzero inside.
        y, x: pixels, where its first pixel lies in the image.
    """

    png: bytes
    y: int
    x: int

    def crop(self, height, width):
        """See `Polygon.crop`."""
        with Image.open(io.BytesIO(self.png)) as image:
            pixels = np.asarray(image) != 0
        if pixels.ndim != 2:
            raise ValueError(f"it has {pixels.shape[2]} channels: one is accepted")
        return pixels, (self.y, self.x)

"""Boxes from Pascal VOC's XML files, one per image: http://host.robots.ox.ac.uk/pascal/VOC."""

import logging
import os
from pathlib import PureWindowsPath

from .finding import IMAGE_SUFFIXES, existing_folder, find_image, given_path
from .instance_pngs import subfolder
from .records import AnnotatedDataset, Instance, Problems, Record
from .shapes import Box, check_finite, number
from .voc_folders import VOC_IMAGE_FOLDERS, find_root, split_ids
from .xml_files import read_xml

logger = logging.getLogger(__name__)

_FOLDERS = ("Annotations", "xmls")

# An image size with a longer side, in pixels, is not believed.
_MAX_SIDE = 65535

_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}


class VocDataset(AnnotatedDataset):
    """Images whose objects have boxes in XML files, as in Pascal VOC::

        path/Annotations/<id>.xml
        path/JPEGImages/<id>.jpg
        path/ImageSets/Main/<split>.txt     optional: one id per line

    or in one folder, each image beside its XML file. A file without objects marks a background
    image; images without a file are not read.

    There are no outlines: train with `HEADS = ("box",)`. The masks from `load_mask` are filled
    boxes. A difficult object is a crowd, with a negative class id: as in Pascal VOC's own
    evaluation, it need not be found, and finding it is not an error. `IndexPngDataset` reads class
    and object masks from PNGs.
    """

    SOURCE = "voc"

    def load(
        self,
        path,
        images=None,
        class_names=None,
        class_map=None,
        strict=True,
        *,
        split=None,
        keep_difficult=False,
        one_based=True,
    ):
        """Add the images and classes of a folder of XML files.

        An annotation's image is the file of the same name, whatever its suffix, or else the file
        that the annotation names.

        Args:
            path: folder that holds Annotations, such as VOCdevkit/VOC2012; or a folder of XML
                files, or a single file.
            images: image folder; None looks in JPEGImages or images beside the Annotations folder,
                and beside the XML files.
            class_names: class names in order; None uses the names of the objects, sorted.
            class_map: dict that maps a name in the files to a class name, or to None to drop its
                instances.
            strict: whether unusable entries are an error, or are skipped with a warning.
            split: name of a file in ImageSets/Main, such as "train"; None uses all annotations.
            keep_difficult: whether difficult objects are instances like all others.
            one_based: whether pixels are counted from 1 and xmax and ymax are the last ones inside,
                as in Pascal VOC. False is for tools that measure from the image's left and upper
                edges.

        Raises:
            FileNotFoundError: a folder or the split's file does not exist.
            ValueError: no XML files; unusable files or objects.
        """
        root, home, files = find_files(given_path(path))
        folders = [subfolder(root, VOC_IMAGE_FOLDERS), home]
        if images is not None:
            folders = [existing_folder(given_path(images, "images"))]
        folders = [os.fspath(folder) for folder in folders if folder]
        problems, records, listed = Problems(path), [], {}
        for key in dict.fromkeys(split_ids(root, "Main", split, files)):
            if key not in files:
                problems.add(key, f"no such file: {home / key}.xml.")
                continue
            try:
                annotation = read_annotation(files[key])
            except (OSError, ValueError) as error:
                problems.add(files[key].name, error)
                continue
            instances = _instances(annotation, files[key].name, one_based, problems)
            image = _image_of(key, annotation, folders, listed)
            records.append(Record(key, image, instances, *_size(annotation)))
        instances = [instance for record in records for instance in record.instances]
        for instance in instances if keep_difficult else ():
            instance.crowd = False
        self.add_records(records, problems, class_names, class_map, strict)
        zeros = sum(min(i.shape.y1, i.shape.x1) == -1 for i in instances)
        if zeros and one_based:
            logger.warning(
                "%s: %d objects have an xmin or ymin of 0, but Pascal VOC counts pixels from 1: "
                "if your tool measures from the image's edge, set one_based=False.",
                path,
                zeros,
            )


def find_files(path):
    """Find the annotations at a path.

    Args:
        path: `Path`, see `VocDataset.load`.

    Returns:
        root: `Path` of the folder that may hold JPEGImages and ImageSets.
        home: `Path` of the folder that holds the XML files.
        files: dict of id to `Path`; an id is the path in `home` without its suffix. Subfolders are
            searched only in an Annotations folder.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: no XML files, or several datasets.
    """
    if path.is_file():
        home, files = path.parent, [path]
    else:
        inside, files = subfolder(existing_folder(path), _FOLDERS), _xml_files(path.glob("*"))
        if inside is None and not files:
            inside = subfolder(find_root(path, _FOLDERS), _FOLDERS)
        home = inside or path
    is_inside = home.name.lower() in [name.lower() for name in _FOLDERS]
    if is_inside and not path.is_file():
        files = _xml_files(home.rglob("*"))
    if not files:
        raise ValueError(f"{home} has no .xml files.")
    files = {file.relative_to(home).with_suffix("").as_posix(): file for file in files}
    return home.parent if is_inside else home, home, files


def _xml_files(paths):
    """The XML files among the paths, sorted, without hidden ones."""
    return sorted(
        path
        for path in paths
        if path.suffix.lower() == ".xml" and not path.name.startswith(".") and path.is_file()
    )


def read_annotation(path):
    """The root element of the annotation at `path`, see `xml_files.read_xml`.

    Raises:
        OSError: the file cannot be read.
        ValueError: not an annotation.
    """
    root = read_xml(path)
    if root.tag != "annotation":
        raise ValueError(
            f"it is not a Pascal VOC annotation: its root is <{root.tag[:40]}>: it must be "
            "<annotation>."
        )
    return root


def _instances(annotation, where, one_based, problems):
    """The usable objects of an annotation; `where` names its file in `problems`."""
    instances = []
    for count, entry in enumerate(annotation.findall("object"), 1):
        try:
            instances.append(parse_object(entry, one_based))
        except ValueError as error:
            name = _text(entry, "name")[:40]
            problems.add(f"{where}, object {count}" + (f" ({name})" if name else ""), error)
    return instances


def parse_object(entry, one_based=True):
    """Parse an object of an annotation.

    Args:
        entry: the object's element.
        one_based: see `VocDataset.load`.

    Returns:
        `Instance`, a crowd if the object is difficult.

    Raises:
        ValueError: the object cannot be used; the error says why.
    """
    name = _text(entry, "name")
    if not name:
        raise ValueError("it has no name: it must have its class's name.")
    difficult = _text(entry, "difficult")
    if difficult.lower() not in _FLAGS:
        raise ValueError(f"difficult is {difficult[:40]!r}: it must be 0 or 1.")
    box = entry.find("bndbox")
    if box is None:
        raise ValueError("it has no bndbox: it must have one with xmin, ymin, xmax and ymax.")
    y1, x1, y2, x2 = (_side(box, key) for key in ("ymin", "xmin", "ymax", "xmax"))
    check_finite((y1, x1, y2, x2))
    for low, high, axis in ((x1, x2, "x"), (y1, y2, "y")):
        if high < low:
            raise ValueError(
                f"its {axis}min is {low:g} and its {axis}max {high:g}: {axis}max must not be less."
            )
    first = 1 if one_based else 0
    shape = Box(y1 - first, x1 - first, y2, x2)
    return Instance(name, shape, _FLAGS[difficult.lower()])


def _side(box, key):
    text = _text(box, key)
    if not text:
        raise ValueError(f"its bndbox has no {key}.")
    try:
        return number(text)
    except ValueError:
        raise ValueError(f"its {key} is {text[:40]!r}: it must be a number of pixels.") from None


def _size(annotation):
    """(height, width) in pixels; (None, None) if missing or impossible."""
    try:
        size = [number(_text(annotation, f"size/{side}")) for side in ("height", "width")]
    except ValueError:
        return None, None
    usable = all(1 <= side <= _MAX_SIDE and side == int(side) for side in size)
    return tuple(map(int, size)) if usable else (None, None)


def _image_of(key, annotation, folders, listed):
    """Path of an annotation's image, whether or not it exists."""
    named = _text(annotation, "filename")
    suffix = PureWindowsPath(named).suffix
    names = [key + suffix for suffix in IMAGE_SUFFIXES]
    if suffix.lower() in IMAGE_SUFFIXES:
        names = [key + suffix, *names, named]
    paths = (find_image(name, *folders, listed=listed) for name in names)
    found = next((path for path in paths if os.path.isfile(path)), None)
    return found or os.path.join(folders[0], names[0])


def _text(entry, key):
    """The stripped text of a child element; "" if there is none."""
    return (entry.findtext(key) or "").strip()

"""Boxes from Pascal VOC's XML files, one per image: http://host.robots.ox.ac.uk/pascal/VOC."""

import logging
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..types import PathLike
from .finding import IMAGE_SUFFIXES, Listing, existing_folder, find_image, given_path, image_suffix
from .instance_pngs import subfolder
from .records import AnnotatedDataset, Instance, Problems, Record
from .shapes import Box, check_finite, number
from .voc_folders import VOC_IMAGE_FOLDERS, find_root, split_ids
from .xml_files import read_xml

logger = logging.getLogger(__name__)

FOLDERS = ("Annotations", "xmls")

# An image size with a side longer than this, in pixels, counts as missing.
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
    HAS_FILE_SIZES = True
    CROWD_HELP = (
        "Training ignores crowds, and difficult objects are crowds: keep_difficult=True makes them "
        "ordinary instances."
    )

    def load(
        self,
        path: PathLike,
        images: PathLike | None = None,
        class_names: Sequence[str] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        strict: bool = True,
        *,
        split: str | None = None,
        keep_difficult: bool = False,
        one_based: bool = True,
        ignore_file_sizes: bool = False,
    ) -> None:
        """Add the images and classes of a folder of XML files.

        An annotation's image is the file of the same name, whatever its suffix, or else the file
        that the annotation names.

        Args:
            path: folder that holds Annotations, such as VOCdevkit/VOC2012; or a folder of XML
                files, or a single file.
            images: folder of the images; None looks in JPEGImages or images beside the Annotations
                folder, and beside the XML files.
            class_names: class names in order; None uses the names of the objects, sorted.
            class_map: maps a name in the files to a class name, or to None to drop its instances.
            strict: whether unusable entries are an error, or are skipped with a warning.
            split: name of a file in ImageSets/Main, such as "train"; None uses all annotations.
            keep_difficult: whether difficult objects are instances like all others.
            one_based: whether pixels are counted from 1 and xmax and ymax are the last ones inside,
                as in Pascal VOC. False is for tools that measure from the image's left and upper
                edges.
            ignore_file_sizes: whether the heights and widths in the files are ignored, see
                `AnnotatedDataset.load`.

        Raises:
            FileNotFoundError: a folder or the split's file does not exist.
            ValueError: no XML files; unusable files or objects.

        Example:
            >>> import pathlib
            >>> from mrcnn.formats import VocDataset
            >>> box = "<xmin>3</xmin><ymin>1</ymin><xmax>7</xmax><ymax>9</ymax>"
            >>> dog = f"<object><name>dog</name><bndbox>{box}</bndbox></object>"
            >>> _ = pathlib.Path("voc.xml").write_text(f"<annotation>{dog}</annotation>")
            >>> VocDataset.read("voc.xml").class_names
            ['BG', 'dog']
        """
        root, xml_folder, files = find_files(given_path(path))
        found = [subfolder(root, VOC_IMAGE_FOLDERS), xml_folder]
        if images is not None:
            found = [existing_folder(given_path(images, "images"))]
        folders = [os.fspath(folder) for folder in found if folder]
        problems, records = Problems(path), []
        listed: Listing = {}
        for key in dict.fromkeys(split_ids(root, "Main", split, files)):
            if key not in files:
                problems.add(key, f"no such file: {xml_folder / key}.xml.")
                continue
            try:
                annotation = read_annotation(files[key])
            except (OSError, ValueError) as error:
                problems.add(files[key].name, error)
                continue
            instances = _instances(annotation, files[key].name, one_based, problems)
            image = _image_of(key, annotation, folders, listed)
            size = (None, None) if ignore_file_sizes else _size(annotation)
            records.append(Record(key, image, instances, *size))
        instances = [instance for record in records for instance in record.instances]
        for instance in instances if keep_difficult else ():
            instance.crowd = False
        self.add_records(records, problems, class_names, class_map, strict)
        boxes = [i.shape for i in instances if isinstance(i.shape, Box)]
        zeros = sum(min(box.y1, box.x1) == -1 for box in boxes)
        if zeros and one_based:
            logger.warning(
                "%s: %d objects have an xmin or ymin of 0, but Pascal VOC counts pixels from 1: "
                "if your tool measures from the image's edge, set one_based=False.",
                path,
                zeros,
            )


def find_files(path: Path) -> tuple[Path, Path, dict[str, Path]]:
    """Find the annotations at a path.

    Args:
        path: see `VocDataset.load`.

    Returns:
        root: folder that may hold JPEGImages and ImageSets.
        xml_folder: folder that holds the XML files.
        files: id to file; an id is the path in `xml_folder` without its suffix. Subfolders are
            searched only in an Annotations folder.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: no XML files, or several datasets.
    """
    if path.is_file():
        xml_folder, files = path.parent, [path]
    else:
        inside, files = subfolder(existing_folder(path), FOLDERS), _xml_files(path.glob("*"))
        if inside is None and not files:
            inside = subfolder(find_root(path, FOLDERS), FOLDERS)
        xml_folder = inside or path
    is_inside = xml_folder.name.lower() in [name.lower() for name in FOLDERS]
    if is_inside and not path.is_file():
        files = _xml_files(xml_folder.rglob("*"))
    if not files:
        raise ValueError(f"{xml_folder} has no .xml files.")
    by_id = {file.relative_to(xml_folder).with_suffix("").as_posix(): file for file in files}
    return xml_folder.parent if is_inside else xml_folder, xml_folder, by_id


def _xml_files(paths: Iterable[Path]) -> list[Path]:
    """The XML files among the paths, sorted, without hidden ones."""
    return sorted(
        path
        for path in paths
        if path.suffix.lower() == ".xml" and not path.name.startswith(".") and path.is_file()
    )


def read_annotation(path: PathLike) -> ET.Element:
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


def _instances(
    annotation: ET.Element, where: str, one_based: bool, problems: Problems
) -> list[Instance]:
    """The usable objects of an annotation; `where` names its file in `problems`."""
    instances = []
    for count, entry in enumerate(annotation.findall("object"), 1):
        try:
            instances.append(parse_object(entry, one_based))
        except ValueError as error:
            name = _text(entry, "name")[:40]
            problems.add(f"{where}, object {count}" + (f" ({name})" if name else ""), error)
    return instances


def parse_object(entry: ET.Element, one_based: bool = True) -> Instance:
    """Parse an object of an annotation.

    Args:
        entry: the object's element.
        one_based: see `VocDataset.load`.

    Returns:
        The instance, a crowd if the object is difficult.

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


def _side(box: ET.Element, key: str) -> float:
    text = _text(box, key)
    if not text:
        raise ValueError(f"its bndbox has no {key}.")
    try:
        return number(text)
    except ValueError:
        raise ValueError(f"its {key} is {text[:40]!r}: it must be a number of pixels.") from None


def _size(annotation: ET.Element) -> tuple[int | None, int | None]:
    """(height, width) in pixels; (None, None) if missing or impossible."""
    try:
        height, width = (number(_text(annotation, f"size/{side}")) for side in ("height", "width"))
    except ValueError:
        return None, None
    usable = all(1 <= side <= _MAX_SIDE and side == int(side) for side in (height, width))
    return (int(height), int(width)) if usable else (None, None)


def _image_of(key: str, annotation: ET.Element, folders: Sequence[str], listed: Listing) -> str:
    """Path of an annotation's image, whether or not it exists."""
    named = _text(annotation, "filename")
    suffix = image_suffix(named)
    names = [key + suffix for suffix in IMAGE_SUFFIXES]
    if suffix.lower() in IMAGE_SUFFIXES:
        names = [key + suffix, *names, named]
    paths = (find_image(name, *folders, listed=listed) for name in names)
    found = next((path for path in paths if os.path.isfile(path)), None)
    return found or os.path.join(folders[0], names[0])


def _text(entry: ET.Element, key: str) -> str:
    """The stripped text of a child element; "" if there is none."""
    return (entry.findtext(key) or "").strip()

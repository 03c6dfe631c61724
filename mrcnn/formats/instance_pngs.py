"""One mask file per instance, as in the Data Science Bowl 2018."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from ..images.reading import read_image
from ..text import some
from .finding import IMAGE_SUFFIXES, existing_folder, given_path
from .records import AnnotatedDataset, Instance, Problems, Record

# Of instances whose format has no classes.
OBJECT = "object"

_IMAGE_FOLDERS = ("images", "image")
_MASK_FOLDERS = ("masks", "mask")


class InstancePngDataset(AnnotatedDataset):
    """Images with one mask file per instance::

        path/<id>/images/<name>.png
        path/<id>/masks/*.png
        path/<id>/masks/<class>/*.png    where there are several classes

    A mask is as large as its image and nonzero (of a JPEG: above 127) inside the instance; of a
    mask in colours any channel counts, but alpha does not. The masks are read when an image's
    instances are asked for; where they do not overlap, one label image (`LabelImageDataset`) is
    read in a tenth of the time.
    """

    SOURCE = "instance_pngs"

    def load(self, path, class_names=None, class_map=None, strict=True, labelled=True):
        """Add the images of a folder.

        Args:
            path: folder that holds a folder per image, such as stage1_train.
            class_names: names of the classes in their order. Masks that are not in a folder of a
                class are of the class "object"; one name given here is its name.
            class_map: see `AnnotatedDataset.add_records`.
            strict: see `AnnotatedDataset.add_records`.
            labelled: whether every image must have a folder of masks, be it an empty one. False
                takes the images only, for detection, as in stage1_test.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: folders that cannot be used; no images; classes that do not fit.
        """
        path = given_path(path)
        problems = Problems(path)
        records = read_folders(path, problems, labelled)
        found = sorted({i.class_name for record in records for i in record.instances}) or [OBJECT]
        if found == [OBJECT]:
            class_map = name_the_class(path, class_names, class_map)
        self.add_records(
            records,
            problems,
            class_names,
            class_map,
            strict,
            found={name: i + 1 for i, name in enumerate(found)},
        )


@dataclasses.dataclass(frozen=True, slots=True)
class MaskFile:
    """The mask of one instance in a file of its own.

    Args:
        path: the file.
    """

    path: str

    def crop(self, height, width):
        """Its pixels, see `shapes.Polygon.crop`.

        Raises:
            FileNotFoundError, OSError: the file cannot be read.
            ValueError: it is not of the image's size.
        """
        inside, corner, size = _read_mask(self.path)
        if size != (height, width):
            raise ValueError(
                f"{self.path} is {size[0]}x{size[1]} pixels, its image is {height}x{width} (height "
                "x width): a mask must be as large as its image."
            )
        return inside, corner


def read_folders(path, problems, labelled=True):
    """Records of a folder that holds a folder per image; class names are those of the folders.

    Args:
        path: the folder.
        problems: `Problems`, to which folders that cannot be used are added.
        labelled: see `InstancePngDataset.load`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no folder in it has images.
    """
    path = existing_folder(path)
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    if not any(subfolder(folder, _IMAGE_FOLDERS) for folder in folders):
        raise ValueError(
            f"{path} has no folders <id>/images (its folders are {some(f.name for f in folders)}): "
            "give the folder that holds a folder per image, such as stage1_train."
        )
    records = []
    for folder in folders:
        images = subfolder(folder, _IMAGE_FOLDERS)
        masks = subfolder(folder, _MASK_FOLDERS)
        files = _image_files(images) if images else []
        if images is None:
            problems.add(folder.name, "it has no folder images.")
        elif len(files) != 1:
            problems.add(
                f"{folder.name}/{images.name}",
                f"its images are {some(f.name for f in files)}: one is accepted.",
            )
        elif labelled and masks is None:
            problems.add(
                folder.name,
                "it has no folder masks: an empty one says that nothing is in the image; "
                "labelled=False takes the images only.",
            )
        else:
            instances = _instances(masks) if labelled else []
            records.append(Record(folder.name, str(files[0]), instances))
    return records


def name_the_class(path, class_names, class_map):
    """The class map of a format that knows one class and no name for it.

    Args:
        path: what the error is about.
        class_names, class_map: as `load` was given them.

    Returns:
        `class_map` in which "object" gets a name of `class_names`.

    Raises:
        ValueError: `class_names` has several names, and the class map does not choose.
    """
    class_map = dict(class_map or {})
    if isinstance(class_names, str):
        return class_map  # add_records refuses it
    if class_names and OBJECT not in class_map and OBJECT not in class_names:
        if len(class_names) > 1:
            raise ValueError(
                f"{path}: class_names has {len(class_names)} names, but there is one class here: "
                f"say which with class_map={{{OBJECT!r}: {class_names[0]!r}}}."
            )
        class_map[OBJECT] = class_names[0]
    return class_map


def subfolder(path, names):
    """The folder of `path` that has the first of these names, in any case; None without one."""
    folders = {entry.name.lower(): entry for entry in Path(path).iterdir() if entry.is_dir()}
    return next((folders[name.lower()] for name in names if name.lower() in folders), None)


def _instances(masks):
    """Instances of a folder of masks and of the folders of classes in it."""
    classes = [(OBJECT, masks)]
    classes += [(entry.name, entry) for entry in _visible(masks) if entry.is_dir()]
    return [
        Instance(name, MaskFile(str(file)))
        for name, folder in classes
        for file in _image_files(folder)
    ]


def _visible(folder):
    """What is in a folder, sorted by name, without what systems hide there."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX")))


def _image_files(folder):
    return [p for p in _visible(folder) if p.suffix.lower() in (*IMAGE_SUFFIXES, ".gif")]


def _read_mask(path):
    """Bool array [h, w] of a mask, the (y, x) of its first pixel and the file's (height, width)."""
    if path.lower().endswith(".png"):
        try:
            with Image.open(path) as image:
                if image.mode in ("L", "1"):
                    # An image has up to hundreds of masks: Pillow finds the box in a tenth of the
                    # time that numpy needs.
                    box = image.getbbox() or (0, 0, 0, 0)
                    inside = np.asarray(image.crop(box)) != 0
                    return inside, (box[1], box[0]), (image.height, image.width)
        except Exception:  # Pillow has many; read_image says in one what is wrong with the file
            pass
    pixels = read_image(path)
    # The compression of a JPEG leaves noise outside.
    inside = pixels > (127 if path.lower().endswith((".jpg", ".jpeg")) else 0)
    if inside.ndim == 3:
        inside = np.logical_or.reduce([inside[..., i] for i in range(inside.shape[2])])
    return inside, (0, 0), inside.shape

"""Lesion instances, from images or volumes with one mask each."""

import re
from pathlib import Path

import numpy as np
import scipy.ndimage

from mrcnn import utils
from mrcnn.formats.finding import IMAGE_SUFFIXES, given_path
from mrcnn.images import opening, reading, tiff
from mrcnn.instances.masks import InstanceMasks
from mrcnn.text import some


class TumorDataset(utils.Dataset):
    """Images with one lesion mask each; connected pixels of a class form an instance.

    For each image or slice, `image_info` has `patient`, `mask` (path or None), `slice` (number in
    the volume or None) and `has_lesion`.

    Attributes:
        refused: list of (path, reason) for files that cannot be used, if images need no masks.
    """

    refused = ()

    def load_tumor(self, folder, classes=("lesion",), min_area=1, patient=None, labelled=True):
        """Register a folder's images; masks are read once to check that they can be used.

        Args:
            folder: holds one folder per patient or, with `patient`, has any layout.
            classes: names of the mask values 1, 2, ...; a single name stands for any value but 0.
            min_area: minimum size of an instance in pixels; smaller ones become background.
            patient: regular expression that finds the patient in an image's path below `folder`:
                its first group, or the whole match. None: the name of the image's folder.
            labelled: whether each image must have a mask and a patient, and all files must be
                usable; otherwise `refused` has those that are not.

        Raises:
            FileNotFoundError: the folder does not exist.
            ValueError: it has no images, or has files that cannot be used, which are listed.
        """
        folder = given_path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} does not exist: give the folder with the patients' folders."
            )
        self.min_area = min_area
        for number, name in enumerate(classes, 1):
            self.add_class("tumor", number, name)
        paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in IMAGE_SUFFIXES]
        paths = [path for path in paths if not path.name.startswith(".")]
        masks = {_name(p).removesuffix("_mask"): p for p in paths if _name(p).endswith("_mask")}
        scans = [path for path in paths if not _name(path).endswith("_mask")]
        if not scans:
            raise ValueError(f"{folder} has no images ({', '.join(IMAGE_SUFFIXES)}).")
        problems, names = [], set()  # (path, reason) of each
        for path in scans:
            try:
                if _name(path) in names:
                    raise ValueError("another image has the same name with another extension.")
                names.add(_name(path))
                self._add(folder, path, masks.pop(_name(path), None), patient, labelled)
            except Exception as error:  # readers of damaged files raise errors of many types
                reason = str(error) or type(error).__name__
                problems.append((path.relative_to(folder), reason))
        problems += [(mask.relative_to(folder), "it has no image.") for mask in masks.values()]
        self.refused = [] if labelled else problems
        if problems and (labelled or not self.image_info):
            lines = "\n".join(f"- {path}: {reason}" for path, reason in problems[:10])
            more = f"\n- and {len(problems) - 10} more" if len(problems) > 10 else ""
            raise ValueError(f"{folder}: {len(problems)} files cannot be used:\n{lines}{more}")

    def _add(self, folder, path, mask, patient, labelled):
        """Register an image, or each slice of a volume."""
        if mask is None and labelled:
            raise ValueError(f"it has no mask {path.stem}_mask{path.suffix} beside it.")
        # A mask [slices, H, W] tells a volume from an image with many channels.
        slices = _slices(path if mask is None else mask)
        has_lesion = [None] * (slices or 1)
        if mask is not None:
            if slices:
                size, mask_size = _shape(path)[:3], _shape(mask)
            else:
                size, mask_size = reading.image_size(path), reading.image_size(mask)
            if size != mask_size:
                raise ValueError(f"it is {_by(size)}, but its mask is {_by(mask_size)}.")
            labels = _read_mask(mask)
            self._check_values(np.unique(labels))
            labels = labels.reshape(-1, *labels.shape[-2:])
            has_lesion = [bool(len(self._components(each)[1])) for each in labels]
        place = path.relative_to(folder)
        name = place.with_suffix("").as_posix()
        group = _patient(place, patient) if labelled else None
        for number, has in enumerate(has_lesion):
            self.add_image(
                "tumor",
                f"{name}/{number:04d}" if slices else name,
                str(path),
                mask=None if mask is None else str(mask),
                slice=number if slices else None,
                patient=group,
                has_lesion=has,
            )

    def _check_values(self, values):
        count, nonzero = len(self.class_info) - 1, values[values != 0]
        if count == 1 and len(nonzero) > 1:
            raise ValueError(
                f"its mask has the values {some(values)}: with one class, only 0 and one other "
                "value are accepted. Name several classes with --classes."
            )
        if count > 1 and len(nonzero) and (nonzero.min() < 0 or nonzero.max() > count):
            raise ValueError(
                f"its mask has the values {some(values)}: with {count} classes, only 0 to {count} "
                "are accepted."
            )

    def load_image(self, image_id):
        """Load an image or slice, [H, W, 3] if it is gray or RGB, else [H, W, C]."""
        info = self.image_info[image_id]
        if info["slice"] is None:
            return super().load_image(image_id)
        image = np.array(_read_volume(info["path"])[info["slice"]])
        image = image[..., np.newaxis] if image.ndim == 2 else image
        return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image

    def load_instances(self, image_id):
        """Load each class's connected components; pixels that touch at a corner are connected.

        Returns:
            masks: `InstanceMasks` of N instances, class by class.
            class_ids: [N] int32.
        """
        info = self.image_info[image_id]
        numbers, class_ids = self._components(_read_mask(info["mask"], info["slice"]))
        masks = InstanceMasks.from_labels(numbers, len(class_ids))
        return masks, np.array(class_ids, np.int32)

    def _components(self, labels):
        """Number the instances: int32 [H, W], 0 outside, and the list of their class ids."""
        classes = len(self.class_info)
        if classes == 2:
            labels = labels != 0
        numbers, class_ids = np.zeros(labels.shape, np.int32), []
        for class_id in range(1, classes):
            parts, count = scipy.ndimage.label(labels == class_id, structure=np.ones((3, 3)))
            kept = np.bincount(parts.reshape(-1), minlength=count + 1) >= self.min_area
            kept[0] = False
            numbers += np.where(kept, np.cumsum(kept) + len(class_ids), 0).astype(np.int32)[parts]
            class_ids += [class_id] * int(kept.sum())
        return numbers, class_ids

    def load_mask(self, image_id):
        """Load the instances as bool [H, W, N] and int32 [N], see `load_instances`."""
        masks, class_ids = self.load_instances(image_id)
        return masks.dense(), class_ids

    def image_reference(self, image_id):
        """The image's patient and name, and the number of the slice."""
        return self.image_info[image_id]["id"]


def _name(path):
    return str(path.with_suffix(""))


def _by(shape):
    return " x ".join(map(str, shape))


def _patient(place, pattern):
    """Find the patient of an image in its path `place` below the dataset's folder."""
    if pattern is not None:
        match = re.search(pattern, place.as_posix())
        if not match or not match[match.re.groups and 1]:
            raise ValueError(f"--patient={pattern} finds no patient in its path.")
        return match[match.re.groups and 1]
    if len(place.parts) != 2:
        raise ValueError(
            "its patient is not known: the image must be in <dataset>/<patient>/. Give the folder "
            "with the patients' folders as --dataset or, for other layouts, a regular expression "
            "as --patient."
        )
    return place.parts[0]


def _shape(path):
    """Shape of the array in a TIFF or .npy file, else (height, width)."""
    if path.suffix.lower() == ".npy":
        return opening.open_array(path).shape
    if path.suffix.lower() in (".tif", ".tiff"):
        with tiff.opened(path) as series:
            return series.shape
    return reading.image_size(path)


def _slices(path):
    """Number of slices of a volume [slices, H, W(, C)]; None: an image [H, W(, 4 channels)]."""
    shape = _shape(path)
    return shape[0] if len(shape) == 4 or (len(shape) == 3 and shape[2] > 4) else None


def _read_volume(path):
    """Read [slices, H, W] or [slices, H, W, C]; from a .npy file, only what is used is read."""
    if str(path).lower().endswith(".npy"):
        return opening.open_array(path)
    with tiff.opened(path) as series:
        opening.check_pixels(path, *series.shape[1:3], channels=1)
        return series.asarray()


def _read_mask(path, number=None):
    """Read a mask's labels, integers [H, W]; for a volume, one slice, or all [slices, H, W]."""
    if _slices(Path(path)) is None:
        return reading.read_labels(path)
    volume = _read_volume(path)
    labels = np.asarray(volume if number is None else volume[number])
    if labels.dtype.kind not in "bui":
        raise ValueError(f"its mask has values of {labels.dtype}: they must be integers.")
    return labels.astype(np.uint8) if labels.dtype == bool else labels

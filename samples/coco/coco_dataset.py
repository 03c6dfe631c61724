"""COCO's images and instances, read from its unpacked archives."""

import os
import re
from pathlib import Path

from pycocotools import mask
from pycocotools.coco import COCO

from mrcnn import formats
from mrcnn.files.archives import fetch_archive
from mrcnn.formats.coco_json import parse_instances
from mrcnn.formats.coco_masks import read_shape
from mrcnn.formats.finding import given_path, image_files, read_json
from mrcnn.formats.records import Problems
from mrcnn.instances.rle import encode
from mrcnn.text import some

YEARS = ("2014", "2017")
DEFAULT_YEAR = "2017"
# minival is 5000 images of val2014, for validation; valminusminival is the rest, for training. The
# annotations of the test images are not public.
SUBSETS = ("train", "val", "minival", "valminusminival", "test", "test-dev")
TEST_SUBSETS = ("test", "test-dev")

# images.cocodataset.org has no certificate of its own; the bucket behind it does.
URL = "https://s3.amazonaws.com/images.cocodataset.org/"
ARCHIVES = {
    "annotations/annotations_trainval2014.zip": (
        "sha256:031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009"
    ),
    "annotations/annotations_trainval2017.zip": (
        "sha256:113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268"
    ),
    "annotations/image_info_test2017.zip": (
        "sha256:e52f412dd7195ac8f98d782b44c6dd30ea10241e9f42521f67610fbe055a74f8"
    ),
    "zips/train2014.zip": (
        "sha256:ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775"
    ),
    "zips/val2014.zip": "sha256:fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
    "zips/train2017.zip": (
        "sha256:69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"
    ),
    "zips/val2017.zip": "sha256:4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
    "zips/test2017.zip": "sha256:c7908c3c9f94ba2f3340ebbeec58c25db6be8774f18d68c2f15d0e369d95baba",
}

# The 80 categories by id, in the class order of the COCO weights.
CATEGORIES = {
    **{1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train"},
    **{8: "truck", 9: "boat", 10: "traffic light", 11: "fire hydrant", 13: "stop sign"},
    **{14: "parking meter", 15: "bench", 16: "bird", 17: "cat", 18: "dog", 19: "horse"},
    **{20: "sheep", 21: "cow", 22: "elephant", 23: "bear", 24: "zebra", 25: "giraffe"},
    **{27: "backpack", 28: "umbrella", 31: "handbag", 32: "tie", 33: "suitcase", 34: "frisbee"},
    **{35: "skis", 36: "snowboard", 37: "sports ball", 38: "kite", 39: "baseball bat"},
    **{40: "baseball glove", 41: "skateboard", 42: "surfboard", 43: "tennis racket"},
    **{44: "bottle", 46: "wine glass", 47: "cup", 48: "fork", 49: "knife", 50: "spoon"},
    **{51: "bowl", 52: "banana", 53: "apple", 54: "sandwich", 55: "orange", 56: "broccoli"},
    **{57: "carrot", 58: "hot dog", 59: "pizza", 60: "donut", 61: "cake", 62: "chair"},
    **{63: "couch", 64: "potted plant", 65: "bed", 67: "dining table", 70: "toilet", 72: "tv"},
    **{73: "laptop", 74: "mouse", 75: "remote", 76: "keyboard", 77: "cell phone"},
    **{78: "microwave", 79: "oven", 80: "toaster", 81: "sink", 82: "refrigerator", 84: "book"},
    **{85: "clock", 86: "vase", 87: "scissors", 88: "teddy bear", 89: "hair drier"},
    90: "toothbrush",
}


class CocoDataset(formats.CocoDataset):
    """Subsets of COCO, or your own images with COCO's classes.

    `image_info` has COCO's image ids. A crowd has a negative class id.
    """

    def load_coco(
        self,
        dataset_dir,
        subset,
        year=DEFAULT_YEAR,
        class_ids=None,
        class_map=None,
        return_coco=False,
        auto_download=False,
        ignore_file_sizes=False,
    ):
        """Register a subset's images and classes.

        Args:
            dataset_dir: folder with annotations/instances_val2017.json, val2017/ and so on.
            subset: one of `SUBSETS`; the test subsets have no instances.
            year: one of `YEARS`.
            class_ids: ids of the categories to load, in the order of the resulting classes;
                images without any of them are left out. None: all categories and all images.
            class_map: dict from category name to class name, or to None to leave out the
                category's instances.
            return_coco: whether to return the annotations as a pycocotools `COCO`.
            auto_download: whether to fetch what is missing, see `auto_download`.
            ignore_file_sizes: see `formats.CocoDataset.load`.

        Returns:
            `pycocotools.coco.COCO` or None.

        Raises:
            ValueError: unknown subset, year or category, or not a COCO annotation file.
            FileNotFoundError: a file or folder is missing; the message says how to get it.
            ConnectionError: see `auto_download`.
        """
        folder = given_path(dataset_dir, "dataset_dir")
        if auto_download:
            self.auto_download(folder, subset, year)
        annotations, images = (folder / place for place in _places(subset, year))
        for path in (annotations, images):
            if not path.exists():
                raise FileNotFoundError(f"{path} does not exist. {_advice(subset)}")
        only = None if class_ids is None else list(class_ids) or None
        if subset in TEST_SUBSETS:
            self._load_image_info(annotations, images, only, class_map)
        else:
            # Users cannot fix errors in COCO's own files.
            self.load(
                annotations,
                images,
                class_map=class_map,
                strict=False,
                only=only,
                ignore_file_sizes=ignore_file_sizes,
            )
        return _index_of(annotations) if return_coco else None

    def _load_image_info(self, path, images, class_ids, class_map):
        """Register the images and categories of a file without annotations."""
        content, problems = read_json(path), Problems(path)
        if isinstance(content, dict):
            content["annotations"] = []
        records, found, _ = parse_instances(content, problems)
        for record in records:
            record.path = os.path.join(images, record.path)
        by_id = {key: name for name, key in found.items()}
        unknown = [i for i in class_ids or () if i not in by_id]
        if unknown:
            raise ValueError(f"{path} has no category {some(unknown)}: it has {some(by_id, 100)}.")
        names = class_ids and [by_id[i] for i in class_ids]
        self.add_records(records, problems, names, class_map, strict=False, found=found)

    def load_images(self, path):
        """Register an image, or a folder of images, and COCO's classes, without instances.

        The id of a COCO image is the number in its name; the id of any other image is its name.

        Args:
            path: path of the file or folder.

        Raises:
            FileNotFoundError: the path does not exist.
            ValueError: the folder has no images.
        """
        path = given_path(path)
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist.")
        for category_id, name in CATEGORIES.items():
            self.add_class(self.SOURCE, category_id, name)
        for file in image_files(path) if path.is_dir() else [path]:
            self.add_image(self.SOURCE, image_id_of(file), str(file))

    def auto_download(self, dataDir, dataType, dataYear):
        """Fetch the archives of a subset's missing files, up to 19 GB.

        Args:
            dataDir: folder to unpack into.
            dataType, dataYear: as `subset` and `year` in `load_coco`.

        Raises:
            FileNotFoundError: the subset is not published; the message says what to do.
            ConnectionError, ValueError, OSError: see `archives.fetch_archive`.
        """
        folder = given_path(dataDir, "dataDir")
        archives = _archives(dataType, str(dataYear))
        for place, archive in zip(_places(dataType, dataYear), archives, strict=True):
            if (folder / place).exists():
                continue
            if archive not in ARCHIVES:
                raise FileNotFoundError(f"{folder / place} does not exist. {_advice(dataType)}")
            fetch_archive(URL + archive, folder, ARCHIVES[archive])

    def annToRLE(self, ann, height, width):
        """Encode an annotation as run lengths.

        Args:
            ann: an annotation dict of COCO's files.
            height, width: size of its image in pixels.

        Returns:
            dict of size, [height, width], and counts, a str.
        """
        return encode(*read_shape(ann, height, width).crop(height, width), (height, width))

    def annToMask(self, ann, height, width):
        """Convert an annotation to a mask, uint8 [height, width]; see `annToRLE`."""
        return mask.decode(self.annToRLE(ann, height, width))


def _index_of(path):
    """The annotations of a file as a pycocotools `COCO`, which needs annotation ids."""
    coco = COCO()
    coco.dataset = read_json(path)
    for number, row in enumerate(coco.dataset["annotations"], 1):
        row.setdefault("id", number)
    coco.createIndex()
    return coco


def image_id_of(path):
    """COCO's image id from a name such as COCO_val2014_000000000139.jpg, else the name itself."""
    number = re.fullmatch(r"(?:.*_)?(\d{12})", Path(path).stem)
    return int(number[1]) if number else Path(path).name


def _places(subset, year):
    """A subset's annotation file and image folder, as paths within COCO's folder."""
    if str(year) not in YEARS:
        raise ValueError(f"year is {year!r}: it must be {' or '.join(YEARS)}.")
    if subset not in SUBSETS:
        raise ValueError(f"subset is {subset!r}: it must be one of {', '.join(SUBSETS)}.")
    is_test = subset in TEST_SUBSETS
    annotations = f"annotations/{'image_info' if is_test else 'instances'}_{subset}{year}.json"
    return annotations, _images_of(subset) + str(year)


def _archives(subset, year):
    """The archives that hold a subset's annotations and images."""
    annotations = {"train": "annotations_trainval", "val": "annotations_trainval"}
    annotations |= dict.fromkeys(TEST_SUBSETS, "image_info_test")
    name = annotations.get(subset, f"instances_{subset}")
    return f"annotations/{name}{year}.zip", f"zips/{_images_of(subset)}{year}.zip"


def _images_of(subset):
    return {"train": "train", **dict.fromkeys(TEST_SUBSETS, "test")}.get(subset, "val")


def _advice(subset):
    if subset in ("minival", "valminusminival"):
        return (
            "COCO does not publish it: place it there by hand, or use 2017, whose val has the "
            "images of 2014's minival and whose train has all others."
        )
    return (
        "Fetch it with --download (auto_download=True), or place it there by hand: "
        "https://cocodataset.org/#download has the archives; unpacked side by side, they have the "
        "expected layout."
    )

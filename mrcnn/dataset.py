"""The base class of data sets: subclass it and override `load_mask`."""

import logging

import numpy as np
import skimage.io

from .pixels import as_channels

logger = logging.getLogger(__name__)

_SET_BY_PREPARE = (
    "num_classes",
    "class_ids",
    "class_names",
    "num_images",
    "class_from_source_map",
    "image_from_source_map",
    "sources",
)


class Dataset:
    """A list of images and classes, from one or several sources.

    A subclass writes a method that calls `add_class` and `add_image`, and overrides `load_mask`
    (and, for images that are not files, `load_image`). Then::

        dataset = BalloonDataset()
        dataset.load_balloon(folder, "train")
        dataset.prepare()

    Attributes:
        image_info: list of dicts with id, source, path and whatever `add_image` was given.
        class_info: list of dicts with source, id and name; the first is the background.
        source_class_ids: dict of source to the class ids it knows, the background in each.
        num_classes, class_ids, class_names, num_images, class_from_source_map,
        image_from_source_map, sources: set by `prepare`.
    """

    _warned_of_no_masks = False

    def __init__(self, class_map=None):
        """`class_map` is not used; the reference has it."""
        self._image_ids = None
        self.image_info = []
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids = {}

    def __getattr__(self, name):
        # Reached only for attributes that are not there.
        if name in _SET_BY_PREPARE:
            raise AttributeError(
                f"{type(self).__name__}.{name} is not known yet: call prepare() after the last "
                "add_class() and add_image()."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def add_class(self, source, class_id, class_name):
        """Add a class; one that the source has already is ignored.

        Args:
            source: name of the source, without a dot.
            class_id: id of the class in the source.
            class_name: name to show; `class_names` has the part before the first comma.

        Raises:
            ValueError: a dot in `source`.
        """
        if "." in source:
            raise ValueError(
                f"source is {source!r}: a name without a dot is accepted, because 'source.id' "
                "names a class."
            )
        if any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            return
        self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source, image_id, path, **kwargs):
        """Add an image.

        Args:
            source: name of the source.
            image_id: id of the image in the source, any type.
            path: file of the image, or None when the subclass overrides `load_image`.
            **kwargs: kept in the image's `image_info`, for example width, height, annotations.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id):
        """A link or text that helps a human to find the image; "" unless a subclass knows one."""
        return ""

    def prepare(self, class_map=None):
        """Number the classes and images. Call it after the last one was added.

        `class_map` is not used; the reference has it.
        """
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {
            f"{info['source']}.{info['id']}": i for i, info in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{info['source']}.{info['id']}": i for i, info in enumerate(self.image_info)
        }
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [
                i for i, info in enumerate(self.class_info) if i == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id):
        """The class id here of a class of a source.

        Args:
            source_class_id: "source.id", for example "coco.12".

        Raises:
            KeyError: no such class.
        """
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id, source):
        """The id that a class has in its source.

        Args:
            class_id: class id here.
            source: name of the source.

        Raises:
            ValueError: the class belongs to another source.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(
                f"class {class_id} ({info['name']}) belongs to source {info['source']!r}, not to "
                f"{source!r}."
            )
        return info["id"]

    @property
    def image_ids(self):
        """[num_images] int array of the ids here, 0, 1, ...; `prepare` sets it.

        Raises:
            RuntimeError: `prepare` was not called.
        """
        if self._image_ids is None:
            raise RuntimeError(
                f"{type(self).__name__}.image_ids is not known yet: call prepare() after the last "
                "add_class() and add_image()."
            )
        return self._image_ids

    def source_image_link(self, image_id):
        """The path or URL of the image, as `add_image` was given it."""
        return self.image_info[image_id]["path"]

    def load_image(self, image_id):
        """Read the image's file.

        Returns:
            [H, W, 3] RGB, uint8 for nearly all files. Grayscale is repeated, alpha dropped.

        Raises:
            FileNotFoundError: the file is not there.
            OSError: it cannot be read as an image.
            TypeError, ValueError: its pixels are not what `pixels.as_channels` accepts.
        """
        path = self.image_info[image_id]["path"]
        try:
            image = skimage.io.imread(path)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"image {image_id}: there is no file {path}.") from error
        except Exception as error:  # the readers behind imread raise errors of many types
            raise OSError(
                f"image {image_id}: {path} cannot be read as an image: {error}"
            ) from error
        return as_channels(image, 3, name=str(path))

    def load_mask(self, image_id):
        """The instances of an image. Subclasses override this; here there are none.

        Returns:
            masks: [H, W, N] bool.
            class_ids: [N] int32, ids here (not of the source); negative for a crowd.
        """
        if not self._warned_of_no_masks:
            self._warned_of_no_masks = True
            logger.warning(
                "image %s of %s has no instances, for Dataset.load_mask has none to give; that may "
                "be so for others too.",
                image_id,
                type(self).__name__,
            )
        return np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)

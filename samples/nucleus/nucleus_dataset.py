"""The images of the 2018 Data Science Bowl, and its run lengths."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from mrcnn.datasets.splits import random_subset
from mrcnn.formats.finding import given_path, image_files
from mrcnn.formats.instance_pngs import InstancePngDataset, read_folders
from mrcnn.formats.records import Problems
from mrcnn.images.channels import channel_names, described
from mrcnn.images.reading import image_size, read_channel
from mrcnn.inference.no_overlaps import remove_overlaps

STAGES = ("stage1_train", "stage1_test", "stage2_test")
SUBSETS = ("train", "val", "fit", "tune", *STAGES)


def _ids(name):
    return (Path(__file__).resolve().parent / name).read_text().split()


# Held back from stage1_train for validation; between them they show every kind of image.
VAL_IMAGE_IDS = _ids("val_ids.txt")

# Held back from the rest, for choosing thresholds. No remaining image looks as if it came from one
# of their slides: images of the same size were clustered by the quartiles of their colours, and
# whole clusters were chosen.
TUNE_IMAGE_IDS = _ids("tune_ids.txt")


class NucleusDataset(InstancePngDataset):
    """Images of the 2018 Data Science Bowl, with one mask file per nucleus.

    Attributes:
        channel: the channel of each image that is read as gray, see `mrcnn.images.read_channel`;
            None reads all channels.
    """

    SOURCE = "nucleus"
    channel = None
    reads_files = True

    def __init__(self, class_map=None):
        super().__init__(class_map)
        self._instances = {}

    def load_nucleus(self, dataset_dir, subset, balance=False):
        """Register a subset's images.

        Args:
            dataset_dir: folder that holds stage1_train and so on.
            subset: "train" (stage1_train without `VAL_IMAGE_IDS`), "val" (the `VAL_IMAGE_IDS`
                that exist), "fit" ("train" without `TUNE_IMAGE_IDS`), "tune" (the
                `TUNE_IMAGE_IDS`), or a folder: stage1_train, stage1_test or stage2_test.
            balance: whether to register images of rare kinds several times, see `balanced`.

        Raises:
            ValueError: unknown subset, no images in it, or images that cannot be used.
            FileNotFoundError: its folder is missing.
        """
        if subset not in SUBSETS:
            raise ValueError(
                f"subset is {subset!r}: it must be {', '.join(SUBSETS[:-1])} or {SUBSETS[-1]}."
            )
        folder = given_path(dataset_dir) / (subset if subset in STAGES else "stage1_train")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} does not exist: the dataset must be the folder that holds {folder.name}."
            )
        problems = Problems(folder)
        labelled = folder.name == "stage1_train"
        records = [r for r in read_folders(folder, problems, labelled) if _is_in(r.id, subset)]
        if not records and not problems.lines:
            raise ValueError(
                f"{folder} has no images of the subset {subset}: <id>/images is expected."
            )
        if balance:
            records = balanced(records)
        self.add_records(records, problems, ["nucleus"], {"object": "nucleus"}, True, {"object": 1})

    def load_images(self, folder):
        """Register a folder's images, without masks.

        Args:
            folder: path; an image's id is its file name without the extension.

        Raises:
            FileNotFoundError: the folder does not exist.
            ValueError: it has no images, or two of the same name.
        """
        paths = image_files(given_path(folder))
        twice = [name for name, count in Counter(p.stem for p in paths).items() if count > 1]
        if twice:
            raise ValueError(f"{folder} has several images named {twice[0]}: names must be unique.")
        self.add_class(self.SOURCE, 1, "nucleus")
        for path in paths:
            self.add_image(self.SOURCE, path.stem, str(path))

    def load_image(self, image_id):
        """Load an image [H, W, 3]; with a `channel`, that channel three times.

        Raises:
            ValueError: without a `channel`, the image has two channels, or more than four; or see
                `Dataset.load_image` and `read_channel`.
        """
        path = self.image_info[image_id]["path"]
        if self.channel is None:
            image = super().load_image(image_id)
            if image.shape[2] not in (3, 4):
                names = channel_names(path) or [""] * image.shape[2]
                raise ValueError(
                    f"{path} has {len(names)} channels, {described(names)}: choose one with "
                    "--channel."
                )
            return image
        gray = read_channel(path, self.channel, self.MAX_PIXELS)
        return np.repeat(gray[..., np.newaxis], 3, axis=2)

    def load_instances(self, image_id):
        """As in `InstancePngDataset`, but read each mask file once; a cached nucleus takes 1 kB."""
        if image_id not in self._instances:
            self._instances[image_id] = super().load_instances(image_id)
        return self._instances[image_id]

    def image_reference(self, image_id):
        """The image's id in the competition."""
        info = self.image_info[image_id]
        return info["id"] if info["source"] == self.SOURCE else super().image_reference(image_id)


def load_dataset(dataset_dir, subset=None, limit=None, balance=False, channel=None):
    """Load a prepared `NucleusDataset`, or a random subset of at most `limit` images.

    See `load_nucleus` or, without a subset, `load_images`; for `channel`, see `NucleusDataset`.
    """
    dataset = NucleusDataset()
    dataset.channel = channel
    if subset is None:
        dataset.load_images(dataset_dir)
    else:
        dataset.load_nucleus(dataset_dir, subset, balance)
    dataset.prepare()
    return dataset.subset(random_subset(dataset.image_ids, limit))


def load_validation(dataset_dir, limit=None):
    """Load the subset val, or return None if none of its images exist."""
    try:
        return load_dataset(dataset_dir, "val", limit)
    except ValueError as error:
        print(f"Training without validation: {error}")
        return None


def kind_of(image):
    """Tell whether an image is "fluorescence" (gray on black) or "bright field" (all others).

    Args:
        image: uint8 [H, W, 3].
    """
    image = image.astype(np.float32)
    colour = np.abs(image - image.mean(axis=2, keepdims=True)).mean()
    return "fluorescence" if colour < 1 and image.mean() < 100 else "bright field"


def _is_in(image_id, subset):
    if subset in ("val", "tune"):
        return image_id in (VAL_IMAGE_IDS if subset == "val" else TUNE_IMAGE_IDS)
    held_back = {"train": VAL_IMAGE_IDS, "fit": VAL_IMAGE_IDS + TUNE_IMAGE_IDS}
    return image_id not in held_back.get(subset, ())


def balanced(records):
    """Repeat the records of images of rare kinds.

    An image's size reveals its kind: half of all images are 256x256. If a kind has a ninth as many
    images as the most common one, each of its images occurs three times: the square root of the
    ratio, rounded, and at most four.

    Args:
        records: list of `Record`.

    Returns:
        list of `Record`.
    """
    sizes = [image_size(record.path) for record in records]
    counts = Counter(sizes)
    most = max(counts.values(), default=0)
    times = {size: min(4, round(np.sqrt(most / count))) for size, count in counts.items()}
    return [
        dataclasses.replace(record)
        for record, size in zip(records, sizes, strict=True)
        for _ in range(times[size])
    ]


def rle_encode(mask):
    """Encode a mask as run lengths, in the competition's format.

    Args:
        mask: `[height, width]`, bool, or numbers where 0 is background.

    Returns:
        "start length start length ...": pixels are counted from 1, down the columns, left to right.
    """
    pixels = np.asarray(mask).astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


def rle_decode(rle, shape):
    """Decode a mask that `rle_encode` encoded.

    Args:
        rle: "start length start length ...".
        shape: `(height, width)` of the mask.

    Returns:
        bool `[height, width]`.

    Raises:
        ValueError: the numbers do not come in pairs, or a run extends beyond the mask.
    """
    numbers = np.array(rle.split(), dtype=int)
    if len(numbers) % 2:
        raise ValueError(f"The run lengths have {len(numbers)} numbers: they must come in pairs.")
    pixels = np.zeros(shape[0] * shape[1], dtype=bool)
    for start, length in numbers.reshape(-1, 2):
        if start < 1 or length < 1 or start - 1 + length > len(pixels):
            raise ValueError(
                f"The run of {length} pixels from pixel {start} extends beyond a mask of "
                f"{shape[0]}x{shape[1]}: runs must lie within 1 to {len(pixels)}."
            )
        pixels[start - 1 : start - 1 + length] = True
    return pixels.reshape(shape, order="F")


def mask_to_rle(image_id, mask, scores):
    """Format an image's lines for a submission.

    The competition allows only one nucleus per pixel: where masks overlap, the higher score wins,
    and among equal scores the first.

    Args:
        image_id: id of the image in the competition.
        mask: bool `[height, width, instances]`.
        scores: float `[instances]`.

    Returns:
        Lines "id, run lengths", the highest score first, or "id," if nothing was found.
    """
    found = {"masks": mask, "scores": scores, "class_ids": np.ones(len(scores), np.int32)}
    found = remove_overlaps(found, min_share=0)
    lines = [
        f"{image_id}, {rle_encode(found['masks'][:, :, instance])}"
        for instance in np.argsort(-found["scores"], kind="stable")
    ]
    return "\n".join(lines) or f"{image_id},"

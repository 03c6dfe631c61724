"""Which image comes next, and the sample made from it."""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..anchors.lattice import AnchorLattice
from ..anchors.recent import Recent
from ..augment import check_augmentation, needs_another
from ..config import Config
from ..config_rules import parts
from ..datasets import Dataset
from ..datasets.keypoints import check_layout
from ..datasets.prepared import prepared_ids
from ..datasets.reading import check_classes, check_fields, place_of
from ..instances import Instances
from ..types import Array
from .inputs import training_inputs
from .negatives import without_negatives
from .others import by_source, draw_others
from .samples import build_sample, load_framed

logger = logging.getLogger(__name__)

# Number of a dataset's images that may fail to load before a run is aborted.
MAX_ERRORS = 5


class SampleSource:
    """Endless sequence of a dataset's samples, in an order that depends on a seed.

    Sample number n is always the same: its image and its augmentation depend only on the seed and
    n, not on the worker that makes it or on what was made before.

    Args:
        dataset: a prepared `Dataset`.
        config: a `Config`.
        shuffle: whether each pass over the dataset has its own random order.
        augment, augmentation: see `load_image_gt`.
        no_augmentation_sources: names of sources whose images are not augmented.
        seed: None takes one from the system.
        training: whether TRAIN_NEGATIVE_IMAGES, TRAIN_MIN_DIMS and TRAIN_SCALE_JITTER apply, the
            last two not to `no_augmentation_sources`. False for validation, which sees all images
            in the size of detection.

    Raises:
        ValueError: the dataset has no images, or none to train on; its number of classes differs
            from the configuration's; or it does not have what the heads or the augmentation need.
        TypeError: the augmentation is of an unsupported type.
    """

    # Where several processes hold copies, only one of them logs what all would log.
    may_warn: Callable[[], bool] = staticmethod(lambda: True)

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augment: bool = False,
        augmentation: Any = None,
        no_augmentation_sources: Iterable[str] | None = None,
        seed: int | None = None,
        training: bool = True,
    ) -> None:
        self.image_ids = np.copy(prepared_ids(dataset))
        if not len(self.image_ids):
            raise ValueError(f"{type(dataset).__name__} has no images: was add_image called?")
        check_classes(dataset, config)
        needed = parts.needed_fields(config)
        check_fields(dataset, needed)
        check_layout(dataset, config)
        # Masks or boxes, and the other fields that the heads learn from.
        more = [name for name in needed if name not in ("masks", "boxes")]
        check_augmentation(augmentation, fields=1 + len(more))
        if training and not config.TRAIN_NEGATIVE_IMAGES:
            self.image_ids = without_negatives(dataset, self.image_ids)
        self.dataset = dataset
        self.config = config
        # Resolved here: the heads are parts of the network, which worker processes never load.
        self.fields = tuple(needed)
        self._by_source: dict[str, Array] = {}
        if needs_another(augmentation):
            if "masks" not in needed:  # else `check_fields` has looked
                self._check_masks()
            self.fields = ("masks", *more)
            self._by_source = by_source(dataset, self.image_ids)
        self.inputs = training_inputs(config, parts.heads(config))
        self.shuffle = shuffle
        self.augment = augment
        self.augmentation = augmentation
        self.training = training
        self.unaugmented = set(no_augmentation_sources or ())
        self.seed: Any = np.random.SeedSequence(seed).entropy  # an int
        self._anchors = Recent(functools.partial(AnchorLattice, config), size=8)
        self._failed: set[int] = set()
        self._has_cut = False

    def sample(self, number: int) -> dict[str, Array]:
        """Return sample `number`, see `build_sample`; an image that fails is replaced by the next.

        Raises:
            Exception: the image's error, once more than MAX_ERRORS images, or all, have failed.
        """
        while True:
            image_id = self.image_id(number)
            try:
                return self._build(image_id, np.random.default_rng([self.seed, 1, number]))
            except Exception as error:
                self._note_failure(int(image_id), error)
                number += 1

    def _note_failure(self, image_id: int, error: Exception) -> None:
        """Log that an image failed, once; raise its error if too many have."""
        limit = min(MAX_ERRORS, len(self.image_ids) - 1)
        # Above the limit, the run ends with an error that has been logged.
        if image_id not in self._failed and len(self._failed) <= limit:
            self._failed.add(image_id)
            path = self.dataset.image_info[image_id].get("path")
            kind = type(error).__name__
            logger.error("image %s (%s) cannot be used: %s: %s", image_id, path, kind, error)
            logger.debug("", exc_info=True)
        if len(self._failed) > limit:
            raise error

    def image_id(self, number: int) -> int:
        """Return the image id of sample `number`."""
        round_, place = divmod(number, len(self.image_ids))
        if not self.shuffle:
            return self.image_ids[place]
        order = np.random.default_rng([self.seed, 0, round_]).permutation(len(self.image_ids))
        return self.image_ids[order[place]]

    def anchors(self, image_shape: Sequence[int]) -> AnchorLattice:
        """Return the `AnchorLattice` for an `image_shape`, (height, width, ...) in pixels."""
        return self._anchors(image_shape[:2])

    def _build(self, image_id: int, rng: np.random.Generator) -> dict[str, Array]:
        plain = self.dataset.image_info[image_id]["source"] in self.unaugmented
        return build_sample(
            self.dataset,
            self.config,
            image_id,
            self.fields,
            self.inputs,
            self.anchors,
            augment=self.augment and not plain,
            augmentation=None if plain else self.augmentation,
            rng=rng,
            on_cut=functools.partial(self._warn_of_cut, image_id),
            training=self.training and not plain,
            another=functools.partial(self._another, image_id),
        )

    def _another(self, image_id: int, rng: np.random.Generator) -> tuple[Array, Instances]:
        """Another image of the same source at the network's size, and its instances."""
        ids = self._by_source[self.dataset.image_info[image_id]["source"]]
        load = functools.partial(load_framed, self.dataset, self.config, training=self.training)
        for other in draw_others(ids, image_id, MAX_ERRORS + 1, rng):
            try:
                image, _, instances = load(other, self.fields, self.augment, rng)
                return image, instances
            except Exception as error:
                self._note_failure(other, error)
        image, _, instances = load(image_id, self.fields, self.augment, rng)
        return image, instances

    def _check_masks(self) -> None:
        """Check that every image has masks for an augmentation that takes another image."""
        for image_id in self.image_ids.tolist():
            if not self.dataset.has("masks", image_id):
                raise ValueError(
                    f"{type(self.dataset).__name__}, {place_of(self.dataset, image_id)}: it has no "
                    "masks, along which the augmentation CopyPaste cuts out instances."
                )

    def _warn_of_cut(self, image_id: int, count: int) -> None:
        """Log, once, that an image has more instances than training uses."""
        if self._has_cut:
            return
        self._has_cut = True
        if self.may_warn():
            logger.warning(
                "%s has %d instances, but MAX_GT_INSTANCES is %d: training uses a random subset. "
                "Raise it to use all; the dataset's check(config=...) counts such images.",
                *(place_of(self.dataset, image_id), count, self.config.MAX_GT_INSTANCES),
            )


def stack(samples: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Batch samples.

    Args:
        samples: see `build_sample`.

    Returns:
        Array [B, ...] of each input, by its name.

    Raises:
        ValueError: the images differ in size.
    """
    shapes = sorted({sample["image"].shape for sample in samples})
    if len(shapes) > 1:
        raise ValueError(
            f"the images of a batch have the shapes {shapes}: with IMAGE_RESIZE_MODE 'none' or "
            "'pad64' set IMAGES_PER_GPU and GPU_COUNT to 1, or use 'square' or 'crop'."
        )
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

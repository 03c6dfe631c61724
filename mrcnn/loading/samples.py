"""One image and its ground truth, as the network trains on it."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from ..anchors.lattice import AnchorLattice
from ..anchors.targets import build_rpn_targets
from ..augment import augment as apply_augmentation
from ..augment.copy_paste import Another
from ..config import Config
from ..datasets import Dataset
from ..datasets.prepared import prepared_ids
from ..datasets.reading import read_sample
from ..images.frame import Frame
from ..images.normalising import mold_resized
from ..images.resizing import check_sides
from ..instances import Instances
from ..types import Array
from .framing import frame_image
from .inputs import Input, padded
from .others import by_source, draw_others


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Array, Array, Array, Array]:
    """Load an image at the network's input size, and its ground truth.

    Args:
        dataset: a prepared `Dataset`.
        config: a `Config`.
        image_id: index of the image in the dataset.
        augment: True for random horizontal flips (for older projects; `augmentation` can do more).
        augmentation: an imgaug augmenter, Keras layers or a callable, see `mrcnn.augment`. It
            runs after padding and does not change the window in `image_meta`. `CopyPaste` draws
            other images of the same source from the dataset.
        use_mini_mask: whether masks are returned as crops of their boxes.
        rng: for crops and augmentation; None creates one.

    Returns:
        image: [H, W, C] in the dtype of the pixels.
        image_meta: float64 [12 + classes of the dataset], see `compose_image_meta`.
        class_ids: int32 [N]; negative for a crowd.
        bbox: int32 [N, 4], pixels of the resized image.
        mask: bool [H, W, N], or [*MINI_MASK_SHAPE, N].

    Raises:
        ValueError: image, masks, class ids and configuration disagree; the error names the image.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.datasets import Dataset
        >>> from mrcnn.loading.samples import load_image_gt
        >>> np.save("cells.npy", np.zeros((40, 60, 3), np.uint8))
        >>> dataset = Dataset()
        >>> dataset.add_class("cells", 1, "cell")
        >>> dataset.add_image("cells", 7, path="cells.npy")
        >>> dataset.prepare()
        >>> image, image_meta, class_ids, bbox, mask = load_image_gt(dataset, Config(), 0)
        >>> image.shape, bbox.shape, mask.shape
        ((1024, 1024, 3), (0, 4), (1024, 1024, 0))
    """
    rng = np.random.default_rng() if rng is None else rng
    another = another_of(dataset, config, image_id, ("masks",), augment)
    image, frame, instances = _load(
        dataset, config, image_id, ("masks",), augment, augmentation, rng, False, another
    )
    image_meta = _meta(dataset, image_id, frame)
    masks = instances.fields["masks"]
    mask = masks.minimize(config.MINI_MASK_SHAPE[:2]) if use_mini_mask else masks.dense()
    return image, image_meta, instances.class_ids, masks.boxes, mask


def load_framed(
    dataset: Dataset,
    config: Config,
    image_id: int,
    fields: Collection[str],
    augment: bool,
    rng: np.random.Generator,
    training: bool = False,
) -> tuple[Array, Frame, Instances]:
    """Read an image and its instances, and bring them to the network's input size.

    Args:
        dataset, config, image_id, augment, rng: see `load_image_gt`.
        fields: names of the instance fields to read, see `read_instances`.
        training: see `frame_image`.

    Returns:
        The image [H, W, C], its `Frame`, and its `Instances`, some of which may lie outside. With
        IMAGE_RESIZE_MODE "short_side", none of them is padded yet.
    """
    image, instances = read_sample(dataset, config, image_id, fields)
    image, frame = frame_image(image, config, rng, training)
    instances = frame.place(instances)
    if augment and rng.integers(2):
        image, instances = np.ascontiguousarray(image[:, ::-1]), instances.flip(1)
    return image, frame, instances


def another_of(
    dataset: Dataset,
    config: Config,
    image_id: int,
    fields: Collection[str],
    augment: bool = False,
    training: bool = False,
) -> Another:
    """Return what draws another image of the same source, for `mrcnn.augment.augment`.

    Args:
        dataset, config, image_id, fields, augment, training: see `load_framed`.

    Returns:
        function (rng) -> image [H, W, C], `Instances`. A dataset of one image gives that one.
    """

    def draw(rng: np.random.Generator) -> tuple[Array, Instances]:
        source = dataset.image_info[image_id]["source"]
        others = draw_others(by_source(dataset, prepared_ids(dataset))[source], image_id, 1, rng)
        [other] = others or [image_id]
        image, _, instances = load_framed(dataset, config, other, fields, augment, rng, training)
        return image, instances

    return draw


def _load(
    dataset: Dataset,
    config: Config,
    image_id: int,
    fields: Collection[str],
    augment: bool,
    augmentation: Any,
    rng: np.random.Generator,
    training: bool,
    another: Another | None,
) -> tuple[Array, Frame, Instances]:
    """Return the image at the network's size [H, W, C], its `Frame` and its `Instances`."""
    image, frame, instances = load_framed(dataset, config, image_id, fields, augment, rng, training)
    if augmentation is not None:
        image, instances = apply_augmentation(augmentation, image, instances, rng, another)
    if config.IMAGE_RESIZE_MODE == "short_side":
        height, width = (
            -(-side // config.IMAGE_SIDE_MULTIPLE) * config.IMAGE_SIDE_MULTIPLE
            for side in image.shape[:2]
        )
        frame, more = frame.padded(height, width)
        image, instances = np.pad(image, more), instances.resize(1, more)
    # Cropping and augmentation may have moved instances out of the image.
    return image, frame, instances[instances.visible]


def _meta(dataset: Dataset, image_id: int, frame: Frame) -> Array:
    """The image's meta vector, with the classes of its source as the active ones."""
    active = np.zeros([dataset.num_classes], dtype=np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    return frame.meta(image_id, active)


def build_sample(
    dataset: Dataset,
    config: Config,
    image_id: int,
    fields: Collection[str],
    inputs: Iterable[Input],
    anchors_of: Callable[[tuple[int, ...]], AnchorLattice],
    augment: bool,
    augmentation: Any,
    rng: np.random.Generator,
    on_cut: Callable[[int], None] | None = None,
    training: bool = True,
    another: Another | None = None,
) -> dict[str, Array]:
    """Make the arrays of one image, without a batch axis, that the training graph takes.

    Args:
        dataset, config, image_id, augment, augmentation, rng: see `load_image_gt`.
        fields: names of the instance fields to read, see `read_instances`.
        inputs: see `training_inputs`.
        anchors_of: returns the anchors for an image shape.
        on_cut: called with the number of instances if it exceeds MAX_GT_INSTANCES.
        training: see `frame_image`.
        another: draws another image, see `mrcnn.augment.augment`.

    Returns:
        Array of each input, by its name: image float32 [H, W, C], see `mold_resized`; image_meta
        float64 [12 + NUM_CLASSES]; rpn_match int32 [A, 1], 1 positive, -1 negative, 0 neutral;
        rpn_bbox float64 [RPN_TRAIN_ANCHORS_PER_IMAGE, 4], deltas, see `build_rpn_targets`;
        gt_class_ids int32 [MAX_GT_INSTANCES], padded with zeros; gt_boxes [MAX_GT_INSTANCES, 4],
        pixels; and the heads' arrays, such as gt_masks bool [h, w, MAX_GT_INSTANCES].
    """
    image, frame, instances = _load(
        dataset, config, image_id, fields, augment, augmentation, rng, training, another
    )
    check_sides(image.shape, config.IMAGE_RESIZE_MODE)
    rpn_match, rpn_bbox = build_rpn_targets(
        image.shape,
        anchors_of(image.shape),
        instances.class_ids,
        instances.boxes,
        config,
        rng=rng,
    )
    limit = config.MAX_GT_INSTANCES
    if len(instances) > limit:
        if on_cut is not None:
            on_cut(len(instances))
        instances = instances[np.sort(rng.choice(len(instances), limit, replace=False))]
    made = {
        "image": mold_resized(image, frame.window, config),
        "image_meta": _meta(dataset, image_id, frame),
        "rpn_match": rpn_match[:, np.newaxis].astype(np.int32),
        "rpn_bbox": rpn_bbox,
    }
    given = {wanted.name: padded(wanted, instances, config) for wanted in inputs if wanted.array}
    return {**made, **given}

"""The images of a batch brought to one size, for IMAGE_RESIZE_MODE "short_side"."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..anchors.targets import build_rpn_targets
from ..images.meta import with_image_shape
from ..types import Array
from .source import SampleSource


def padded_alike(
    samples: Sequence[Mapping[str, Array]], numbers: Sequence[int], source: SampleSource
) -> Sequence[Mapping[str, Array]]:
    """Pad the images of a batch to the largest, as torchvision and Detectron2 do in training.

    The images get zeros below and on the right. A larger input has other anchors, so those that
    train the RPN are chosen anew. In other modes, samples are returned as they are.

    Args:
        samples: see `build_sample`.
        numbers: of the samples.
        source: that made them.

    Returns:
        The samples, with images of one shape.
    """
    shapes = {sample["image"].shape for sample in samples}
    if source.config.IMAGE_RESIZE_MODE != "short_side" or len(shapes) == 1:
        return samples
    height, width, _ = np.max(list(shapes), axis=0).tolist()
    return [
        _padded(sample, height, width, source, np.random.default_rng([source.seed, 2, number]))
        for sample, number in zip(samples, numbers, strict=True)
    ]


def _padded(sample, height, width, source, rng):
    image, config = sample["image"], source.config
    if image.shape[:2] == (height, width):
        return sample
    padding = [(0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)]
    image = np.pad(image, padding)
    count = np.count_nonzero(sample["gt_class_ids"])
    match, deltas = build_rpn_targets(
        image.shape,
        source.anchors(image.shape),
        sample["gt_class_ids"][:count],
        sample["gt_boxes"][:count],
        config,
        rng=rng,
    )
    larger = {
        **sample,
        "image": image,
        "image_meta": with_image_shape(sample["image_meta"], image.shape),
        "rpn_match": match[:, np.newaxis].astype(np.int32),
        "rpn_bbox": deltas,
    }
    if "gt_masks" in sample and not config.USE_MINI_MASK:
        larger["gt_masks"] = np.pad(sample["gt_masks"], padding)
    return larger

"""Which other image of a dataset an augmentation such as `CopyPaste` gets."""

import numpy as np

from ..datasets import Dataset
from ..types import Array


def by_source(dataset: Dataset, ids: Array) -> dict[str, Array]:
    """Group images by source: only images of one source have the same classes.

    Args:
        dataset: a prepared `Dataset`.
        ids: int [N], image ids.

    Returns:
        The image ids, int [M], of each source.
    """
    sources: dict[str, list[int]] = {}
    for image_id in ids.tolist():
        sources.setdefault(dataset.image_info[image_id]["source"], []).append(image_id)
    return {source: np.array(members) for source, members in sources.items()}


def draw_others(ids: Array, image_id: int, count: int, rng: np.random.Generator) -> list[int]:
    """Draw images other than one.

    Args:
        ids: int [N], image ids to draw from.
        image_id: the one.
        count: number of images to draw.
        rng: source of randomness.

    Returns:
        At most `count` different image ids in random order; none if there are no others.
    """
    others = ids[ids != image_id]
    drawn: list[int] = rng.choice(others, min(count, len(others)), replace=False).tolist()
    return drawn

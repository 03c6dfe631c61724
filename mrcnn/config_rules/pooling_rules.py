"""Checks of the settings of RoI pooling."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .values import either, is_integer, is_positive

AGGREGATIONS = ("avg", "max")
LEVEL_RULES = ("round", "torchvision", "detectron2")

# The default of each setting, and the poolers that use it.
_USED_BY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "SAMPLING_RATIO": (0, ("roi_align", "roi_warp")),
    "ROI_ALIGN_AGGREGATION": ("avg", ("roi_align", "roi_warp")),
    "ROI_ALIGN_ALIGNED": (True, ("roi_align", "roi_warp")),
    "ROI_LEVEL_RULE": ("round", ("roi_align", "roi_pool", "roi_warp")),
}


def problems(config: Any) -> Iterator[str]:
    """Yield what is wrong with a `Config`'s settings of RoI pooling, one sentence per problem."""
    ratio = config.SAMPLING_RATIO
    if not is_integer(ratio) or ratio < 0:
        yield (
            f"SAMPLING_RATIO is {ratio!r}: it must be a whole number of points, such as 2, or 0 "
            "for as many as a bin has cells."
        )
    aggregation = config.ROI_ALIGN_AGGREGATION
    if aggregation not in AGGREGATIONS:
        yield f"ROI_ALIGN_AGGREGATION is {aggregation!r}: it must be {either(AGGREGATIONS)}."
    aligned = config.ROI_ALIGN_ALIGNED
    if not isinstance(aligned, bool):
        yield f"ROI_ALIGN_ALIGNED is {aligned!r}: it must be True or False."
    rule = config.ROI_LEVEL_RULE
    if rule not in LEVEL_RULES:
        yield f"ROI_LEVEL_RULE is {rule!r}: it must be {either(LEVEL_RULES)}."
    pooler, strides = config.ROI_POOLER, config.BACKBONE_STRIDES
    counts_cells = pooler in list(_USED_BY["ROI_LEVEL_RULE"][1]) and np.iterable(strides)
    if counts_cells and not all(map(_is_power_of_two, strides)):
        yield (
            f"ROI_POOLER is {pooler!r}: it needs BACKBONE_STRIDES that are powers of two, not "
            f"{list(strides)}. Use 'crop_and_resize'."
        )


def _is_power_of_two(stride: Any) -> bool:
    return is_positive(stride) and np.frexp(float(stride))[0] == 0.5


def remarks(config: Any) -> list[str]:
    """List the settings of a valid configuration that its ROI_POOLER does not use.

    Args:
        config: a `Config`.

    Returns:
        One sentence for each that is not the default. None for a pooler of your own, whose settings
        are not known.
    """
    pooler = config.ROI_POOLER
    lines = []
    for name, (default, users) in _USED_BY.items():
        value = getattr(config, name)
        if isinstance(pooler, str) and pooler not in users and value != default:
            those = f"{', '.join(map(repr, users[:-1]))} and {users[-1]!r}"
            lines.append(
                f"{name} is {value!r}, but the ROI_POOLER {pooler!r} does not use it: {those} do."
            )
    return lines

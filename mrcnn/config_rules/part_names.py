"""The names of a network's parts in files of settings, which cannot hold functions and objects."""

import sys
from typing import Any

from .parts import BACKBONES, HEADS, POOLERS, part

# Settings whose values may be parts, or lists of them.
_TABLES = {"BACKBONE": BACKBONES, "ROI_POOLER": POOLERS, "HEADS": HEADS}

# Functions and classes of this package that these settings may have, as a preset sets them.
_SMALL = "mrcnn.network.backbones.small_resnet"
_OWN = {
    "BACKBONE": [f"{_SMALL}:small_resnet"],
    "COMPUTE_BACKBONE_SHAPE": [f"{_SMALL}:small_resnet_shape"],
    "ROI_POOLER": POOLERS.values(),
    "HEADS": HEADS.values(),
}


def named(setting: str, value: Any) -> Any:
    """Return the name of a part in place of the part; any other value stays as it is.

    Args:
        setting: name of the setting, such as "BACKBONE".
        value: its value; in a list, each entry is replaced.

    Example:
        >>> from mrcnn.config_rules.part_names import named
        >>> from mrcnn.network.heads import MaskHead
        >>> named("HEADS", ("box", MaskHead))
        ['box', 'mask']
    """
    table = _TABLES.get(setting)
    if table is None:
        return value
    if isinstance(value, list | tuple):
        return [named(setting, entry) for entry in value]
    for name, place in table.items():
        module, _, attribute = place.partition(":")
        # What has not been imported cannot be the value.
        if module in sys.modules and getattr(sys.modules[module], attribute) is value:
            return name
    return value


def part_of_package(setting: str, name: str) -> Any:
    """Return the function or class of this package that a setting may name; None for any other.

    Args:
        setting: name of the setting, such as "BACKBONE".
        name: the function's or class's own, such as "small_resnet".

    Example:
        >>> from mrcnn.config_rules.part_names import part_of_package
        >>> part_of_package("HEADS", "MaskHead").name
        'mask'
    """
    places = {place.partition(":")[2]: place for place in _OWN.get(setting, ())}
    return part(places, name) if name in places else None

"""The instances of an image in numpy: masks, boxes, and what is computed from them."""

from .masks import InstanceMasks, as_instances

__all__ = ["InstanceMasks", "as_instances"]

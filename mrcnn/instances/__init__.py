"""The instances of an image in numpy: masks, boxes, and what is computed from them."""

from .boxes import InstanceBoxes
from .instances import Instances
from .masks import InstanceMasks, as_instances

__all__ = ["InstanceBoxes", "InstanceMasks", "Instances", "as_instances"]

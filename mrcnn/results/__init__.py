"""What was found, as files and objects of the tools that people use."""

from .napari_layers import to_napari
from .objects import ImageFacts, Objects
from .planes import link_planes
from .supervised import to_supervision

__all__ = ["ImageFacts", "Objects", "link_planes", "to_napari", "to_supervision"]

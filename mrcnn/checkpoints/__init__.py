"""Weights files of other projects, read into arrays; nothing in them is executed."""

from .checkpoint import Checkpoint
from .reading import read

__all__ = ["Checkpoint", "read"]

"""Weights files: reading, writing, load reports, downloads and starting weights."""

from .keras_h5 import save, weighted_layers
from .loading import load
from .report import LoadReport

__all__ = ["LoadReport", "load", "save", "weighted_layers"]

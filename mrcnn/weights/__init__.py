"""Weight files: read, written, reported on, downloaded and started from."""

from .keras_h5 import save, weighted_layers
from .loading import load
from .report import LoadReport

__all__ = ["LoadReport", "load", "save", "weighted_layers"]

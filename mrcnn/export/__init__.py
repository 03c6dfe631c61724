"""Export: a trained model as a file that runs without this package."""

from .exporting import FORMATS, export

__all__ = ["FORMATS", "export"]

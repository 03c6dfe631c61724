"""Exported models without Keras: `load(path).detect(images)`."""

from .model import RuntimeModel, load

__all__ = ["RuntimeModel", "load"]

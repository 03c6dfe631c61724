"""Exported models without Keras: `load(path).detect(images)`."""

from .model import RuntimeModel, is_exported, load

__all__ = ["RuntimeModel", "is_exported", "load"]

"""Weights of torchvision and Detectron2: their names and layouts, and ours."""

from .source import CLASS_LAYERS, ForeignWeights, open_foreign

__all__ = ["CLASS_LAYERS", "ForeignWeights", "open_foreign"]

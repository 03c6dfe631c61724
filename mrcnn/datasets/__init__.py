"""Datasets: their base class, and how they are read, checked, split and exported."""

from .dataset import Dataset
from .splits import split, split_by_group, subset

__all__ = ["Dataset", "split", "split_by_group", "subset"]

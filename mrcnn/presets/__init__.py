"""Whole networks as mixins of a `Config`."""

from .small import SmallNetwork

__all__ = ["SmallNetwork"]

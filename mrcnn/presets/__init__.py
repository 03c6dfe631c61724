"""Complete networks as `Config` mixins."""

from .small import SmallNetwork

__all__ = ["SmallNetwork"]

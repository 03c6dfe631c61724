"""What was found, as files of the tools that people use."""

from .objects import ImageFacts, Objects

__all__ = ["ImageFacts", "Objects"]

"""Files and downloads, written completely or not at all."""

from .archives import fetch_archive
from .download import download
from .whole import new_folder, replacing

__all__ = ["download", "fetch_archive", "new_folder", "replacing"]

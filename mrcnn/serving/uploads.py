"""An uploaded image file: checked by its header, then decoded, away from all other files."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..images.opening import UnusableImageError, errors_of, kind_of
from ..images.reading import size_of
from ..jobs.inputs import Item
from ..jobs.job import DetectJob
from ..jobs.reading import Image
from .refusals import Refused
from .stranger_tiffs import check_stranger

# Every so many values count as a pixel where an image has more channels.
_CHANNELS = 4


class Upload:
    """An image file in a private folder, which `close` removes. Its path has no word from outside.

    Args:
        name: for messages.

    Attributes:
        name: as given.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory(
            prefix="mrcnn-serve-", ignore_cleanup_errors=True
        )
        self._path = Path(self._folder.name) / "upload"

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()

    def store(self, data: bytes, max_pixels: int) -> int:
        """Write the file, and check its header.

        Args:
            data: bytes of the file.
            max_pixels: most pixels.

        Returns:
            The number of pixels that the image counts as.

        Raises:
            Refused: it is no image that is read here, or has too many pixels.
            OSError: there is no space for it.
        """
        self._path.write_bytes(data)
        with self._refusing():
            return self._count(max_pixels)

    def read(self, job: DetectJob) -> Image:
        """Decode the image, all of it into memory.

        Args:
            job: which channel.

        Raises:
            Refused: it is damaged, or cannot be used.
        """
        with self._refusing():
            image = Image(job, Item(self.name, self._path))
            image.load()
            # It is remembered, and the next client must not read the name.
            image.remark = image.remark.replace(str(self._path), "the image")
            return image

    def _count(self, max_pixels: int) -> int:
        """The pixels, from the header."""
        with errors_of(self._path):
            if kind_of(self._path) == "tiff":
                check_stranger(self._path)
            height, width, channels = size_of(self._path)
        if min(height, width, channels) < 1:
            raise Refused(
                422,
                f"{self.name} has {height} x {width} pixels of {channels} channels: it must have "
                "at least one.",
            )
        pixels = max(height * width, height * width * channels // _CHANNELS)
        if pixels > max_pixels:
            raise Refused(
                413,
                f"{self.name} has {height} x {width} pixels of {channels} channels, which counts "
                f"as {pixels}: at most {max_pixels} are accepted.",
            )
        return pixels

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """In a `with`, turn what is wrong with the file into a refusal."""
        try:
            yield
        except Refused:
            raise
        except MemoryError:
            raise Refused(413, f"{self.name} needs more memory than there is.") from None
        except UnusableImageError as error:
            raise Refused(422, self._told(str(error))) from None
        except (OSError, ImportError) as error:
            raise Refused(415, self._told(str(error))) from None
        except (TypeError, ValueError) as error:
            raise Refused(422, self._told(str(error))) from None

    def _told(self, text: str) -> str:
        """A message in one line and without the path."""
        return " ".join(text.replace(str(self._path), self.name).split())

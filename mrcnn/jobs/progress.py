"""What is shown while images are detected in: a bar for people, lines for programs."""

import sys
from typing import Any, Self

from tqdm import tqdm


class Progress:
    """Shows each image as it is done.

    In a terminal, there is a bar with the time left, on stderr. If the output is piped, there is a
    line for each image instead, on stdout: what became of it, its name, and the number of objects
    or the reason, separated by tabs.

    Args:
        total: number of images.
        quiet: whether nothing is shown, except failures on stderr.
        terminal: whether the output is a terminal; None asks it.

    Attributes:
        bars: whether bars are shown.
    """

    def __init__(self, total: int, quiet: bool = False, terminal: bool | None = None) -> None:
        self._quiet = quiet
        self._terminal = sys.stdout.isatty() if terminal is None else terminal
        self.bars = self._terminal and not quiet
        self._objects = 0
        self._bar: Any = tqdm(
            total=total,
            unit="image",
            disable=not (self.bars and total),
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def done(self, name: str, objects: int) -> None:
        """Show that an image is done.

        Args:
            name: of the image.
            objects: number of objects in it.
        """
        self._objects += objects
        self._line("done", name, objects)
        self._bar.set_postfix_str(f"{self._objects} objects", refresh=False)
        self._bar.update()

    def skipped(self, name: str) -> None:
        """Show that an image was done before.

        Args:
            name: of the image.
        """
        self._line("skipped", name, "done before")

    def failed(self, name: str, reason: str) -> None:
        """Show that an image cannot be used.

        Args:
            name: of the image.
            reason: why, in one line.
        """
        self._bar.update()
        if self._quiet or self._terminal:
            tqdm.write(f"{name}: {reason}", file=sys.stderr)
        self._line("failed", name, reason)

    def _line(self, *words: object) -> None:
        if not (self._quiet or self._terminal):
            print(*words, sep="\t", flush=True)

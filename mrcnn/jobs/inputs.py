"""From what a user names (files, folders, globs, a list on stdin) to images with unique names."""

import dataclasses
import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from ..formats.finding import IMAGE_SUFFIXES
from ..images.region_slides import SUFFIXES as SLIDES
from ..images.video import SUFFIXES as VIDEO_SUFFIXES
from ..images.video import is_video
from ..inference.counts import why_not_read
from ..types import PathLike
from .results_folder import is_results_folder

# Folders that are one image.
IMAGE_FOLDERS = (".zarr",)


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """An image or a video to detect in.

    Attributes:
        name: relative path with "/", unique among the items, such as "plate1/a.tif".
        path: of the file, absolute.
        plane: of a stack, from 0; None: the job says which.
    """

    name: str
    path: Path
    plane: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """What `find_inputs` found.

    Attributes:
        images, videos: `Item`s to detect in, in order.
        refused: (name, reason) of what the user probably meant, but cannot be read.
        ignored: number of other files in the folders.
    """

    images: list[Item]
    videos: list[Item]
    refused: list[tuple[str, str]]
    ignored: int


def find_inputs(
    paths: Sequence[PathLike],
    recursive: bool = False,
    exclude: PathLike | None = None,
    stdin: TextIO | None = None,
) -> Inputs:
    """Find images and videos.

    Names are relative to the folder, if `paths` is a single folder; else to the folder that all
    paths share: `a/x.png b/x.png` become "a/x.png" and "b/x.png", and `a/x.png a/y.png` become
    "x.png" and "y.png". A file that is named twice is used once.

    Args:
        paths: files, folders, globs such as "plate*/*.tif", or "-", which reads a list of paths
            from `stdin`, separated by lines or zero bytes. A file that is named is used whatever
            its suffix; folders give the files with a suffix that is read, sorted by name, except
            hidden ones.
        recursive: whether folders also give what is in their subfolders, except hidden ones and
            folders of results.
        exclude: a folder that is not searched: the one for the results.
        stdin: None: `sys.stdin`.

    Returns:
        `Inputs`.

    Raises:
        FileNotFoundError: nothing that was named exists.
        ValueError: `paths` is empty, or there is neither an image nor a video.

    Example:
        >>> from pathlib import Path
        >>> from mrcnn.jobs.inputs import find_inputs
        >>> for name in ("a.png", "b.png", "notes.txt"):
        ...     Path(name).touch()
        >>> found = find_inputs(["."])
        >>> [item.name for item in found.images], found.ignored
        (['a.png', 'b.png'], 1)
    """
    search = _Search(recursive, None if exclude is None else os.path.abspath(exclude))
    named = list(_named(paths, stdin or sys.stdin))
    if not named:
        raise ValueError("no paths were given: name images, folders of images, or globs.")
    for text in named:
        search.add(text)
    base = _base(search.folders, search.files)
    refused = [
        (_relative(what, base) if isinstance(what, Path) else what, reason)
        for what, reason in search.refused
    ]
    inputs = Inputs([], [], refused, search.ignored)
    for path in search.found:
        (inputs.videos if is_video(path) else inputs.images).append(
            Item(_relative(path, base), path)
        )
    if not search.found:
        _raise_nothing(named, inputs, recursive)
    return inputs


def _named(paths: Iterable[PathLike], stdin: TextIO) -> Iterator[str]:
    for path in paths:
        if os.fspath(path) == "-":
            text = stdin.read()
            lines = text.split("\0") if "\0" in text else text.splitlines()
            yield from (line for line in lines if line.strip())
        else:
            yield os.path.expanduser(os.fspath(path))


class _Search:
    """The files found so far, by absolute path, in order."""

    def __init__(self, recursive: bool, exclude: str | None) -> None:
        self.recursive, self.exclude = recursive, exclude
        self.found: dict[Path, None] = {}
        self.folders: list[Path] = []  # named by the user
        self.files: list[Path] = []
        self.refused: list[tuple[Path | str, str]] = []
        self.ignored = 0

    def add(self, named: str) -> None:
        if os.path.exists(named):
            self._add_existing(Path(os.path.abspath(named)))
            return
        matches = sorted(glob.glob(named, recursive=True)) if glob.has_magic(named) else []
        for match in matches:
            self._add_existing(Path(os.path.abspath(match)))
        if not matches:
            what = "nothing matches it" if glob.has_magic(named) else "no such file or folder"
            self.refused.append((named, what))

    def _add_existing(self, path: Path) -> None:
        if path.is_dir() and path.suffix.lower() not in IMAGE_FOLDERS:
            self.folders.append(path)
            self._add_folder(path)
        else:
            self.files.append(path)
            self.found.setdefault(path)

    def _add_folder(self, folder: Path) -> None:
        subfolders = []
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            suffix = path.suffix.lower()
            if path.is_dir() and suffix not in IMAGE_FOLDERS:
                subfolders.append(path)
            elif suffix in (*IMAGE_SUFFIXES, *SLIDES, *VIDEO_SUFFIXES, *IMAGE_FOLDERS):
                self.found.setdefault(path)
            elif reason := why_not_read(path.name):
                self.refused.append((path, reason))
            else:
                self.ignored += 1
        for path in subfolders if self.recursive else ():
            if str(path) != self.exclude and not is_results_folder(path):
                self._add_folder(path)


def _base(folders: list[Path], files: list[Path]) -> str:
    """The folder to which names are relative; "" if the paths share none."""
    if len(folders) == 1 and not files:
        return str(folders[0])
    parents = {str(path.parent) for path in (*folders, *files)}
    try:
        return os.path.commonpath(parents) if parents else ""
    except ValueError:  # on several drives
        return ""


def _relative(path: Path, base: str) -> str:
    if base:
        return path.relative_to(base).as_posix()
    return "/".join([path.drive.replace(":", ""), *path.parts[1:]])


def _raise_nothing(named: list[str], inputs: Inputs, recursive: bool) -> None:
    """Raise the error that says why nothing was found."""
    if inputs.refused:
        (name, reason), others = inputs.refused[0], len(inputs.refused) - 1
        more = f" (and {others} more)" if others else ""
        missing = reason == "no such file or folder"
        raise (FileNotFoundError if missing else ValueError)(f"{name}: {reason}{more}.")
    what = f"{named[0]} has" if len(named) == 1 else f"the {len(named)} folders have"
    deeper = "" if recursive else " --recursive looks into subfolders."
    raise ValueError(f"{what} no images ({', '.join(IMAGE_SUFFIXES)}).{deeper}")

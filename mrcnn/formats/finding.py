"""Find the files of a dataset, and read JSON."""

import json
import os
import re
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

from ..files.regular import regular_file
from ..types import PathLike

# What folders contain, as `in_any_case` caches it: folder to lower-case name to actual names.
Listing = dict[str, dict[str, list[str]]]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".npy")

# What an unreadable annotation file turns out to be, by its first bytes.
_STARTS = {
    b"\x1f\x8b": "it looks like a gzip file: unpack it",
    b"PK\x03\x04": "it looks like a zip file: unpack it",
    b"\xff\xfe": "it looks like UTF-16: save it as UTF-8",
    b"\xfe\xff": "it looks like UTF-16: save it as UTF-8",
    b"\x89PNG": "it looks like a PNG image: give the path of the annotations",
    b"\xff\xd8\xff": "it looks like a JPEG image: give the path of the annotations",
    b"version https://git-lfs": "it is a Git LFS pointer: run `git lfs pull`",
}


def given_path(path: PathLike, name: str = "path") -> Path:
    """A path given by the user as a `Path`, with "~" expanded to the home folder.

    Args:
        path: what the user gave.
        name: what the error calls it.

    Raises:
        TypeError: it is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} is {path!r:.60}: it must be the path of a file or folder.")
    return Path(os.path.expanduser(path))


def why_unreadable(path: PathLike, error: Exception) -> str:
    """What the file `path` is instead of UTF-8 text; if unknown, the text of the `error`."""
    try:
        with open(regular_file(path), "rb") as file:
            start = file.read(32)
    except (OSError, ValueError):
        return str(error)
    if not start:
        return "it is empty"
    return next((what for first, what in _STARTS.items() if start.startswith(first)), str(error))


def read_json(path: PathLike) -> Any:
    """The content of the JSON file `path`.

    Raises:
        FileNotFoundError: no such file.
        OSError: it cannot be read, for example because it is a folder.
        ValueError: it is not JSON; the message includes the line.
    """
    try:
        with open(regular_file(path), encoding="utf-8-sig") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no such file: {path}.") from error
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file: {why_unreadable(path, error)}.") from error


def find_image(name: str, *folders: PathLike, listed: Listing | None = None) -> str:
    """Find the image of an annotation.

    Args:
        name: as the annotation has it: a path relative to one of the folders, with slashes or
            backslashes, or a URL.
        folders: where to look. If the path does not exist, the bare file name is tried: datasets
            get moved, but their annotations keep the old paths. Next comes the file name that a URL
            stands for: "a b.jpg" for "https://host/x/a%20b.jpg?size=1". Last come names that differ
            only in case, because Windows ignores case.
        listed: see `in_any_case`.

    Returns:
        The first path that is a file; failing that, where the file was expected, or the URL.
    """
    given = PureWindowsPath(name)  # accepts slashes and backslashes
    names = [given.as_posix(), given.name, *url_names(name)]
    paths = [os.path.join(folder, n) for n in dict.fromkeys(names) if n for folder in folders]
    found = next((path for path in paths if os.path.isfile(path)), None)
    if found is None:
        listed = {} if listed is None else listed
        others = (in_any_case(path, listed) for path in paths)
        found = next((path for path in others if path and os.path.isfile(path)), None)
    return found or (name if "://" in name else paths[0])


def url_names(name: str) -> list[str]:
    """The files that a URL, or the last part of one, stands for, most likely first.

    Args:
        name: such as "https://host/x/a%20b.jpg?size=1" or "a%20b.jpg".

    Returns:
        Paths on the host, from the whole one to the bare file name, then other bare names. [] if
        the name stands only for itself: it is not a URL, and has no "%", "?" or "#".

    Example:
        >>> from mrcnn.formats.finding import url_names
        >>> url_names("https://host/x/a%20b.jpg?size=1")
        ['x/a b.jpg', 'a b.jpg', 'a%20b.jpg', 'a b.jpg?size=1']
    """
    if "://" not in name and not re.search(r"[%?#]", name):
        return []
    plain = re.split(r"[?#]", name, maxsplit=1)[0]
    # A "%2F" is a slash, too.
    path = PureWindowsPath(unquote(re.sub(r"^\w+://[^/]*/?", "", plain)))
    # A URL does not lead out of the folder.
    parts = [part for part in path.parts[bool(path.anchor) :] if part != ".."]
    names = [] if "://" in name else [path.as_posix()]
    names += ["/".join(parts[i:]) for i in range(len(parts))]
    names += [PureWindowsPath(text).name for text in (plain, unquote(name))]
    # "?d=x/b.png", as Label Studio writes.
    values = [PureWindowsPath(unquote(text)) for text in re.findall(r"=([^&#]+)", name)]
    names += [value.name for value in values if value.suffix.lower() in IMAGE_SUFFIXES]
    return [text for text in dict.fromkeys(names) if text]


def image_suffix(name: str) -> str:
    """The suffix, with its dot, of the image file that `name`, a path or URL, stands for."""
    suffixes = [PureWindowsPath(text).suffix for text in (name, *url_names(name))]
    return next((s for s in suffixes if s.lower() in IMAGE_SUFFIXES), suffixes[0])


def in_any_case(path: PathLike, listed: Listing) -> str | None:
    """Find a file or folder by its name, ignoring case.

    Args:
        path: of the file or folder.
        listed: caches the contents of folders, so that each is listed only once.

    Returns:
        Its path; None if nothing, or more than one name, matches.
    """
    folder, name = os.path.split(path)
    if folder not in listed:
        listed[folder] = {}
        try:
            entries = os.listdir(folder or ".")
        except (OSError, ValueError):  # not a folder, or an impossible name
            entries = []
        for entry in entries:
            listed[folder].setdefault(entry.lower(), []).append(entry)
    twins = listed[folder].get(name.lower(), [])
    return os.path.join(folder, twins[0]) if len(twins) == 1 else None


def existing_folder(folder: PathLike) -> Path:
    """The folder as a `Path`, after a check that it exists.

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}.")
    return folder


def image_files(folder: PathLike) -> list[Path]:
    """Paths of the images in a folder, sorted by name, without hidden files.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: it has no images.
    """
    folder = existing_folder(folder)
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        raise ValueError(f"{folder} has no images ({', '.join(IMAGE_SUFFIXES)}).")
    return paths


def files_below(folder: PathLike, suffix: str) -> list[Path]:
    """Paths of the files in a folder and in those inside it, sorted, without hidden ones.

    Args:
        folder: where to look.
        suffix: of the files, in lower case.
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names = (name for name in files if not name.startswith("."))
        found += [Path(place, name) for name in names if name.lower().endswith(suffix)]
    return sorted(path for path in found if path.is_file())

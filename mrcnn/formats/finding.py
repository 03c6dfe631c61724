"""The files of a data set: where they are, and JSON as it is read from them."""

import json
import os
from pathlib import Path, PureWindowsPath

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".npy")

# What files of annotations turn out to be, by their first bytes.
_STARTS = {
    b"\x1f\x8b": "it starts like a gzip file: unpack it",
    b"PK\x03\x04": "it starts like a zip file: unpack it",
    b"\xff\xfe": "it starts like UTF-16: save it as UTF-8",
    b"\xfe\xff": "it starts like UTF-16: save it as UTF-8",
    b"\x89PNG": "it starts like a PNG image: give the path of the annotations",
    b"\xff\xd8\xff": "it starts like a JPEG image: give the path of the annotations",
    b"version https://git-lfs": "it is a pointer of Git LFS: run `git lfs pull`",
}


def given_path(path, name="path"):
    """A path that a user gave, with the home folder in place of "~", as a `Path`.

    Args:
        path: str or `Path`.
        name: what the error calls it.

    Raises:
        TypeError: it is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} is {path!r:.60}: the path of a file or folder is accepted.")
    return Path(os.path.expanduser(path))


def why_unreadable(path, error):
    """What the file `path` is instead of text in UTF-8, or else the words of the `error`."""
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except (OSError, ValueError):
        return str(error)
    if not start:
        return "it is empty"
    return next((what for first, what in _STARTS.items() if start.startswith(first)), str(error))


def read_json(path):
    """The content of the JSON file `path`.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read, for example because it is a folder.
        ValueError: it is no JSON; the error has the line.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}.") from error
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {why_unreadable(path, error)}.") from error


def find_image(name, *folders, listed=None):
    """Where the image of an annotation is.

    Args:
        name: as the annotation has it: a path in one of the folders, of this system or of Windows,
            or a URL, which is returned as it is.
        folders: to look in. If the path is not there, the file's bare name is looked for: data
            sets move, and annotations do not notice. Then names that differ in case are taken, for
            Windows does not tell them apart.
        listed: see `in_any_case`.

    Returns:
        str, the first path with a file; else where it should have been.
    """
    if "://" in name:
        return name
    name = PureWindowsPath(name)  # takes both kinds of slashes
    names = name.as_posix(), name.name
    paths = [os.path.join(folder, name) for name in names for folder in folders]
    found = next((path for path in paths if os.path.isfile(path)), None)
    if found is None:
        listed = {} if listed is None else listed
        others = (in_any_case(path, listed) for path in paths)
        found = next((path for path in others if path and os.path.isfile(path)), None)
    return found or paths[0]


def in_any_case(path, listed):
    """The path in its folder whose name is the same but for upper and lower case.

    Args:
        path: of a file.
        listed: dict that keeps what is in the folders, so that each is listed once.

    Returns:
        str; None if there is no such path, or more than one.
    """
    folder, name = os.path.split(path)
    if folder not in listed:
        listed[folder] = {}
        try:
            entries = os.listdir(folder or ".")
        except (OSError, ValueError):  # no folder, or a name that none can have
            entries = []
        for entry in entries:
            listed[folder].setdefault(entry.lower(), []).append(entry)
    twins = listed[folder].get(name.lower(), [])
    return os.path.join(folder, twins[0]) if len(twins) == 1 else None


def existing_folder(folder):
    """The folder as a `Path`.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    return folder


def image_files(folder):
    """Paths of the images in a folder, sorted by name, without hidden ones.

    Raises:
        FileNotFoundError: there is no such folder.
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

"""Datasets published as zip files: downloaded, checked and unpacked, all or nothing."""

import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

from ..types import PathLike
from .download import download, mismatch

# A zip may unpack to this many times its size; JSON shrinks to a tenth, zip bombs much further.
MAX_RATIO = 100
_CHUNK = 1 << 20
_DAMAGED = (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
# When one member is a file and another treats it as a folder.
_CLASHES = (FileExistsError, IsADirectoryError, NotADirectoryError)


def fetch_archive(
    url: str,
    folder: PathLike,
    checksum: str | None = None,
    *,
    inside: str = "",
    verbose: int = 1,
) -> None:
    """Download a zip file and unpack it.

    A zip with the same name already in the folder, placed there by hand, is used instead and kept.
    A downloaded zip is deleted once it is unpacked.

    Args:
        url: an https address.
        folder: where to unpack it; created if it does not exist.
        checksum: of the zip, see `download.mismatch`; None if unknown.
        inside: see `unpack`.
        verbose: 0 shows no progress.

    Raises:
        ConnectionError: the download failed; the message says where to place the zip by hand.
        ValueError: the existing zip has a different checksum; or see `unpack`.
        OSError: see `unpack`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / url.rsplit("/", 1)[-1]
    was_there = path.exists()
    if not was_there:
        download(url, path, verbose, checksum)
    elif wrong := mismatch(path, checksum):
        raise ValueError(f"{path} is not the file at {url}: {wrong}. Remove or replace it.")
    unpack(path, folder, inside=inside, verbose=verbose)
    if not was_there:
        path.unlink()


def unpack(path: PathLike, folder: PathLike, *, inside: str = "", verbose: int = 1) -> None:
    """Unpack a zip file.

    All of it is unpacked to a temporary folder, then moved. Existing folders are merged, and
    existing files are kept.

    Args:
        path: of the zip.
        folder: where to unpack it; must exist.
        inside: name of the folder in the zip whose content goes to `folder`; "" takes all.
        verbose: 0 shows no progress.

    Raises:
        ValueError: it is not a zip, is damaged, has no folder `inside`, unpacks to implausibly many
            bytes, or has a member that must not be unpacked: a path outside `folder`, a link, an
            encrypted file or a duplicate.
        OSError: the disk is too full, or a file cannot be written.
    """
    path, folder = Path(path), Path(folder)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=folder) as part:
        try:
            with zipfile.ZipFile(path) as archive:
                files = _files(archive)
                _check_size(path, folder, sum(info.file_size for info, _ in files))
                for info, parts in tqdm(files, desc=f"Unpacking {path.name}", disable=not verbose):
                    _write(archive, info, Path(part, *parts))
        except (*_DAMAGED, *_CLASHES) as error:
            raise ValueError(
                f"{path} cannot be unpacked: {error}. Remove it and download it again."
            ) from error
        source = Path(part, inside)
        if not source.is_dir():
            raise ValueError(f"{path} has no folder {inside}: it is not the expected file.")
        _move(source, folder)


def _files(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, list[str]]]:
    """The files in a zip: list of (`ZipInfo`, parts of its path)."""
    files, seen = [], set()
    for info in archive.infolist():
        parts = _parts(info)
        # macOS adds these for every file.
        if info.filename.endswith("/") or parts[0] == "__MACOSX":
            continue
        name = "/".join(parts).casefold()  # as case-insensitive file systems compare
        if name in seen:
            raise ValueError(f"{info.filename!r} appears twice")
        seen.add(name)
        files.append((info, parts))
    return files


def _parts(info: zipfile.ZipInfo) -> list[str]:
    """The parts of a member's path, after a check that it is safe to unpack."""
    name = info.filename
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or any(c in name for c in "\\:"):
        raise ValueError(f"{name!r} is not a path inside the archive")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{name!r} is a link or a device")
    if info.flag_bits & 1:
        raise ValueError(f"{name!r} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name!r} is compressed with method {info.compress_type}, not deflate")
    return parts


def _check_size(path: Path, folder: Path, size: int) -> None:
    """Check that this many bytes are plausible and fit on the disk."""
    if size > MAX_RATIO * path.stat().st_size:
        raise ValueError(f"it would unpack to {size:,} bytes, more than {MAX_RATIO} times its size")
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(
            f"{path} unpacks to {size / 1e9:.1f} GB, but {folder} has room for {free / 1e9:.1f}."
        )


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Unpack a file; zipfile checks it against the size and CRC given in the zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The part folder has no links, and "x" never overwrites: nothing outside it is written.
    with archive.open(info) as packed, open(path, "xb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)


def _move(source: Path, target: Path) -> None:
    """Move the content of a folder to another; existing files are kept."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if not os.path.lexists(place):
            os.replace(entry, place)
        elif entry.is_dir():
            _move(entry, place)

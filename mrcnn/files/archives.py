"""Data sets that others publish as zip files: fetched, checked and unpacked, all or nothing."""

import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

from .download import download, mismatch

# Times its own size that a zip may unpack to, against bombs. JSON shrinks to a tenth.
MAX_RATIO = 100
_CHUNK = 1 << 20
_DAMAGED = (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
# Where one member is a file and another has it for a folder.
_CLASHES = (FileExistsError, IsADirectoryError, NotADirectoryError)


def fetch_archive(url, folder, checksum=None, *, inside="", verbose=1):
    """Download a zip file and unpack it.

    A zip of that name that is in the folder already, placed there by hand, is taken instead, and
    stays. One that was downloaded is removed when its content is there.

    Args:
        url: an https address.
        folder: where to; created if it is not there.
        checksum: of the zip, see `download.mismatch`; None if it is not known.
        inside: see `unpack`.
        verbose: 0 shows no progress.

    Raises:
        ConnectionError: the download failed; the message says where to place the zip by hand.
        ValueError: the zip that is there has another checksum, or see `unpack`.
        OSError: see `unpack`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / url.rsplit("/", 1)[-1]
    was_there = path.exists()
    if not was_there:
        download(url, path, verbose, checksum)
    elif wrong := mismatch(path, checksum):
        raise ValueError(f"{path} is not the file of {url}: {wrong}. Remove it, or replace it.")
    unpack(path, folder, inside=inside, verbose=verbose)
    if not was_there:
        path.unlink()


def unpack(path, folder, *, inside="", verbose=1):
    """Unpack a zip file.

    All of it is unpacked to a folder beside, then moved. Folders that are there already are
    filled up, and files that are there stay.

    Args:
        path: of the zip.
        folder: where to; it must exist.
        inside: name of the folder in the zip whose content goes to `folder`; "" takes all.
        verbose: 0 shows no progress.

    Raises:
        ValueError: it is no zip, damaged, lacks `inside`, or has a member that may not be
            unpacked: one outside of `folder`, a link, one that is encrypted, one that is there
            twice, or more bytes than data have.
        OSError: there is no room for it, or a file cannot be written.
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
                f"{path} cannot be unpacked: {error}. Remove it, and fetch it again."
            ) from error
        source = Path(part, inside)
        if not source.is_dir():
            raise ValueError(
                f"{path} has no folder {inside}: it is not the file that was expected."
            )
        _move(source, folder)


def _files(archive):
    """The files of a zip: list of their `ZipInfo` and the parts of their paths."""
    files, seen = [], set()
    for info in archive.infolist():
        parts = _parts(info)
        # What macOS adds beside every file.
        if info.filename.endswith("/") or parts[0] == "__MACOSX":
            continue
        name = "/".join(parts).casefold()  # as file systems compare that ignore the case
        if name in seen:
            raise ValueError(f"{info.filename!r} is in it twice")
        seen.add(name)
        files.append((info, parts))
    return files


def _parts(info):
    """The parts of a member's path, after a check that it may be unpacked."""
    name = info.filename
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or any(c in name for c in "\\:"):
        raise ValueError(f"{name!r} is no path inside of the archive")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{name!r} is a link or a device")
    if info.flag_bits & 1:
        raise ValueError(f"{name!r} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name!r} is compressed by method {info.compress_type}, not by deflate")
    return parts


def _check_size(path, folder, size):
    """Whether so many bytes are sane, and there is room for them."""
    if size > MAX_RATIO * path.stat().st_size:
        raise ValueError(f"it would unpack to {size:,} bytes, more than {MAX_RATIO} times its size")
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(
            f"{path} unpacks to {size / 1e9:.1f} GB, and {folder} has room for {free / 1e9:.1f}."
        )


def _write(archive, info, path):
    """Unpack a file; zipfile holds it to the size and the CRC that the zip says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without links in the part folder and with "x", nothing outside of it is written to.
    with archive.open(info) as packed, open(path, "xb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)


def _move(source, target):
    """Move what is in a folder to another one; files that are there stay."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if not os.path.lexists(place):
            os.replace(entry, place)
        elif entry.is_dir():
            _move(entry, place)

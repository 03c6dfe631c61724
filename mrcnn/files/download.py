"""Download published files, such as weights."""

import hashlib
import http.client
import shutil
import urllib.request
from pathlib import Path

from tqdm import tqdm

from ..types import PathLike
from .whole import replacing


def download(url: str, path: PathLike, verbose: int = 1, checksum: str | None = None) -> None:
    """Download a file over https; `path` exists only if the download is complete.

    Args:
        url: an https address.
        path: where to save it; its folder must exist.
        verbose: 0 shows no progress.
        checksum: of the file, see `mismatch`.

    Raises:
        ConnectionError: see `download_trained_weights`.
    """
    path = Path(path)
    try:
        with (
            replacing(path) as part,
            open(part, "wb") as out,
            urllib.request.urlopen(url, timeout=60) as response,
        ):
            size = int(response.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(
                response, "read", total=size or None, desc=path.name, disable=not verbose
            ) as stream:
                shutil.copyfileobj(stream, out)
            if size and out.tell() != size:
                raise ConnectionError(f"only {out.tell()} of {size} bytes arrived")
            out.flush()
            if wrong := mismatch(part, checksum):
                raise ConnectionError(wrong)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"{url} could not be downloaded ({error}). Download it by other means and place it "
            f"at {path}."
        ) from error


def mismatch(path: PathLike, checksum: str | None) -> str | None:
    """What is wrong with a file's checksum, in words; None if it matches.

    Args:
        path: of the file.
        checksum: "sha256:" or "md5:" and the hexadecimal digest, or its first digits; None if
            unknown.
    """
    if checksum is None:
        return None
    kind, expected = checksum.split(":")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False))
    found = digest.hexdigest()
    if found.startswith(expected):
        return None
    verb = "be" if len(expected) == len(found) else "start with"
    return f"its {kind} is {found}, but should {verb} {expected}"

"""A folder of results: which images are done, where each file belongs, and what made them.

results / overlay/a.png geojson/a.geojson ... objects.csv failed.csv run.json .done/ .parts/
"""

import contextlib
import csv
import dataclasses
import functools
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files.whole import PART, replacing
from ..results.kinds import KINDS
from ..types import PathLike
from .records import Record, Stamp

RUN, FAILED, DONE, PARTS = "run.json", "failed.csv", ".done", ".parts"

# A file system may store times only to two seconds.
_SLACK = 2 * 10**9
# Seconds after which nobody is still writing a file.
_ABANDONED = 3600


class ResultsFolder:
    """A folder of results.

    Args:
        path: of the folder, which `start` makes.
        made_by: digest of what makes the results, which `start` sets.

    Attributes:
        path: absolute.
        made_by: as given.
    """

    def __init__(self, path: PathLike, made_by: str = "") -> None:
        self.path = Path(os.path.abspath(path))
        self.made_by = made_by

    @functools.cached_property
    def records(self) -> dict[str, Record]:
        """`Record` of each image that is done, by the image's name."""
        found = sorted((self.path / DONE).glob("**/*.json"))
        records = filter(None, map(Record.read, found))
        return {record.name: record for record in records}

    # What made the results

    def start(self, recipe: Mapping[str, Any], names: Iterable[str], again: bool = False) -> None:
        """Make the folder, and check that all its results are made alike.

        Args:
            recipe: whatever decides about results, such as the model's digest, as JSON types.
            names: of the images to detect in.
            again: whether results may be replaced.

        Raises:
            ValueError: it has results of another recipe; the message names the first difference.
            OSError: it cannot be made.
        """
        before = self.run().get("recipe")
        self.made_by = digest_of(recipe)
        if before is not None and before != recipe and self.records:
            key = next(k for k in (*recipe, *before) if before.get(k) != recipe.get(k))
            was, now = (_shown(each.get(key)) for each in (before, recipe))
            others = self.records.keys() - set(names)
            if others or not again:
                cure = "choose another --out" + ("" if others else ", or replace them with --again")
                count = len(others if again else self.records)
                of = f"{count}{' other' * again} image{'s' * (count > 1)}"
                raise ValueError(
                    f"{self.path} has results of {of}, where {key} is {was}, not {now}: {cure}."
                )
        for folder in (self.path, self.path / DONE, self.path / PARTS):
            folder.mkdir(parents=True, exist_ok=True)
        for path in self._begun():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()
        self.write_run({"recipe": dict(recipe)})

    def remove_begun(self, records: Collection[Record]) -> None:
        """Remove what processes that were killed had begun to write.

        Args:
            records: of images that are done, so that nobody is writing their files.
        """
        finished = {self._record(record.name) for record in records}
        finished |= {self.file(kind, each.stem) for each in records for kind in each.kinds}
        for path in self._begun():
            # Between the dot and the random part is the name of the file.
            if path.with_name(path.name[1:].rsplit(".", 2)[0]) in finished:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _begun(self) -> Iterator[Path]:
        """The files that somebody is writing, or was."""
        return (path for path in self.path.glob("**/.*.part") if PART.fullmatch(path.name))

    def run(self) -> dict[str, Any]:
        """The content of run.json; empty if there is none."""
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self.path / RUN).read_text(encoding="utf-8"))
            if isinstance(content, dict):
                return content
        return {}

    def write_run(self, content: Mapping[str, Any]) -> None:
        """Replace some keys in run.json.

        Args:
            content: their values, in JSON types.
        """
        self._write_json(self.path / RUN, {**self.run(), **content}, indent=1)

    # Where files belong

    def file(self, kind: str, stem: str) -> Path:
        """Where the results of an image belong: a file of its own, or a part of a joined one.

        Args:
            kind: a name in `KINDS`.
            stem: of the image.
        """
        folder = self.path / (PARTS if KINDS[kind].joined else "") / kind
        return folder / f"{stem}{KINDS[kind].suffix}"

    def joined(self, kind: str) -> Path:
        """Where the file for all images belongs.

        Args:
            kind: a name in `KINDS`.
        """
        return self.path / KINDS[kind].joined

    # What is done

    def is_done(self, name: str, image: Stamp, kinds: Sequence[str]) -> bool:
        """Whether an image's results are there, made alike and of the same pixels.

        Args:
            name: of the image.
            image: `Stamp` of its file.
            kinds: of files that must be there.
        """
        record = self.records.get(name)
        return (
            record is not None
            and record.made_by == self.made_by
            and record.image.is_same(image)
            and set(kinds) <= set(record.kinds)
            and all(self.file(kind, record.stem).exists() for kind in kinds)
        )

    def changed_by_hand(self, name: str, kinds: Sequence[str]) -> Path | None:
        """A file of an image's results that was changed since it was written, such as in LabelMe.

        Args:
            name: of the image.
            kinds: of the files that are about to be replaced.
        """
        record = self.records.get(name)
        if record is None:
            return None
        for kind in kinds:
            path = self.file(kind, record.stem)
            with contextlib.suppress(OSError):
                if os.stat(path).st_mtime_ns > record.written + _SLACK:
                    return path
        return None

    def add(self, record: Record) -> None:
        """Note that an image is done, once all its files are there.

        Args:
            record: of the image.
        """
        path = self._record(record.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_json(path, dataclasses.asdict(record))

    def _record(self, name: str) -> Path:
        return self.path / DONE / f"{name}.json"

    def gather(self, kinds: Iterable[str]) -> list[Path]:
        """Make the joined files from their parts, in the order of the images' names.

        Args:
            kinds: names in `KINDS`; those with a file per image are left out.

        Returns:
            paths of the files.
        """
        made = []
        # Read again, because several processes may write into one folder.
        vars(self).pop("records", None)
        alike = [self.records[name] for name in sorted(self.records)]
        for kind in (kind for kind in kinds if KINDS[kind].joined):
            parts = [
                self.file(kind, record.stem)
                for record in alike
                if record.made_by == self.made_by and kind in record.kinds
            ]
            parts = [part for part in parts if part.exists()]
            if parts:
                KINDS[kind].gather(parts, self.joined(kind))
                made.append(self.joined(kind))
        return made

    # What failed

    def clear_failures(self) -> None:
        """Remove the failed.csv of an earlier run."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path / FAILED)

    def add_failure(self, name: str, reason: str) -> None:
        """Add a row to failed.csv.

        Args:
            name: of the image.
            reason: why it cannot be used.
        """
        path = self.path / FAILED
        is_new = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if is_new:
                rows.writerow(("image", "reason"))
            rows.writerow((name, reason))

    def _write_json(self, path: Path, content: Any, indent: int | None = None) -> None:
        with replacing(path) as part:
            part.write_text(json.dumps(content, ensure_ascii=False, indent=indent), "utf-8")


def _shown(value: Any) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def digest_of(recipe: Mapping[str, Any]) -> str:
    """A short digest of JSON types; the order of keys does not matter.

    Args:
        recipe: what makes results, see `ResultsFolder.start`.
    """
    text = json.dumps(recipe, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_results_folder(path: PathLike) -> bool:
    """Whether a folder holds results.

    Args:
        path: of the folder.
    """
    return (Path(path) / DONE).is_dir() and (Path(path) / RUN).is_file()

"""A table of how many objects were found in each image, with a row for every image.

counts = CountsTable("counts.csv", ("image", "cells"))
for each in counts.detect(model.detect, dataset, dataset.image_reference):
    print(counts.add(dataset.image_reference(each.image_id), each.result))
print(counts.last_line())
"""

import csv
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..config import Config
from ..datasets.dataset import Dataset
from ..formats.finding import IMAGE_SUFFIXES
from ..types import Array, PathLike
from .over_dataset import Detected, over_dataset
from .truncation import cut_above

# Formats of microscopes and scanners, besides those that `mimetypes` knows.
OTHER_SUFFIXES = (
    *(".czi", ".dcm", ".ims", ".jp2", ".lif", ".lsm", ".mrxs", ".nd2", ".ndpi", ".nii", ".nrrd"),
    *(".oib", ".oif", ".oir", ".scn", ".stk", ".svs", ".vsi", ".zvi"),
)


def why_not_read(name: str) -> str:
    """Why an image file is not read, judged by its name.

    Args:
        name: of the file.

    Returns:
        The reason and what to do; "" if its type is read, or it is probably not an image.

    Example:
        >>> from mrcnn.inference.counts import why_not_read
        >>> why_not_read("a.czi")
        '.czi is not read: convert it to .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .npy'
    """
    kind, suffix = mimetypes.guess_type(name)[0] or "", Path(name).suffix.lower()
    if suffix in IMAGE_SUFFIXES or not (kind.startswith("image/") or suffix in OTHER_SUFFIXES):
        return ""
    return f"{suffix} is not read: convert it to {', '.join(IMAGE_SUFFIXES)}"


class CountsTable:
    """A CSV with a row for every image: name, count, what cut the count, reason for a refusal.

    Each row is written immediately, so that an interruption loses none.

    Args:
        path: of the file to write.
        titles: of the first two columns, the image's name and the count; the second is the plural
            of what is counted, such as "nuclei". The others are "truncated", see
            `MaskRCNN.detect`, and "reason".

    Attributes:
        used: number of images in which objects were counted.
        objects: number of objects in all images.
        truncated: number of images in which a limit cut the detections.
        refused: list of the names of images that could not be used.
    """

    def __init__(self, path: PathLike, titles: tuple[str, str] = ("image", "objects")) -> None:
        self.path = Path(path)
        self.noun = titles[1].lower()
        self.used = self.objects = self.truncated = 0
        self.refused: list[Any] = []
        self._write("w", *titles, "truncated", "reason")

    def _write(self, mode: str, *row: object) -> None:
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(row)

    def add(self, name: object, result: Mapping[str, Any], min_score: float = 0.0) -> str:
        """Write the row of an image.

        Args:
            name: of the image.
            result: of the image, see `MaskRCNN.detect`.
            min_score: detections with a lower score do not count.

        Returns:
            the row as a line to print, such as "a.png: 12 nuclei".
        """
        count = int(np.count_nonzero(np.asarray(result["scores"]) >= min_score))
        truncated = cut_above(result, min_score)
        self._write("a", name, count, truncated, "")
        self.used += 1
        self.objects += count
        self.truncated += bool(truncated)
        return f"{name}: {count} {self.noun}" + (f", cut by {truncated}" if truncated else "")

    def refuse(self, name: object, reason: str) -> str:
        """Write the row of an image that cannot be used.

        Args:
            name: of the image.
            reason: why.

        Returns:
            the row as a line to print.
        """
        reason = " ".join(reason.split())
        self._write("a", name, "", "", reason)
        self.refused.append(name)
        return f"{name}: refused: {reason}"

    def refuse_other_files(self, folder: PathLike) -> None:
        """Write and print the rows of a folder's images whose types are not read.

        Args:
            folder: the folder whose files were to be used; any other path has no such files.
        """
        paths = sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []
        for path in paths:
            reason = why_not_read(path.name)
            if reason and not path.name.startswith("."):
                print(self.refuse(path.name, reason))

    def detect(
        self,
        detect: Callable[[list[Array]], Sequence[Mapping[str, Any]]],
        dataset: Dataset,
        name_of: Callable[[int], object],
        config: Config | None = None,
        read: Callable[[int, tuple[int, ...]], Any] | None = None,
        progress: bool = False,
    ) -> Iterator[Detected]:
        """Detect in a dataset's images one by one; write and print a row for those that fail.

        Args:
            detect, dataset, config, read: see `over_dataset`; without `read`, no ground truth is
                read.
            name_of: function from an image's index in the dataset to its name in the table.
            progress: whether to show a bar.

        Yields:
            `Detected` for each image that was used; call `add` for it.
        """
        unread: list[dict[str, Any]] = []
        for each in over_dataset(
            detect,
            dataset,
            dataset.image_ids,
            fields=(),
            read=read,
            config=config,
            batch_size=1,
            unread=unread,
            skip_failures=True,
            progress=progress,
        ):
            self._refuse(unread, name_of)
            yield each
        self._refuse(unread, name_of)

    def _refuse(self, unread: list[dict[str, Any]], name_of: Callable[[int], object]) -> None:
        for row in unread:
            tqdm.write(self.refuse(name_of(row["image_id"]), row["reason"]))
        unread.clear()

    def last_line(self) -> str:
        """A summary of the table, such as "23 of 25 images; 2 refused: see counts.csv"."""
        refused = len(self.refused)
        counts = {"refused": refused, "cut by a limit": self.truncated}
        parts = [f"{count} {what}" for what, count in counts.items() if count]
        total = f"{self.used} of {self.used + refused} images"
        return f"{total}; {', '.join(parts)}: see {self.path.name}" if parts else total

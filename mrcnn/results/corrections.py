"""What people corrected in LabelMe files that were written from results.

A file remembers the objects as they were written under the key "written", which LabelMe keeps when
it saves: the label, the box and the run lengths of each. They are compared with what training would
read from the file now, so it does not matter how an object was corrected: by dragging corners, by
drawing it anew, or with a hole.
"""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..formats.finding import existing_folder, read_json
from ..formats.labelme import parse_file
from ..instances import InstanceMasks
from ..instances.overlaps import iou
from ..instances.rle import crop_of, encode, read_counts
from ..text import some
from ..types import Array, PathLike

logger = logging.getLogger(__name__)

# The key of a file under which it remembers what was written.
KEY = "written"
# Two objects with at least this intersection over union are the same one, reshaped.
_SAME = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Corrections:
    """Numbers of objects, by what happened to them since they were written.

    Attributes:
        kept: those neither reshaped nor of another class.
        added, removed: objects that are new, and those that are gone.
        reshaped: those with other pixels, but mostly the same ones.
        reclassed: those with another class. An object may be both reshaped and reclassed.
        corrected: all that were reshaped or reclassed, each once.
    """

    kept: int = 0
    added: int = 0
    removed: int = 0
    reshaped: int = 0
    reclassed: int = 0
    corrected: int = 0

    def __add__(self, other: Self) -> Self:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return type(self)(*(a + b for a, b in pairs))

    def __bool__(self) -> bool:
        """Whether anything was corrected."""
        return bool(self.added or self.removed or self.corrected)

    def __str__(self) -> str:
        counts = {
            "added": self.added,
            "removed": self.removed,
            "reshaped": self.reshaped,
            "of another class": self.reclassed,
        }
        changes = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"{changes or 'nothing corrected'}; {self.kept} kept as written"


def record_of(label: str, crop: Array, corner: Sequence[int]) -> dict[str, Any]:
    """What a file remembers of an object.

    Args:
        label: its class.
        crop: bool [h, w], its pixels as they are read back.
        corner: (y, x) of the crop's first pixel in the image.
    """
    masks = InstanceMasks([crop], [corner], (corner[0] + crop.shape[0], corner[1] + crop.shape[1]))
    [crop], [box] = masks.crops, masks.boxes.tolist()
    counts = encode(crop, (0, 0), crop.shape)["counts"] if crop.size else ""
    return {"label": label, "box": box, "counts": counts}


def corrections_of(path: PathLike) -> Corrections | None:
    """What was corrected in a LabelMe file; None if it does not say what was written.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not a LabelMe file.
    """
    path = Path(path)
    record, _ = parse_file(path, path.parent, line_width=10)
    written = read_json(path).get(KEY)
    if not isinstance(written, Mapping):
        return None
    try:
        (height, width), before = written["size"], written["objects"]
        crops = [instance.shape.crop(height, width) for instance in record.instances]
        labels = [instance.class_name for instance in record.instances]
        after = [record_of(label, *crop) for label, crop in zip(labels, crops, strict=True)]
        return _compared(before, after, (height, width))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: its key {KEY!r} is not what was written there: {error!r:.60}."
        ) from error


def corrections_in(folder: PathLike) -> dict[Path, Corrections]:
    """What was corrected in the LabelMe files of a folder and its subfolders.

    JSON files of other kinds are left out, and so are LabelMe files that do not say what was
    written, with a warning: they were drawn by hand, or saved by a tool that drops what it does not
    know.

    Args:
        folder: the folder.

    Returns:
        A dict of path, sorted, to `Corrections`; the `total` of its values is that of the folder.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: a file cannot be read.
    """
    found, silent = {}, []
    for path in sorted(existing_folder(folder).rglob("*.json")):
        content = read_json(path)
        if not isinstance(content, Mapping) or not isinstance(content.get("shapes"), list):
            continue
        corrections = corrections_of(path)
        if corrections is None:
            silent.append(path.name)
        else:
            found[path] = corrections
    if silent:
        logger.warning(
            "%s: nothing is counted in %d LabelMe files, which do not say what was written: %s.",
            folder,
            len(silent),
            some(silent),
        )
    return found


def check_replaceable(path: PathLike) -> None:
    """Check that no work is lost if results are written to a path.

    Args:
        path: of a LabelMe file, or of nothing.

    Raises:
        FileExistsError: the file was corrected, or was not written from results.
    """
    if not Path(path).exists():
        return
    try:
        corrections = corrections_of(path)
    except ValueError:
        corrections = None
    if corrections is None:
        raise FileExistsError(
            f"{path} was not written from results and is kept: move it, or write to another folder."
        )
    if corrections:
        raise FileExistsError(
            f"{path} was corrected by hand ({corrections}) and is kept: move it, or write to "
            "another folder."
        )


def total(corrections: Iterable[Corrections]) -> Corrections:
    """The sum of several `Corrections`.

    Args:
        corrections: any number.

    Example:
        >>> from mrcnn.results.corrections import Corrections, total
        >>> str(total([Corrections(kept=7), Corrections(kept=2, added=1)]))
        '1 added; 9 kept as written'
    """
    return sum(corrections, Corrections())


def _compared(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], size: Sequence[int]
) -> Corrections:
    """Compare records, see `record_of`, of an image of (height, width) pixels."""
    same = Counter(map(_key, before)) & Counter(map(_key, after))
    gone, new = (list((Counter(map(_key, rows)) - same).elements()) for rows in (before, after))
    overlaps = iou(_masks(gone, size), _masks(new, size))
    pairs = []
    while overlaps.max(initial=0) >= _SAME:
        i, j = np.unravel_index(np.argmax(overlaps), overlaps.shape)
        pairs.append((gone[i], new[j]))
        overlaps[i], overlaps[:, j] = 0, 0
    return Corrections(
        kept=same.total(),
        added=len(new) - len(pairs),
        removed=len(gone) - len(pairs),
        reshaped=sum(old[1:] != now[1:] for old, now in pairs),
        reclassed=sum(old[0] != now[0] for old, now in pairs),
        corrected=len(pairs),
    )


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["label"], tuple(row["box"]), row["counts"]


def _masks(keys: Sequence[tuple[Any, ...]], size: Sequence[int]) -> InstanceMasks:
    crops: list[Array] = [
        crop_of(read_counts(counts), y2 - y1)[0] if counts else np.zeros((0, 0), bool)
        for _, (y1, _, y2, _), counts in keys
    ]
    return InstanceMasks(crops, [box[:2] for _, box, _ in keys], size)

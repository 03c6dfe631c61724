"""Where a run's logs and weights are stored, and how to find the latest.

model_dir / balloon20261120T1405 / mask_rcnn_balloon_0012.h5
model_dir / balloon20261120T1405 / weights / last.h5 and best.h5
"""

import datetime
import errno
import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ..files.whole import PART, replacing
from ..types import PathLike

logger = logging.getLogger(__name__)

# A folder whose name ends in a date, and a file whose name ends in an epoch.
_CHECKPOINT = re.compile(
    r"(?:.*[/\\])?([^/\\]+)(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})"
    r"[/\\]mask_rcnn_([^/\\]+)_(\d{4,})\.h5"
)


class RunFolder:
    """A training run's folder and its progress, as passed between the subpackages.

    Args:
        path: the folder.
        name: `Config.NAME`.
        epoch: number of finished epochs.

    Attributes:
        path, name, epoch: as given; `path` as str.
        checkpoint_path: template for the paths of checkpoints, see `template`.

    Example:
        >>> from mrcnn.runs.folder import RunFolder
        >>> run = RunFolder("logs/balloon20261120T1405", "balloon", epoch=12)
        >>> run.checkpoint(run.epoch)
        'logs/balloon20261120T1405/mask_rcnn_balloon_0012.h5'
    """

    def __init__(self, path: PathLike, name: str, epoch: int = 0) -> None:
        self.name = name
        self.epoch = epoch
        self.move_to(path)

    @classmethod
    def new(cls, model_dir: PathLike, name: str) -> Self:
        """The folder of a run that starts now.

        Args:
            model_dir: folder of all runs.
            name: `Config.NAME`.
        """
        return cls(run_folder(model_dir, name, datetime.datetime.now()), name)

    @classmethod
    def of_checkpoint(cls, path: PathLike, model_dir: PathLike, name: str) -> Self | None:
        """The folder of the run whose date and epoch are in a checkpoint's path.

        Args:
            path: path of the checkpoint.
            model_dir: folder of all runs.
            name: `Config.NAME`.

        Returns:
            None if `path` does not name a checkpoint.
        """
        parsed = parse(path)
        return parsed and cls(run_folder(model_dir, name, parsed[0]), name, parsed[1])

    def move_to(self, path: PathLike) -> None:
        """Make `path` the run's folder."""
        self.path = str(path)
        self.checkpoint_path = template(self.path, self.name)

    def checkpoint(self, epoch: int) -> str:
        """Path of the weights saved after `epoch`, counted from 1."""
        return path_of(self.checkpoint_path, epoch)


def parse(path: PathLike, name: str | None = None) -> tuple[datetime.datetime, int] | None:
    """Date and epoch of a checkpoint from its path.

    Args:
        path: path of a weights file.
        name: the run's `Config.NAME`; None accepts any.

    Returns:
        None if `path` does not name a checkpoint of such a run.

    Example:
        >>> from mrcnn.runs.folder import parse
        >>> parse("logs/balloon20261120T1405/mask_rcnn_balloon_0012.h5")
        (datetime.datetime(2026, 11, 20, 14, 5), 12)
    """
    match = _CHECKPOINT.fullmatch(str(path))
    if not match:
        return None
    folder_name, *date, file_name, epoch = match.groups()
    if name is not None and {folder_name, file_name} != {name.lower()}:
        return None
    year, month, day, hour, minute = map(int, date)
    try:
        return datetime.datetime(year, month, day, hour, minute), int(epoch)
    except ValueError:
        return None


def run_folder(model_dir: PathLike, name: str, date: datetime.datetime) -> str:
    """The folder in `model_dir` of the run `name` that started at `date`."""
    return os.path.join(model_dir, f"{name.lower()}{date:%Y%m%dT%H%M}")


def next_folder(folder: str) -> str:
    """The folder of a run that started one minute after the run in `folder`."""
    stem, date = folder[:-13], datetime.datetime.strptime(folder[-13:], "%Y%m%dT%H%M")
    return f"{stem}{date + datetime.timedelta(minutes=1):%Y%m%dT%H%M}"


def template(folder: PathLike, name: str) -> str:
    """Checkpoint path of the run `name` in `folder`, with `{epoch:04d}` for the epoch."""
    return os.path.join(folder, f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5")


def run_folders(model_dir: PathLike, name: str) -> list[Path]:
    """The folders in `model_dir` of all runs of this name, latest run last."""
    own = re.compile(re.escape(name.lower()) + r"\d{8}T\d{4}")
    return sorted(path for path in _children(model_dir) if own.fullmatch(path.name))


def path_of(template: str, epoch: int) -> str:
    """Checkpoint path of an epoch, counted from 1, see `template`."""
    # Not str.format: other parts of the path may contain braces.
    return template.replace("{epoch:04d}", f"{epoch:04d}")


def publish(checkpoint: PathLike, name: str) -> Path:
    """Give a checkpoint a second name in the `weights` folder beside it.

    The second name is a hard link, which takes up no space, or a copy where hard links are not
    supported.

    Args:
        checkpoint: the file.
        name: "last.h5" or "best.h5"; an existing file is replaced in one step.

    Returns:
        Path of the second name.
    """
    target = Path(checkpoint).parent / "weights" / name
    target.parent.mkdir(exist_ok=True)
    if target.exists() and os.path.samefile(checkpoint, target):
        return target
    with replacing(target) as part:
        try:
            part.unlink()
            os.link(checkpoint, part)
        except OSError:
            shutil.copyfile(checkpoint, part)
    return target


def prune(
    template: str, epochs: Sequence[int], keep: int | None, best: int | None = None
) -> list[int]:
    """Remove a run's checkpoints except the latest ones and the best.

    Args:
        template: see `template`.
        epochs: the epochs whose checkpoints may be removed, in ascending order.
        keep: how many of them to keep; None keeps all.
        best: epoch that is always kept, or None.

    Returns:
        The epochs that are kept.
    """
    old = epochs[: max(0, len(epochs) - keep)] if keep else []
    stay = [epoch for epoch in epochs if epoch not in old or epoch == best]
    # A template without an epoch names a single file, which holds the last epoch.
    kept = {path_of(template, epoch) for epoch in stay}
    for path in {path_of(template, epoch) for epoch in old} - kept:
        Path(path).unlink(missing_ok=True)
    return stay


def remove_parts(folder: PathLike) -> None:
    """Remove partly written files that a killed process left in a run's folder."""
    for path in (*_children(folder), *_children(Path(folder) / "weights")):
        if PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


def find_last(model_dir: PathLike, name: str) -> str:
    """Path of the last checkpoint in the latest run of this name that has one.

    Args:
        model_dir: folder of all runs.
        name: `Config.NAME`. Longer names that start with it do not count.

    Raises:
        FileNotFoundError: no run has this name, or none of them has a checkpoint.
    """
    folders = run_folders(model_dir, name)
    if not folders:
        raise FileNotFoundError(
            errno.ENOENT, f"no run named {name.lower()!r} in this folder", str(model_dir)
        )
    # A run that is stopped in its first epoch leaves a folder without checkpoints.
    for folder in reversed(folders):
        files = sorted(
            (len(path.name), path)
            for path in _children(folder)
            if path.name.startswith("mask_rcnn") and path.suffix == ".h5"
        )
        if files:
            return str(files[-1][1])
    raise FileNotFoundError(
        errno.ENOENT,
        f"no run named {name.lower()!r} has finished an epoch, so there are no "
        "mask_rcnn_*.h5 weights: continue with train(..., resume=True)",
        str(folders[-1]),
    )


def _children(folder: PathLike) -> list[Path]:
    folder = Path(folder)
    return list(folder.iterdir()) if folder.is_dir() else []


def make_writable(folder: PathLike) -> None:
    """Create a folder and check that files can be created in it.

    Raises:
        OSError: the folder cannot be written to; the message names it.
    """
    probe = Path(folder) / ".write_test"
    try:
        os.makedirs(folder, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"the log folder {folder} cannot be written to ({error.strerror}): choose "
            "another model_dir, or change its permissions."
        ) from error

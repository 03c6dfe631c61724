"""Where a run's logs and weights lie, and how to find the last of them.

model_dir / balloon20261120T1405 / mask_rcnn_balloon_0012.h5
model_dir / balloon20261120T1405 / weights / last.h5 and best.h5
"""

import datetime
import errno
import logging
import os
import re
import shutil
from pathlib import Path

from ..files.whole import PART, replacing

logger = logging.getLogger(__name__)

# Any folder whose name ends in a date, and the epoch at the end of the file's name.
_CHECKPOINT = re.compile(
    r"(?:.*[/\\])?([^/\\]+)(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})"
    r"[/\\]mask_rcnn_([^/\\]+)_(\d{4,})\.h5"
)


class RunFolder:
    """The folder of a training run, and how far the run is: what rooms hand to each other.

    Args:
        path: of the folder.
        name: `Config.NAME`.
        epoch: epochs that are done.

    Attributes:
        path, name, epoch: as given; `path` as str.
        checkpoint_path: template of the weight files, see `template`.
    """

    def __init__(self, path, name, epoch=0):
        self.name = name
        self.epoch = epoch
        self.move_to(path)

    @classmethod
    def new(cls, model_dir, name):
        """That of a run that begins now.

        Args:
            model_dir: folder of all runs.
            name: `Config.NAME`.
        """
        return cls(run_folder(model_dir, name, datetime.datetime.now()), name)

    @classmethod
    def of_checkpoint(cls, path, model_dir, name):
        """That of a run of a date and epoch that are in the path of a checkpoint.

        Args:
            path: of the checkpoint.
            model_dir: folder of all runs.
            name: `Config.NAME`.

        Returns:
            `RunFolder`, or None if it is no path of a checkpoint.
        """
        parsed = parse(path)
        return parsed and cls(run_folder(model_dir, name, parsed[0]), name, parsed[1])

    def move_to(self, path):
        """Let the folder be at `path`."""
        self.path = str(path)
        self.checkpoint_path = template(self.path, self.name)

    def checkpoint(self, epoch):
        """Path of the weights after an `epoch`, counted from 1."""
        return path_of(self.checkpoint_path, epoch)


def parse(path, name=None):
    """Date and epoch of a checkpoint from its path.

    Args:
        path: path of a weights file.
        name: `Config.NAME` of the run that it must be of; None takes any.

    Returns:
        (datetime, int), or None if the path is not that of a checkpoint of such a run.
    """
    match = _CHECKPOINT.fullmatch(str(path))
    if not match:
        return None
    folder_name, *date, file_name, epoch = match.groups()
    if name is not None and {folder_name, file_name} != {name.lower()}:
        return None
    *date, epoch = map(int, (*date, epoch))
    try:
        return datetime.datetime(*date), epoch
    except ValueError:
        return None


def run_folder(model_dir, name, date):
    """The folder in `model_dir` of a run of this `name` that began at this date, a datetime."""
    return os.path.join(model_dir, f"{name.lower()}{date:%Y%m%dT%H%M}")


def next_folder(folder):
    """The folder of a run that began a minute later than that of `folder`."""
    stem, date = folder[:-13], datetime.datetime.strptime(folder[-13:], "%Y%m%dT%H%M")
    return f"{stem}{date + datetime.timedelta(minutes=1):%Y%m%dT%H%M}"


def template(folder, name):
    """Path of the checkpoints of a run of this `name` in `folder`; `{epoch:04d}` is the epoch."""
    return os.path.join(folder, f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5")


def run_folders(model_dir, name):
    """The folders in `model_dir` of all runs of this name, a list of `Path`, the last run last."""
    own = re.compile(re.escape(name.lower()) + r"\d{8}T\d{4}")
    return sorted(path for path in _children(model_dir) if own.fullmatch(path.name))


def path_of(template, epoch):
    """Path of the checkpoint of an epoch, counted from 1, see `template`."""
    # Not str.format: other parts of the path may have braces.
    return template.replace("{epoch:04d}", f"{epoch:04d}")


def publish(checkpoint, name):
    """Give a checkpoint a second name in the folder `weights` beside it.

    A hard link, which needs no space; a copy where the file system has none.

    Args:
        checkpoint: path of the file.
        name: "last.h5" or "best.h5"; it is replaced in one step.

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


def prune(template, epochs, keep, best=None):
    """Remove the checkpoints of a run but for the last ones and the best.

    Args:
        template: see `template`.
        epochs: rising list of the epochs whose checkpoints may go.
        keep: how many of them stay; None keeps all.
        best: epoch that stays in any case, or None.

    Returns:
        list of the epochs that stay.
    """
    old = epochs[: max(0, len(epochs) - keep)] if keep else []
    stay = [epoch for epoch in epochs if epoch not in old or epoch == best]
    # A template without the epoch is one file, of the last.
    kept = {path_of(template, epoch) for epoch in stay}
    for path in {path_of(template, epoch) for epoch in old} - kept:
        Path(path).unlink(missing_ok=True)
    return stay


def remove_parts(folder):
    """Remove what a kill left of files that were being written in a run's folder."""
    for path in (*_children(folder), *_children(Path(folder) / "weights")):
        if PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


def find_last(model_dir, name):
    """The last checkpoint of the last run of this name that has any.

    Args:
        model_dir: folder of all runs.
        name: `Config.NAME`. Runs of names that only begin alike do not count.

    Returns:
        Path as str.

    Raises:
        FileNotFoundError: there is no run of that name, or none has a checkpoint.
    """
    folders = run_folders(model_dir, name)
    if not folders:
        raise FileNotFoundError(
            errno.ENOENT, f"there is no folder of a run named {name.lower()!r}", str(model_dir)
        )
    # A run that was stopped in its first epoch leaves a folder without checkpoints.
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
        f"no epoch of a run named {name.lower()!r} has ended, so there are no weights "
        "mask_rcnn_*.h5: go on with train(..., resume=True)",
        str(folders[-1]),
    )


def _children(folder):
    folder = Path(folder)
    return list(folder.iterdir()) if folder.is_dir() else []


def make_writable(folder):
    """Create a folder and see that files can be made in it.

    Raises:
        OSError: they cannot; the message names the folder.
    """
    probe = Path(folder) / ".write_test"
    try:
        os.makedirs(folder, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"the log folder {folder} cannot be written ({error.strerror}): choose another "
            "model_dir, or change its permissions."
        ) from error

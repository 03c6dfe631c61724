"""The weights file that `--model` or `--from` names, and how a path of it is called in tables."""

from collections.abc import Sequence
from pathlib import Path

from ..runs import folder
from ..types import PathLike
from ..weights import zoo
from ..weights.catalogue import MODELS, find


def find_model(name: PathLike, logs: PathLike = "logs", run: str | None = None) -> str:
    """The weights that a name stands for.

    Args:
        name: of a model that comes with the package, such as "nuclei", or that torchvision or
            Detectron2 publish, see `zoo.entry`; the path of a weights file, or of a training run's
            folder, whose best weights are taken; "last" or "best", of the latest run named `run`
            in `logs`.
        logs: folder of training runs.
        run: NAME of the run; None for the latest run of any name.

    Returns:
        Path of the file; the name of a model stays as it is.

    Raises:
        FileNotFoundError: there is no such file, model or run.
        ValueError: the name of published weights is unknown.
    """
    text = str(name)
    if text in ("last", "best") and not Path(text).exists():
        last = _last_checkpoint(logs, run)
        best = last.parent / "weights" / "best.h5"
        return str(best if text == "best" and best.is_file() else last)
    if text in MODELS and not Path(text).exists():
        return text
    if zoo.is_name(text) and not Path(text).exists():
        zoo.entry(text)
        return text
    path = Path(text).expanduser()
    if not path.is_dir():
        return str(find(path))
    best = path / "weights" / "best.h5"
    files = [best] if best.is_file() else _checkpoints(path)
    if not files:
        raise FileNotFoundError(
            f"{path} has no weights/best.h5 and no mask_rcnn_*.h5: it must be the folder of a "
            "training run, or give a weights file."
        )
    return str(files[-1])


def labels(paths: Sequence[str]) -> list[str]:
    """Short, different names for weights files, for tables and figures.

    Args:
        paths: as `find_model` returns them.

    Example:
        >>> from mrcnn.cli.model_file import labels
        >>> labels(["nuclei", "logs/cells20261120T1405/weights/best.h5", "other/nuclei.h5"])
        ['nuclei', 'cells20261120T1405', 'nuclei (2)']
    """
    made: list[str] = []
    for path in map(Path, paths):
        in_run = path.parent.name == "weights" and path.name in ("best.h5", "last.h5")
        short = path.parent.parent.name if in_run else path.stem
        if in_run and path.name == "last.h5":
            short += " last"
        count = sum(label == short or label.startswith(f"{short} (") for label in made)
        made.append(f"{short} ({count + 1})" if count else short)
    return made


def _last_checkpoint(logs: PathLike, run: str | None) -> Path:
    if run is not None:
        return Path(folder.find_last(logs, run))
    place = Path(logs)
    entries = sorted(place.iterdir(), key=lambda p: p.name[-13:]) if place.is_dir() else []
    for entry in reversed(entries):
        if entry.is_dir() and (files := _checkpoints(entry)):
            return files[-1]
    raise FileNotFoundError(f"no training run in {place} has weights.")


def _checkpoints(run_folder: Path) -> list[Path]:
    """A run's checkpoints, the last one last."""
    files = (path for path in run_folder.glob("mask_rcnn*.h5") if path.is_file())
    return sorted(files, key=lambda path: (len(path.name), path.name))

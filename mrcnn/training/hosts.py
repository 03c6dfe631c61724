"""How a run starts on several hosts: all of them use what the chief has found."""

import os
from typing import Any

import numpy as np

from ..runs.record import as_json
from ..runs.state import Progress
from .model import TrainableModel


def agree_on_run(
    model: TrainableModel,
    progress: Progress | None,
    described: dict[str, Any],
    arguments: dict[str, Any],
) -> tuple[Progress | None, int | None]:
    """Agree on the run to start or resume; its folder and epoch become the model's.

    Only the chief reads files: the others need none of a run's files to resume it.

    Args:
        model: the model to train.
        progress: that of the run to resume, or None; only the chief's counts.
        described: result of `resume.describe` on this host.
        arguments: what else must be the same on all hosts, such as `layers`.

    Returns:
        Progress of the run to resume or None, and the run's seed.

    Raises:
        ValueError: this host's data, settings or arguments differ from the chief's.
    """
    distribution, folder = model.distribution, model.run_folder
    seed = model.config.SEED if progress is None else progress.seed
    if distribution.hosts == 1:
        return progress, seed
    own = described | {name: as_json(value) for name, value in arguments.items()}
    entropy: Any = np.random.SeedSequence(seed).entropy
    state = distribution.broadcast_json(
        {
            "progress": progress and progress.to_json(),
            "seed": int(entropy),
            "folder": os.path.basename(folder.path),
            "epoch": folder.epoch,
            "own": own,
        }
    )
    problems = [
        f"{name} is {own.get(name)!r} here, but {value!r} on the first host"
        for name, value in state["own"].items()
        if own.get(name) != value
    ]
    if problems:
        raise ValueError(
            f"host {distribution.host + 1} of {distribution.hosts} cannot train with the others:\n"
            + "".join(f"- {line}\n" for line in problems)
            + "Start the same script with the same data on all hosts."
        )
    if not distribution.is_chief:
        folder.epoch = state["epoch"]
        folder.move_to(os.path.join(model.model_dir, state["folder"]))
        progress = state["progress"] and Progress.from_json(state["progress"])
    return progress, state["seed"]

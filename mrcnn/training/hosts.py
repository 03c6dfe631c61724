"""How a run begins on several hosts: all of them with what the chief has found."""

import os

import numpy as np

from ..runs.record import as_json
from ..runs.state import Progress


def begin(model, progress, described, arguments):
    """Agree on the run that begins or goes on; its folder and epoch become the model's.

    Only the chief looks at files: the others need none of a run to go on with it.

    Args:
        model: `MaskRCNN`.
        progress: `Progress` of the run that is gone on with, or None; the chief's counts.
        described: `resume.describe` of this host.
        arguments: dict of what else has to be the same on all hosts, such as `layers`.

    Returns:
        `Progress` or None, and the seed of the run.

    Raises:
        ValueError: this host has other data, settings or arguments than the chief.
    """
    distribution, folder = model.distribution, model.run_folder
    seed = model.config.SEED if progress is None else progress.seed
    if distribution.hosts == 1:
        return progress, seed
    own = described | {name: as_json(value) for name, value in arguments.items()}
    state = {
        "progress": progress and progress.to_json(),
        "seed": int(np.random.SeedSequence(seed).entropy),
        "folder": os.path.basename(folder.path),
        "epoch": folder.epoch,
        "own": own,
    }
    state = distribution.broadcast_json(state)
    problems = [
        f"{name} is {own.get(name)!r} here, and {value!r} on the first host"
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

"""The losses that matterport's Mask_RCNN (the reference) computed."""

import numpy as np
import pytest


@pytest.fixture(params=["normal", "nosat", "allactive", "nopos", "empty"])
def reference_losses(request, units):
    """The inputs of the losses in one case, and the reference's losses: two dicts by name."""
    case = request.param
    values = {
        name.removeprefix("loss.in."): array
        for name, array in units.items()
        if name.startswith("loss.in.")
    }
    # The reference applied the first image's active classes to the whole batch.
    values["active"] = np.stack([values["active"][0]] * 2)
    if case == "nosat":
        values["mask_pred"] = np.clip(values["mask_pred"], 0.01, 0.99)
    if case == "allactive":
        values["active"] = np.ones_like(values["active"])
    if case == "nopos":
        values["rpn_match"] = np.where(values["rpn_match"] == 1, 0, values["rpn_match"])
    if case == "empty":
        values["rpn_match"] = 0 * values["rpn_match"]
    if case in ("nopos", "empty"):
        values["target_class"] = 0 * values["target_class"]
    prefix = f"loss.{case}."
    losses = {
        name.removeprefix(prefix): pytest.approx(float(loss), rel=1e-5, abs=1e-7)
        for name, loss in units.items()
        if name.startswith(prefix)
    }
    return values, losses

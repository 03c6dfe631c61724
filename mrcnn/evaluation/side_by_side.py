"""The results of several models on the same images, side by side."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files.whole import replacing
from ..metrics.paired import PairedDifference, paired_difference
from ..types import PathLike
from .report import headline

FILE_NAME, PLOT_NAME = "comparison.json", "curves.png"
_SCORE = "dsb_score"


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table with a row for each model; the best value of a column is bold.

    Args:
        results: from `evaluate`, by the model's name.

    Returns:
        the lines of the table, with the columns of `report.headline`.

    Example:
        >>> from mrcnn.evaluation import side_by_side
        >>> results = {
        ...     name: {"images": 2, "instances": 9, "panoptic": {"pq": pq}}
        ...     for name, pq in [("old", 0.5), ("new", 0.625)]
        ... }
        >>> print(side_by_side.table(results))
        | | images | instances | PQ |
        |---|---|---|---|
        | old | 2 | 9 | 0.500 |
        | new | 2 | 9 | **0.625** |
    """
    rows = {name: headline(result) for name, result in results.items()}
    titles = list(dict.fromkeys(title for row in rows.values() for title in row))
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, row in rows.items():
        cells = [_cell(title, row.get(title), rows) for title in titles]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(title: str, value: Any, rows: Mapping[str, Mapping[str, Any]]) -> str:
    if not isinstance(value, float):
        return "" if value is None else str(value)
    values = [row[title] for row in rows.values() if not math.isnan(row.get(title, math.nan))]
    best = (min if title == "Hausdorff" else max)(values, default=None)
    text = f"{value:.3f}"
    return f"**{text}**" if len(set(values)) > 1 and value == best else text


def differences(results: Mapping[str, Mapping[str, Any]]) -> dict[str, PairedDifference]:
    """How each model differs from the first one, by the score of each image.

    Args:
        results: from `evaluate` on the same images with the metric "objects", by the model's name.
            The score is the mean of TP / (TP + FP + FN) over IoU 0.5:0.95 (DSB).

    Returns:
        dict of the name of each model but the first to its difference; {} without scores.
    """
    scores = {
        name: {row["image_id"]: row.get(_SCORE, math.nan) for row in result["per_image"]}
        for name, result in results.items()
    }
    first, *others = scores
    made = {}
    for name in others:
        shared = [image for image in scores[first] if image in scores[name]]
        values, other = ([scores[each][image] for image in shared] for each in (first, name))
        found = paired_difference(values, other)
        if found.count:
            made[name] = found
    return made


def remarks(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the differences mean, as sentences.

    Args:
        results: see `differences`.
    """
    first = next(iter(results))
    lines = []
    for name, found in differences(results).items():
        lines.append(
            f"{name} against {first}: DSB {found.mean:+.3f} on average over {found.count} images "
            f"({found.low:+.3f} to {found.high:+.3f} in 95% of resampled images); better in "
            f"{found.better}, worse in {found.worse}."
            + ("" if found.is_clear else " With these images, it may be chance.")
        )
    return lines


def write(results: Mapping[str, Mapping[str, Any]], folder: PathLike) -> None:
    """Write `comparison.json`, with each model's figures and the differences, and `curves.png`.

    Args:
        results: see `differences`.
        folder: created if it does not exist.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    from .. import visualize  # imports Matplotlib

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "models": {name: _without_nan(headline(result)) for name, result in results.items()},
        "differences": {
            name: _without_nan(vars(found)) for name, found in differences(results).items()
        },
    }
    with replacing(folder / FILE_NAME) as part:
        part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    with replacing(folder / PLOT_NAME) as part, open(part, "wb") as file:
        visualize.plot_models(results, save_to=file)


def _without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}

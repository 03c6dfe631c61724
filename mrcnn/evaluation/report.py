"""The result of `evaluate` as a file, as plots and as text."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files.whole import replacing
from ..types import PathLike

FILE_NAME = "evaluation.json"
# Plots by file name: the function of `mrcnn.visualize` and the part of the result that it draws.
PLOTS = {
    "precision_recall.png": ("plot_precision_recall_curves", "curves"),
    "counts.png": ("plot_counts", "objects"),
    "confusion.png": ("plot_confusion", "confusion"),
}

# Table columns by title: the part of the result, the metric in it and, for a list, the IoU. The
# summary and the figures call a quantity by the same name.
COLUMNS: dict[str, tuple[Any, ...]] = {
    "DSB": ("objects", "dsb_score"),
    "DSB@0.5": ("objects", "image_mean_ap", 0.5),
    "DSB@0.75": ("objects", "image_mean_ap", 0.75),
    "F1@0.5": ("objects", "f1", 0.5),
    "PQ": ("panoptic", "pq"),
    "AJI": ("aji", "aji"),
    "Dice": ("pixels", "foreground_dice"),
    "mIoU": ("pixels", "mean_iou"),
    "Hausdorff": ("hausdorff", "hausdorff"),
    "VOC 2007": ("voc", "map_2007"),
    "VOC 2010": ("voc", "map_2010"),
    "box AP": ("coco", "bbox"),
    "mask AP": ("coco", "segm"),
    "keypoint AP": ("coco", "keypoints"),
}

KINDS = {"bbox": "box", "segm": "mask", "keypoints": "keypoint"}
# Names in the summary and their keys: first the metrics at an IoU, then those of other parts.
AT_IOU = {
    "DSB": "image_mean_ap",
    "pooled AP": "pooled_ap",
    "F1": "f1",
    "precision": "precision",
    "recall": "recall",
}
PARTS = {
    "panoptic": {"PQ": "pq", "SQ": "sq", "RQ": "rq"},
    "pixels": {"mIoU": "mean_iou", "Dice": "foreground_dice", "Dice by class": "dice"},
    "aji": {"AJI": "aji"},
    "hausdorff": {"Hausdorff": "hausdorff", "Hausdorff 95%": "hausdorff95"},
}


def write(result: Mapping[str, Any], folder: PathLike) -> None:
    """Write `evaluation.json` and the plots in `PLOTS` for which the result has data.

    Each file is written completely or not at all. NaN becomes null in the JSON.

    Args:
        result: from `evaluate`.
        folder: created if it does not exist.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    # Matplotlib takes a second to import, and `visualize` imports this package.
    from .. import visualize

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_without_nan(result), indent=2, allow_nan=False)
    # Each list of numbers on one line. Strings are safe: JSON has no raw line breaks in them.
    text = re.sub(r"\[\n[-+.,\w\s]*\]", lambda numbers: " ".join(numbers[0].split()), text)
    with replacing(folder / FILE_NAME) as part:
        part.write_text(text + "\n", encoding="utf-8")
    for name, (function, key) in PLOTS.items():
        if key in result:
            with replacing(folder / name) as part, open(part, "wb") as file:
                getattr(visualize, function)(result[key], save_to=file)


def summary(result: Mapping[str, Any]) -> str:
    """The most important metrics as text.

    Args:
        result: from `evaluate`.

    Returns:
        several lines.
    """
    lines = [
        "{images} images, {instances} instances, {detections} detections".format(**result),
    ]
    for kind, figures in result.get("coco", {}).items():
        names = {f"{KINDS[kind]} {name}": name for name in ("AP", "AP50", "AP75", "AR")}
        lines.append(_line("COCO", figures, names))
    if "voc" in result:
        names = {"VOC 2007": "map_2007", "VOC 2010": "map_2010"}
        lines.append(_line("VOC", result["voc"], names))
    if "objects" in result:
        objects = result["objects"]
        lines.append(_line("DSB", objects, {"DSB": "dsb_score"}))
        for iou in (0.5, 0.75):
            if iou in objects["iou"]:
                at = objects["iou"].index(iou)
                names = {f"{title}@{iou:g}": name for title, name in AT_IOU.items()}
                values = {name: objects[name][at] for name in AT_IOU.values()}
                lines.append(_line(f"at IoU {iou:g}", values, names))
    lines += [_line(part, result[part], names) for part, names in PARTS.items() if part in result]
    return "\n".join([*lines, *remarks(result)])


def remarks(result: Mapping[str, Any]) -> list[str]:
    """What a reader of the metrics should know: images left out, and limits that cut detections.

    Args:
        result: from `evaluate`.

    Returns:
        list of lines.
    """
    lines = [f"note: {note}" for note in result.get("notes", ())]
    if result.get("unread"):
        lines.append(f"images that could not be read: {len(result['unread'])}")
    return lines


def headline(result: Mapping[str, Any]) -> dict[str, int | float]:
    """The metrics in a row of `table`.

    Args:
        result: from `evaluate`, or one of its groups.

    Returns:
        dict of title to number: images, instances and, where the result has them, DSB (the score
        over IoU 0.5:0.95, then at two single IoUs; means over images), F1 of the pooled counts, PQ,
        AJI, Dice (all classes as one, mean over images), mIoU, Hausdorff (pixels), VOC's mean
        average precisions of boxes and COCO's APs; last, if there are any, the number of images
        in which a limit cut the detections (truncated).
    """
    figures = {name: result[name] for name in ("images", "instances")}
    for title, (part, name, *at) in COLUMNS.items():
        if name not in result.get(part, {}):
            continue
        value = result[part][name]
        if part == "coco":
            value = value["AP"]
        elif at:
            ious = result[part]["iou"]
            value = value[ious.index(at[0])] if at[0] in ious else math.nan
        figures[title] = value
    if result.get("truncated"):
        figures["truncated"] = result["truncated"]
    return figures


def table(result: Mapping[str, Any]) -> str:
    """A Markdown table with one row for all images and one per group.

    Args:
        result: from `evaluate`; see `headline` for the columns.

    Returns:
        the lines of the table.

    Example:
        >>> from mrcnn.evaluation import table
        >>> print(table({"images": 2, "instances": 9, "panoptic": {"pq": 0.5}}))
        | | images | instances | PQ |
        |---|---|---|---|
        | all | 2 | 9 | 0.500 |
    """
    rows = {"all": headline(result)}
    rows |= {name: headline(group) for name, group in result.get("groups", {}).items()}
    titles = list(rows["all"])
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, figures in rows.items():
        values = [figures.get(title, 0) for title in titles]
        cells = [str(v) if isinstance(v, int) else f"{v:.3f}" for v in values]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _line(title: str, figures: Mapping[str, float], names: Mapping[str, str]) -> str:
    """A line of figures; `names` maps each one's name in the line to its key."""
    return f"{title:13}" + "  ".join(f"{name} {figures[key]:.3f}" for name, key in names.items())


def _without_nan(value: Any) -> Any:
    """Replace NaN with None in nested dicts and lists."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value

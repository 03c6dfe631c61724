"""How well nuclei are found: all figures, of all images and of each kind of image."""

import time

import numpy as np
from tqdm import tqdm

from mrcnn.evaluation import Evaluator

KINDS = ("fluorescence", "bright field")

# Columns of the table: title, and where the figure is in the result.
COLUMNS = {
    "images": lambda r: r["images"],
    "nuclei": lambda r: r["instances"],
    "DSB@0.5": lambda r: _at(r, 0.5),
    "DSB@0.75": lambda r: _at(r, 0.75),
    "DSB": lambda r: r["objects"]["dsb_score"],
    "F1@0.5": lambda r: r["objects"]["f1"][r["objects"]["iou"].index(0.5)],
    "PQ": lambda r: r["panoptic"]["pq"],
    "AJI": lambda r: r["aji"]["aji"],
    "Dice": lambda r: r["pixels"]["foreground_dice"],
    "mIoU": lambda r: r["pixels"]["mean_iou"],
    "Hausdorff": lambda r: r["hausdorff"]["hausdorff"],
    "box AP": lambda r: r["coco"]["bbox"]["AP"],
    "mask AP": lambda r: r["coco"]["segm"]["AP"],
}


def _at(result, iou):
    return result["objects"]["image_mean_ap"][result["objects"]["iou"].index(iou)]


def kind_of(image):
    """Of which of `KINDS` an image is: fluorescence is gray on black, all else bright field.

    Args:
        image: uint8 [H, W, 3].
    """
    image = image.astype(np.float32)
    colour = np.abs(image - image.mean(axis=2, keepdims=True)).mean()
    return KINDS[0] if colour < 1 and image.mean() < 100 else KINDS[1]


def score(detect, dataset, min_score):
    """All figures of a detector.

    Args:
        detect: function of a list of images that gives a list of results, see `mrcnn.evaluation`.
        dataset: a prepared `NucleusDataset` with masks.
        min_score: of the detections that count, but for COCO's figures, which take all.

    Returns:
        dict of "all" and of those `KINDS` that there are to the figures of `Evaluator.compute`;
        "all" has `seconds_per_image` too, the mean.
    """
    evaluators, seconds = {}, []
    for image_id in tqdm(dataset.image_ids, desc="Evaluating", unit="image", disable=None):
        image = dataset.load_image(image_id)
        begin = time.perf_counter()
        found = detect([image])[0]
        seconds.append(time.perf_counter() - begin)
        truth = dataset.load_instances(image_id)
        for row in ("all", kind_of(image)):
            if row not in evaluators:
                evaluators[row] = Evaluator(dataset, min_score=min_score, max_detections=500)
            evaluators[row].add(image_id, *truth, found)
    rows = {row: evaluators[row].compute() for row in ("all", *KINDS) if row in evaluators}
    rows["all"]["seconds_per_image"] = float(np.mean(seconds))
    return rows


def figures(result):
    """The figures of `COLUMNS`, rounded: dict of title to number."""
    return {title: round(float(get(result)), 4) for title, get in COLUMNS.items()}


def table(rows):
    """The figures of `COLUMNS` as a Markdown table.

    Args:
        rows: dict of the name of a row to its result, see `score`.
    """
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, result in rows.items():
        cells = [f"{value:g}" if title in ("images", "nuclei") else f"{value:.3f}"
                 for title, value in figures(result).items()]  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)

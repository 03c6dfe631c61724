"""Detect nuclei in five images held back from training, with the sample's weights.

`make demo` prints how many are found and how well they match the ground truth, and draws both.
"""

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from nucleus import ROOT_DIR, detector, load_dataset, make_model
from nucleus_dataset import kind_of

from mrcnn.evaluation import Comparison, ObjectScores
from mrcnn.visualize import compare

DATA_DIR = Path(__file__).resolve().parent / "data"
PICTURE = ROOT_DIR / "demo.png"
IOUS = (0.5, 0.75)
COLUMN_INCHES = 6


def look(detect, dataset, image_id):
    """Detect nuclei in an image and compare them with the ground truth.

    Args:
        detect: see `nucleus.detector`.
        dataset: a prepared `NucleusDataset`.
        image_id: index of an image in it.

    Returns:
        dict of the image, its name, truth and result as `visualize.compare` takes them, the
        seconds that detection took, the number of nuclei matched (`matched`), and the image's DSB
        scores at `IOUS`.
    """
    image = dataset.load_image(image_id)
    begin = time.perf_counter()
    result = detect([image])[0]
    seconds = time.perf_counter() - begin
    masks, class_ids = dataset.load_instances(image_id)
    objects = ObjectScores(dataset.class_ids[1:], IOUS)
    objects.add(Comparison(masks, class_ids, result))
    figures = objects.compute()
    return {
        "name": dataset.image_reference(image_id)[:8],
        "image": image,
        "truth": {"rois": masks.boxes, "class_ids": class_ids, "masks": masks.dense()},
        "result": {**result, "masks": result["masks"].dense()},
        "seconds": seconds,
        "matched": figures["tp"][0],
        "scores": figures["image_mean_ap"],
    }


def describe(seen):
    """Describe a result of `look` in one line."""
    height, width = seen["image"].shape[:2]
    scores = " and ".join(f"{s:.2f}" for s in seen["scores"])
    return (
        f"{seen['name']}, {kind_of(seen['image'])}, {height}x{width}: "
        f"{len(seen['result']['scores'])} found, {seen['matched']} of the "
        f"{len(seen['truth']['rois'])} true nuclei matched, DSB score {scores}; "
        f"{seen['seconds']:.1f} s"
    )


def draw(all_seen, class_names, path):
    """Draw ground truth and detections side by side, one row per image.

    Args:
        all_seen: list of results of `look`.
        class_names: list of strings.
        path: path of the PNG to write.
    """
    heights = [seen["image"].shape[0] / seen["image"].shape[1] for seen in all_seen]
    size = (2 * COLUMN_INCHES, COLUMN_INCHES * sum(heights) + 0.3 * len(heights))
    figure, rows = plt.subplots(
        len(all_seen),
        2,
        figsize=size,
        height_ratios=heights,
        dpi=120,
        layout="constrained",
        squeeze=False,
    )
    for axes, seen in zip(rows, all_seen, strict=True):
        compare(seen["image"], seen["truth"], seen["result"], class_names, axes=axes)
    figure.savefig(path)
    plt.close(figure)


def main():
    begin = time.perf_counter()
    dataset = load_dataset(DATA_DIR, "val")
    detect = detector(make_model("inference"), overlaps=False)
    print("Images held back from training; DSB score at IoU 0.5 and 0.75:")
    all_seen = []
    for image_id in dataset.image_ids:
        all_seen.append(look(detect, dataset, image_id))
        print(describe(all_seen[-1]))
    found = sum(len(seen["result"]["scores"]) for seen in all_seen)
    matched = sum(seen["matched"] for seen in all_seen)
    there = sum(len(seen["truth"]["rois"]) for seen in all_seen)
    scores = np.mean([seen["scores"] for seen in all_seen], axis=0)
    print(
        f"All {len(all_seen)} images: {found} nuclei found, {matched} of the {there} true ones "
        f"matched, mean DSB score {scores[0]:.2f} and {scores[1]:.2f}"
    )
    draw(all_seen, dataset.class_names, PICTURE)
    print(f"Ground truth and detections are drawn in {PICTURE}")
    print(f"Took {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()

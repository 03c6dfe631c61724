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


def inspect_image(detect, dataset, image_id):
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
    start = time.perf_counter()
    result = detect([image])[0]
    seconds = time.perf_counter() - start
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


def describe(inspection):
    """Describe a result of `inspect_image` in one line."""
    height, width = inspection["image"].shape[:2]
    scores = " and ".join(f"{s:.2f}" for s in inspection["scores"])
    return (
        f"{inspection['name']}, {kind_of(inspection['image'])}, {height}x{width}: "
        f"{len(inspection['result']['scores'])} found, {inspection['matched']} of the "
        f"{len(inspection['truth']['rois'])} true nuclei matched, DSB score {scores}; "
        f"{inspection['seconds']:.1f} s"
    )


def draw(inspections, class_names, path):
    """Draw ground truth and detections side by side, one row per image.

    Args:
        inspections: list of results of `inspect_image`.
        class_names: list of strings.
        path: path of the PNG to write.
    """
    shapes = [inspection["image"].shape for inspection in inspections]
    heights = [height / width for height, width, *_ in shapes]
    size = (2 * COLUMN_INCHES, COLUMN_INCHES * sum(heights) + 0.3 * len(heights))
    figure, rows = plt.subplots(
        len(inspections),
        2,
        figsize=size,
        height_ratios=heights,
        dpi=120,
        layout="constrained",
        squeeze=False,
    )
    for axes, inspection in zip(rows, inspections, strict=True):
        truth, result = inspection["truth"], inspection["result"]
        compare(inspection["image"], truth, result, class_names, axes=axes)
    figure.savefig(path)
    plt.close(figure)


def main():
    start = time.perf_counter()
    dataset = load_dataset(DATA_DIR, "val")
    detect = detector(make_model("inference"), overlaps=False)
    print("Images held back from training; DSB score at IoU 0.5 and 0.75:")
    inspections = []
    for image_id in dataset.image_ids:
        inspections.append(inspect_image(detect, dataset, image_id))
        print(describe(inspections[-1]))
    found = sum(len(inspection["result"]["scores"]) for inspection in inspections)
    matched = sum(inspection["matched"] for inspection in inspections)
    true_count = sum(len(inspection["truth"]["rois"]) for inspection in inspections)
    scores = np.mean([inspection["scores"] for inspection in inspections], axis=0)
    print(
        f"All {len(inspections)} images: {found} nuclei found, {matched} of the {true_count} true "
        f"ones matched, mean DSB score {scores[0]:.2f} and {scores[1]:.2f}"
    )
    draw(inspections, dataset.class_names, PICTURE)
    print(f"Ground truth and detections are drawn in {PICTURE}")
    print(f"Took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

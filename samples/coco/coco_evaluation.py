"""COCO's official figures of a model, image by image."""

from coco_results import build_coco_results, detections

from mrcnn import evaluation


def measure(model, dataset, coco, kinds=evaluation.KINDS, image_ids=None, write=None):
    """COCO's figures of a model, by the annotations of COCO's file.

    Args:
        model: a `MaskRCNN` in inference mode, its weights loaded.
        dataset: a prepared `CocoDataset`; its classes are those that count.
        coco: pycocotools' `COCO` of its annotations.
        kinds: some of "bbox" and "segm", by IoU of boxes or masks.
        image_ids: indices in the data set; None is all.
        write: function that is given the rows of each image, see `build_coco_results`.

    Returns:
        dict of coco (dict of kind to `CocoFigures.figures` and per_class), curves (dict of kind
        to `CocoFigures.curves`), counts of images, instances and detections, and unread, see
        `detections`; figures are over the images that could be read.

    Raises:
        ValueError: there is no image, or none that can be read.
    """
    image_ids = dataset.image_ids if image_ids is None else image_ids
    classes = [info["id"] for info in dataset.class_info if info["source"] == dataset.SOURCE]
    metrics = {kind: evaluation.CocoAP(classes, kind) for kind in kinds}
    counts, unread = {"images": 0, "instances": 0, "detections": 0}, []
    for i, image, found in detections(model, dataset, image_ids, unread):
        image_id = dataset.image_info[i]["id"]
        rows = build_coco_results(dataset, [image_id], **found)
        truth = [row for row in coco.imgToAnns[image_id] if row["category_id"] in classes]
        for metric in metrics.values():
            metric.add(image_id, image.shape[:2], truth, rows)
        if write:
            write(rows)
        counts["images"] += 1
        counts["instances"] += sum(not row["iscrowd"] for row in truth)
        counts["detections"] += len(rows)
    if not counts["images"]:
        raise ValueError(f"none of the {len(image_ids)} images could be read.")
    result = {**counts, "unread": unread, "coco": {}, "curves": {}}
    names = {info["id"]: info["name"] for info in dataset.class_info}
    for kind, metric in metrics.items():
        figures = metric.accumulate()
        curves = figures.curves()
        per_class = _named(figures.per_class(), names)
        result["coco"][kind] = {**figures.figures(), "per_class": per_class}
        result["curves"][kind] = {**curves, "per_class": _named(curves["per_class"], names)}
    return result


def official(result):
    """COCO's twelve figures of each kind that was measured; str of some lines."""
    lines = ["{images} images, {instances} instances, {detections} detections".format(**result)]
    for kind, figures in result["coco"].items():
        values = [f"{name} {value:.3f}" for name, value in figures.items() if name != "per_class"]
        lines += [f"{kind}  {'  '.join(values[:6])}", f"      {'  '.join(values[6:])}"]
    if result["unread"]:
        lines.append(f"{len(result['unread'])} images could not be read and do not count")
    return "\n".join(lines)


def _named(by_id, names):
    """A dict by category id as one by name."""
    return {names[i]: value for i, value in by_id.items()}

"""COCO's official metrics for a model, image by image."""

from coco_results import build_coco_results, detections, kinds_of, known_classes

from mrcnn import evaluation
from mrcnn.metrics.coco_content import completed


def measure(model, dataset, coco, kinds=None, image_ids=None, write=None):
    """Compute a model's COCO metrics against the annotations of COCO's file.

    Args:
        model: a `MaskRCNN` in inference mode, with its weights loaded.
        dataset: a prepared `CocoDataset`; only its classes count, and of these only those that the
            model finds.
        coco: its annotations, as a pycocotools `COCO`.
        kinds: any of "bbox" and "segm", for the IoU of boxes or masks; None: see `kinds_of`.
        image_ids: indices in the dataset; None: all.
        write: function called with each image's rows, see `build_coco_results`.

    Returns:
        dict of coco (dict from kind to `CocoFigures.figures` and per_class), curves (dict from
        kind to `CocoFigures.curves`), counts of images, instances and detections, notes (a list of
        sentences on limits that cut detections), and unread, see `detections`. The metrics cover
        the images that could be read.

    Raises:
        ValueError: there are no images, or none can be read.
    """
    image_ids = dataset.image_ids if image_ids is None else image_ids
    kinds = kinds_of(model) if kinds is None else kinds
    known = known_classes(model, dataset)
    classes = [
        info["id"]
        for i, info in enumerate(dataset.class_info)
        if info["source"] == dataset.SOURCE and (known is None or i in known)
    ]
    metrics = {kind: evaluation.CocoAP(classes, kind) for kind in kinds}
    counts, unread = {"images": 0, "instances": 0, "detections": 0}, []
    for i, image, found in detections(model, dataset, image_ids, unread):
        image_id = dataset.image_info[i]["id"]
        rows = build_coco_results(dataset, [image_id], **found)
        truth = [row for row in coco.imgToAnns[image_id] if row["category_id"] in classes]
        size = image.shape[:2]
        for kind, metric in metrics.items():
            metric.add(image_id, size, [completed(row, size, kind) for row in truth], rows)
        if write:
            write(rows)
        counts["images"] += 1
        counts["instances"] += sum(not row.get("iscrowd") for row in truth)
        counts["detections"] += len(rows)
    if not counts["images"]:
        raise ValueError(f"none of the {len(image_ids)} images could be read.")
    notes = [metric.limit_note() for metric in metrics.values()][:1]
    notes = [note for note in notes if note]
    if len(classes) < dataset.num_classes - 1:
        notes.append(f"the model finds {len(classes)} of the classes; the others do not count")
    result = {**counts, "unread": unread, "notes": notes, "coco": {}, "curves": {}}
    names = {info["id"]: info["name"] for info in dataset.class_info}
    for kind, metric in metrics.items():
        figures = metric.accumulate()
        curves = figures.curves()
        per_class = _named(figures.per_class(), names)
        result["coco"][kind] = {**figures.figures(), "per_class": per_class}
        result["curves"][kind] = {**curves, "per_class": _named(curves["per_class"], names)}
    return result


def official(result):
    """Format COCO's twelve metrics for each kind measured; str of several lines."""
    lines = ["{images} images, {instances} instances, {detections} detections".format(**result)]
    for kind, figures in result["coco"].items():
        values = [f"{name} {value:.3f}" for name, value in figures.items() if name != "per_class"]
        lines += [f"{kind}  {'  '.join(values[:6])}", f"      {'  '.join(values[6:])}"]
    lines += [f"note: {note}" for note in result["notes"]]
    if result["unread"]:
        lines.append(f"{len(result['unread'])} images could not be read and do not count")
    return "\n".join(lines)


def _named(by_id, names):
    """Turn a dict keyed by category id into one keyed by name."""
    return {names[i]: value for i, value in by_id.items()}

"""COCO's class names, in the order in which published weights have them."""

from collections.abc import Sequence

BACKGROUND = "BG"

# Ids 1 to 90 of COCO, ten of which no class has.
_WITH_GAPS = """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
    fire hydrant, N/A, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
    elephant, bear, zebra, giraffe, N/A, backpack, umbrella, N/A, N/A, handbag, tie, suitcase,
    frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, N/A, wine glass, cup, fork, knife, spoon, bowl, banana,
    apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch,
    potted plant, bed, N/A, dining table, N/A, N/A, toilet, N/A, tv, laptop, mouse, remote,
    keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, N/A, book, clock, vase,
    scissors, teddy bear, hair drier, toothbrush
"""

COCO_91: Sequence[str] = (BACKGROUND, *map(str.strip, _WITH_GAPS.split(",")))
COCO_81: Sequence[str] = tuple(name for name in COCO_91 if name != "N/A")
PERSON: Sequence[str] = (BACKGROUND, "person")


def coco_names(num_classes: int, project: str, has_keypoints: bool = False) -> list[str] | None:
    """The names of a model's classes, if it may have been trained on COCO.

    Args:
        num_classes: number of classes, the background included.
        project: "torchvision", whose classes are COCO's ids, or "detectron2", which closes their
            gaps.
        has_keypoints: whether it finds keypoints, which COCO has of people.

    Returns:
        Name of each class, the background first; None for another number of classes.

    Example:
        >>> from mrcnn.weights.coco_names import coco_names
        >>> coco_names(91, "torchvision")[12:14], coco_names(81, "detectron2")[12]
        (['N/A', 'stop sign'], 'stop sign')
    """
    if has_keypoints:
        return list(PERSON) if num_classes == len(PERSON) else None
    names = {"torchvision": COCO_91, "detectron2": COCO_81}[project]
    return list(names) if num_classes == len(names) else None

"""The paper's comparisons: configurations, rows of its tables, and its numbers.

The numbers are those of He et al., "Mask R-CNN", 2017 (arXiv:1703.06870v3), in percent.
"""

import dataclasses

from ablation_backbone import DEEP, SHALLOW, AblationBackbone

# The paper's RoIAlign: the average of four points a bin.
_ALIGN = {"ROI_POOLER": "roi_align", "SAMPLING_RATIO": 2}
_FPN = {
    "NECK": "fpn",
    **_ALIGN,
    "TOP_DOWN_PYRAMID_SIZE": 64,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 128,
    "LEARNING_RATE": 2e-3,
}
# C4's heads are a stage 5 with BatchNorm, which learns at a higher rate. At this rate, the fully
# connected layers of the other heads die: on the 256 channels of C5 sooner than on the pyramid's.
_C4 = {"NECK": "c4", **_ALIGN, "LEARNING_RATE": 3e-3}
# Images twice as large, so that an object covers as many cells of C5 as otherwise of C4.
_C5 = {
    "NECK": "c5",
    **_ALIGN,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 128,
    "IMAGE_MIN_DIM": 256,
    "IMAGE_MAX_DIM": 256,
    "RPN_ANCHOR_SCALES": (40, 64, 96, 128, 176),
}
_WARP = {"ROI_POOLER": "roi_warp"}
_MAX = {"ROI_ALIGN_AGGREGATION": "max"}
# SAMPLING_RATIO has no effect here.
_POOL = {"ROI_POOLER": "roi_pool", "SAMPLING_RATIO": 0}

# The arguments of `AblationBackbone` by name.
BACKBONES = {
    "shallow": {"blocks": SHALLOW},
    "deep": {"blocks": DEEP},
    "deep_grouped": {"blocks": DEEP, "grouped": True},
}

# The settings of each configuration by its name. "BACKBONE" is a name in `BACKBONES`.
CONFIGURATIONS = {
    "c4": {"BACKBONE": "shallow", **_C4},
    "c4_deep": {"BACKBONE": "deep", **_C4},
    "fpn": {"BACKBONE": "shallow", **_FPN},
    "fpn_deep": {"BACKBONE": "deep", **_FPN},
    "fpn_deep_grouped": {"BACKBONE": "deep_grouped", **_FPN},
    "c4_softmax": {"BACKBONE": "shallow", **_C4, "MASK_LOSS": "softmax"},
    "c4_agnostic": {"BACKBONE": "shallow", **_C4, "MASK_CLASS_AGNOSTIC": True},
    "c4_pool": {"BACKBONE": "shallow", **_C4, **_POOL},
    "c4_warp_max": {"BACKBONE": "shallow", **_C4, **_WARP, **_MAX},
    "c4_warp": {"BACKBONE": "shallow", **_C4, **_WARP},
    "c4_max": {"BACKBONE": "shallow", **_C4, **_MAX},
    "c5_pool": {"BACKBONE": "shallow", **_C5, **_POOL},
    "c5": {"BACKBONE": "shallow", **_C5},
    "fpn_mlp2": {"BACKBONE": "shallow", **_FPN, "MASK_HEAD": "mlp2"},
    "fpn_mlp3": {"BACKBONE": "shallow", **_FPN, "MASK_HEAD": "mlp3"},
    "fpn_deep_box": {"BACKBONE": "deep", **_FPN, "HEADS": ("box",)},
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table of the paper.

    Attributes:
        label: what the paper calls it.
        configuration: name in `CONFIGURATIONS`.
        paper: AP, AP50 and AP75 in percent; None where the paper does not say.
    """

    label: str
    configuration: str
    paper: tuple


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Rows that differ in one thing; each is compared with the first.

    Attributes:
        name: what `--only` calls it, such as "2c".
        title: what differs.
        rows: the `Row`s.
        kind: "segm" for mask AP, "bbox" for box AP.
    """

    name: str
    title: str
    rows: tuple
    kind: str = "segm"


COMPARISONS = (
    Comparison(
        "2a",
        "backbone",
        (
            Row("ResNet-50-C4", "c4", (30.3, 51.2, 31.5)),
            Row("ResNet-101-C4", "c4_deep", (32.7, 54.2, 34.3)),
            Row("ResNet-50-FPN", "fpn", (33.6, 55.2, 35.3)),
            Row("ResNet-101-FPN", "fpn_deep", (35.4, 57.3, 37.5)),
            Row("ResNeXt-101-FPN", "fpn_deep_grouped", (36.7, 59.5, 38.9)),
        ),
    ),
    Comparison(
        "2b",
        "mask loss, C4",
        (
            Row("softmax", "c4_softmax", (24.8, 44.1, 25.1)),
            Row("sigmoid", "c4", (30.3, 51.2, 31.5)),
        ),
    ),
    Comparison(
        "2c",
        "RoI pooling, C4 (stride 16)",
        (
            Row("RoIPool, max", "c4_pool", (26.9, 48.8, 26.4)),
            Row("RoIWarp, max", "c4_warp_max", (27.2, 49.2, 27.1)),
            Row("RoIWarp, average", "c4_warp", (27.1, 48.9, 27.1)),
            Row("RoIAlign, max", "c4_max", (30.2, 51.0, 31.8)),
            Row("RoIAlign, average", "c4", (30.3, 51.2, 31.5)),
        ),
    ),
    Comparison(
        "2d",
        "RoI pooling, C5 (stride 32), masks",
        (
            Row("RoIPool", "c5_pool", (23.6, 46.5, 21.6)),
            Row("RoIAlign", "c5", (30.9, 51.8, 32.1)),
        ),
    ),
    Comparison(
        "2d-box",
        "RoI pooling, C5 (stride 32), boxes",
        (
            Row("RoIPool", "c5_pool", (28.2, 52.7, 26.9)),
            Row("RoIAlign", "c5", (34.0, 55.3, 36.4)),
        ),
        "bbox",
    ),
    Comparison(
        "2e",
        "mask head, FPN",
        (
            Row("MLP, two hidden layers", "fpn_mlp2", (31.5, 53.7, 32.8)),
            Row("MLP, three hidden layers", "fpn_mlp3", (31.5, 54.0, 32.6)),
            Row("FCN", "fpn", (33.6, 55.2, 35.3)),
        ),
    ),
    Comparison(
        "4.1",
        "masks by class, C4",
        (
            Row("class-agnostic", "c4_agnostic", (29.7, None, None)),
            Row("class-specific", "c4", (30.3, None, None)),
        ),
    ),
    Comparison(
        "3",
        "with and without the mask head, boxes, ResNet-101-FPN",
        (
            Row("Faster R-CNN, RoIAlign", "fpn_deep_box", (37.3, 59.6, 40.3)),
            Row("Mask R-CNN", "fpn_deep", (38.2, 60.3, 41.7)),
        ),
        "bbox",
    ),
)

# With a single class, these are the same as "c4": nothing competes, and nothing is shared.
NEED_CLASSES = ("c4_softmax", "c4_agnostic")


def is_measured(task, configuration):
    """Whether a task has what a configuration is about: nuclei are of one class."""
    return task == "shapes" or configuration not in NEED_CLASSES


def make_backbone(name):
    """The `AblationBackbone` of a name in `BACKBONES`."""
    return AblationBackbone(**BACKBONES[name])


def chosen(only=None):
    """The comparisons with these names, all for None, and the configurations that they need.

    Args:
        only: names of comparisons, such as ["2c", "2d"].

    Returns:
        tuple of `Comparison`s, and a list of names in `CONFIGURATIONS` in its order.

    Raises:
        ValueError: an unknown name.
    """
    names = [comparison.name for comparison in COMPARISONS]
    for name in only or ():
        if name not in names:
            raise ValueError(f"{name!r} is not a comparison: it must be one of {', '.join(names)}.")
    found = tuple(c for c in COMPARISONS if not only or c.name in only)
    needed = {row.configuration for comparison in found for row in comparison.rows}
    return found, [name for name in CONFIGURATIONS if name in needed]

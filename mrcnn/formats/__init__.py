"""Datasets read from the files of annotation tools.

Each class reads one format: `CocoDataset.read(path)` returns a prepared `Dataset`, `load(path)`
adds to an existing one. All accept `class_names` (the classes and their order), `class_map` (rename
a class, or drop it with None) and `strict` (False skips unusable entries, with a warning).
`read_any` recognises the format by the files.
"""

from .coco import CocoDataset
from .coco_keypoints import CocoKeypointsDataset
from .index_pngs import IndexPngDataset
from .instance_pngs import InstancePngDataset
from .label_images import LabelImageDataset
from .labelme import LabelMeDataset
from .recognise import read_any
from .via import ViaDataset
from .voc_xml import VocDataset
from .yolo import YoloDataset

__all__ = [
    "CocoDataset",
    "CocoKeypointsDataset",
    "IndexPngDataset",
    "InstancePngDataset",
    "LabelImageDataset",
    "LabelMeDataset",
    "ViaDataset",
    "VocDataset",
    "YoloDataset",
    "read_any",
]

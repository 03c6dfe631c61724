"""Detection metrics for an image or a dataset, and `evaluate`, which computes them all."""

from ..metrics.coco import KINDS, MAX_DETECTIONS, CocoAP, CocoFigures, evaluate_coco
from ..metrics.coco_dataset import CocoMetrics, coco_ap
from ..metrics.comparison import Comparison
from ..metrics.confusion import ConfusionMatrix
from ..metrics.evaluator import METRICS, Evaluator
from ..metrics.hausdorff import HausdorffDistance, hausdorff, outline
from ..metrics.image_ap import compute_ap, compute_ap_range, compute_matches, compute_recall
from ..metrics.jaccard import AggregatedJaccard
from ..metrics.objects import IOU_THRESHOLDS, ObjectScores
from ..metrics.panoptic import PanopticQuality
from ..metrics.pixel_classes import PixelScores
from ..metrics.voc import VocAP
from .report import headline, remarks, summary, table, write
from .run import evaluate

__all__ = [
    "IOU_THRESHOLDS",
    "KINDS",
    "MAX_DETECTIONS",
    "METRICS",
    "AggregatedJaccard",
    "CocoAP",
    "CocoFigures",
    "CocoMetrics",
    "Comparison",
    "ConfusionMatrix",
    "Evaluator",
    "HausdorffDistance",
    "ObjectScores",
    "PanopticQuality",
    "PixelScores",
    "VocAP",
    "coco_ap",
    "compute_ap",
    "compute_ap_range",
    "compute_matches",
    "compute_recall",
    "evaluate",
    "evaluate_coco",
    "hausdorff",
    "headline",
    "outline",
    "remarks",
    "summary",
    "table",
    "write",
]

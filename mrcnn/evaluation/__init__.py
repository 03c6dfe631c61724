"""How good detections are: figures of an image, of a data set, and `evaluate` for all of them."""

from .average_precision import compute_ap, compute_ap_range, compute_matches, compute_recall
from .coco import KINDS, MAX_DETECTIONS, CocoAP, CocoFigures, evaluate_coco
from .coco_metrics import CocoMetrics, coco_ap
from .comparison import Comparison
from .confusion import ConfusionMatrix
from .evaluator import METRICS, Evaluator
from .hausdorff import HausdorffDistance, hausdorff, outline
from .jaccard import AggregatedJaccard
from .objects import IOU_THRESHOLDS, ObjectScores
from .panoptic import PanopticQuality
from .pixels import PixelScores
from .report import headline, summary, table, write
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
    "summary",
    "table",
    "write",
]

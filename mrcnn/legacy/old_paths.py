"""Keeps modules importable by the paths they had before they moved into subpackages.

`from mrcnn.small_resnet import SmallNetwork` still works: on import, the old module is assembled
from the modules that define its names.
"""

from collections.abc import Sequence

from .stand_ins import StandIns

# Old module: the modules that define its names. All paths are relative to `mrcnn`.
MOVED = {
    "anchor_coverage": "anchors.coverage",
    "anchor_lattice": "anchors.lattice",
    "archives": "files.archives",
    "backbones": "network.backbones.resnet network.layers network.backbones",
    "boxes": "geometry.boxes",
    "coco_export": "datasets.coco_export",
    "command_line": "cli",
    "compat": "legacy.tensors",
    "config_checks": "config_rules.network_rules images.resizing",
    "conv1": "weights.stem",
    "dataset": "datasets.dataset",
    "dataset_check": "datasets.check",
    "dataset_report": "datasets.report",
    "debug_targets": "legacy.debug_targets",
    "detection": "network.detections legacy.signatures",
    "download": "files.download weights.published",
    "evaluation.average_precision": "metrics.image_ap",
    "evaluation.coco": "metrics.coco",
    "evaluation.coco_metrics": "metrics.coco_dataset",
    "evaluation.comparison": "metrics.comparison",
    "evaluation.confusion": "metrics.confusion",
    "evaluation.evaluator": "metrics.evaluator",
    "evaluation.hausdorff": "metrics.hausdorff",
    "evaluation.jaccard": "metrics.jaccard",
    "evaluation.objects": "metrics.objects",
    "evaluation.panoptic": "metrics.panoptic",
    "evaluation.pixels": "metrics.pixel_classes",
    "evaluation.ratios": "metrics.ratios",
    "fpn": "network.pyramid",
    "graph_model": "network.graph_model",
    "ground_truth": "loading.samples datasets.reading",
    "heads": "network.layers legacy.signatures network.heads.mask",
    "image_meta": "images.meta",
    "instance_masks": "instances.masks",
    "interpolation": "geometry.resampling",
    "introspection": "inference.introspection",
    "loader": "loading.batches legacy.generator loading.source",
    "losses": "network.losses network.rpn network.heads.box network.heads.mask",
    "mask_overlaps": "instances.overlaps inference.no_overlaps",
    "masks": "instances.pasting instances.overlaps",
    "pixels": "images.pixels",
    "precision": "network.precision",
    "prediction": "inference.detector inference.molding",
    "proposals": "network.proposals",
    "rle": "instances.rle",
    "roi_align": "network.poolers.align",
    "rpn": "network.rpn",
    "rpn_targets": "anchors.targets",
    "sample_source": "loading.source",
    "shared_inference": "network.sharing inference.detector",
    "small_resnet": "network.backbones.small_resnet presets.small",
    "splits": "datasets.splits",
    "start_weights": "weights.start_weights",
    "targets": "network.sampling legacy.signatures",
    "tiff": "images.tiff",
    "training.callback_list": "training.callbacks.order",
    "training.checkpoints": "runs.folder training.callbacks.state",
    "training.history": "runs.history",
    "training.run_record": "runs.record",
    "training.runs": "training.trainer",
    "training.stages": "runs.stages",
    "training.train_state": "runs.state",
    "training_checks": "config_rules.training_rules",
    "transforms": "images.resizing images.normalising legacy.resize",
    "tta": "inference.tta inference.merging",
    "value_checks": "config_rules.values",
    "visualize.comparison": "visualize.side_by_side",
    "visualize.datasets": "visualize.dataset_charts",
    "visualize.evaluation": "visualize.score_charts",
    "visualize.inspection": "visualize.network_boxes visualize.tables",
    "visualize.samples": "visualize.dataset_images",
    "visualize.training": "visualize.history_chart visualize.batches visualize.side_by_side",
    "weights_file": "weights.keras_h5",
    "weights_report": "weights.report",
    "worker_pool": "loading.workers",
}


class OldPaths(StandIns):
    """Finds and loads the modules of `MOVED`."""

    @classmethod
    def homes(cls, fullname: str) -> Sequence[str]:
        """See `StandIns.homes`.

        Args:
            fullname: full module name, such as "mrcnn.small_resnet".
        """
        package, _, name = fullname.partition(".")
        return [f"mrcnn.{home}" for home in MOVED.get(name, "").split() if package == "mrcnn"]

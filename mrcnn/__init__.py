"""Mask R-CNN for Keras 3: instance segmentation in the manner of the matterport reference.

    from mrcnn import model as modellib, visualize
    from mrcnn.config import Config

    config = Config.from_dict({"NAME": "coco", "NUM_CLASSES": 81, "IMAGES_PER_GPU": 1})
    model = modellib.MaskRCNN("inference", config, model_dir="logs")
    model.load_weights("mask_rcnn_coco.h5", by_name=True)
    result = model.detect([image])[0]  # rois, class_ids, scores, masks

- **The model** that users hold: `mrcnn.mask_rcnn.MaskRCNN`; all settings: `mrcnn.config.Config`.
- **Data**: `mrcnn.formats` reads what annotation tools write, and `mrcnn.dataset.Dataset` is the
  base of a reader of your own; `mrcnn.augment` changes images and masks alike, `mrcnn.loader` makes
  batches.
- **Training**: `mrcnn.training`, a run with its stages, callbacks, checkpoints and devices;
  `mrcnn.weights` reads and writes weight files.
- **Results**: `mrcnn.evaluation` says how good they are, `mrcnn.visualize` draws them,
  `mrcnn.tta` looks at an image several times.
- **The network**, a stage a module: `mrcnn.backbones`, `mrcnn.fpn`, `mrcnn.rpn`,
  `mrcnn.proposals`, `mrcnn.roi_align`, `mrcnn.heads`, `mrcnn.targets`, `mrcnn.losses`,
  `mrcnn.detection`; `mrcnn.network` wires them.
- **Geometry**: `mrcnn.boxes`, `mrcnn.anchors` and `mrcnn.masks` in numpy, `mrcnn.ops` on tensors.
- **The names of the reference**: `mrcnn.model` and `mrcnn.utils`.

Boxes are (y1, x1, y2, x2), in pixels with y2 and x2 exclusive, or normalised as
`mrcnn.boxes.norm_boxes` does it. Masks are [H, W, N]. In shapes B stands for images of a batch, N
for instances or boxes, G for those of the ground truth, A for anchors, R for RoIs, and C for
channels or classes.

Importing the package loads nothing heavy (`mrcnn.model` brings Keras and its backend). It sets
TF_ENABLE_ONEDNN_OPTS to suit the CPU, unless you have set it: `mrcnn.cpu`.
"""

from .cpu import choose_kernels as _choose_kernels

__version__ = "3.0.0"

_choose_kernels()

"""Mask R-CNN for Keras 3: instance segmentation in the manner of the matterport reference.

    from mrcnn import model as modellib, visualize
    from mrcnn.config import Config

    config = Config.from_dict({"NAME": "coco", "NUM_CLASSES": 81, "IMAGES_PER_GPU": 1})
    model = modellib.MaskRCNN("inference", config, model_dir="logs")
    model.load_weights("mask_rcnn_coco.h5", by_name=True)
    result = model.detect([image])[0]  # rois, class_ids, scores, masks

- **The model** that users hold: `mrcnn.mask_rcnn.MaskRCNN`; all settings: `mrcnn.config.Config`.
- **Data**: `mrcnn.formats` reads what annotation tools write, `mrcnn.datasets` has the base of a
  reader of your own, `mrcnn.images` opens image files, `mrcnn.instances` holds masks and boxes,
  `mrcnn.augment` changes images and instances alike, and `mrcnn.loading` makes batches.
- **The network**: `mrcnn.network`, its `backbones`, `poolers` and `heads` one file each;
  `mrcnn.network.graph` wires them, `mrcnn.anchors` and `mrcnn.weights` serve it.
- **Training**: `mrcnn.training` trains, and `mrcnn.runs` is what a training run leaves on disk.
- **Results**: `mrcnn.inference` detects, `mrcnn.evaluation` says how good detections are by the
  figures of `mrcnn.metrics`, and `mrcnn.visualize` draws them.
- **The ground**: `mrcnn.geometry` in numpy, `mrcnn.ops` on tensors, `mrcnn.files`.
- **The names of the reference**: `mrcnn.model`, `mrcnn.utils` and `mrcnn.parallel_model`.

Boxes are (y1, x1, y2, x2), in pixels with y2 and x2 exclusive, or normalised as
`mrcnn.geometry.boxes.norm_boxes` does it. Masks are [H, W, N]. In shapes B stands for images of a
batch, N for instances or boxes, G for those of the ground truth, A for anchors, R for RoIs, and C
for channels or classes.

Importing the package loads nothing heavy (`mrcnn.model` brings Keras and its backend). It sets
TF_ENABLE_ONEDNN_OPTS to suit the CPU, unless you have set it: `mrcnn.cpu`.
"""

from .cpu import choose_kernels as _choose_kernels
from .legacy.old_paths import install as _install_old_paths

__version__ = "3.0.0"

_choose_kernels()
_install_old_paths()

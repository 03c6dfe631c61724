"""Mask R-CNN for Keras 3: instance segmentation with the API of matterport's Mask_RCNN.

    from mrcnn.model import MaskRCNN

    model = MaskRCNN.load("nuclei")  # comes with the package; or your own best.h5
    result = model.detect([image])[0]  # rois, class_ids, scores, masks

- **The model**: `mrcnn.mask_rcnn.MaskRCNN` trains and detects; `mrcnn.config.Config` has all
  settings.
- **Data**: `mrcnn.formats` reads the files of annotation tools, `mrcnn.datasets` has the base class
  for your own readers, `mrcnn.images` opens image files, `mrcnn.instances` holds masks and boxes,
  `mrcnn.augment` augments images along with their instances, and `mrcnn.loading` makes batches.
- **The network**: `mrcnn.network`, with one file per backbone, pooler and head in `backbones`,
  `poolers` and `heads`. `mrcnn.network.graph` wires them together, `mrcnn.anchors` makes the
  anchors and their targets, and `mrcnn.weights` loads and saves weights, each with a card that says
  how the model is built and what it finds.
- **Training**: `mrcnn.training` trains, and `mrcnn.runs` manages what a training run leaves on
  disk.
- **Results**: `mrcnn.inference` detects, `mrcnn.evaluation` scores detections with the metrics in
  `mrcnn.metrics`, and `mrcnn.visualize` draws them.
- **Foundations**: `mrcnn.geometry` for numpy arrays, `mrcnn.ops` for tensors, and `mrcnn.files`.
- **The names of matterport's Mask_RCNN**: `mrcnn.model`, `mrcnn.utils` and `mrcnn.parallel_model`.

Boxes are (y1, x1, y2, x2), either in pixels, with y2 and x2 exclusive, or normalised by
`mrcnn.geometry.boxes.norm_boxes`. Masks are [H, W, N]. In shapes, B counts the images of a batch,
N instances or boxes, G ground-truth instances, A anchors, R RoIs, and C channels or classes.

Importing the package loads nothing heavy; `mrcnn.model` imports Keras and its backend. The import
sets TF_ENABLE_ONEDNN_OPTS to suit the CPU, unless it is already set; see `mrcnn.cpu`.
"""

from .cpu import choose_kernels as _choose_kernels
from .legacy.old_paths import OldPaths as _OldPaths

__version__ = "3.1.0"

_choose_kernels()
_OldPaths.install()

"""What napari's menu offers: the detection of objects in an image layer."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..results.label_image import painted
from ..results.napari_layers import features_of
from ..results.objects import Objects

if TYPE_CHECKING:
    import napari


def detect(
    image: "napari.layers.Image", model: str = "nuclei", min_score: float = 0.0
) -> "napari.types.LayerDataTuple":
    """Detect objects in an image layer; napari makes a form of the arguments.

    Args:
        image: of [H, W], or [H, W, 3] in colour.
        model: name or path, see `MaskRCNN.load`. It stays loaded for the next image.
        min_score: least score of an object, from 0 to 1.

    Returns:
        (labels, options, "labels") of a new layer with the numbers of the objects, see `to_napari`.

    Raises:
        FileNotFoundError, ValueError: there is no such model, it has no masks, or the image is a
            stack.
    """
    pixels = np.asarray(image.data[0] if image.multiscale else image.data)
    if pixels.ndim != (3 if image.rgb else 2):
        raise ValueError(
            f"{image.name} is a stack of shape {pixels.shape}: detection needs an image of height "
            "and width. Take one plane of it first."
        )
    network = _network(model)
    objects = Objects.of_result(network.detect([pixels])[0])
    if objects.masks is None:
        raise ValueError(f"{model} finds boxes only: a layer of labels needs a model with masks.")
    objects = objects[objects.scores >= min_score]
    options = {
        "name": f"{image.name}: {model}",
        "features": features_of(objects, network.class_names),
        "scale": image.scale,
    }
    return painted(objects, pixels.shape[:2]), options, "labels"


@functools.lru_cache(maxsize=1)
def _network(model: str) -> Any:
    from ..mask_rcnn import MaskRCNN

    return MaskRCNN.load(model)

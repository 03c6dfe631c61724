"""Results as layers of the viewer napari."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Array
from .label_image import painted
from .objects import Objects, class_name
from .polygons import outlines


def to_napari(
    viewer: Any,
    result: Mapping[str, Any] | Objects,
    image: npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    *,
    name: str = "objects",
    scale: Sequence[float] = (1, 1),
    with_outlines: bool = False,
) -> list[Any]:
    """Show an image and the objects found in it as layers of a napari viewer.

    The labels are the numbers of the objects. Features of the layer hold the number, class, score
    and area of each, which napari shows for the object under the pointer. Objects without masks
    are rectangles in a layer of shapes.

    Args:
        viewer: a `napari.Viewer`.
        result: of `MaskRCNN.detect`, or `Objects` of one image.
        image: [H, W] or [H, W, C], to be shown beneath the objects: uint8 of three channels in
            colour, others with a layer per channel. None: only the objects.
        class_names: one per class id, from the background's at 0; None shows the ids.
        name: of the layers of objects.
        scale: height and width of a pixel.
        with_outlines: whether to add a layer of shapes with the outlines, to edit them.

    Returns:
        The new layers: those of the image, labels, shapes.

    Example:
        >>> import napari  # doctest: +SKIP
        >>> viewer = napari.Viewer()  # doctest: +SKIP
        >>> to_napari(viewer, model.detect([image])[0], image, ["BG", "cell"])  # doctest: +SKIP
        [<Image layer 'image' at 0x7f0a>, <Labels layer 'objects' at 0x7f0b>]
    """
    objects = result if isinstance(result, Objects) else Objects.of_result(result)
    layers = [] if image is None else _add_image(viewer, np.asanyarray(image), scale)
    features = features_of(objects, class_names)
    if objects.masks is not None:
        labels = painted(objects, objects.masks.shape[:2])
        layers.append(viewer.add_labels(labels, name=name, features=features, scale=scale))
    if objects.masks is None or with_outlines:
        rings, owners = _rings(objects)
        shapes = viewer.add_shapes(
            rings,
            shape_type="polygon",
            name=name if objects.masks is None else f"outlines of {name}",
            face_color="transparent",
            edge_color="yellow",
            scale=scale,
        )
        if rings:  # napari gives a layer without shapes no columns
            shapes.features = {key: values[owners] for key, values in features.items()}
        layers.append(shapes)
    return layers


def features_of(objects: Objects, class_names: Sequence[str] | None = None) -> dict[str, Array]:
    """The table of features of a labels layer.

    Args:
        objects: N objects.
        class_names: see `to_napari`.

    Returns:
        Columns of N values: "index", the label to which napari assigns a row, and "number",
        "class", "score" and "area", in pixels of the mask or else of the box.
    """
    ids = objects.class_ids.tolist()
    classes = ids if class_names is None else [class_name(class_names, i) for i in ids]
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
    return {
        "index": objects.numbers,
        "number": objects.numbers,
        "class": np.array(classes, int if class_names is None else str),
        "score": objects.scores,
        "area": sides.prod(axis=1) if objects.masks is None else objects.masks.areas,
    }


def _add_image(viewer: Any, image: Array, scale: Sequence[float]) -> list[Any]:
    if image.ndim == 2:
        return [viewer.add_image(image, name="image", scale=scale)]
    if image.shape[2] == 3 and image.dtype == np.uint8:
        return [viewer.add_image(image, name="image", rgb=True, scale=scale)]
    names = [f"channel {i}" for i in range(image.shape[2])]
    return list(viewer.add_image(image, channel_axis=2, name=names, scale=scale))


def _rings(objects: Objects) -> tuple[list[Array], list[int]]:
    """The rings of all objects, [P, (y, x)] from the centre of the first pixel, and whose they are.

    A hole is a ring of its own: napari has no polygons with holes.
    """
    rings, owners = [], []
    for i, (y1, x1, y2, x2) in enumerate(objects.boxes):
        if objects.masks is None:
            found = [np.array([[y1, x1], [y1, x2], [y2, x2], [y2, x1]])]
        else:
            crop, corner = objects.masks.crops[i], objects.masks.boxes[i, :2]
            found = [ring[:, ::-1] for each in outlines(crop, corner) for ring in each.rings]
        rings += [ring - 0.5 for ring in found]
        owners += [i] * len(found)
    return rings, owners

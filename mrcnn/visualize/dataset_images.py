"""Figures of dataset images: with their instances, and before and after augmentation."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np
from matplotlib.figure import Figure

from ..augment import Augmentation, augment, check_augmentation, needs_another
from ..config import Config
from ..datasets.dataset import Dataset
from ..datasets.prepared import prepared_ids
from ..datasets.reading import place_of
from ..instances import InstanceBoxes, InstanceMasks, Instances
from ..loading.samples import another_of, load_framed
from ..types import Array
from .captions import CAPTION_POINTS, add_caption, inner_point, instance_label
from .drawing import CROWDED, RGB, add_box, add_outlines, blend_masks, neighbor_colors
from .figures import (
    Inches,
    SaveTo,
    finish,
    image_axes,
    native_axes,
    new_figure,
    scale_of,
    show,
)
from .pictures import as_rgb, is_dark

_CROWD_COLOR = (1.0, 1.0, 1.0)
_SEARCHED_IMAGES = 100  # how many to search for images with instances
_LETTERS_PER_INCH = 12  # in a title
_DPI = 150


def display_sample(
    dataset: Dataset,
    image_id: int,
    config: Config | None = None,
    *,
    show_mask: bool = True,
    show_bbox: bool | None = None,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Figure | None:
    """Draw a dataset image with its instances: masks, outlines, boxes and class names.

    If the dataset has only boxes, only these are drawn. Crowds are white, with a dashed box. With
    one class, or more than 40 instances, captions are left out: the title counts the instances.
    Pixels are scaled so that they can be seen, see `pictures.as_rgb`; with `config`, its
    IMAGE_SCALING is applied first. The title says if a dark 8-bit image was brightened.

    Args:
        dataset: a prepared dataset.
        image_id: index of the image in the dataset.
        config: to show the image and its instances as the network receives them: resized, cropped
            and padded. None shows them unchanged.
        show_mask: whether to tint the masks; their outlines are always drawn.
        show_bbox: whether to draw the boxes; None draws them for up to 40 instances, or if there
            are no masks.
        seed: seed of the crop, with IMAGE_RESIZE_MODE "crop".
        figsize: inches (width, height); None is 10 along the longer side.
        dpi: dots per inch; None is 150.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether the picture has exactly the image's pixels, without margins or title;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        ValueError: image and instances differ in size.

    Example:
        >>> from mrcnn.visualize import display_sample
        >>> display_sample(dataset, 0)  # doctest: +SKIP
        >>> display_sample(dataset, 0, config, save_to="input.png")  # doctest: +SKIP
    """
    if config is None:
        image, instances, class_ids = _load_unchanged(dataset, image_id)
        kind = _describe(image)
    else:
        rng = np.random.default_rng([seed, int(image_id)])
        image, instances, class_ids, factor = _as_input(dataset, config, image_id, rng)
        kind = f"{_describe(image)}: the network's input, scaled by {factor:.3g}"
    picture = as_rgb(image, place_of(dataset, image_id))
    colors = instance_colors(instances, class_ids)
    crowded = len(class_ids) > CROWDED
    only_boxes = isinstance(instances, InstanceBoxes)
    alpha = 0.4 if show_mask else 0
    outlines = [] if only_boxes else _paint(picture, instances, colors, alpha)
    if show_bbox is None:
        show_bbox = only_boxes or not crowded

    height, width = picture.shape[:2]
    default_size = max(5, 10 * width / max(height, width)), 10 * height / max(height, width) + 0.8
    ax = image_axes(picture.shape, None, (default_size, _DPI), figsize, dpi, save_to, native)
    fig = ax.figure
    assert isinstance(fig, Figure)
    scale = scale_of(ax, len(class_ids))
    show(ax, picture)
    letters = int(_LETTERS_PER_INCH * fig.get_figwidth())
    lines = [*_name(dataset, image_id, letters), kind, _counts(dataset.class_names, class_ids)]
    ax.set_title("\n".join(textwrap.fill(line, letters) for line in lines), fontsize=9)
    if outlines:
        add_outlines(ax, outlines, colors, scale)
    for i, (box, class_id, color) in enumerate(
        zip(instances.boxes, class_ids, colors, strict=True)
    ):
        crowd = class_id < 0
        if crowd or show_bbox:
            linestyle = "dashed" if crowd else "solid"
            add_box(ax, box, color, scale, linestyle, alpha=0.8, alone=only_boxes)
        if crowd or (not crowded and len(dataset.class_names) > 2):
            label = instance_label(dataset.class_names, class_id)
            target = None
            if not isinstance(instances, InstanceBoxes):
                target = inner_point(instances.crops[i], box[:2])
            add_caption(ax, box, label, color, CAPTION_POINTS * scale, target)
    return finish(fig, created=True, save_to=save_to, native=native)


def display_augmented(
    dataset: Dataset,
    config: Config,
    augmentation: Augmentation | None,
    image_ids: Sequence[int] | Array | None = None,
    rows: int = 3,
    cols: int = 4,
    *,
    seed: int = 0,
    figsize: Inches | None = None,
    dpi: float | None = None,
    save_to: SaveTo | None = None,
    native: bool = False,
) -> Figure | None:
    """Show the effect of an augmentation: one image per row, first unchanged, then augmented.

    Images are resized, cropped and padded as the network receives them, with one crop per row; the
    augmented ones also as TRAIN_MIN_DIMS and TRAIN_SCALE_JITTER say. Only mask outlines are drawn,
    or boxes if there are no masks, and an instance has the same colour throughout its row, except
    with `CopyPaste`. Where outlines miss the objects, the augmentation does not move the masks with
    the image.

    Args:
        dataset: a prepared dataset.
        config: configuration of the network.
        augmentation: an imgaug augmenter, a callable, ...; see `mrcnn.augment`.
        image_ids: the images to show; None draws `rows` at random, preferably with instances.
        rows: number of images if `image_ids` is None.
        cols: images per row, including the unaugmented one.
        seed: seed of the choice of images, the crops and the augmentation. A sample does not
            depend on `rows` or `cols`.
        figsize: inches (width, height); None is 3.5 wide per image.
        dpi: dots per inch; None is 150.
        save_to: path of a PNG to write; the figure is then closed.
        native: whether each panel has exactly its image's pixels, without margins or titles;
            figsize is then ignored.

    Returns:
        The Figure, or None if it was shown.

    Raises:
        TypeError: the augmentation is not of a supported kind.
        ValueError: there are no images, or an image and its instances do not match.

    Example:
        >>> from mrcnn import augment, visualize
        >>> visualize.display_augmented(dataset, config, augment.photographs())  # doctest: +SKIP
    """
    check_augmentation(augmentation)
    if image_ids is None:
        image_ids = _with_instances(dataset, rows, np.random.default_rng(seed))
    if len(image_ids) == 0:
        raise ValueError("no images to show: the dataset or image_ids is empty.")
    samples = [
        _as_input(dataset, config, i, np.random.default_rng([seed, int(i)])) for i in image_ids
    ]
    heights = [3.5 * image.shape[0] / image.shape[1] + 0.35 for image, *_ in samples]  # inches
    if native:
        axes = native_axes([[image.shape] * cols for image, *_ in samples], dpi, save_to)
    else:
        fig = new_figure(((3.5 * cols, sum(heights)), _DPI), figsize, dpi, save_to)
        axes = fig.subplots(len(samples), cols, squeeze=False, height_ratios=heights)
    for row, image_id, sample in zip(axes, image_ids, samples, strict=True):
        image, instances, class_ids, _ = sample
        colors = instance_colors(instances, class_ids)
        for col, ax in enumerate(row):
            changed, moved, shades = image, instances, colors
            if col > 0:
                rng = np.random.default_rng([seed, int(image_id), col])
                changed, moved, ids = _augmented(
                    dataset, config, image_id, augmentation, sample, rng
                )
                shades = instance_colors(moved, ids) if needs_another(augmentation) else colors
            picture = as_rgb(changed, place_of(dataset, image_id))
            outlines = _paint(picture, moved, shades, alpha=0)
            show(ax, picture)
            add_outlines(ax, outlines, shades, scale_of(ax, len(moved)))
            left = np.count_nonzero(moved.visible)
            title = f"image {image_id}, {len(instances)} instances"
            if col > 0:
                of = "" if needs_another(augmentation) else f" of {len(instances)}"
                title = f"augmented, {left}{of} instances"
            ax.set_title(title, fontsize=8)
    return finish(axes[0, 0].figure, created=True, save_to=save_to, native=native)


def instance_colors(
    instances: InstanceMasks | InstanceBoxes, class_ids: Sequence[int] | Array
) -> list[RGB]:
    """Choose a colour for each instance: neighbours differ, and crowds are white.

    Args:
        instances: N instances.
        class_ids: int [N], negative for a crowd.

    Returns:
        list of N colours (red, green, blue) in [0, 1].
    """
    colors = neighbor_colors(instances.boxes)
    return [
        _CROWD_COLOR if class_id < 0 else color
        for class_id, color in zip(class_ids, colors, strict=True)
    ]


def _load_unchanged(
    dataset: Dataset, image_id: int
) -> tuple[Array, InstanceMasks | InstanceBoxes, Array]:
    image = np.asanyarray(dataset.load_image(image_id))  # keeps the mask of a masked array
    field = _field(dataset, image_id)
    load = dataset.load_instances if field == "masks" else dataset.load_boxes
    instances, class_ids = load(image_id)
    class_ids = np.asarray(class_ids)
    if len(class_ids) and instances.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"{place_of(dataset, image_id)}: its {field} are {instances.height}x{instances.width} "
            f"pixels, the image is {image.shape[0]}x{image.shape[1]} (height x width): they must "
            "have the same size."
        )
    return image, instances[instances.visible], class_ids[instances.visible]


def _as_input(
    dataset: Dataset, config: Config, image_id: int, rng: np.random.Generator
) -> tuple[Array, InstanceMasks | InstanceBoxes, Array, float]:
    """Load a sample as training does, without augmentation, and its resize factor.

    Returns:
        image [H, W, C], N instances, class ids [N] and the factor.
    """
    field = _field(dataset, image_id)
    image, frame, instances = load_framed(
        dataset, config, image_id, (field,), augment=False, rng=rng
    )
    instances = instances[instances.visible]
    return image, instances.fields[field], instances.class_ids, frame.scale


def _augmented(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augmentation: Augmentation | None,
    sample: tuple[Array, InstanceMasks | InstanceBoxes, Array, float],
    rng: np.random.Generator,
) -> tuple[Array, InstanceMasks | InstanceBoxes, Array]:
    """A sample of `_as_input` as training might augment it: image, instances and class ids."""
    field = _field(dataset, image_id)
    image, instances = sample[0], Instances(sample[2], {field: sample[1]})
    if config.TRAIN_MIN_DIMS is not None or config.TRAIN_SCALE_JITTER is not None:
        image, _, instances = load_framed(
            dataset, config, image_id, (field,), augment=False, rng=rng, training=True
        )
    if augmentation is not None:
        another = another_of(dataset, config, image_id, (field,), training=True)
        image, instances = augment(augmentation, image, instances, rng, another)
    return image, instances.fields[field], instances.class_ids


def _field(dataset: Dataset, image_id: int) -> str:
    return "masks" if dataset.has("masks", image_id) else "boxes"


def _paint(
    picture: Array, instances: InstanceMasks | InstanceBoxes, colors: Sequence[RGB], alpha: float
) -> list[list[Array]]:
    """Tint the masks in a picture, in place, and return their outlines as `blend_masks` does.

    Masks are painted one by one: as a single dense array, they may not fit into memory. Boxes are
    not tinted and are their own outlines.
    """
    if isinstance(instances, InstanceBoxes):
        return [[_box_outline(box)] if box.any() else [] for box in instances.boxes]
    outlines: list[list[Array]] = []
    for crop, (y1, x1, y2, x2), color in zip(instances.crops, instances.boxes, colors, strict=True):
        if not crop.size:
            outlines.append([])
            continue
        (lines,) = blend_masks(picture[y1:y2, x1:x2], crop[:, :, np.newaxis], [color], alpha)
        outlines.append([line + np.array([x1, y1]) for line in lines])
    return outlines


def _box_outline(box: Array) -> Array:
    """The outline of a box, [points, (x, y)]."""
    y1, x1, y2, x2 = box
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]]) - 0.5


def _with_instances(dataset: Dataset, count: int, rng: np.random.Generator) -> list[int]:
    """Draw image ids at random, with instances if a short search finds such images."""
    order = rng.permutation(prepared_ids(dataset))
    searched = order[:_SEARCHED_IMAGES]
    found = list(islice((i for i in searched if len(dataset.load_boxes(i)[1])), count))
    return [*found, *(i for i in order[:count] if i not in found)][:count]


def _name(dataset: Dataset, image_id: int, letters: int) -> list[str]:
    """Title lines: the image's index and its id in its source, then the end of its path."""
    info = dataset.image_info[image_id]
    path = str(info.get("path") or "")
    path = "..." + path[3 - letters :] if len(path) > letters else path
    return [f"image {image_id}: {info['source']}.{info['id']}", path][: 1 + bool(path)]


def _describe(image: Array) -> str:
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    text = f"{width} x {height} (width x height)"
    if channels != 3:
        text += f", {channels} channel{'s' * (channels > 1)}"
    if image.dtype != np.uint8:
        text += f", {image.dtype} from {np.nanmin(image):g} to {np.nanmax(image):g}"
    elif is_dark(image):
        text += f", up to {image.max()} of 255 and brightened here"
    return text


def _counts(class_names: Sequence[str], class_ids: Array) -> str:
    """Count instances by class, such as "3 instances: 2 person, 1 dog (crowd)"."""
    counts = Counter(class_ids.tolist()).most_common()
    listed = ", ".join(f"{count} {instance_label(class_names, i)}" for i, count in counts)
    return f"{len(class_ids)} instances: {listed}" if len(counts) > 1 else listed or "no instances"

"""The pyramid's anchors, in pixels of the network's input."""

import math
from collections.abc import Sequence

import numpy as np

from ..config import Config
from ..config_rules.necks import ONE_MAP
from ..config_rules.parts import backbone_problem, is_function
from ..types import Array


def compute_backbone_shapes(
    config: Config, image_shape: Sequence[int] | Array
) -> Array | Sequence[Sequence[int]]:
    """Sizes of the feature maps that have anchors: P2..P6, or with another NECK the one map.

    Args:
        config: BACKBONE, BACKBONE_STRIDES, NECK; with a function as BACKBONE,
            COMPUTE_BACKBONE_SHAPE.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        [5, (height, width)] of int, rounded up, or [1, (height, width)]; for a BACKBONE function,
        what COMPUTE_BACKBONE_SHAPE returns.

    Raises:
        ValueError: an unknown BACKBONE, or a function without COMPUTE_BACKBONE_SHAPE or with one
            that returns too few sizes.

    Example:
        >>> from mrcnn.anchors import compute_backbone_shapes
        >>> from mrcnn.config import Config
        >>> compute_backbone_shapes(Config(), (640, 1024)).tolist()
        [[160, 256], [80, 128], [40, 64], [20, 32], [10, 16]]
    """
    if is_function(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE is {config.COMPUTE_BACKBONE_SHAPE!r}: with a function as "
                "BACKBONE it must be a function (image_shape) -> [[height, width], ...]."
            )
        shapes = config.COMPUTE_BACKBONE_SHAPE(image_shape)
        # Old projects pass any object with the settings of their time.
        neck = getattr(config, "NECK", "fpn")
        if neck not in ONE_MAP or len(shapes) == 1:
            return shapes
        if len(shapes) <= ONE_MAP[neck]:
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE returns {len(shapes)} sizes: it must return those of P2 "
                f"to P6 or, with NECK {neck!r}, that of its one map."
            )
        return [shapes[ONE_MAP[neck]]]
    if problem := backbone_problem(config.BACKBONE):
        raise ValueError(problem)
    height, width = image_shape[:2]
    return np.array(
        [[math.ceil(height / s), math.ceil(width / s)] for s in config.BACKBONE_STRIDES]
    )


def generate_anchors(
    scales: float | Sequence[float] | Array,
    ratios: Sequence[float] | Array,
    shape: Sequence[int] | Array,
    feature_stride: int | Sequence[int] | Array,
    anchor_stride: int,
    rounded: bool = False,
) -> Array:
    """Anchors of one feature map.

    Args:
        scales: side of the square anchor in pixels, or several.
        ratios: width / height of the anchors, [R]: height is scale / sqrt(ratio), width
            scale * sqrt(ratio).
        shape: (height, width) of the feature map in cells.
        feature_stride: pixels of the image per cell, the same for both axes or (down, right).
        anchor_stride: 1 for anchors on every cell, 2 on every second, ...
        rounded: see `anchor_sizes`.

    Returns:
        [A, 4] float64 pixels: cells row by row, in each cell the ratios in order, for each ratio
        the scales. An anchor is centred on its cell's first corner, index * feature_stride, as the
        trained weights expect; anchors at the border extend beyond the image.

    Example:
        >>> from mrcnn.anchors import generate_anchors
        >>> generate_anchors(8, [1], (1, 2), feature_stride=16, anchor_stride=1)
        array([[-4., -4.,  4.,  4.],
               [-4., 12.,  4., 20.]])
    """
    sizes = anchor_sizes(scales, ratios, rounded)  # [R * S, (h, w)]
    down, right = np.broadcast_to(feature_stride, 2)
    y = np.arange(0, shape[0], anchor_stride) * down
    x = np.arange(0, shape[1], anchor_stride) * right
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    corners = [centres - 0.5 * sizes, centres + 0.5 * sizes]  # [cells, R * S, 2] each
    return np.concatenate(corners, axis=2).reshape(-1, 4)


def anchor_sizes(
    scales: float | Sequence[float] | Array, ratios: Sequence[float] | Array, rounded: bool = False
) -> Array:
    """Height and width of the anchors in a cell.

    Args:
        scales, ratios: see `generate_anchors`.
        rounded: whether half a side, the distance from the cell's corner, becomes a whole number of
            pixels: the even one of two that are equally near.

    Returns:
        [R * S, (height, width)] float64 pixels: the ratios in order, for each the scales.

    Example:
        >>> from mrcnn.anchors.pyramid import anchor_sizes
        >>> anchor_sizes(32, [1, 2], rounded=True)
        array([[32., 32.],
               [22., 46.]])
    """
    root = np.sqrt(np.asarray(ratios, np.float64))[:, None]  # [R, 1]
    sides = np.atleast_1d(scales)
    sizes = np.stack([(sides / root).ravel(), (sides * root).ravel()], axis=1)
    return 2 * np.rint(sizes / 2) if rounded else sizes


def anchors_per_cell(config: Config) -> int:
    """Number of a configuration's anchors in each cell of a map: one for each ratio and scale.

    Args:
        config: RPN_ANCHOR_RATIOS, RPN_ANCHOR_SCALES.

    Example:
        >>> from mrcnn.anchors.pyramid import anchors_per_cell
        >>> from mrcnn.config import Config
        >>> class OneMap(Config):
        ...     NECK = "c4"
        >>> anchors_per_cell(Config()), anchors_per_cell(OneMap())  # three ratios, five scales
        (3, 15)
    """
    return len(config.RPN_ANCHOR_RATIOS) * np.size(config.RPN_ANCHOR_SCALES[0])


def anchors_by_level(config: Config, image_shape: Sequence[int] | Array) -> Array:
    """Number of a configuration's anchors on each map that has some.

    Args:
        config: see `compute_backbone_shapes` and `anchors_per_cell`, and RPN_ANCHOR_STRIDE.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        int [levels].

    Example:
        >>> from mrcnn.anchors.pyramid import anchors_by_level
        >>> from mrcnn.config import Config
        >>> anchors_by_level(Config(), (64, 128)).tolist()
        [1536, 384, 96, 24, 6]
    """
    shapes = np.asarray(compute_backbone_shapes(config, image_shape))  # [levels, 2]
    cells = -(-shapes // config.RPN_ANCHOR_STRIDE)
    return cells.prod(axis=1) * anchors_per_cell(config)


def generate_pyramid_anchors(
    scales: Sequence[float | Sequence[float]] | Array,
    ratios: Sequence[float] | Array,
    feature_shapes: Sequence[Sequence[int]] | Array,
    feature_strides: Sequence[int] | Sequence[Sequence[int]] | Array,
    anchor_stride: int,
    rounded: bool = False,
) -> Array:
    """Anchors of all levels of a pyramid, finest level first.

    Args:
        scales: [L], one per level (or several, as a tuple per level).
        ratios: [R], the same on all levels.
        feature_shapes: [L, (height, width)] in cells.
        feature_strides: [L] pixels per cell, or [L, (down, right)].
        anchor_stride, rounded: as in `generate_anchors`.

    Returns:
        [A, 4] float64 pixels.

    Raises:
        ValueError: the numbers of scales, strides and feature maps differ.

    Example:
        >>> from mrcnn.anchors import generate_pyramid_anchors
        >>> generate_pyramid_anchors([8, 16], [1], [(1, 2), (1, 1)], [16, 32], anchor_stride=1)
        array([[-4., -4.,  4.,  4.],
               [-4., 12.,  4., 20.],
               [-8., -8.,  8.,  8.]])
    """
    if not len(scales) == len(feature_shapes) == len(feature_strides):
        raise ValueError(
            f"RPN_ANCHOR_SCALES has {len(scales)} entries and BACKBONE_STRIDES "
            f"{len(feature_strides)}, but there are {len(feature_shapes)} feature maps: both "
            "must have one entry per map."
        )
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return np.concatenate(
        [
            generate_anchors(s, ratios, shape, stride, anchor_stride, rounded)
            for s, shape, stride in levels
        ]
    )


def grid_strides(
    config: Config, image_shape: Sequence[int] | Array, shapes: Sequence[Sequence[int]] | Array
) -> Array:
    """Distances between the cells of each feature map, as RPN_ANCHOR_GRID defines them.

    Args:
        config: RPN_ANCHOR_GRID, BACKBONE_STRIDES.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.
        shapes: [L, (height, width)] of the feature maps, from `compute_backbone_shapes`.

    Returns:
        [L, (down, right)] of int, pixels.

    Example:
        >>> from mrcnn.anchors.pyramid import grid_strides
        >>> from mrcnn.config import Config
        >>> config = Config.from_dict({"RPN_ANCHOR_GRID": "image"})
        >>> grid_strides(config, (800, 1216), [[200, 304], [13, 19]]).tolist()
        [[4, 4], [61, 64]]
    """
    # Old projects pass any object with the settings of their time.
    if getattr(config, "RPN_ANCHOR_GRID", "strides") == "image":
        return np.asarray(image_shape)[:2] // np.asarray(shapes)
    return np.repeat(np.asarray(config.BACKBONE_STRIDES)[:, None], 2, axis=1)


def rounds_anchors(config: Config) -> bool:
    """Whether a configuration, which may be older than RPN_ANCHOR_ROUNDING, sets it.

    Args:
        config: any object with settings.
    """
    return bool(getattr(config, "RPN_ANCHOR_ROUNDING", False))


def pyramid_anchors(config: Config, image_shape: Sequence[int] | Array) -> Array:
    """A configuration's anchors for one input size.

    Args:
        config: RPN_ANCHOR_* and the fields of `compute_backbone_shapes`.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        [A, 4] float64 pixels.

    Example:
        >>> from mrcnn.anchors import pyramid_anchors
        >>> from mrcnn.config import Config
        >>> pyramid_anchors(Config(), (64, 64)).shape  # 3 * (16² + 8² + 4² + 2² + 1²)
        (1023, 4)
    """
    shapes = compute_backbone_shapes(config, image_shape)
    return generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        shapes,
        grid_strides(config, image_shape, shapes),
        config.RPN_ANCHOR_STRIDE,
        rounds_anchors(config),
    )

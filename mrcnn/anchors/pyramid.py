"""The pyramid's anchors, in pixels of the network's input."""

import math

import numpy as np

from ..config_rules.parts import backbone_problem, is_function


def compute_backbone_shapes(config, image_shape):
    """Sizes of the feature maps P2..P6.

    Args:
        config: BACKBONE, BACKBONE_STRIDES; with a function as BACKBONE, COMPUTE_BACKBONE_SHAPE.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        [5, (height, width)] of int, rounded up; for a BACKBONE function, what
        COMPUTE_BACKBONE_SHAPE returns.

    Raises:
        ValueError: an unknown BACKBONE, or a function without COMPUTE_BACKBONE_SHAPE.
    """
    if is_function(config.BACKBONE):
        if not callable(config.COMPUTE_BACKBONE_SHAPE):
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE is {config.COMPUTE_BACKBONE_SHAPE!r}: with a function as "
                "BACKBONE it must be a function (image_shape) -> [[height, width], ...]."
            )
        return config.COMPUTE_BACKBONE_SHAPE(image_shape)
    if problem := backbone_problem(config.BACKBONE):
        raise ValueError(problem)
    height, width = image_shape[:2]
    return np.array(
        [[math.ceil(height / s), math.ceil(width / s)] for s in config.BACKBONE_STRIDES]
    )


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """Anchors of one feature map.

    Args:
        scales: side of the square anchor in pixels, or several.
        ratios: width / height of the anchors, [R]: height is scale / sqrt(ratio), width
            scale * sqrt(ratio).
        shape: (height, width) of the feature map in cells.
        feature_stride: pixels of the image per cell.
        anchor_stride: 1 for anchors on every cell, 2 on every second, ...

    Returns:
        [A, 4] float64 pixels: cells row by row, in each cell the ratios in order, for each ratio
        the scales. An anchor is centred on its cell's first corner, index * feature_stride, as the
        trained weights expect; anchors at the border extend beyond the image.
    """
    root = np.sqrt(np.asarray(ratios, np.float64))[:, None]  # [R, 1]
    scales = np.atleast_1d(scales)
    sizes = np.stack([(scales / root).ravel(), (scales * root).ravel()], axis=1)  # [R * S, (h, w)]
    y = np.arange(0, shape[0], anchor_stride) * feature_stride
    x = np.arange(0, shape[1], anchor_stride) * feature_stride
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    corners = [centres - 0.5 * sizes, centres + 0.5 * sizes]  # [cells, R * S, 2] each
    return np.concatenate(corners, axis=2).reshape(-1, 4)


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """Anchors of all levels of a pyramid, finest level first.

    Args:
        scales: [L], one per level (or several, as a tuple per level).
        ratios: [R], the same on all levels.
        feature_shapes: [L, (height, width)] in cells.
        feature_strides: [L] pixels per cell.
        anchor_stride: as in `generate_anchors`.

    Returns:
        [A, 4] float64 pixels.

    Raises:
        ValueError: the numbers of scales, strides and feature maps differ.
    """
    if not len(scales) == len(feature_shapes) == len(feature_strides):
        raise ValueError(
            f"RPN_ANCHOR_SCALES has {len(scales)} entries and BACKBONE_STRIDES "
            f"{len(feature_strides)}, but there are {len(feature_shapes)} feature maps: both "
            "must have one entry per map."
        )
    levels = zip(scales, feature_shapes, feature_strides, strict=True)
    return np.concatenate(
        [generate_anchors(s, ratios, shape, stride, anchor_stride) for s, shape, stride in levels]
    )


def pyramid_anchors(config, image_shape):
    """A configuration's anchors for one input size.

    Args:
        config: RPN_ANCHOR_SCALES, RPN_ANCHOR_RATIOS, RPN_ANCHOR_STRIDE and the fields of
            `compute_backbone_shapes`.
        image_shape: (height, width) of the network's input in pixels; further entries are ignored.

    Returns:
        [A, 4] float64 pixels.
    """
    return generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        compute_backbone_shapes(config, image_shape),
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )

"""The RoI operators as their papers define them, in loops and float64: values to test against.

Every function takes one map [H, W, C] and one box (y1, x1, y2, x2) in cells.
"""

import math

import numpy as np


def roi_align(image, box, size, ratio, aggregation="avg", aligned=True):
    y1, x1, y2, x2 = map(float, box)
    if aligned:
        return _sampled(image, (y1 - 0.5, x1 - 0.5), (y2 - y1, x2 - x1), size, ratio, aggregation)
    length = max(y2 - y1, 1.0), max(x2 - x1, 1.0)
    return _sampled(image, (y1, x1), length, size, ratio, aggregation)


def roi_warp(image, box, size, ratio, aggregation="avg", aligned=True):
    top, left, bottom, right = (half_away(value) for value in box)
    shift = 0.5 if aligned else 0.0
    length = max(bottom - top + 1, 1), max(right - left + 1, 1)
    return _sampled(image, (top - shift, left - shift), length, size, ratio, aggregation)


def roi_pool(image, box, size):
    height, width, channels = image.shape
    top, left, bottom, right = (half_away(value) for value in box)
    bin_height = max(bottom - top + 1, 1) / size[0]
    bin_width = max(right - left + 1, 1) / size[1]
    out = np.zeros((*size, channels))
    for row in range(size[0]):
        for column in range(size[1]):
            # The float32 division of the implementations decides which cells a bin ends with.
            y_start = math.floor(np.float32(row) * np.float32(bin_height)) + top
            y_end = math.ceil(np.float32(row + 1) * np.float32(bin_height)) + top
            x_start = math.floor(np.float32(column) * np.float32(bin_width)) + left
            x_end = math.ceil(np.float32(column + 1) * np.float32(bin_width)) + left
            cells = image[
                min(max(y_start, 0), height) : min(max(y_end, 0), height),
                min(max(x_start, 0), width) : min(max(x_end, 0), width),
            ]
            if cells.size:
                out[row, column] = cells.max(axis=(0, 1))
    return out


def half_away(value):
    """Round halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def bilinear(image, y, x):
    """The value at a position; up to one cell outside, that of the nearest cell; beyond that, 0."""
    height, width, channels = image.shape
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(channels)
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
    lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
    return upper * (1 - y + top) + lower * (y - top)


def _sampled(image, start, length, size, ratio, aggregation):
    steps = [side / bins for side, bins in zip(length, size, strict=True)]
    counts = [ratio or max(math.ceil(step), 0) for step in steps]
    out = np.zeros((*size, image.shape[2]))
    for row in range(size[0]):
        for column in range(size[1]):
            points = [
                bilinear(
                    image,
                    start[0] + row * steps[0] + (i + 0.5) * steps[0] / counts[0],
                    start[1] + column * steps[1] + (j + 0.5) * steps[1] / counts[1],
                )
                for i in range(counts[0])
                for j in range(counts[1])
            ]
            if points:
                out[row, column] = np.max(points, 0) if aggregation == "max" else np.mean(points, 0)
    return out

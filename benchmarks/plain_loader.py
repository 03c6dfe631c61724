"""A training sample made one instance at a time, with the code a project would write by hand.

`loader.py` compares the package with it: the same image file and polygons in, the same arrays out,
using only numpy and scikit-image. Masks are dense arrays [H, W, N], and every step visits each of
them.
"""

import numpy as np
import skimage.draw
import skimage.io
import skimage.transform


def plain_sample(path, polygons, config, anchors, rng):
    """Image, boxes, mini masks and RPN targets of one image.

    Args:
        path: path of the image file.
        polygons: list of (ys, xs), the corners of each instance in pixels.
        config: a `Config` with IMAGE_RESIZE_MODE "square".
        anchors: [A, 4] pixels.
        rng: `numpy.random.Generator`.

    Returns:
        dict of image float32 [H, W, 3], boxes [N, 4], mini_masks bool [h, w, N], rpn_match [A] and
        rpn_bbox [RPN_TRAIN_ANCHORS_PER_IMAGE, 4].
    """
    image = skimage.io.imread(path)
    masks = np.stack([draw(polygon, image.shape[:2]) for polygon in polygons], axis=-1)
    side = config.IMAGE_MAX_DIM
    image = skimage.transform.resize(
        image, (side, side), order=1, mode="edge", preserve_range=True, anti_aliasing=False
    )
    masks = np.stack(
        [
            skimage.transform.resize(
                masks[:, :, i], (side, side), order=0, mode="edge", anti_aliasing=False
            )
            for i in range(masks.shape[-1])
        ],
        axis=-1,
    )
    boxes = np.array([tight_box(masks[:, :, i]) for i in range(masks.shape[-1])])
    mini_masks = np.zeros((*config.MINI_MASK_SHAPE, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        crop = masks[y1:y2, x1:x2, i].astype(float)
        mini = skimage.transform.resize(crop, config.MINI_MASK_SHAPE, order=1, mode="constant")
        mini_masks[:, :, i] = np.around(mini)
    rpn_match, rpn_bbox = rpn_targets(boxes, anchors, config, rng)
    image = image.astype(np.uint8).astype(np.float32) - config.MEAN_PIXEL
    return {
        "image": image.astype(np.float32),
        "boxes": boxes,
        "mini_masks": mini_masks,
        "rpn_match": rpn_match,
        "rpn_bbox": rpn_bbox,
    }


def draw(polygon, shape):
    """Mask of the pixels whose centres lie in a polygon, bool [H, W]."""
    ys, xs = polygon
    mask = np.zeros(shape, bool)
    mask[skimage.draw.polygon(np.subtract(ys, 0.5), np.subtract(xs, 0.5), shape)] = True
    return mask


def tight_box(mask):
    """(y1, x1, y2, x2) of a mask [H, W]."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def rpn_targets(boxes, anchors, config, rng):
    """rpn_match [A] and rpn_bbox [K, 4], from the IoU of every anchor with every box."""
    overlaps = np.stack([iou(box, anchors) for box in boxes], axis=1)  # [A, N]
    best, nearest = overlaps.max(axis=1), overlaps.argmax(axis=1)
    match = np.zeros(len(anchors), int)
    match[best < 0.3] = -1
    match[np.argwhere((overlaps == overlaps.max(axis=0)) & (overlaps > 0))[:, 0]] = 1
    match[best >= 0.7] = 1
    total = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    for label, limit in ((1, total // 2), (-1, total)):
        limit -= 0 if label == 1 else np.count_nonzero(match == 1)
        ids = np.flatnonzero(match == label)
        if len(ids) > limit:
            match[rng.choice(ids, len(ids) - limit, replace=False)] = 0
    targets = np.zeros((total, 4))
    for row, i in enumerate(np.flatnonzero(match == 1)):
        anchor, box = anchors[i], boxes[nearest[i]]
        size, box_size = anchor[2:] - anchor[:2], box[2:] - box[:2]
        centre, box_centre = anchor[:2] + size / 2, box[:2] + box_size / 2
        targets[row, :2] = (box_centre - centre) / size
        targets[row, 2:] = np.log(box_size / size)
    return match, targets / config.RPN_BBOX_STD_DEV


def iou(box, anchors):
    """IoU of a box with every anchor, [A]."""
    height = np.minimum(box[2], anchors[:, 2]) - np.maximum(box[0], anchors[:, 0])
    width = np.minimum(box[3], anchors[:, 3]) - np.maximum(box[1], anchors[:, 1])
    shared = np.maximum(height, 0) * np.maximum(width, 0)
    areas = (anchors[:, 2] - anchors[:, 0]) * (anchors[:, 3] - anchors[:, 1])
    return shared / (areas + (box[2] - box[0]) * (box[3] - box[1]) - shared)

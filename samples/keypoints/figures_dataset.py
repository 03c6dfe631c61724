"""Articulated stick figures on a coloured background, drawn on demand."""

import numpy as np
from skimage import draw

from mrcnn import utils
from mrcnn.instances import InstanceKeypoints, KeypointLayout
from mrcnn.instances.keypoints import HIDDEN, VISIBLE

NAMES = (
    "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_hand",
    "right_hand", "left_hip", "right_hip", "left_knee", "right_knee", "left_foot", "right_foot",
)  # fmt: skip
SKELETON = (
    (0, 1), (0, 2), (1, 2), (1, 3), (3, 5), (2, 4), (4, 6), (1, 7), (2, 8), (7, 8), (7, 9), (9, 11),
    (8, 10), (10, 12),
)  # fmt: skip
# COCO's for the same joints of a person; an ear's for the head.
SIGMAS = (0.035, *(s for s in (0.079, 0.072, 0.062, 0.107, 0.087, 0.089) for _ in range(2)))
LAYOUT = KeypointLayout(NAMES, SKELETON, sigmas=SIGMAS)

# Lengths as fractions of the figure's height.
_SHOULDER, _HIP, _TORSO, _ARM, _LEG, _HEAD = 0.13, 0.08, 0.33, 0.19, 0.24, 0.09
_WIDTH = 0.035  # half that of a limb
# A figure is left out if its box has more than this IoU with the box of one above it.
_MAX_BOX_IOU = 0.2


class FiguresDataset(utils.Dataset):
    """Images that are stored as the joints of their figures and drawn on each access.

    The figures face the viewer: a left hand belongs to the shoulder on the right of the image.
    """

    keypoint_layout = LAYOUT

    def load_figures(self, count, height, width, seed=0):
        """Add random images.

        Args:
            count: number of images.
            height, width: size of each image in pixels.
            seed: random seed; the same seed always gives the same images.
        """
        self.add_class("figures", 1, "figure")
        rng = np.random.default_rng(seed)
        for number in range(count):
            self.add_image(
                "figures",
                image_id=number,
                path=None,
                height=height,
                width=width,
                background=rng.integers(0, 256, 3).tolist(),
                figures=random_figures(height, width, rng),
            )

    def load_image(self, image_id):
        """Draw an image, uint8 [H, W, 3]."""
        info = self.image_info[image_id]
        image = np.full((info["height"], info["width"], 3), info["background"], np.uint8)
        for figure in info["figures"]:
            image[figure_mask(figure["joints"], figure["size"], image.shape)] = figure["colour"]
        return image

    def load_mask(self, image_id):
        """The visible part of each figure, bool [H, W, N], and the class ids, int32 [N]."""
        info = self.image_info[image_id]
        shape = info["height"], info["width"]
        free, masks = np.ones(shape, bool), []
        for figure in info["figures"][::-1]:
            mask = figure_mask(figure["joints"], figure["size"], shape)
            masks.append(mask & free)
            free &= ~mask
        return np.stack(masks[::-1], axis=-1), np.ones(len(masks), np.int32)

    def load_keypoints(self, image_id):
        """The joints; those that a figure in front covers are hidden."""
        masks, _ = self.load_mask(image_id)
        points = []
        for i, figure in enumerate(self.image_info[image_id]["figures"]):
            in_front = masks[:, :, i + 1 :].any(axis=2)
            rows, columns = np.floor(figure["joints"]).astype(int).T
            visibility = np.where(in_front[rows, columns], HIDDEN, VISIBLE)
            points.append(np.column_stack([figure["joints"], visibility]))
        return InstanceKeypoints(points, masks.shape, LAYOUT.flip_pairs)


def random_figures(height, width, rng):
    """One or a few figures in different poses, none much hidden by those above it.

    Returns:
        list of dicts: joints, float [13, (y, x)] in pixels; size, the height in pixels; colour.
    """
    figures = []
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.45, 0.85) * min(height, width)
        joints = random_pose(rng) * size
        margin = 1 + 1.5 * _HEAD * size
        low, high = joints.min(axis=0) - margin, joints.max(axis=0) + margin
        room = np.array([height, width]) - (high - low)
        if (room < 0).any():
            continue
        joints += rng.uniform(0, 1, 2) * room - low
        colour = rng.integers(0, 256, 3).tolist()
        figures.append({"joints": joints, "size": size, "colour": colour})
    if not figures:
        return random_figures(height, width, rng)
    boxes = [[*f["joints"].min(axis=0), *f["joints"].max(axis=0)] for f in figures]
    order = np.arange(len(boxes))
    kept = utils.non_max_suppression(np.array(boxes), order, _MAX_BOX_IOU)
    return [figures[i] for i in sorted(kept)]


def random_pose(rng):
    """Joints of a figure of height 1 in the order of NAMES, float [13, (y, x)]."""
    tilt = rng.normal(0, 0.15)
    neck = np.zeros(2)
    down, side = np.array([np.cos(tilt), np.sin(tilt)]), np.array([-np.sin(tilt), np.cos(tilt)])
    pelvis = neck + _TORSO * down
    joints = {"head": neck - 1.4 * _HEAD * down}
    for name, sign in (("left", 1), ("right", -1)):
        shoulder = neck + sign * _SHOULDER * side
        hip = pelvis + sign * _HIP * side
        # Angles from straight down, outwards.
        arm, leg = rng.uniform(-0.2, 2.6), rng.uniform(-0.1, 0.9)
        elbow = shoulder + _ARM * _turned(arm, sign, tilt)
        hand = elbow + _ARM * _turned(arm + rng.uniform(-0.8, 1.2), sign, tilt)
        knee = hip + _LEG * _turned(leg, sign, tilt)
        foot = knee + _LEG * _turned(leg - rng.uniform(0, 0.9), sign, tilt)
        joints |= {
            f"{name}_{part}": place
            for part, place in (
                ("shoulder", shoulder), ("elbow", elbow), ("hand", hand), ("hip", hip),
                ("knee", knee), ("foot", foot),
            )
        }  # fmt: skip
    return np.array([joints[name] for name in NAMES])


def _turned(angle, sign, tilt):
    return np.array([np.cos(sign * angle + tilt), np.sin(sign * angle + tilt)])


def figure_mask(joints, size, shape):
    """The pixels of a figure.

    Args:
        joints: float [13, (y, x)] in pixels.
        size: height of the figure in pixels.
        shape: (height, width) of the image; further entries are ignored.

    Returns:
        bool [H, W].
    """
    mask = np.zeros(shape[:2], bool)
    half = max(_WIDTH * size, 0.7)
    head = draw.disk(joints[0] - 0.5, _HEAD * size, shape=shape[:2])
    mask[head] = True
    for first, second in SKELETON:
        start, end = joints[first] - 0.5, joints[second] - 0.5
        along = (end - start) / max(np.linalg.norm(end - start), 1e-6)
        across = half * along[::-1] * [1, -1]
        corners = np.array([start + across, end + across, end - across, start - across])
        mask[draw.polygon(*corners.T, shape=shape[:2])] = True
    for joint in joints[1:]:
        mask[draw.disk(joint - 0.5, half + 0.5, shape=shape[:2])] = True
    return mask

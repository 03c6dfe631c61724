"""Flips and transposition of images: exact, as no pixel is interpolated."""


class Flips:
    """Randomly flip an image and its masks.

    With all three probabilities at 0.5, a square image takes each of its eight orientations equally
    often.

    Args:
        horizontal: probability of a left-right flip.
        vertical: probability of an up-down flip.
        transpose: probability of swapping rows and columns. Only square images are transposed,
            because the size must not change.
    """

    takes_instance_masks = True

    def __init__(self, horizontal=0.5, vertical=0.0, transpose=0.0):
        self.horizontal = horizontal
        self.vertical = vertical
        self.transpose = transpose

    def __repr__(self):
        return f"Flips({self.horizontal}, {self.vertical}, {self.transpose})"

    def __call__(self, image, masks, rng):
        """Flip the image [H, W, C] and its `InstanceMasks` alike."""
        if rng.random() < self.horizontal:
            image, masks = image[:, ::-1], masks.flip(1)
        if rng.random() < self.vertical:
            image, masks = image[::-1], masks.flip(0)
        # Drawn for every image, so that later draws do not depend on its size.
        if rng.random() < self.transpose and masks.height == masks.width:
            image, masks = image.swapaxes(0, 1), masks.transpose()
        return image, masks

"""Mirrored and turned images: exact, whatever is in the picture."""


class Flips:
    """Mirrors an image and its masks.

    With all three at 0.5 a square image comes in each of its eight orientations equally often.

    Args:
        horizontal: probability of a left-right flip.
        vertical: probability of an up-down flip.
        transpose: probability that rows and columns change places. Only square images do, as the
            size must stay.
    """

    takes_instance_masks = True

    def __init__(self, horizontal=0.5, vertical=0.0, transpose=0.0):
        self.horizontal = horizontal
        self.vertical = vertical
        self.transpose = transpose

    def __repr__(self):
        return f"Flips({self.horizontal}, {self.vertical}, {self.transpose})"

    def __call__(self, image, masks, rng):
        """The image [H, W, C] and its `InstanceMasks`, turned alike."""
        if rng.random() < self.horizontal:
            image, masks = image[:, ::-1], masks.flip(1)
        if rng.random() < self.vertical:
            image, masks = image[::-1], masks.flip(0)
        # Drawn for every image: its size does not change what is drawn after it.
        if rng.random() < self.transpose and masks.height == masks.width:
            image, masks = image.swapaxes(0, 1), masks.transpose()
        return image, masks

"""A weights file's first convolution, adapted to networks with other input channels."""

from collections.abc import Sequence

import numpy as np

from ..types import Array


def can_spread(
    file_shapes: Sequence[tuple[int, ...]], model_shapes: Sequence[tuple[int, ...]]
) -> bool:
    """Whether the file's layer takes RGB and the model's differs only in its input channels.

    Args:
        file_shapes, model_shapes: shapes of the layer's tensors, the kernel [h, w, C, F] first.
    """
    if not file_shapes or len(file_shapes[0]) != 4 or file_shapes[0][2] != 3:
        return False
    height, width, _, filters = file_shapes[0]
    channels = model_shapes[0][2] if len(model_shapes[0]) == 4 else None
    return model_shapes == [(height, width, channels, filters), *file_shapes[1:]]


def spread_rgb(kernel: Array, channels: int) -> Array:
    """A kernel for any number of channels that responds to gray images as the RGB kernel does.

    Each channel gets the mean of red, green and blue, times 3 / channels, so the sum over the
    channels is unchanged: one gray channel, or five equal ones, gives the same response as the
    gray image repeated as RGB.

    Args:
        kernel: float [h, w, 3, F].
        channels: number of channels that the model takes.

    Returns:
        [h, w, channels, F].
    """
    return np.repeat(kernel.sum(axis=2, keepdims=True) / channels, channels, axis=2)


def adapt(
    kernel: Array, channels: int, bgr: bool, model_bgr: bool = False, name: str = "conv1"
) -> tuple[Array, str]:
    """A file's kernel adapted to the model's input channels, and a note of what was done.

    Args:
        kernel: float [h, w, C, F] as in the file.
        channels: number of channels that the model takes: C, or any number if C is 3.
        bgr, model_bgr: whether the file's network expects BGR, and whether the model does.
        name: of the convolution, for the note.

    Returns:
        kernel: [h, w, channels, F].
        note: text for the user, or "".
    """
    if kernel.shape[2] != channels:
        return spread_rgb(kernel, channels), (
            f"{name} spread over {channels} channels: each has the mean of the file's RGB kernel, "
            f"times 3 / {channels}"
        )
    if bgr != model_bgr:
        first, then = ("BGR", "RGB") if bgr else ("RGB", "BGR")
        return kernel[:, :, ::-1], (
            f"{name}'s input channels reversed: {first} in the file, {then} here"
        )
    return kernel, ""

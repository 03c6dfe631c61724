"""Paths that old code takes for something else: a pair, or a checkpoint of Keras 2."""

from collections.abc import Iterator
from typing import Any, NoReturn


class LastCheckpoint(str):
    """What `find_last` returns: a str, and an error if it is used as a pair.

    In 2017 `find_last` returned the folder and the path, so projects call `find_last()[1]`. On a
    str, that would give the second character.

    Example:
        >>> from mrcnn.legacy.paths import LastCheckpoint
        >>> path = LastCheckpoint("logs/balloon20261120T1405/mask_rcnn_balloon_0012.h5")
        >>> path[-3:]
        '.h5'
        >>> path[1]
        Traceback (most recent call last):
        TypeError: find_last() returns the path itself: write find_last(), without [1].
    """

    def __getitem__(self, key: Any) -> str:
        """As in str, except that 0 and 1 are refused.

        Raises:
            TypeError: `key` is 0 or 1.
        """
        if not isinstance(key, slice) and key in (0, 1):
            raise TypeError(
                f"find_last() returns the path itself: write find_last(), without [{key}]."
            )
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        """Refuse `folder, path = find_last()`.

        Raises:
            TypeError: always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(
            "find_last() returns the path itself, not a folder and a path: write "
            "path = find_last()."
        )


class CheckpointTemplate(str):
    """A run's `checkpoint_path`, which Keras 3's `ModelCheckpoint` accepts.

    With `save_weights_only=True` it accepts only paths that end in ".weights.h5". Checkpoints here
    end in ".h5" and are in the format of matterport's Mask_RCNN, which `GraphModel.save_weights`
    writes whatever the name.

    Example:
        >>> import keras
        >>> from mrcnn.legacy.paths import CheckpointTemplate
        >>> path = CheckpointTemplate("logs/run/mask_rcnn_balloon_{epoch:04d}.h5")
        >>> checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    """

    def endswith(self, suffix: Any, *range: Any) -> bool:
        """As in str, but also true for ".weights.h5"."""
        return suffix == ".weights.h5" or super().endswith(suffix, *range)

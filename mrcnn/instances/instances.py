"""Everything known about an image's instances, moved and selected together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ..types import Array

# What `instances[...]` takes: a slice, a bool array [N] or an array of indices.
Chosen = slice | Array | Sequence[int]


class InstanceField(Protocol):
    """What is known about N instances of one image, such as `InstanceMasks` or `InstanceBoxes`."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Chosen, /) -> Self: ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, N) of the image and its instances."""

    @property
    def visible(self) -> Array:
        """[N] bool, whether any part of an instance is visible."""

    def resize(
        self,
        scale: float | Sequence[float],
        padding: Sequence[tuple[int, int]],
        crop: Sequence[int] | None = None,
        /,
    ) -> Self:
        """The instances, moved as `resize_image` moved the image.

        Args:
            scale, padding, crop: see `Instances.resize`.
        """

    def flip(self, axis: int, /) -> Self:
        """The instances mirrored top to bottom (`axis` 0) or left to right (1)."""

    def transpose(self) -> Self:
        """The instances with rows and columns swapped."""


class Instances:
    """N instances of one image.

    Args:
        class_ids: [N] int32; negative for a crowd.
        fields: by name, such as "masks" or "boxes", for all N instances. The first one must also
            have `boxes`.

    Attributes:
        class_ids, fields: as given.

    Raises:
        ValueError: there is no field, or one has a different number of instances.

    Example:
        >>> from mrcnn.instances import InstanceBoxes, Instances
        >>> boxes = InstanceBoxes([[0, 0, 10, 20], [50, 50, 60, 70]], (100, 100))
        >>> instances = Instances([1, 2], {"boxes": boxes})
        >>> instances[instances.class_ids == 2].boxes
        array([[50., 50., 60., 70.]], dtype=float32)
    """

    def __init__(self, class_ids: npt.ArrayLike, fields: Mapping[str, InstanceField]) -> None:
        self.class_ids = np.asarray(class_ids, np.int32).reshape(-1)
        self.fields: dict[str, Any] = dict(fields)
        if not self.fields:
            raise ValueError("instances have no field: at least boxes or masks are needed.")
        for name, values in self.fields.items():
            if len(values) != len(self.class_ids):
                raise ValueError(
                    f"there are {len(values)} {name} and {len(self.class_ids)} class ids: every "
                    "instance needs one of each."
                )

    def __len__(self) -> int:
        return len(self.class_ids)

    @property
    def _first(self) -> Any:
        return next(iter(self.fields.values()))

    @property
    def boxes(self) -> Array:
        """[N, 4] pixels, zeros where an instance is not visible."""
        return self._first.boxes

    @property
    def visible(self) -> Array:
        """[N] bool, whether any part of an instance is visible."""
        return self._first.visible

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, N) of the image and its instances."""
        return self._first.shape

    @property
    def height(self) -> int:
        """Height of the image in pixels."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Width of the image in pixels."""
        return self.shape[1]

    def __getitem__(self, chosen: Chosen) -> Self:
        """The instances selected by a slice, a bool array [N] or an array of indices."""
        fields = {name: values[chosen] for name, values in self.fields.items()}
        return type(self)(self.class_ids[chosen], fields)

    def resize(
        self,
        scale: float | Sequence[float],
        padding: Sequence[tuple[int, int]],
        crop: Sequence[int] | None = None,
    ) -> Self:
        """The instances, moved as `resize_image` moved the image.

        Args:
            scale: factor, or those of height and width where they differ, as they may with
                IMAGE_RESIZE_MODE "short_side".
            padding, crop: as `resize_image` returned them.
        """
        return self._each(lambda values: values.resize(scale, padding, crop))

    def flip(self, axis: int) -> Self:
        """The instances mirrored top to bottom (`axis` 0) or left to right (1)."""
        return self._each(lambda values: values.flip(axis))

    def transpose(self) -> Self:
        """The instances with rows and columns swapped."""
        return self._each(lambda values: values.transpose())

    def behind(self, cover: Array) -> Self:
        """The instances as they look behind something that hides part of the image.

        Args:
            cover: bool [H, W], where it is.

        Raises:
            TypeError: a field has no method `behind`.
        """
        self._check_method("behind")
        return self._each(lambda values: values.behind(cover))

    def joined(self, other: "Instances") -> Self:
        """These instances, followed by those of `other` in the same image.

        Raises:
            TypeError: a field has no method `joined`.
        """
        self._check_method("joined")
        fields = {name: values.joined(other.fields[name]) for name, values in self.fields.items()}
        return type(self)(np.concatenate([self.class_ids, other.class_ids]), fields)

    def _check_method(self, method: str) -> None:
        for name, values in self.fields.items():
            if not hasattr(values, method):
                raise TypeError(
                    f"the {name} are {type(values).__name__}, which has no method {method}: to be "
                    f"pasted onto other images, they need one, as InstanceMasks has."
                )

    def _each(self, move: Callable[[Any], Any]) -> Self:
        fields = {name: move(values) for name, values in self.fields.items()}
        return type(self)(self.class_ids, fields)

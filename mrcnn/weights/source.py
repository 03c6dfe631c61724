"""A weights file of any format as the loader sees it: layer names, shapes and arrays."""

import abc
from collections.abc import Collection, Sequence
from typing import Any, Self

from ..types import Array, PathLike


class WeightsSource(abc.ABC):
    """An open weights file; use it in a `with` statement.

    To read another format, derive a class that returns layers under their names in this package
    and tensors in TensorFlow's layout, and add it to `readers.READERS`.

    Attributes:
        path: of the file.
        layer_names: in the file's order.
        class_layers: those that depend on the classes: where a model has others, they may keep
            their values.
        kind: what another project's file holds, see `foreign.kind.Kind`.
        epsilon: what the network adds to variances, if the model may differ: variances are then
            shifted.
        pixel_std: likewise, the numbers (RGB) by which pixels are divided.
    """

    path: PathLike
    layer_names: list[str]
    class_layers: Collection[str] = ()
    kind: Any = None
    epsilon: float | None = None
    pixel_std: Sequence[float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @abc.abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abc.abstractmethod
    def has_weights(self, layer: str) -> bool:
        """Whether the layer named `layer` has any tensors."""

    @abc.abstractmethod
    def shapes(self, layer: str) -> list[tuple[int, ...]]:
        """Tensor shapes of the layer named `layer`, found without reading the data."""

    @abc.abstractmethod
    def arrays(self, layer: str) -> list[Array]:
        """The tensors of the layer named `layer`: float32 arrays, see `shapes`.

        Raises:
            ValueError: a tensor is damaged or holds values that are not finite.
        """

    def is_bgr(self) -> bool:
        """Whether the file's network expects BGR pixels; images here are RGB."""
        return False

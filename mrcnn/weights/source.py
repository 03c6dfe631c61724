"""A weights file of any format as the loader sees it: layer names, shapes and arrays."""

import abc


class WeightsSource(abc.ABC):
    """An open weights file; use it in a `with` statement.

    To read another format, derive a class that returns layers under their names in this package
    and tensors in TensorFlow's layout, and add it to `readers.READERS`.

    Attributes:
        layer_names: list of str, in the file's order.
    """

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @abc.abstractmethod
    def close(self):
        """Close the file."""

    @abc.abstractmethod
    def has_weights(self, layer):
        """Whether the layer named `layer` has any tensors."""

    @abc.abstractmethod
    def shapes(self, layer):
        """Tensor shapes of the layer named `layer`, as tuples, found without reading the data."""

    @abc.abstractmethod
    def arrays(self, layer):
        """The tensors of the layer named `layer`: a list of float32 arrays, see `shapes`.

        Raises:
            ValueError: a tensor is damaged or holds values that are not finite.
        """

    def is_bgr(self):
        """Whether the file's network expects BGR pixels; images here are RGB."""
        return False

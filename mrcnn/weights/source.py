"""What a weights file of any format is to the loading: names of layers, shapes and arrays."""

import abc


class WeightsSource(abc.ABC):
    """An open weights file; use it in a `with` statement.

    A reader of another format derives from it, gives the layers the names that they have here and
    their tensors the layout of TensorFlow, and gets its line in `readers.READERS`.

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
        """Whether the layer called `layer` has any tensor."""

    @abc.abstractmethod
    def shapes(self, layer):
        """Shapes of the tensors of the layer called `layer`, tuples, without reading them."""

    @abc.abstractmethod
    def arrays(self, layer):
        """The tensors of the layer called `layer`: list of float32 arrays of its `shapes`.

        Raises:
            ValueError: one is damaged, or holds values that are not finite.
        """

    def is_bgr(self):
        """Whether the network of the file sees BGR pixels; images here are RGB."""
        return False

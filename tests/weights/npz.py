"""A weights reader for tests only: .npz archives."""

import numpy as np

from mrcnn.weights.source import WeightsSource


class NpzFile(WeightsSource):
    """Arrays named <layer>/<number>, and `bgr` if the network expects BGR.

    Attributes:
        opened: all files opened so far, the latest last.
        read: names of the layers whose arrays were read.
        closed: whether the file is closed.
    """

    opened = []

    def __init__(self, filepath):
        self._archive = np.load(filepath, allow_pickle=False)
        names = [name for name in self._archive.files if "/" in name]
        self.layer_names = list(dict.fromkeys(name.split("/")[0] for name in names))
        self._parts = {
            layer: [name for name in names if name.startswith(f"{layer}/") and name != f"{layer}/"]
            for layer in self.layer_names
        }
        self.read, self.closed = [], False
        self.opened.append(self)

    def close(self):
        self._archive.close()
        self.closed = True

    def has_weights(self, layer):
        return bool(self._parts[layer])

    def shapes(self, layer):
        return [self._archive[name].shape for name in self._parts[layer]]

    def arrays(self, layer):
        self.read.append(layer)
        return [self._archive[name].astype(np.float32) for name in self._parts[layer]]

    def is_bgr(self):
        return "bgr" in self._archive.files


def write_npz(path, layers, **more):
    """Write a dict of layer name to arrays; layers without arrays are listed too."""
    arrays = {
        f"{layer}/{number}": np.asarray(array)
        for layer, values in layers.items()
        for number, array in enumerate(values)
    }
    empty = {f"{layer}/": np.zeros(0) for layer, values in layers.items() if not values}
    np.savez(path, **arrays, **empty, **more)
    return path

"""The seeded weights that the reference values of the tests were computed with.

Every tensor is drawn from numpy's legacy stream, keyed by the seed and the tensor's name, and
scaled so that a random network still detects something. `tests/data/manifest_*.json` list the
layers.
"""

import hashlib
import json
import math
from pathlib import Path

import h5py
import numpy as np

DATA = Path(__file__).parent / "data"

# A kernel's standard deviation is its gain over the square root of its fan-in.
GAINS = {
    "conv1": 1.0,
    "rpn_conv_shared": 1.4,
    "rpn_class_raw": 0.8,
    "rpn_bbox_pred": 0.8,
    "mrcnn_class_conv1": 1.4,
    "mrcnn_class_conv2": 1.4,
    "mrcnn_class_logits": 6.0,
    "mrcnn_bbox_fc": 2.0,
    "mrcnn_mask_deconv": 1.4,
    "mrcnn_mask": 3.0,
    # Coarse levels have larger gains, so that proposals come from every level.
    "fpn_p2": 0.5,
    "fpn_p3": 0.7,
    "fpn_p4": 1.0,
    "fpn_p5": 1.8,
}
NO_SPATIAL_MEAN = {"mrcnn_class_conv1"}
NO_MEAN = {
    "rpn_class_raw",
    "rpn_bbox_pred",
    "mrcnn_class_conv2",
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_mask",
}
CLASS_FACTORS = {"mrcnn_class_logits": 1, "mrcnn_mask": 1, "mrcnn_bbox_fc": 4}


def manifest(architecture, num_classes=81):
    """dict of layer name to list of (weight name, shape), in load order."""
    rows = json.loads((DATA / f"manifest_{architecture}.json").read_text())["layers"]
    layers = {}
    for row in rows:
        factor = CLASS_FACTORS.get(row["layer"])
        layers[row["layer"]] = [
            (
                weight["name"],
                (*weight["shape"][:-1], factor * num_classes) if factor else (*weight["shape"],),
            )
            for weight in row["weights"]
        ]
    return layers


def make_weights(layers, seed):
    """dict of layer name to list of (weight name, float32 array)."""
    return {
        layer: [(name, draw(seed, layer, name, shape)) for name, shape in weights]
        for layer, weights in layers.items()
    }


def write_h5(weights, path, encode=str.encode, group=None):
    """Write a legacy Keras weights file.

    Args:
        weights: as returned by `make_weights`.
        path: path of the file.
        encode: how names are stored: `str.encode` for bytes, as h5py 2 wrote them, or `str`.
        group: name of the group that holds everything; None for the root.
    """
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["layer_names"] = _names(weights, encode)
        root.attrs["backend"] = encode("tensorflow")
        root.attrs["keras_version"] = encode("2.2.5")
        for layer, tensors in weights.items():
            node = root.create_group(layer)
            node.attrs["weight_names"] = _names([name for name, _ in tensors], encode)
            for name, array in tensors:
                node.create_dataset(name, data=array)


def _names(names, encode):
    encoded = [encode(name) for name in names]
    # h5py 3 turns a list of bytes into text; Keras passed an array.
    return np.array(encoded, dtype="S") if encode is str.encode else encoded


def sha256(weights):
    """Digest of all tensors, to compare with the reference archives'."""
    digest = hashlib.sha256()
    for layer, tensors in weights.items():
        for name, array in tensors:
            digest.update(f"{layer}|{name}|{array.shape}|".encode())
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def draw(seed, layer, name, shape):
    """One tensor, float32."""
    key = hashlib.sha256(f"{seed}|{layer}|{name}".encode()).digest()
    stream = np.random.RandomState(np.frombuffer(key, dtype="<u4").astype(np.uint32))
    uniform = stream.random_sample(math.prod(shape)).reshape(shape) * 2.0 - 1.0
    owner, kind = name.split(":")[0].split("/")[-2:]
    return _scaled(uniform, owner, kind, shape).astype(np.float32)


def _scaled(uniform, owner, kind, shape):
    match kind:
        case "kernel":
            return _kernel(uniform, owner, shape)
        case "bias":
            return 0.05 * uniform
        case "gamma":
            residual = owner.endswith("branch2c")
            return 0.20 + 0.10 * uniform if residual else 1.0 + 0.2 * uniform
        case "beta":
            return 0.1 * uniform
        case "moving_mean":
            return (10.0 if owner == "bn_conv1" else 0.1) * uniform
        case "moving_variance":
            return (4000.0 if owner == "bn_conv1" else 1.0) * (1.0 + 0.5 * uniform)
    raise ValueError(f"{owner}/{kind} is not a weight of this network")


def _kernel(uniform, owner, shape):
    gain = GAINS.get(owner)
    if gain is None:
        gain = 0.5 if owner.startswith("fpn_c") else 1.4
    if owner in NO_SPATIAL_MEAN:
        uniform = uniform - uniform.mean(axis=(0, 1), keepdims=True)
    if owner in NO_MEAN or owner.startswith("fpn_c"):
        uniform = uniform - uniform.mean(axis=tuple(range(len(shape) - 1)), keepdims=True)
    fan_in = shape[3] if owner == "mrcnn_mask_deconv" else math.prod(shape[:-1])
    return uniform * (1.7320508075688772 * gain / float(fan_in) ** 0.5)

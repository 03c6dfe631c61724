"""torchvision's and Detectron2's residual networks, where their reference values are available."""

import importlib.util
import json

import keras
import numpy as np
import pytest
from PIL import Image
from shared_data import FOREIGN
from tiny import TinyConfig

from mrcnn.geometry.resampling import bilinear
from mrcnn.network.backbones.resnet import block_letter

needs_foreign = pytest.mark.skipif(not FOREIGN.is_dir(), reason="needs ../shared/parity/foreign")
# What both projects have.
SETTINGS = {"BATCH_NORM_EPSILON": 1e-5, "NORM_REPLACES_BIAS": True}


def assert_features(backbone, name, **settings):
    """Check C2 to C5, computed from the file's synthetic image with its seeded weights."""
    with np.load(FOREIGN / f"{name}.npz") as archive:
        values = dict(archive)
    is_torchvision = name.startswith("torchvision")
    names = [key.split(".")[0] for key in values if key.endswith(".padded_size")]
    number = max(int(name.removeprefix("img")) for name in names if name.startswith("img"))
    pixels = _pixels(values, number, is_torchvision)
    image = keras.Input(pixels.shape[1:])
    config = type("Changed", (TinyConfig,), SETTINGS | settings)()
    model = keras.Model(image, backbone.build(image, config))
    _assign(model, _weights(name), is_torchvision)
    levels = [f"body{n}" if is_torchvision else f"res{n + 2}" for n in range(4)]
    for level, found in zip(levels, model.predict(pixels, verbose=0)[1:], strict=True):
        a, b, c = values[f"img{number}.lattice_step.{level}"]
        expected = values[f"img{number}.lattice.{level}"]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found[0, ::a, ::b, ::c], expected, atol=1e-5 * scale, rtol=0)


def _module():
    path = FOREIGN / "make_foreign_weights.py"
    spec = importlib.util.spec_from_file_location("make_foreign_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _weights(name):
    module = _module()
    return module.make_weights(module.load_manifest(FOREIGN / f"{name}.manifest.json"))


def _pixels(values, number, is_torchvision):
    """The network's input, [1, H, W, 3]."""
    info = json.loads(str(values["info_json"]))
    image, config = _module().make_image(**info["images"][number]["synthetic"]), info["config"]
    height, width = (int(side) for side in values[f"img{number}.image_size"])
    if is_torchvision:
        image = (image / 255 - config["image_mean"]) / config["image_std"]
        image = bilinear(image, (height, width), edge=True)
    else:
        image = Image.fromarray(image).resize((width, height), Image.BILINEAR)
        image = np.asarray(image, np.float64)[..., ::-1] - config["MODEL.PIXEL_MEAN"]
        image = image / config["MODEL.PIXEL_STD"]
    padded = np.zeros((1, *values[f"img{number}.padded_size"], 3), np.float32)
    padded[0, :height, :width] = image
    return padded


def _assign(model, weights, is_torchvision):
    """Assign the weights of every block."""
    start = "backbone.body." if is_torchvision else "backbone.bottom_up."
    root = start if is_torchvision else f"{start}stem."
    _layer(model, "conv1", "bn_conv1", weights, f"{root}conv1", f"{start}bn1", is_torchvision)
    for layer in model.layers:
        if not layer.name.startswith("res") or not layer.weights:
            continue
        stage, block, branch = layer.name[3], layer.name[4:].split("_")[0], layer.name[-1]
        index = next(number for number in range(40) if block_letter(number) == block)
        level = f"layer{int(stage) - 1}" if is_torchvision else f"res{stage}"
        if branch == "1":
            conv = "downsample.0" if is_torchvision else "shortcut"
            norm = "downsample.1"
        else:
            conv, norm = (f"{kind}{'abc'.index(branch) + 1}" for kind in ("conv", "bn"))
        place = f"{start}{level}.{index}."
        bn = layer.name.replace("res", "bn")
        _layer(model, layer.name, bn, weights, place + conv, place + norm, is_torchvision)


def _layer(model, layer, bn, weights, conv, norm, is_torchvision):
    kernel = weights[f"{conv}.weight"].transpose(2, 3, 1, 0)
    model.get_layer(layer).set_weights([kernel])
    norm = norm if is_torchvision else f"{conv}.norm"
    names = ("weight", "bias", "running_mean", "running_var")
    model.get_layer(bn).set_weights([weights[f"{norm}.{name}"] for name in names])

"""The page on weights of torchvision and Detectron2 says what the code does."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from mrcnn import presets
from mrcnn.config import Config
from mrcnn.weights.zoo import ZOO

pytestmark = pytest.mark.network  # the presets import Keras

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "pretrained.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]


def shown(value):
    """An AP as the table has it."""
    return "–" if value is None else str(value)


def test_the_table_of_models():
    rows = {row[0]: row[1:] for row in ROWS if row[0] in ZOO}
    models = {name: entry for name, entry in ZOO.items() if entry.box is not None}
    assert list(rows) == list(models)
    for name, entry in models.items():
        values = [shown(value) for value in (entry.box, entry.mask, entry.keypoints)]
        assert rows[name][:4] == [*values, entry.licence]
        assert 100 < int(rows[name][4]) < 1000


def test_backbones_are_listed():
    for name, entry in ZOO.items():
        if entry.box is None:
            assert f"`{name}`" in PAGE or f"`{name.split(':')[1]}`" in PAGE


def test_the_table_of_settings():
    class TorchvisionConfig(presets.torchvision_maskrcnn_resnet50_fpn, Config):
        pass

    class Detectron2Config(presets.detectron2_mask_rcnn_R_50_FPN, Config):
        pass

    configs = Config(), TorchvisionConfig(), Detectron2Config()
    rows = [row for row in ROWS if row[0].isupper()]
    assert len(rows) > 40
    for name, *texts in rows:
        for text, config in zip(texts, configs, strict=True):
            said, value = eval(text, {"log": math.log}), getattr(config, name)
            same = np.array_equal(said, value) if isinstance(said, tuple) else said == value
            assert same, f"{name}: {text}, but {value!r}"
    # All in which the networks differ.
    alike = {"NUM_CLASSES", "BACKBONE", "LEARNING_RATE", "STEPS_PER_EPOCH", "IMAGES_PER_GPU"}
    for name in set(Config.__annotations__) - alike - {row[0] for row in rows}:
        if name not in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
            values = [getattr(config, name) for config in configs]
            assert all(np.array_equal(values[0], value) for value in values[1:]), name


def test_the_code_compiles_and_links_lead_somewhere():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) >= 6
    for block in blocks:
        compile(block, "pretrained.md", "exec")
    for path in re.findall(r"\]\((?!https?:|#)([^)#]+)", PAGE):
        assert (DOCS / path).exists(), path

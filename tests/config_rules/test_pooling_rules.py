"""Settings of RoI pooling: what is refused, and what is remarked on."""

import numpy as np
import pytest
from tiny import TinyConfig

from mrcnn.config_rules import network_rules, pooling_rules


def config_of(**settings):
    return type("Changed", (TinyConfig,), settings)()


@pytest.mark.parametrize(
    "settings",
    [
        {"SAMPLING_RATIO": 2},
        {"SAMPLING_RATIO": 0, "ROI_ALIGN_AGGREGATION": "max", "ROI_ALIGN_ALIGNED": False},
        {"ROI_LEVEL_RULE": "torchvision"},
        {"ROI_LEVEL_RULE": "detectron2"},
    ],
)
@pytest.mark.parametrize("pooler", ["roi_align", "roi_warp"])
def test_settings_that_work(pooler, settings):
    config = config_of(ROI_POOLER=pooler, **settings)
    assert network_rules.problems(config) == []
    assert pooling_rules.remarks(config) == []


@pytest.mark.parametrize(
    ("name", "values", "accepted"),
    [
        (
            "SAMPLING_RATIO",
            [-1, 1.5, "2", None, True],
            "it must be a whole number of points, such as 2, or 0 for as many as a bin has cells.",
        ),
        ("ROI_ALIGN_AGGREGATION", ["mean", "", None, 0], "it must be 'avg' or 'max'."),
        ("ROI_ALIGN_ALIGNED", [1, "yes", None], "it must be True or False."),
        (
            "ROI_LEVEL_RULE",
            ["floor", None, 4],
            "it must be 'round', 'torchvision' or 'detectron2'.",
        ),
    ],
)
def test_settings_that_cannot_work(name, values, accepted):
    for value in values:
        assert network_rules.problems(config_of(**{name: value})) == [
            f"{name} is {value!r}: {accepted}"
        ]


def test_a_setting_that_the_pooler_does_not_use_is_remarked_on():
    assert pooling_rules.remarks(config_of()) == []
    config = config_of(ROI_POOLER="roi_pool", SAMPLING_RATIO=2, ROI_LEVEL_RULE="torchvision")
    [line] = network_rules.remarks(config)
    assert line == (
        "SAMPLING_RATIO is 2, but the ROI_POOLER 'roi_pool' does not use it: 'roi_align' and "
        "'roi_warp' do."
    )
    names = {"ROI_ALIGN_AGGREGATION": "max", "ROI_ALIGN_ALIGNED": False, "ROI_LEVEL_RULE": "round"}
    lines = pooling_rules.remarks(config_of(SAMPLING_RATIO=2, **names))
    assert [line.split()[0] for line in lines] == [
        "SAMPLING_RATIO", "ROI_ALIGN_AGGREGATION", "ROI_ALIGN_ALIGNED",
    ]  # fmt: skip
    assert pooling_rules.remarks(config_of(ROI_POOLER=object, SAMPLING_RATIO=2)) == []


def test_a_setting_without_effect_is_said_once(caplog):
    config = config_of(ROI_LEVEL_RULE="detectron2")
    config.validate()
    config.validate()
    assert caplog.messages == [
        "ROI_LEVEL_RULE is 'detectron2', but the ROI_POOLER 'crop_and_resize' does not use it: "
        "'roi_align', 'roi_pool' and 'roi_warp' do."
    ]


@pytest.mark.parametrize("pooler", ["roi_align", "roi_pool", "roi_warp"])
def test_strides_that_are_not_powers_of_two(pooler):
    strides = (3, 6, 12, 24, 48)
    assert list(pooling_rules.problems(config_of(BACKBONE_STRIDES=strides))) == []
    config = config_of(ROI_POOLER=pooler, BACKBONE_STRIDES=strides)
    assert list(pooling_rules.problems(config)) == [
        f"ROI_POOLER is {pooler!r}: it needs BACKBONE_STRIDES that are powers of two, not "
        "[3, 6, 12, 24, 48]. Use 'crop_and_resize'."
    ]
    config.BACKBONE_STRIDES = np.array([2, 4, 8, 16, 32.0])
    assert list(pooling_rules.problems(config)) == []

"""Settings of a server, from Python and the environment."""

import pytest

from mrcnn.serving.settings import ServerSettings, of_environment


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"queue": 0}, "queue is 0: it must be above 0"),
        ({"seconds": -1.0}, "seconds is -1.0"),
        ({"max_pixels": 0}, "max_pixels is 0"),
        ({"min_score": 1.5}, "min_score is 1.5: it must be from 0 to 1"),
        ({"batch": 0}, "batch is 0: it must be at least 1"),
        ({"cache": -1}, "cache is -1"),
    ],
)
def test_impossible_values(given, message):
    with pytest.raises(ValueError, match=message):
        ServerSettings(model="nuclei", **given)


def test_names():
    assert ServerSettings(model="nuclei").name == "nuclei"
    assert ServerSettings(model="logs/cells.h5").name == "cells"
    assert ServerSettings(model="torchvision:resnet50").name == "resnet50"
    assert ServerSettings(model="nuclei", name="mine").name == "mine"


def test_the_token_is_not_shown():
    assert "secret" not in repr(ServerSettings(model="nuclei", token="secret"))


def test_environment():
    made = of_environment(
        {
            "MRCNN_MODEL": "nuclei",
            "MRCNN_TOKEN": "123",
            "MRCNN_MIN_SCORE": "0.6",
            "MRCNN_TILE": "512",
            "MRCNN_BATCH": "2",
            "MRCNN_SECONDS": "",
            "OTHER": "x",
        }
    )
    assert made == ServerSettings(
        model="nuclei", token="123", min_score=0.6, tile=512, batch=2, seconds=300.0
    )
    assert of_environment({"MRCNN_MODEL": "m", "MRCNN_TILE": "none"}).tile is None
    assert of_environment({"MRCNN_MODEL": "m", "MRCNN_TILE": "auto"}).tile == "auto"
    with pytest.raises(ValueError, match="MRCNN_QUEUE is 'many': it must be a number"):
        of_environment({"MRCNN_MODEL": "m", "MRCNN_QUEUE": "many"})
    with pytest.raises(ValueError, match="MRCNN_MODEL is not set"):
        of_environment({})

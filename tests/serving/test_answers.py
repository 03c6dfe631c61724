"""Which format a request asks for."""

import pytest

from mrcnn.serving.answers import chosen_format
from mrcnn.serving.refusals import Refused


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "coco"),
        ("", "coco"),
        ("*/*", "coco"),
        ("application/json", "coco"),
        ("image/*", "labels"),
        ("image/*, image/tiff;q=0.1", "overlay"),
        ("text/html, application/zip;q=0.9, */*;q=0.8", "roi"),
        ("TEXT/CSV", "csv"),
        ("application/vnd.labelme+json", "labelme"),
        ("application/json;q=0, */*", "geojson"),
        ("image/png;q=nonsense, text/csv;q=0.1", "csv"),
    ],
)
def test_accept(accept, name):
    assert chosen_format(None, accept) == name


def test_what_is_not_acceptable():
    for accept in ("video/mp4", "*/*;q=0", ",;,"):
        with pytest.raises(Refused, match="it must allow one of application/json") as raised:
            chosen_format(None, accept)
        assert raised.value.status == 406
    with pytest.raises(Refused, match="format is ''"):
        chosen_format("", None)

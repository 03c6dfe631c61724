"""docs/build.py: what it adds to pdoc's pages."""

import importlib.util
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("pdoc")

SCRIPT = Path(__file__).resolve().parents[1] / "docs" / "build.py"
spec = importlib.util.spec_from_file_location("docs_build", SCRIPT)
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


class Settings:
    """Settings."""

    # How many
    # there are.
    COUNT = 2
    LIMIT = 3
    # Its own.
    NAME = None

    SILENT = True

    def method(self):
        # Not a setting's.
        LOCAL = 1
        return LOCAL


def test_comments_of():
    assert build.comments_of(Settings) == {
        "COUNT": "How many\nthere are.",
        "LIMIT": "How many\nthere are.",
        "NAME": "Its own.",
        "SILENT": "",
    }


def test_results_with_names_become_a_list():
    docstring = textwrap.dedent(
        """\
        Match, in this order::

            first, then second

        Returns:
            dict of
            found, missed: int [P],
                indices.
            iou: float.
            Empty without boxes.

        Raises:
            ValueError: no boxes.
        """
    )
    assert build.with_lists(docstring) == textwrap.dedent(
        """\
        Match, in this order&#58;

            first, then second

        ###### Returns:

        dict of
        - **found, missed:** int [P],
            indices.
        - **iou:** float.

        Empty without boxes.

        Raises:
            ValueError: no boxes.
        """
    )


def test_other_results_stay_as_they_are():
    docstring = "Areas.\n\nReturns:\n    float [N]: one per box,\n    in pixels.\n"
    assert build.with_lists(docstring) == docstring


def test_names_of_modules():
    names = build.module_names("mrcnn.ops")
    assert names[0] == "mrcnn.ops"
    assert {"mrcnn.ops.boxes", "mrcnn.ops.nms"} < set(names)


def test_pages():
    made = build.pages(
        ["mrcnn", "mrcnn.geometry.boxes", "mrcnn.config", "mrcnn.ops", "mrcnn.ops.nms"]
    )
    pages = {name: " ".join(text.split()) for name, text in made.items()}
    boxes = pages.get("mrcnn/geometry/boxes.html", "")
    assert set(pages) == {
        *("mrcnn.html", "mrcnn/geometry/boxes.html", "mrcnn/config.html", "mrcnn/ops.html"),
        *("mrcnn/ops/nms.html", "index.html", "search.js"),
    }
    assert './mrcnn.html"' in pages["index.html"]
    assert '<a href="mrcnn/geometry/boxes.html#norm_boxes">' in pages["mrcnn.html"]
    assert '<a href="ops/nms.html">' in pages["mrcnn/ops.html"]  # although ops has __all__
    assert "<strong>boxes1:</strong> [N1, 4], pixels or normalised." in boxes
    assert (
        "<strong>kept:</strong> int32 tensor [B], the number of boxes kept."
        in pages["mrcnn/ops/nms.html"]
    )
    assert "used in lower case for log folders and checkpoints" in pages["mrcnn/config.html"]
    for hidden in ("logger", "_SOURCES", "Config._derive", "_CHUNK_ELEMENTS"):
        assert f'id="{hidden}"' not in pages["mrcnn/config.html"] + boxes

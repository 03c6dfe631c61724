"""What a user does with the page, and sees there."""

import base64
import time
from pathlib import Path

import numpy as np

TRAIN = Path(__file__).resolve().parents[2] / "samples" / "nucleus" / "data" / "stage1_train"


def _image(start):
    (path,) = TRAIN.glob(f"{start}*/images/*.png")
    return path


# 256 x 256 pixels each, but "crowded": 696 x 520
IMAGES = {"few": _image("05040e2e"), "more": _image("61a15ccb"), "crowded": _image("da5f98f2")}


# Resolves when the next frame is drawn.
_FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
_PIXELS = """() => {
  const canvas = document.getElementById("canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let text = "";
  for (let i = 0; i < data.length; i += 8192) {
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return [width, height, btoa(text)];
}"""


class User:
    """Someone in front of a page.

    Args:
        page: Playwright's.
    """

    def __init__(self, page):
        self.page = page

    def offer(self, *files):
        """Choose files, and return at once."""
        self.page.set_input_files("#files", files)

    def detect(self, *files):
        """Choose files, and wait until the first one's result is shown."""
        self.offer(*files)
        self.wait_for(r" found")
        return self

    def wait_for(self, text):
        """Wait until the line below the image has a text."""
        self.page.locator("#status", has_text=text).wait_for(timeout=60_000)

    def wait_until(self, condition):
        """Wait until a function of no arguments returns something true."""
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not happen within 10 s"
            self.page.wait_for_timeout(50)

    def text(self, selector):
        """The text of an element."""
        return self.page.inner_text(selector)

    @property
    def count(self):
        """The number of objects that the page says it shows."""
        return int(self.text("#count").replace(",", ""))

    @property
    def outlines(self):
        """The number of outlines that are drawn, after the next frame."""
        self.page.evaluate(_FRAME)
        return int(self.page.get_attribute("#canvas", "data-outlines"))

    @property
    def view(self):
        """(scale, x, y): a point p of the image is at p * scale + (x, y) on the canvas."""
        self.page.evaluate(_FRAME)
        return tuple(map(float, self.page.get_attribute("#canvas", "data-view").split()))

    def set_score(self, score):
        """Move the slider."""
        self.page.fill("#score", str(score))

    def on_screen(self, x, y):
        """Where a point of the image is on the screen."""
        scale, left, top = self.view
        box = self.page.locator("#canvas").bounding_box()
        return box["x"] + left + x * scale, box["y"] + top + y * scale

    def click(self, x, y):
        """Click a point of the image."""
        self.page.mouse.click(*self.on_screen(x, y))

    def pixels(self):
        """What the canvas shows, uint8 [H, W, 4]."""
        self.page.evaluate(_FRAME)
        width, height, values = self.page.evaluate(_PIXELS)
        return np.frombuffer(base64.b64decode(values), np.uint8).reshape(height, width, 4)

    def figures(self):
        """The figures of the selected object, dict of texts by their names."""
        terms = self.page.locator("#details dt").all_inner_texts()
        texts = self.page.locator("#details dd").all_inner_texts()
        return dict(zip(terms, texts, strict=True))

    def download(self, format_):
        """Download what is shown: (file name, path)."""
        with self.page.expect_download() as waiting:
            self.page.click(f"[data-format={format_}]")
        return waiting.value.suggested_filename, waiting.value.path()


def above(answer, score):
    """The objects of an answer with at least a score."""
    return [each for each in answer["objects"] if each["score"] >= score]

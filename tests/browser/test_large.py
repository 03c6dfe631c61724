"""The page with a large image, thousands of objects and several classes, without a network."""

import json
import math
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from skimage import io

pytestmark = pytest.mark.browser
SIDE, COUNT = 4000, 2000
NAMES = ["BG", "nucleus", "tumour cell", "lymphocyte"]


def _object(number, rng):
    """A disc whose outline follows the edges of pixels, as the server's does."""
    radius = rng.uniform(12, 40)
    y, x = rng.uniform(radius, SIDE - radius, 2)
    turns = np.linspace(0, math.tau, int(6 * radius), endpoint=False)
    corners = np.round(np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1))
    steps = np.stack([np.stack([corners[1:, 0], corners[:-1, 1]], 1), corners[1:]], 1)
    return {
        "id": number,
        "class_id": 1 + number % 3,
        "class": NAMES[1 + number % 3],
        "score": round(rng.uniform(0.5, 1), 4),
        "box": [y - radius, x - radius, y + radius, x + radius],
        "area": round(math.pi * radius**2),
        "centroid": [y, x],
        "figures": {"perimeter": math.tau * radius, "solidity": None},
        "polygons": [[steps.reshape(-1, 2).tolist()]],
    }


@pytest.fixture(scope="module")
def answer():
    """What a server would find in an image of 16 megapixels."""
    rng = np.random.default_rng(0)
    image = {"width": SIDE, "height": SIDE, "channels": 1, "dtype": "uint8", "name": "large.png"}
    objects = [_object(number, rng) for number in range(1, COUNT + 1)]
    return {
        "image": image,
        "class_names": NAMES,
        "truncated": "",
        "seconds": 1.0,
        "objects": objects,
    }


@pytest.fixture
def user(visit, answer, tmp_path):
    """A page that shows this image."""
    path = tmp_path / "large.png"
    ramp = np.linspace(0, 255, SIDE).astype(np.uint8)
    io.imsave(path, np.broadcast_to(ramp, (SIDE, SIDE)), check_contrast=False)
    body = json.dumps(answer)

    def intercept(page):
        def reply(route):
            own = "format=json" in route.request.url
            route.fulfill(body=body if own else "object\n", content_type="text/plain")

        page.route("**/detect*", reply)

    return visit(before=intercept).detect(path)


def test_moving_a_large_image_is_fluent(user):
    user.set_score(0.5)
    assert user.count == user.outlines == COUNT
    user.page.evaluate(
        """() => {
          window.frames = [];
          let last = performance.now();
          const next = (now) => {
            window.frames.push(now - last);
            last = now;
            requestAnimationFrame(next);
          };
          requestAnimationFrame(next);
        }"""
    )
    user.page.mouse.move(*user.on_screen(SIDE / 2, SIDE / 2))
    user.page.mouse.wheel(0, -300)
    user.page.mouse.down()
    for i in range(60):
        user.page.mouse.move(650 + 2 * i, 400 + i)
    user.page.mouse.up()
    frames = user.page.evaluate("window.frames.slice()")
    # 17 ms on two quiet cores without a GPU
    assert np.median(frames) < 60, frames
    assert 0 < user.outlines < COUNT  # those outside are not drawn


def test_classes_are_filtered_and_asked_for(user, answer):
    user.page.get_by_label("tumour cell").uncheck()
    user.set_score(0.8)
    shown = [
        each
        for each in answer["objects"]
        if each["score"] >= 0.8 and each["class"] != "tumour cell"
    ]
    assert user.count == user.outlines == len(shown)
    with user.page.expect_request("**/detect*") as waiting:
        user.download("csv")
    query = parse_qs(urlsplit(waiting.value.url).query)
    assert query["min_score"] == ["0.8"]
    assert sorted(query["classes"][0].split(",")) == ["lymphocyte", "nucleus"]
    assert query["name"] == ["large.png"]

    user.page.get_by_role("button", name="None of the classes").click()
    assert user.count == 0
    user.page.get_by_role("button", name="All classes").click()
    assert user.count == sum(each["score"] >= 0.8 for each in answer["objects"])


def test_figures_that_are_not_known_are_left_out(user, answer):
    user.set_score(0.5)
    user.page.locator("#rows button").first.click()
    assert "Perimeter" in user.figures() and "Solidity" not in user.figures()
    classes = user.page.locator("#rows td.text").all_inner_texts()
    assert classes == [each["class"] for each in answer["objects"][:50]]

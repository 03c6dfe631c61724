"""The page of the server, as a user meets it: images, outlines, filters, figures."""

import base64

import numpy as np
import pytest
import tifffile
from skimage import io

from .user import IMAGES, above

pytestmark = pytest.mark.browser


def test_every_object_is_outlined(visit, answers, about):
    user = visit().detect(IMAGES["crowded"])
    objects = above(answers("crowded"), about["min_score"])
    assert len(objects) > 50
    assert user.count == user.outlines == len(objects)
    assert f"{len(objects)} objects" in user.text("#gallery .state")
    assert user.page.locator("#progress").is_hidden()

    drawn = user.pixels()
    user.page.uncheck("#outlines")
    assert user.outlines == 0
    plain = user.pixels()
    scale, left, top = user.view
    for each in objects:
        ring = each["polygons"][0][0]
        middle = np.add(ring[0], ring[1]) / 2  # on the outline's first edge
        last = plain.shape[1] - 1, plain.shape[0] - 1
        x, y = np.int64(middle * scale + (left, top)).clip(0, last)
        here = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert np.any(drawn[here] != plain[here]), each["id"]


def test_the_image_is_shown(visit):
    user = visit().detect(IMAGES["few"])
    user.page.uncheck("#outlines")
    shown = user.pixels()
    scale, left, top = user.view
    pixels = io.imread(IMAGES["few"])
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    y, x = np.mgrid[20:240:20, 20:240:20]
    at = np.int64((y + 0.5) * scale + top), np.int64((x + 0.5) * scale + left)
    assert np.abs(shown[at][..., 0].astype(int) - pixels[y, x]).mean() < 4


def test_the_slider_acts_at_once(visit, answers, about):
    user = visit().detect(IMAGES["crowded"])
    answer = answers("crowded")
    slider = user.page.locator("#score")
    assert float(slider.input_value()) == about["min_score"]
    assert float(slider.get_attribute("min")) <= about["lowest_score"]

    requests = []
    user.page.on("request", lambda request: requests.append(request.url))
    lower = answer["objects"]
    higher = above(answer, 0.99)
    assert 0 < len(higher) < len(above(answer, about["min_score"])) <= len(lower)
    for score, objects in ((0.99, higher), (about["lowest_score"], lower)):
        user.set_score(score)
        assert user.count == user.outlines == len(objects)
        bars = user.page.locator("#histogram .bar").all()
        assert sum(int(bar.get_attribute("data-count")) for bar in bars) == len(objects)
        assert user.text("#class-list .number") == str(len(objects))
        assert f"{len(objects)} objects" in user.text("#gallery .state")
        rows = user.page.locator("#rows tr").count()
        assert rows == min(50, len(objects))
    assert requests == []


def test_classes_can_be_hidden(visit):
    user = visit().detect(IMAGES["few"])
    before = user.count
    user.page.get_by_label("nucleus").uncheck()
    assert user.count == user.outlines == 0
    assert user.page.locator("#rows tr").count() == 0
    assert user.page.locator("[data-format=csv]").is_disabled()
    user.page.get_by_label("nucleus").check()
    assert user.count == user.outlines == before


def test_a_click_shows_an_objects_figures(visit, answers):
    user = visit().detect(IMAGES["few"])
    largest = max(answers("few")["objects"], key=lambda each: each["area"])
    y, x = largest["centroid"]
    user.click(x + 0.5, y + 0.5)
    user.wait_for(f"Object {largest['id']}: nucleus")
    assert user.text("#details-title") == f"Object {largest['id']}"
    figures = user.figures()
    assert figures["Area"] == f"{largest['area']:.0f} px²"
    assert figures["Score"] == f"{largest['score']:.3f}"
    assert figures["Class"] == "nucleus"
    assert figures["Major axis"] == f"{largest['figures']['major_axis']:.2f} px"
    assert {"Centroid", "Box", "Minor axis", "Mean of channel 1"} <= figures.keys()
    row = user.page.locator("#rows tr.selected")
    assert row.locator("button").inner_text() == str(largest["id"])
    assert user.page.locator("#histogram .picked").count() == 1

    user.page.keyboard.press("Escape")
    user.page.focus("#canvas")
    user.page.keyboard.press("Escape")
    assert user.text("#details-title") == "No object selected"


def test_the_table_sorts_and_selects(visit, answers):
    user = visit().detect(IMAGES["crowded"])
    areas = sorted((each["area"] for each in above(answers("crowded"), 0.75)), reverse=True)
    user.page.get_by_role("button", name="Area (px²)").click()
    heading = user.page.locator("#columns th", has_text="Area")
    assert heading.get_attribute("aria-sort") == "descending"
    cells = user.page.locator("#rows tr td:last-child").all_inner_texts()
    assert cells == [f"{area:,.0f}" for area in areas[:50]]
    user.page.locator("#rows tr").nth(2).click()
    assert user.figures()["Area"] == f"{areas[2]:,.0f} px²"
    user.page.get_by_role("button", name="Next objects").click()
    assert user.page.locator("#rows td:last-child").first.inner_text() == f"{areas[50]:,.0f}"


def test_zoom_and_pan(visit):
    user = visit().detect(IMAGES["few"])
    fitted = user.view
    point = user.on_screen(100, 80)
    user.page.mouse.move(*point)
    user.page.mouse.wheel(0, -400)
    closer = user.view
    assert closer[0] > 1.5 * fitted[0]
    assert np.allclose(user.on_screen(100, 80), point, atol=1.5)  # the wheel zooms at the pointer
    point = user.on_screen(100, 80)

    user.page.mouse.move(*point)
    user.page.mouse.down()
    user.page.mouse.move(point[0] + 30, point[1] + 20)
    user.page.mouse.up()
    assert np.allclose(user.on_screen(100, 80), np.add(point, (30, 20)), atol=0.6)
    assert user.text("#details-title") == "No object selected"  # a drag is no click

    user.page.get_by_role("button", name="Zoom in").click()
    assert user.view[0] == pytest.approx(1.4 * closer[0])
    assert user.text("#zoom") == f"{100 * user.view[0]:.0f} %"
    user.page.get_by_role("button", name="Fit").click()
    assert user.view == pytest.approx(fitted)


def test_a_16_bit_tiff(visit, tmp_path, answers, about):
    path = tmp_path / "deep.tif"
    gray = io.imread(IMAGES["more"])
    gray = gray if gray.ndim == 2 else gray[..., 0]
    tifffile.imwrite(path, gray.astype(np.uint16) * 16)
    user = visit().detect(path)
    assert user.count == user.outlines
    # The values differ by a factor only, so that about the same is found.
    assert user.count == pytest.approx(len(above(answers("more"), about["min_score"])), abs=4)
    user.page.uncheck("#outlines")
    scale, left, top = user.view
    shown = user.pixels()[..., 0]
    brightest = np.argwhere(gray == gray.max())[0]
    y, x = np.int64((brightest + 0.5) * scale + (top, left))
    assert shown[y, x] > 120


def test_a_16_bit_png_is_not_black(visit, tmp_path):
    path = tmp_path / "deep.png"
    gray = io.imread(IMAGES["more"])
    gray = gray if gray.ndim == 2 else gray[..., 0]
    io.imsave(path, gray.astype(np.uint16) * 16, check_contrast=False)
    user = visit()
    with user.page.expect_response("**/preview"):
        user.detect(path)
    user.page.uncheck("#outlines")
    user.wait_until(lambda: user.pixels()[..., 0].max() > 120)


def test_a_broken_image(visit, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(IMAGES["few"].read_bytes()[:2000])
    user = visit()
    user.offer(broken, IMAGES["few"])
    alert = user.page.get_by_role("alert")
    alert.get_by_text("broken.png cannot be read as an image").wait_for()
    sentence = alert.locator("span").inner_text()
    assert sentence.count("broken.png") == 1 and "Traceback" not in sentence
    assert "⚠" in user.page.locator("#gallery .state").first.inner_text()
    # The next image is not held up.
    user.page.locator("#gallery .open").nth(1).click()
    user.wait_for(" found")
    assert user.count > 0
    alert.get_by_role("button", name="Dismiss").click()
    assert alert.inner_text() == ""


def test_several_images_one_after_the_other(visit, answers, about):
    user = visit()
    user.offer(IMAGES["few"], IMAGES["more"])
    for i, name in enumerate(("few", "more")):
        expected = len(above(answers(name), about["min_score"]))
        row = user.page.locator("#gallery .open").nth(i)
        row.get_by_text(f"{expected} objects").wait_for(timeout=60_000)
        row.click()
        user.wait_for(" found")
        assert user.count == user.outlines == expected
    user.page.get_by_role("button", name=f"Remove {IMAGES['more'].name}").click()
    assert user.count == len(above(answers("few"), about["min_score"]))


def test_two_users_at_once(visit, answers, about):
    users = [visit(), visit()]
    for user, name in zip(users, ("few", "more"), strict=True):
        user.offer(IMAGES[name])
    for user, name in zip(users, ("few", "more"), strict=True):
        user.wait_for(" found")
        assert user.count == user.outlines == len(above(answers(name), about["min_score"]))


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_images_are_dropped_or_pasted(visit, how):
    user = visit()
    content = base64.b64encode(IMAGES["few"].read_bytes()).decode()
    user.page.evaluate(
        """([how, content]) => {
          const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "given.png", { type: "image/png" }));
          const event = how === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
          document.body.dispatchEvent(event);
        }""",
        [how, content],
    )
    user.wait_for("given.png: ")
    user.wait_for(" found")
    assert user.count > 0

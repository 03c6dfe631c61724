"""The page by keyboard, on a phone, in the dark, and for a screen reader."""

import pytest

from .user import IMAGES

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
INTERACTIVE = {"button", "checkbox", "slider", "combobox", "link", "textbox", "application"}


def focused(page):
    return page.evaluate("document.activeElement.id")


def tab_to(page, id_):
    """Press Tab until an element has the focus."""
    for _ in range(60):
        if focused(page) == id_:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach #{id_}")


def test_keyboard_only(visit):
    user = visit()
    page = user.page
    page.locator("#download-list button").first.wait_for(state="attached")
    tab_to(page, "files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(IMAGES["few"])
    user.wait_for(" found")

    tab_to(page, "canvas")
    scale, x, y = user.view
    page.keyboard.press("+")
    assert user.view[0] == pytest.approx(1.4 * scale)
    before = user.view
    page.keyboard.press("ArrowRight")
    assert user.view[1] < before[1]
    page.keyboard.press("0")
    assert user.view == pytest.approx((scale, x, y))

    tab_to(page, "score")
    before = float(page.input_value("#score"))
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#score")) == pytest.approx(before + 0.01)

    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#rows') !== null"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    number = page.evaluate("document.activeElement.textContent")
    assert user.text("#details-title") == f"Object {number}"
    user.wait_for(f"Object {number}: nucleus")
    assert page.evaluate("document.activeElement.textContent") == number

    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.format") == "csv":
            break
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".csv")


def test_a_phone(visit):
    user = visit(**PHONE)
    page = user.page
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    assert page.evaluate(widths) == [360, 360]
    user.detect(IMAGES["few"])
    assert page.evaluate(widths) == [360, 360]
    page.locator("#canvas").scroll_into_view_if_needed()
    first = page.locator("#rows tr").first
    first.locator("button").tap()
    assert user.text("#details-title").startswith("Object ")
    assert page.evaluate(widths) == [360, 360]
    # Fingers need room.
    heights = page.locator("#download-list button, .zoom button").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert min(heights) >= 36


def test_two_fingers_zoom(visit):
    user = visit(**PHONE).detect(IMAGES["few"])
    user.page.locator("#canvas").scroll_into_view_if_needed()
    scale = user.view[0]
    x, y = user.on_screen(128, 128)
    session = user.page.context.new_cdp_session(user.page)
    for kind, apart in (("touchStart", 40), ("touchMove", 80), ("touchMove", 120)):
        points = [{"x": x - apart / 2, "y": y, "id": 0}, {"x": x + apart / 2, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert user.view[0] == pytest.approx(3 * scale, rel=0.05)


def test_dark_and_light(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    for scheme, is_dark in (("light", False), ("dark", True)):
        page = visit(color_scheme=scheme).page
        red, green, blue = (int(part) for part in page.evaluate(ground)[4:-1].split(","))
        assert (max(red, green, blue) < 60) == is_dark
        assert (min(red, green, blue) > 200) != is_dark


def test_every_control_has_a_name(visit):
    user = visit().detect(IMAGES["few"])
    session = user.page.context.new_cdp_session(user.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    controls = [each for each in nodes if each.get("role", {}).get("value") in INTERACTIVE]
    assert len(controls) > 30
    nameless = [each for each in controls if not each.get("name", {}).get("value", "").strip()]
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, scheme, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    user = visit(color_scheme=scheme)
    user.page.locator("#download-list button").first.wait_for(state="attached")
    pages = [axe.run(user.page)]
    user.detect(IMAGES["few"])
    user.page.locator("#rows button").first.click()
    user.page.mouse.move(0, 0)
    pages.append(axe.run(user.page))
    empty = tmp_path / "empty.png"
    empty.touch()
    user.offer(empty)
    user.page.get_by_role("alert").get_by_text("The file is empty.").wait_for()
    pages.append(axe.run(user.page))
    assert [page.generate_report() for page in pages if page.violations_count] == []

"""The page when the server refuses: a token, a full queue, files that are too large."""

import json

import pytest

from .user import IMAGES

pytestmark = pytest.mark.browser


def refuse(route, status, sentence, **headers):
    body = json.dumps({"error": sentence})
    route.fulfill(status=status, headers=headers, content_type="application/json", body=body)


def test_the_token_is_asked_for_and_kept(visit):
    def guard(page):
        def answer(route):
            if route.request.headers.get("authorization") == "Bearer secret":
                route.continue_()
            else:
                refuse(route, 401, "This server asks for a token.")

        page.route("**/about", answer)
        page.route("**/detect*", answer)

    user = visit(before=guard)
    field = user.page.get_by_label("Token", exact=True)
    field.fill("wrong")
    user.page.keyboard.press("Enter")
    user.page.get_by_text("The server does not accept this token").wait_for()
    field.fill("secret")
    user.page.get_by_role("button", name="Continue").click()
    user.page.get_by_text("nucleus").first.wait_for()
    user.detect(IMAGES["few"])
    assert user.count > 0
    user.page.reload()
    user.page.get_by_text("nucleus").first.wait_for()
    assert field.is_hidden()
    assert user.page.context.cookies() == []
    assert user.page.evaluate("localStorage.length") == 0


def test_without_a_token_there_is_a_sentence(visit):
    user = visit(
        before=lambda page: page.route("**/about", lambda r: refuse(r, 401, "A token is needed."))
    )
    user.page.get_by_role("button", name="Cancel").click()
    user.page.get_by_role("alert").get_by_text("A token is needed.").wait_for()


def test_a_busy_server_is_asked_again(visit):
    refused = []

    def guard(page):
        def answer(route):
            if refused:
                route.continue_()
            else:
                refused.append(route)
                refuse(route, 503, "The queue is full.", **{"Retry-After": "1"})

        page.route("**/detect*", answer)

    user = visit(before=guard)
    user.offer(IMAGES["few"])
    user.page.get_by_text("The server is busy. Trying again in 1 s").wait_for()
    user.wait_for(" found")
    assert user.count > 0
    assert user.text("#alerts") == ""


def test_a_file_that_is_too_large_is_not_sent(visit, about):
    less = json.dumps({**about, "limits": {"bytes": 1024, "pixels": 10**6}})
    sent = []

    def guard(page):
        page.route(
            "**/about", lambda route: route.fulfill(body=less, content_type="application/json")
        )
        page.on("request", lambda request: sent.append(request.url))

    user = visit(before=guard)
    user.page.get_by_text("nucleus").first.wait_for()
    user.offer(IMAGES["few"])
    sentence = "The file has 23.8 KiB; this server takes at most 1 KiB."
    user.page.get_by_role("alert").get_by_text(sentence).wait_for()
    assert not any("detect" in url for url in sent)


def test_an_error_can_be_tried_again(visit):
    refused = []

    def guard(page):
        def answer(route):
            if refused:
                route.continue_()
            else:
                refused.append(route)
                refuse(route, 504, "The image took longer than 300 seconds.")

        page.route("**/detect*", answer)

    user = visit(before=guard)
    user.offer(IMAGES["few"])
    name = IMAGES["few"].name
    user.page.get_by_role("alert").get_by_text(f"{name}: The image took longer").wait_for()
    user.page.get_by_role("button", name=f"Try {name} again").click()
    user.wait_for(" found")
    assert user.count > 0

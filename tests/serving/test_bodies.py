"""Bodies of requests, also of hostile ones."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request

from mrcnn.serving.bodies import Bodies, image_of, plain_name
from mrcnn.serving.refusals import Refused


def request_of(chunks, headers=(), query=b"", pause=0.0):
    """A request whose body comes in chunks; None hangs up."""
    left = list(chunks)

    async def receive():
        await asyncio.sleep(pause)
        chunk = left.pop(0) if left else b""
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    raw = [(name.lower().encode(), value.encode()) for name, value in dict(headers).items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": query}
    request = Request(scope, receive)
    request.left = left
    return request


def received(bodies, *arguments, **options):
    return asyncio.run(bodies.receive(request_of(*arguments, **options)))


def test_a_body_is_what_was_sent():
    bodies = Bodies(10, 5)
    assert received(bodies, [b"abc", b"def"]) == b"abcdef"
    assert received(bodies, [b"1234567890"]) == b"1234567890"
    # The declared length is only a promise.
    assert received(bodies, [b"abc"], {"content-length": "2"}) == b"abc"
    assert received(bodies, [b"abc"], {"content-length": "-5"}) == b"abc"
    assert bodies.arriving == 0


@pytest.mark.parametrize("headers", [{}, {"content-length": "3"}, {"content-length": "11"}])
def test_a_long_body_is_read_to_its_end_but_not_kept(headers):
    bodies = Bodies(10, 5)
    request = request_of([b"12345678", b"9012345", b"678"], headers)
    with pytest.raises(Refused, match="more than 10 bytes") as raised:
        asyncio.run(bodies.receive(request))
    assert raised.value.status == 413 and raised.value.headers == {"Connection": "close"}
    assert request.left == [] and bodies.arriving == 0


def test_an_endless_body_is_cut_off():
    request = request_of([b"12345"] * 100)
    with pytest.raises(Refused, match="more than 10 bytes"):
        asyncio.run(Bodies(10, 5).receive(request))
    assert len(request.left) > 80


def test_a_client_that_waits_for_100_continue_sends_nothing():
    request = request_of([b"x"] * 20, {"content-length": "20", "expect": "100-continue"})
    with pytest.raises(Refused, match="more than 10 bytes"):
        asyncio.run(Bodies(10, 5).receive(request))
    assert len(request.left) == 20


def test_a_slow_body():
    bodies = Bodies(10, 0.05)
    with pytest.raises(Refused, match=r"did not arrive within 0\.05 s") as raised:
        received(bodies, [b"x"] * 9, pause=0.02)
    assert raised.value.status == 408 and bodies.arriving == 0


def test_a_client_that_hangs_up():
    bodies = Bodies(10, 5)
    with pytest.raises(ClientDisconnect):
        received(bodies, [b"abc", None])
    assert bodies.arriving == 0


def test_all_bodies_together_are_bounded():
    bodies = Bodies(10, 5)
    bodies.arriving = 38
    with pytest.raises(Refused, match="too many images arrive") as raised:
        received(bodies, [b"abc"])
    assert raised.value.status == 503 and raised.value.headers["Retry-After"] == "1"
    assert bodies.arriving == 38


def test_compressed_bodies_are_refused():
    with pytest.raises(Refused, match="without Content-Encoding") as raised:
        received(Bodies(10, 5), [b"abc"], {"content-encoding": "gzip"})
    assert raised.value.status == 415


def form(*parts, end=b"--xx--\r\n"):
    body = b""
    for head, content in parts:
        body += b"--xx\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
    return body + end


def image(body, kind="multipart/form-data; boundary=xx", query=b""):
    return asyncio.run(image_of(request_of([], {"content-type": kind}, query), body))


def test_names():
    assert image(b"abc", "image/png") == (b"abc", "image")
    assert image(b"abc", "image/png", b"name=a.png") == (b"abc", "a.png")
    part = (b'name="image"; filename="../x.png"', b"abc")
    assert image(form(part)) == (b"abc", "x.png")
    assert image(form(part), query=b"name=mine.png") == (b"abc", "mine.png")
    assert plain_name("/etc/passwd") == "passwd"
    assert plain_name("..\\..\\a.png") == "a.png"
    assert plain_name("a\nb\x00\x1b[31m.png") == "ab[31m.png"
    assert [plain_name(name) for name in ("", "..", "a/", "  ", "...")] == ["image"] * 5
    assert len(plain_name("x" * 5000)) == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form((b'name="image"', b"abc")), "no file in a field 'image'"),
        (form((b'name="photo"; filename="a"', b"abc")), "no file in a field 'image'"),
        (form((b'name="image"; filename="a"', b"abc"), end=b""), "no file in a field 'image'"),
        (b"--xx\r\nContent-Disposition: form-da", "no file in a field"),
        (b"nonsense", "cannot be read"),
        (form(*[(b'name="image"; filename="a"', b"abc")] * 2), "Too many files"),
    ],
)
def test_damaged_forms(body, message):
    with pytest.raises(Refused, match=message) as raised:
        image(body)
    assert raised.value.status == 400


def test_a_form_without_boundary():
    with pytest.raises(Refused, match="the form cannot be read"):
        image(b"abc", "multipart/form-data")


def test_an_empty_file():
    for body, kind in ((b"", "image/png"), (form((b'name="image"; filename="a"', b"")), None)):
        with pytest.raises(Refused, match="the body is empty"):
            image(body, kind or "multipart/form-data; boundary=xx")

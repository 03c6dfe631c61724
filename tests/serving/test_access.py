"""The token, errors as JSON and the log."""

import logging

import pytest
from fake_model import FakeModel

from mrcnn.serving import answers

from .conftest import png


def test_a_token(serve):
    client = serve(token="s3cret-ä")
    right = "Bearer s3cret-ä".encode()
    for path in ("/", "/page/index.html", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200
    for path in ("/about", "/metrics", "/v2", "/v2/models/best", "/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in answer.json()["error"]
    for given in (b"s3cret", b"Bearer", b"Bearer other", b"Basic " + right[7:], right + b"x"):
        answer = client.post("/detect", content=png(255), headers={"authorization": given})
        assert answer.status_code == 401
    answer = client.post("/detect", content=png(255), headers={"authorization": right})
    assert answer.status_code == 200


def test_errors_have_no_traceback(serve, monkeypatch, caplog):
    def broken(*arguments):
        raise ZeroDivisionError("in /home/me/secret.py")

    monkeypatch.setattr("mrcnn.serving.pages.written", broken)
    client = serve()
    answer = client.post("/detect", content=png(255))
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed; its log says why."}
    assert "ZeroDivisionError" in caplog.text
    assert answers.written is not broken


def test_a_network_that_fails(serve):
    def load(job):
        model = FakeModel(job)
        predict, calls = model.detector.predict, []

        def second_fails(*arguments):
            calls.append(1)
            if len(calls) == 3:  # after those that warm up
                raise MemoryError
            return predict(*arguments)

        model.detector.predict = second_fails
        return model

    client = serve(load)
    answer = client.post("/detect", content=png(255))
    assert answer.status_code == 413 and "more memory than there is" in answer.json()["error"]
    assert client.post("/detect", content=png(255)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/detect", 405), ("PUT", "/v2", 405)],
)
def test_wrong_addresses(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status and list(answer.json()) == ["error"]


def test_a_line_for_each_request(client, caplog):
    caplog.set_level(logging.INFO, "mrcnn.serving.access")
    client.post("/detect?min_score=0.9&secret=1", content=b"hello")
    client.get("/a%0Ab%1b[31m")
    lines = [each.getMessage() for each in caplog.records if each.name == "mrcnn.serving.access"]
    assert lines[0].startswith("testclient POST /detect 415 0.")
    assert lines[1].startswith("testclient GET /a?b?[31m 404 ")

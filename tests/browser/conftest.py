"""A server with the nuclei's model, and Chromium, once for all tests of the page."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from .user import IMAGES, User

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without its sandbox, which containers forbid, and without anything of its own to fetch.
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START = 120  # seconds that the server may take


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of `mrcnn serve --model nuclei`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [
        sys.executable,
        "-m",
        "mrcnn",
        "serve",
        "--quiet",
        "--model",
        "nuclei",
        "--port",
        str(port),
    ]
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait(address, process, log):
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/about").close()
            return
        except urllib.error.URLError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def about(server):
    """What the server says about itself."""
    return _json(f"{server}/about")


@pytest.fixture(scope="session")
def answers(server):
    """What the server finds in an image, by the image's short name."""
    known = {}

    def answer(name):
        if name not in known:
            known[name] = _json(f"{server}/detect?format=json", IMAGES[name].read_bytes())
        return known[name]

    return answer


def _json(url, body=None):
    kind = {"Content-Type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(url, body, kind), timeout=120) as answer:
        return json.load(answer)


@pytest.fixture(scope="session")
def chromium():
    """The browser, a process of its own."""
    driver = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which(path), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """Function that opens the page, of a `User`; all that the page asks for comes from the server.

    Its arguments are those of Playwright's `new_context`, and `before`, which is called with the
    page before it is loaded.
    """
    contexts, requests, errors = [], [], []

    def open_page(before=None, **options):
        context = chromium.new_context(**{"viewport": {"width": 1366, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        if before:
            before(page)
        page.goto(server)
        return User(page)

    yield open_page
    for context in contexts:
        context.close()
    hosts = {urlsplit(url).netloc for url in requests if not url.startswith(("blob:", "data:"))}
    assert hosts == {urlsplit(server).netloc}
    assert errors == []

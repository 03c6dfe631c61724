"""Connections that are slow, idle, too many, or no HTTP."""

import contextlib
import json
import socket
import time

import pytest
from fake_model import FakeModel

from .conftest import png
from .real_server import asked, post, running


@pytest.fixture
def address(settings):
    with running(settings(max_bytes=100_000), FakeModel, seconds=0.2) as (address, *_):
        yield address


def cut_off(connection):
    """Seconds until the server closes a connection."""
    start = time.monotonic()
    connection.settimeout(5)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - start


def test_a_client_that_says_nothing(address):
    with socket.create_connection(address) as connection:
        assert 0.1 < cut_off(connection) < 3


def test_headers_that_never_end(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        time.sleep(0.1)
        connection.sendall(b"X-More: y\r\n")
        assert cut_off(connection) < 3


def test_a_second_request_that_never_ends(address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HT")
        assert cut_off(connection) < 3


def test_a_request_takes_as_long_as_it_takes(gate, settings):
    with running(settings(), gate, seconds=0.1) as (address, *_):
        gate.open.clear()
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(post(png(255)))
            time.sleep(0.3)
            gate.open.set()
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_what_is_no_http(address):
    for data in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nbad\r\n\r\n"):
        head, _, body = asked(address, data + b"\r\n\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400") and "no valid HTTP" in json.loads(body)["error"]


def test_huge_headers(address):
    data = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 100_000
    head, _, body = asked(address, data).partition(b"\r\n\r\n")
    # The system may drop the answer with what was sent and not read.
    assert not head or (b" 400 " in head and "headers are too long" in json.loads(body)["error"])


def until_connected(server, count):
    """Wait until so many clients are connected."""
    end = time.monotonic() + 30
    while len(server.server_state.connections) != count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_too_many_connections(settings):
    with running(settings(), FakeModel, connections=2) as (address, _, server):
        held = [socket.create_connection(address, timeout=2) for _ in range(2)]
        until_connected(server, 2)
        head, _, body = asked(address, b"").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and b"Retry-After: 1" in head
        assert "too many connections" in json.loads(body)["error"]
        for connection in held:
            connection.close()
        until_connected(server, 0)
        assert b" 200 " in asked(address, b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_client_that_does_not_read(settings):
    with running(settings(), FakeModel, seconds=0.2) as (address, _, server):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        with connection:
            connection.settimeout(0.5)
            with contextlib.suppress(TimeoutError, ConnectionError):
                while True:
                    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            until_connected(server, 0)
        assert b" 200 " in asked(address, b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_long_upload_is_answered_before_it_is_cut(address):
    data = post(bytes(250_000))
    answer = asked(address, data)
    assert answer.startswith(b"HTTP/1.1 413") and b"more than 100000 bytes" in answer
    # The declared length is false: more comes, or less.
    assert b" 415 " in asked(address, post(b"hello world", Content_Length=5))
    chunked = b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"C350\r\n" + bytes(50_000) + b"\r\n" for _ in range(3)) + b"0\r\n\r\n"
    assert asked(address, chunked + chunks).startswith(b"HTTP/1.1 413")
    assert b" 400 " in asked(address, chunked + b"xyz\r\n")


def test_a_client_that_hangs_up_is_dropped(gate, settings):
    with running(settings(batch=1), gate) as (address, service, _):
        gate.open.clear()
        gate.entered.clear()
        before = len(gate.batches)
        first = socket.create_connection(address)
        first.sendall(post(png(255)))
        assert gate.entered.wait(10)
        second = socket.create_connection(address)
        second.sendall(post(png(128)))
        waiting = service.metrics.queue_length._value
        end = time.monotonic() + 10
        while waiting.get() != 1 and time.monotonic() < end:
            time.sleep(0.002)
        second.close()
        while service.metrics.in_flight._value.get() > 1 and time.monotonic() < end:
            time.sleep(0.002)
        gate.open.set()
        first.settimeout(5)
        assert first.recv(100).startswith(b"HTTP/1.1 200")
        first.close()
        assert time.monotonic() < end
        assert len(gate.batches) == before + 1
        [status] = [
            sample.labels["status"]
            for metric in service.metrics.requests.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["status"] != "200"
        ]
        assert status == "499"

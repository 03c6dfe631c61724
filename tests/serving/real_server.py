"""A server on a real port, in a thread, for tests that need sockets."""

import contextlib
import socket
import threading

import uvicorn

from mrcnn.serving.app import create
from mrcnn.serving.patience import patient


@contextlib.contextmanager
def running(settings, load, seconds=30.0, connections=50):
    """Yields (host, port), the `Service` and uvicorn's server."""
    app = create(settings, load)
    config = uvicorn.Config(app, port=0, log_level="critical", http=patient(seconds, connections))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield server.servers[0].sockets[0].getsockname(), app.state.service, server
    finally:
        server.should_exit = True
        thread.join()


def post(data, path="/detect", **headers):
    """The bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: x"]
    given = {"Content_Length": len(data), **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def asked(address, data):
    """Send bytes; returns all that comes back until the server closes, or a second's silence."""
    with socket.create_connection(address, timeout=1) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return rest(connection)


def rest(connection):
    got = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while chunk := connection.recv(1 << 16):
            got += chunk
    return got

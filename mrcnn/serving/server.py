"""`mrcnn serve`: an address, a process, and an end that finishes what it has."""

import errno
import logging
import os
import signal
import socket
import sys
from typing import Any

import uvicorn

from ..jobs.model import Model
from . import access, app
from .network import Load
from .patience import patient
from .service import Service
from .settings import ServerSettings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Connections that the system holds back until they are accepted.
_BACKLOG = 128


def serve(
    settings: ServerSettings,
    host: str = "127.0.0.1",
    port: int = 8000,
    connections: int = 256,
    idle_seconds: float = 30.0,
    quiet: bool = False,
    load: Load = Model,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted.

    A second SIGINT ends the process at once, with exit code 130.

    Args:
        settings: of the server.
        host: address to listen at; "127.0.0.1" lets only this machine in, "0.0.0.0" all.
        port: to listen at; 0 takes a free one.
        connections: most connections at a time.
        idle_seconds: after which a client that sends or takes nothing is cut off.
        quiet: whether only errors are printed.
        load: function from a job to its `Model`.

    Raises:
        OSError: the address cannot be used.
        FileNotFoundError, ValueError: the model cannot be loaded.
    """
    listening = listen(host, port)
    _log_requests(quiet)
    application = app.create(settings, load)
    config = uvicorn.Config(
        application,
        http=patient(idle_seconds, connections),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        timeout_keep_alive=int(idle_seconds),
        timeout_graceful_shutdown=int(settings.seconds) + 1,
        backlog=_BACKLOG,
    )
    server = _Server(config, lambda: None if quiet else _say(settings, host, listening))
    # uvicorn raises again the signals that ended it, when it is done.
    before = {each: signal.signal(each, _ignore) for each in (signal.SIGTERM, signal.SIGINT)}
    service: Service = application.state.service
    server.on_exit = service.refuse_new
    try:
        server.run(sockets=[listening])
    except SystemExit:
        if service.error is not None:
            raise service.error from None
        raise
    finally:
        listening.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if server.force_exit:
        # A thread may be in the network, which would crash Python's own end.
        os._exit(130)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, before the model takes its time to load.

    Args:
        host, port: see `serve`.

    Raises:
        OSError: the address cannot be used; the message says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(_BACKLOG)
        except OSError:
            made.close()
            raise
    except socket.gaierror:
        raise OSError(f"--host {host} is no address of this machine.") from None
    except OSError as error:
        raise OSError(_why(error, host, port)) from None
    return made


def _why(error: OSError, host: str, port: int) -> str:
    """What a user can do about an address that cannot be used."""
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8000
        return (
            f"port {port} of {host} is in use: stop the program that has it, or choose another "
            f"port, such as --port {other}."
        )
    if error.errno == errno.EACCES:
        return f"port {port} is reserved for administrators: choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine."
    return f"the server cannot listen at {host}, port {port}: {error.strerror or error}."


def _say(settings: ServerSettings, host: str, listening: socket.socket) -> None:
    """The line that says that the server is ready."""
    shown = f"[{host}]" if ":" in host else host
    port = listening.getsockname()[1]
    print(f"serving {settings.name} at http://{shown}:{port} (Ctrl-C stops)", flush=True)
    if host not in _LOOPBACK and not settings.token:
        print(
            "every machine that reaches this one can use the server: --token asks for a token.",
            file=sys.stderr,
            flush=True,
        )


def _log_requests(quiet: bool) -> None:
    """Print a line for each request."""
    access.logger.handlers.clear()
    if quiet:
        access.logger.setLevel(logging.WARNING)
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    access.logger.addHandler(handler)
    access.logger.setLevel(logging.INFO)
    access.logger.propagate = False


def _ignore(number: int, frame: Any) -> None:
    pass


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and refuses new requests when it ends."""

    def __init__(self, config: uvicorn.Config, on_start: Any) -> None:
        super().__init__(config)
        self._on_start = on_start
        self.on_exit: Any = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_start()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.on_exit()
        super().handle_exit(sig, frame)

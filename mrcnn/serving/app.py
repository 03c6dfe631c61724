"""The ASGI application: addresses, and what answers there.

`uvicorn --factory mrcnn.serving.app:create` runs it with the settings of the environment, see
`settings.of_environment`.
"""

import contextlib
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..jobs.model import Model
from .access import Access
from .network import Load
from .open_inference import OpenInference
from .pages import PAGE, Pages
from .service import Service
from .settings import ServerSettings, of_environment


def create(settings: ServerSettings | None = None, load: Load = Model) -> Starlette:
    """The application. Its model is loaded when the server starts it, in the server's process.

    Args:
        settings: of the server; None takes them from the environment.
        load: function from a job to its `Model`.

    Returns:
        The application; its `state.service` is the `Service`.

    Raises:
        ValueError: the settings are impossible.
    """
    service = Service(settings or of_environment(os.environ), load)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    pages = Pages(service)
    app = Starlette(
        routes=[
            Route("/", pages.index),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/about", pages.about),
            Route("/metrics", pages.metrics),
            Route("/detect", pages.detect, methods=["POST"]),
            Route("/preview", pages.preview, methods=["POST"]),
            *OpenInference(service).routes(),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Access, token=service.settings.token, metrics=service.metrics)],
        exception_handlers={HTTPException: _raise},
    )
    app.state.service = service
    return app


async def _raise(request: Request, error: Exception) -> Response:
    """Leave an error to `Access`."""
    raise error

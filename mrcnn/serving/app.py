"""The ASGI application: addresses, and what answers there.

`uvicorn --factory mrcnn.serving.app:create` runs it with the settings of the environment, see
`settings.of_environment`.
"""

import contextlib
import dataclasses
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from .. import __version__
from ..jobs.model import Model
from ..jobs.reading import Image
from .access import Access
from .answers import FORMATS, JSON, chosen_format, written
from .bodies import image_of
from .findings import Finding
from .network import Load, Network
from .objects_json import image_json, objects_json
from .open_inference import OpenInference
from .pictures import picture
from .refusals import Refused
from .service import Service
from .settings import ServerSettings, of_environment
from .waiting import answered

PAGE = Path(__file__).with_name("page")


def create(settings: ServerSettings | None = None, load: Load = Model) -> ASGIApp:
    """The application. Its model is loaded when the server starts it, in the server's process.

    Args:
        settings: of the server; None takes them from the environment.
        load: function from a job to its `Model`.

    Returns:
        An ASGI application; its `state.service` is the `Service`.

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


class Pages:
    """The answers of a `service`, apart from those of the Open Inference Protocol.

    Args:
        service: `Service`.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def index(self, request: Request) -> Response:
        """`GET /`: the page. The `request` says nothing more."""
        return FileResponse(PAGE / "index.html")

    async def about(self, request: Request) -> Response:
        """`GET /about`: the model and the limits. The `request` says nothing more."""
        settings, network = self._service.settings, self._service.ready()
        return JSONResponse(
            {
                "model": settings.name,
                "class_names": network.class_names,
                "min_score": network.min_score,
                "lowest_score": network.lowest_score,
                "licence": network.licence,
                "formats": {name: dataclasses.asdict(each) for name, each in FORMATS.items()},
                "limits": {"bytes": settings.max_bytes, "pixels": settings.max_pixels},
                "version": __version__,
            }
        )

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`, for Prometheus. The `request` says nothing more."""
        text, media_type = self._service.metrics.text()
        return Response(text, media_type=media_type)

    async def detect(self, request: Request) -> Response:
        """`POST /detect`: what is found in an image, in the format of choice.

        Args:
            request: with the image, see `bodies.image_of`.

        Raises:
            Refused: the request cannot be answered.
        """
        service = self._service
        network = service.admit()
        asked = Asked.of(request, network)
        data, name = await image_of(request, await service.bodies.receive(request))

        def write(finding: Finding, image: Image | None) -> bytes:
            return _written(asked, name, finding, image)

        with service.place():
            work = service.answer(data, name, asked.format in _PIXELS, write)
            content = await answered(request, work, service.settings.seconds)
        known = FORMATS.get(asked.format)
        suffix = known.suffix if known else ".json"
        file = quote(Path(name).stem + suffix)
        return Response(
            content,
            media_type=known.type if known else "application/json",
            headers={"Content-Disposition": f"inline; filename*=UTF-8''{file}", "Vary": "Accept"},
        )

    async def preview(self, request: Request) -> Response:
        """`POST /preview`: a picture of an image.

        Args:
            request: with the image, see `bodies.image_of`.

        Raises:
            Refused: the request cannot be answered.
        """
        service = self._service
        network = service.admit()

        async def work(data: bytes, name: str) -> tuple[bytes, float]:
            async with service.image(data, name) as image:
                try:
                    return await service.run(picture, image.chosen, network.config, name)
                except (TypeError, ValueError) as error:
                    raise Refused(422, " ".join(str(error).split())) from error

        data, name = await image_of(request, await service.bodies.receive(request))
        with service.place():
            png, factor = await answered(request, work(data, name), service.settings.seconds)
        return Response(png, media_type="image/png", headers={"X-Scale": f"{factor:.7g}"})


# Formats that need the image's pixels.
_PIXELS = (JSON, "csv", "overlay")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        format: a name in `FORMATS`, or "json".
        min_score: objects with a lower score are left out.
        class_ids: [K] of the objects to keep; empty for all.
    """

    format: str
    min_score: float
    class_ids: tuple[int, ...]

    @classmethod
    def of(cls, request: Request, network: Network) -> "Asked":
        """What a `request` to a `network` asks for.

        Raises:
            Refused: its query, or its header Accept, is impossible.
        """
        query = request.query_params
        format_ = chosen_format(query.get("format"), request.headers.get("accept"))
        # The page chooses by itself which of all objects it shows.
        score = network.lowest_score if format_ == JSON else network.min_score
        if "min_score" in query:
            score = _score(query["min_score"])
        names = [name.strip() for name in query.get("classes", "").split(",") if name.strip()]
        return cls(format_, score, tuple(_class_id(name, network.class_names) for name in names))


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise Refused(400, f"min_score is {text!r}: it must be a number from 0 to 1.")
    return score


def _class_id(name: str, class_names: list[str]) -> int:
    if name not in class_names[1:]:
        known = ", ".join(class_names[1:])
        raise Refused(400, f"classes has {name!r}: the model's classes are {known}.")
    return class_names.index(name)


def _written(asked: Asked, name: str, finding: Finding, image: Image | None) -> bytes:
    objects = finding.objects(asked.min_score, asked.class_ids)
    facts = dataclasses.replace(finding.image, name=name)
    if image is not None:
        facts = dataclasses.replace(facts, pixels=image.pixels, shown=image.chosen)
    if asked.format != JSON:
        return written(asked.format, facts, objects)
    more: Mapping[str, object] = {
        "image": image_json(facts, finding.remark, finding.about),
        "truncated": finding.truncated(asked.min_score),
        "seconds": finding.seconds,
    }
    return objects_json(facts, objects, more)

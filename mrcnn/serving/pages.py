"""What answers at each address, apart from those of the Open Inference Protocol."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from .. import __version__
from ..jobs.reading import Image
from .answers import FORMATS, JSON, written
from .asked import Asked
from .bodies import image_of
from .findings import Finding
from .objects_json import image_json, objects_json
from .pictures import picture
from .refusals import Refused
from .service import Service
from .waiting import answered

# The files of the page.
PAGE = Path(__file__).with_name("page")
# Formats that need the image's pixels.
_PIXELS = (JSON, "csv", "overlay")


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

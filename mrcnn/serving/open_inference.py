"""The Open Inference Protocol, version 2, which clients of KServe, Triton and OpenVINO speak."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .. import __version__
from ..results.objects import Objects
from ..types import Array
from .findings import kept
from .network import Network
from .refusals import Refused
from .service import Service
from .tensors import HEADER, TYPES, Inference, encoded, parsed
from .waiting import answered

_VERSION = "1"
_MASKS = "masks"
# Most bytes of masks in an answer.
_MOST_BYTES = 2**28

# Outputs for B images with up to D objects; those of an image with fewer are 0 at its end.
# Name: datatype, shape.
_OUTPUTS: Mapping[str, tuple[str, list[int]]] = {
    "boxes": ("FP32", [-1, -1, 4]),  # (y1, x1, y2, x2) in pixels
    "class_ids": ("INT32", [-1, -1]),
    "scores": ("FP32", [-1, -1]),
    "count": ("INT32", [-1]),  # of objects
    _MASKS: ("BOOL", [-1, -1, -1, -1]),  # [B, H, W, D], only if asked for
}


class OpenInference:
    """The answers of a `service` below /v2.

    Args:
        service: `Service`.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """The addresses."""
        model = "/v2/models/{name}"
        answers: list[tuple[str, Callable[..., Any], str]] = [
            ("", self.metadata, "GET"),
            ("/ready", self.model_ready, "GET"),
            ("/infer", self.infer, "POST"),
        ]
        return [
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(
                Route(start + end, answer, methods=[method])
                for start in (model, model + "/versions/{version}")
                for end, answer, method in answers
            ),
        ]

    async def server(self, request: Request) -> Response:
        """`GET /v2`: the server. The `request` says nothing more."""
        told = {"name": "mask-rcnn", "version": __version__, "extensions": ["binary_tensor_data"]}
        return JSONResponse(told)

    async def live(self, request: Request) -> Response:
        """`GET /v2/health/live`: whether the server answers. The `request` says nothing more."""
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """`GET /v2/health/ready`: whether it can detect. The `request` says nothing more.

        Raises:
            Refused: it cannot.
        """
        self._service.admit()
        return JSONResponse({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/NAME/ready`.

        Args:
            request: which names the model.

        Raises:
            Refused: it is not ready, or is another one.
        """
        name = self._named(request)
        self._service.admit()
        return JSONResponse({"name": name, "ready": True})

    async def metadata(self, request: Request) -> Response:
        """`GET /v2/models/NAME`: its tensors.

        Args:
            request: which names the model.

        Raises:
            Refused: it is another one.
        """
        name = self._named(request)
        channels = self._service.ready().config.IMAGE_CHANNEL_COUNT
        shape = [-1, -1, -1, channels]
        return JSONResponse(
            {
                "name": name,
                "versions": [_VERSION],
                "platform": "mask-rcnn",
                "inputs": [{"name": "image", "datatype": "UINT8", "shape": shape}],
                "outputs": [
                    {"name": output, "datatype": kind, "shape": sides}
                    for output, (kind, sides) in _OUTPUTS.items()
                ],
            }
        )

    async def infer(self, request: Request) -> Response:
        """`POST /v2/models/NAME/infer`: detect in B images of one size.

        Args:
            request: with the input `image`, [B, H, W, C], UINT8, UINT16 or FP32; its parameter
                min_score leaves out objects with a lower score.

        Raises:
            Refused: it cannot be answered.
        """
        name, service = self._named(request), self._service
        service.admit()
        body = await service.bodies.receive(request)
        with service.place():
            work = self._inferred(name, body, request.headers.get(HEADER))
            content, length = await answered(request, work, service.settings.seconds)
        if not length:
            return Response(content, media_type="application/json")
        headers = {HEADER: str(length)}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def _inferred(self, name: str, body: bytes, length: str | None) -> tuple[bytes, int]:
        service, network = self._service, self._service.ready()
        asked = await service.run(parsed, body, length, tuple(_OUTPUTS))
        count, height, width = asked.images.shape[:3]
        settings = service.settings
        if count > settings.queue:
            raise Refused(413, f"there are {count} images: at most {settings.queue} are accepted.")
        if count * height * width > settings.max_pixels:
            raise Refused(
                413,
                f"{count} images of {height} x {width} have {count * height * width} pixels: at "
                f"most {settings.max_pixels} are accepted.",
            )
        score = _score(asked, network)
        async with service.memory(count * height * width):
            results = await self._detected(asked.images)
            objects = [kept(result, score) for result in results]
            return await service.run(_encoded, name, asked, objects)

    async def _detected(self, images: Array) -> Sequence[Mapping[str, Any]]:
        tasks = [
            asyncio.ensure_future(self._service.detect(image, f"image {i}"))
            for i, image in enumerate(images)
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    def _named(self, request: Request) -> str:
        name, version = request.path_params["name"], request.path_params.get("version", _VERSION)
        own = self._service.settings.name
        if name != own or version != _VERSION:
            raise Refused(
                404,
                f"there is no model {name!r} of version {version!r}: this server has {own!r}, "
                f"version {_VERSION!r}.",
            )
        return own


def _score(asked: Inference, network: Network) -> float:
    score = asked.parameters.get("min_score", network.min_score)
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise Refused(400, f"min_score is {score!r}: it must be a number from 0 to 1.")
    return float(score)


def _encoded(name: str, asked: Inference, found: Sequence[Objects]) -> tuple[bytes, int]:
    wanted = asked.outputs or {each: asked.binary for each in _OUTPUTS if each != _MASKS}
    most = max(len(objects) for objects in found)
    count, height, width = asked.images.shape[:3]
    if _MASKS in wanted and count * height * width * most > _MOST_BYTES:
        raise Refused(
            413,
            f"the masks of {most} objects in {count} images of {height} x {width} take more than "
            f"{_MOST_BYTES} bytes: POST /detect gives outlines.",
        )
    tensors = {
        output: (_output(output, found, most, (height, width)), binary)
        for output, binary in wanted.items()
    }
    told = {"model_name": name, "model_version": _VERSION}
    return encoded(told | ({"id": asked.id} if asked.id else {}), tensors)


def _output(name: str, found: Sequence[Objects], most: int, shape: tuple[int, int]) -> Array:
    """An output of all images."""
    if name == "count":
        return np.array([len(objects) for objects in found], np.int32)
    kind, sides = _OUTPUTS[name]
    if name == _MASKS:
        masks = np.zeros((len(found), *shape, most), bool)
        for image, objects in zip(masks, found, strict=True):
            if objects.masks is not None:
                image[..., : len(objects)] = objects.masks.dense()
        return masks
    padded = np.zeros((len(found), most, *sides[2:]), TYPES[kind])
    for image, objects in zip(padded, found, strict=True):
        image[: len(objects)] = getattr(objects, name)
    return padded

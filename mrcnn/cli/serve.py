"""Find objects over HTTP: a page for the browser, and an interface for programs.

  mrcnn serve --model nuclei
      then open http://127.0.0.1:8000 in a browser, and drop an image on it

  curl --data-binary @a.png http://127.0.0.1:8000/detect > a.json
  curl --data-binary @a.png "http://127.0.0.1:8000/detect?format=roi" > a.zip
      COCO annotations, and outlines for Fiji; also geojson, labels, csv, overlay, labelme, json

  mrcnn serve --model best.h5 --port 9000 --object-size 60
      a model that you trained; the objects are about 60 pixels wide

  MRCNN_TOKEN=secret mrcnn serve --model nuclei --host 0.0.0.0
      for other machines; clients send "Authorization: Bearer secret"

Clients of the Open Inference Protocol (KServe, Triton, OpenVINO) find it at /v2, and Prometheus
finds /metrics. docs/serving.md has more: gunicorn, containers, limits.
"""

import argparse
import os

from .model_file import find_model, labels
from .options import count, fraction
from .scale_and_tiles import add_scale_and_tiles, positive
from .settings import add_settings, settings_of

_EXTRA = 'the server needs packages that are not installed: pip install "mask-rcnn[serve]"'
_MB = 2**20

# Options that are settings of the server by the same name.
_SAME = (
    *("token", "min_score", "lowest_score", "max_instances", "channel", "scale", "object_size"),
    *("tile", "overlap", "batch", "queue", "max_pixels", "seconds", "body_seconds", "cache"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb.

    Args:
        parser: the verb's.
    """
    add = parser.add_argument
    add(
        "--model",
        required=True,
        help="a model of `mrcnn models`, a weights file, the folder of a training run, last or "
        "best",
    )
    add("--name", help="of the model in addresses; default: that of --model")
    add("--port", type=_port, default=8000, help="default: %(default)s; 0 takes a free one")
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen at; the default, %(default)s, lets only this machine in",
    )
    add(
        "--token",
        default=os.environ.get("MRCNN_TOKEN", ""),
        help="that clients must send; better in the environment, as MRCNN_TOKEN, where other users "
        "of this machine cannot see it",
    )
    add("--quiet", action="store_true", help="print only errors")

    images = parser.add_argument_group("images")
    add = images.add_argument
    add("--channel", help="the channel to use as gray: its name, or its number from 0")
    add_scale_and_tiles(images)

    found = parser.add_argument_group("objects")
    add = found.add_argument
    add(
        "--min-score",
        type=fraction,
        help="leave out objects that score less, unless a client asks for them; default: what the "
        "model recommends",
    )
    add(
        "--lowest-score",
        type=fraction,
        help="do not look for objects that score less; default: 0.5, or less if the model or "
        "--min-score has less",
    )
    add("--max-instances", type=count, metavar="N", help="most objects in an image, or in a tile")

    limits = parser.add_argument_group("limits")
    add = limits.add_argument
    add(
        "--batch",
        type=count,
        metavar="N",
        help="most images that the network takes at once; default: 4 with a GPU, 1 without",
    )
    add(
        "--queue",
        type=count,
        default=64,
        metavar="N",
        help="most images that wait or are in work; others get a 503 (default: %(default)s)",
    )
    add(
        "--max-mb",
        type=positive,
        default=64.0,
        metavar="N",
        help="most megabytes of an upload (default: %(default)g)",
    )
    add(
        "--max-pixels",
        type=count,
        default=100_000_000,
        metavar="N",
        help="most pixels of an image (default: %(default)s)",
    )
    add(
        "--seconds",
        type=positive,
        default=300.0,
        metavar="N",
        help="within which an image must be answered; else, a 504 (default: %(default)g)",
    )
    add(
        "--body-seconds",
        type=positive,
        default=60.0,
        metavar="N",
        help="within which an upload must arrive (default: %(default)g)",
    )
    add(
        "--idle-seconds",
        type=positive,
        default=30.0,
        metavar="N",
        help="after which a client that sends nothing is cut off (default: %(default)g)",
    )
    add(
        "--connections",
        type=count,
        default=256,
        metavar="N",
        help="most connections at a time (default: %(default)s)",
    )
    add(
        "--cache",
        type=_count_from_0,
        default=16,
        metavar="N",
        help="images whose results are remembered; 0 for none (default: %(default)s)",
    )
    add_settings(parser)


def execute(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        options: what the parser made of the command line.

    Raises:
        ImportError: the extra `serve` is not installed.
        OSError, ValueError: the address, the model or a setting cannot be used.
    """
    try:
        from ..serving.server import serve
        from ..serving.settings import ServerSettings
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mrcnn"):
            raise
        raise ImportError(_EXTRA) from error
    model = find_model(options.model)
    settings = ServerSettings(
        model=model,
        name=options.name or labels([model])[0],
        max_bytes=round(options.max_mb * _MB),
        settings=settings_of(options),
        **{name: getattr(options, name) for name in _SAME},
    )
    serve(
        settings,
        options.host,
        options.port,
        options.connections,
        options.idle_seconds,
        options.quiet,
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: it must be from 0 to 65535")
    return int(text)


def _count_from_0(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number

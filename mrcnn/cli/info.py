"""Say what a weights file is: its network and classes, how it was trained, what it may be used for.

    mrcnn info logs/cells20261120T1405/weights/best.h5
    mrcnn info nuclei                  # a model that comes with the package
    mrcnn info mask_rcnn_coco.h5       # without a card: what the layers tell
    mrcnn info model_final.pkl         # a file of torchvision or Detectron2
    mrcnn info cells.onnx              # an exported model
    mrcnn info torchvision:maskrcnn_resnet50_fpn_v2    # what they publish; nothing is downloaded

Files that training wrote with version 3.1 or later hold all of it, so they need nothing else:

    mrcnn detect IMAGES --model best.h5
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..jobs.model import card_of
from ..runtime import is_exported
from ..runtime.sidecar import read_sidecar
from ..text import some
from ..weights import zoo
from ..weights.card import Card, DamagedCard, read_card
from ..weights.catalogue import find
from ..weights.facts import Facts, facts
from ..weights.keras_h5 import WeightsFile
from ..weights.readers import open_source

# How many class names are printed, and how many characters of a text.
_NAMES, _CHARACTERS = 100, 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb.

    Args:
        parser: the verb's.
    """
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a weights file, or the name of a model: of the package, torchvision or Detectron2",
    )


def execute(options: argparse.Namespace) -> None:
    """Print what is known about each file, a line for each fact.

    Args:
        options: with `files`.

    Raises:
        FileNotFoundError, ValueError: see `describe`.
    """
    for file in options.files:
        is_published = zoo.is_name(file)
        known = published(file) if is_published else describe(file)
        print(file if is_published else find(file))
        print("\n".join(printed(known)))


def describe(file: str) -> dict[str, str]:
    """What is known about a weights file, in words.

    Args:
        file: its path, or the name of a model that comes with the package.

    Returns:
        A text for each kind of fact, such as "classes"; "" for what is not known.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no weights file, or damaged.
    """
    path = find(file)
    if is_exported(path):
        return _exported(path)
    with open_source(path) as source:
        found = facts(source)
        is_bgr, kind = source.is_bgr(), source.kind
        is_ours = isinstance(source, WeightsFile)
    is_alone = kind is not None and kind.neck is None
    card, problem = _card(path) if is_ours else _foreign_card(path, is_alone)
    trained = card.provenance
    return {
        "weights": _size(path, found),
        "from": "" if kind is None else str(kind),
        "backbone": found.backbone or "not one that the package has a name for",
        "heads": ", ".join(found.heads),
        "input": _input(found, is_bgr, card.config or {}),
        "classes": _classes(found, card),
        "objects": f"{card.object_size:g} pixels a side in the network's input, in the median"
        if card.object_size
        else "",
        "score": f"{card.min_score:g} is recommended" if card.min_score else "",
        "licence": card.licence or ("not stated" if is_ours and card != Card() else ""),
        "trained": _trained(trained),
        "started from": _text(trained.get("started_from")),
        "data": _data(trained.get("dataset")),
        "command": _text(trained.get("command")),
        "versions": _versions(trained.get("versions")),
        "configuration": problem or _configuration(card),
    }


def _exported(path: Path) -> dict[str, str]:
    sidecar = read_sidecar(path)
    card, config = sidecar.card, sidecar.card.config or {}
    sides = " x ".join("any" if side is None else str(side) for side in sidecar.input_shape)
    return {
        "exported": f"{sidecar.format}, {megabytes(path)}",
        "backbone": str(config.get("BACKBONE", "")),
        "heads": ", ".join(map(str, config.get("HEADS", ()))),
        "input": f"{sides} (images, height, width, channels)",
        "classes": some((card.class_names or [""])[1:], _NAMES),
        "score": f"{card.min_score:g} is recommended" if card.min_score else "",
        "licence": card.licence or "",
        "versions": ", ".join(f"{name} {version}" for name, version in sidecar.versions.items()),
        "configuration": _configuration(card),
    }


def published(name: str) -> dict[str, str]:
    """What is known about weights that torchvision or Detectron2 publish, in words.

    Args:
        name: see `zoo.entry`.

    Returns:
        A text for each kind of fact; "" for what is not known.

    Raises:
        ValueError: there is no such name.

    Example:
        >>> from mrcnn.cli.info import published
        >>> published("torchvision:maskrcnn_resnet50_fpn_v2")["on COCO"]
        'box AP 47.4, mask AP 41.8, as published'
    """
    entry = zoo.entry(name)
    kinds = {"box": entry.box, "mask": entry.mask, "keypoint": entry.keypoints}
    measured = [f"{kind} AP {value}" for kind, value in kinds.items() if value is not None]
    place = zoo.cached(name)
    return {
        "on COCO": f"{', '.join(measured)}, as published" if measured else "",
        "finds": "" if measured else "nothing by itself: a backbone, trained on ImageNet",
        "licence": entry.licence,
        "source": entry.url,
        "file": str(place) if place.exists() else f"not yet downloaded: {place}",
    }


def printed(known: Mapping[str, str]) -> Iterator[str]:
    """Lines for facts, without those that are not known.

    Args:
        known: a text for each kind of fact.

    Yields:
        A line for each.
    """
    for name, text in known.items():
        if text:
            # What a file says might hold escape sequences, which a terminal would obey.
            safe = "".join(char if char.isprintable() else " " for char in text)
            yield f"  {name + ':':15}{safe[:_CHARACTERS]}"


def megabytes(path: Path) -> str:
    """The size of the file at `path`, such as "18.4 MB"."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _card(path: Path) -> tuple[Card, str]:
    """The card of a file, and what is wrong with it."""
    try:
        return read_card(path), ""
    except DamagedCard as error:
        return Card(), str(error)


def _foreign_card(path: Path, is_alone: bool) -> tuple[Card, str]:
    """What follows for another project's file, and what is to be said about its configuration."""
    if is_alone:
        return Card(), "none: start_weights.load puts these weights into a network"
    try:
        card = card_of(path)
    except ValueError as error:
        return Card(), str(error)
    preset = (card.config or {}).get("NAME")
    return card, f"by what the tensors tell: presets.{preset}"


def _size(path: Path, found: Facts) -> str:
    is_half = path.stat().st_size < 3 * found.parameters
    text = f"{found.layers} layers, {found.parameters:,} parameters, {megabytes(path)}"
    return f"{found.kind}, {text}{' in half precision' if is_half else ''}"


def _input(found: Facts, is_bgr: bool, config: Mapping[str, Any]) -> str:
    if found.channels is None:
        return ""
    order = {True: " in the order BGR", False: ""}[is_bgr]
    sides = [f"{name} {config[name]}" for name in _SIDES if config.get(name)]
    return ", ".join([f"{found.channels} channels{order}", *sides])


_SIDES = ("IMAGE_RESIZE_MODE", "IMAGE_MIN_DIM", "IMAGE_MAX_DIM", "IMAGE_MIN_SCALE")


def _classes(found: Facts, card: Card) -> str:
    if found.num_classes is None:
        return ""
    if card.class_names is None:
        return f"{found.num_classes} with the background; the file has no names"
    return f"{some(card.class_names[1:], _NAMES)} (and the background, {card.class_names[0]})"


def _trained(trained: Mapping[str, Any]) -> str:
    parts = {"name": "{}", "epochs": "{} epochs", "date": "until {}"}
    return ", ".join(
        form.format(_text(trained[name])) for name, form in parts.items() if trained.get(name)
    )


def _data(data: Any) -> str:
    if not isinstance(data, dict):
        return _text(data)
    images, held_back = data.get("images"), data.get("validation_images")
    sources = data.get("sources")
    named = f" ({some(sources)})" if isinstance(sources, list) and sources else ""
    return f"{images} images{named}" + (f", {held_back} for validation" if held_back else "")


def _versions(versions: Any) -> str:
    if not isinstance(versions, dict):
        return ""
    names = ("mask-rcnn", "keras", versions.get("backend"), "python")
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


def _configuration(card: Card) -> str:
    if card.config is None:
        return "none: this file was written before 3.1, so detection needs --config"
    return f"{len(card.config)} settings"


def _text(value: Any) -> str:
    return "" if value is None else str(value)

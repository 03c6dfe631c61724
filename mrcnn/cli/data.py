"""The dataset that a verb works on: its format, its classes, its training and validation images."""

import argparse
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ..datasets.dataset import Dataset
from ..formats.evidence import Sign
from ..formats.labelme import find_files
from ..formats.recognise import FORMATS, arguments, read_sign
from ..formats.subsets import find_subsets
from ..results.corrections import corrections_of, total
from ..text import some
from .options import fraction, limited
from .python_lines import Lines, Name

# The share of images held back for validation, unless the user or the data says.
VAL = 0.2

# Formats in which class_names says what the numbers in the files mean.
_NUMBERED = ("index-pngs",)
# Formats without names of classes: all objects are of one class.
_UNNAMED = ("label-images", "instance-pngs")


@dataclasses.dataclass
class Data:
    """A dataset as it was read.

    Attributes:
        signs: what was read, by part: "train" and "val", or "all".
        datasets: prepared datasets, by part.
        options: arguments of `read` that are the same for all parts.
    """

    signs: dict[str, Sign]
    datasets: dict[str, Dataset]
    options: dict[str, Any]

    @property
    def format(self) -> str:
        """The format's name in `recognise.FORMATS`."""
        return next(iter(self.signs.values())).format

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, without the background."""
        return next(iter(self.datasets.values())).class_names[1:]

    @property
    def is_unnamed(self) -> bool:
        """Whether the format has no names of classes."""
        return self.format in _UNNAMED

    def add_read(
        self, lines: Lines, part: str, limit: int | None = None, alone: bool = False
    ) -> str:
        """Add the lines that read a part.

        Args:
            lines: where they are added.
            part: a key of `datasets`.
            limit: the maximum number of images, see `options.limited`.
            alone: whether the lines read no other part.

        Returns:
            Name of the variable.
        """
        given = arguments(self.signs[part], **_options_for(part, self.format, self.options))
        if part == "val" and "class_names" not in self.options:
            given["class_names"] = self.class_names if alone else Name("train.class_names[1:]")
        variable = "dataset" if part == "all" else part
        lines.use("mrcnn", "formats")
        kind = type(self.datasets[part]).__name__
        lines.add(f"{variable} = formats.{kind}.read", given.pop("path"), **given)
        if limit is not None:
            lines.use("mrcnn.cli", "limited")
            lines.line(f"{variable} = limited({variable}, {limit})")
        return variable


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument DATA, and the options that say how it is read.

    Args:
        parser: of a verb; `read_data` reads its options.
    """
    parser.add_argument(
        "data",
        metavar="DATA",
        help="folder of the dataset, or its file of annotations; with folders train and val, both "
        "are used",
    )
    group = parser.add_argument_group("how DATA is read")
    group.add_argument("--format", choices=tuple(FORMATS), help="default: recognised by the files")
    group.add_argument(
        "--class-names",
        type=_names,
        metavar="A,B",
        help="classes in order; default: those in the files",
    )
    group.add_argument(
        "--images", metavar="FOLDER", help="where the images are, if not beside the annotations"
    )
    group.add_argument(
        "--read",
        action="append",
        type=_option,
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the format's reader, such as strict=False (leave out what cannot be "
        "used), class_map={cel: cell} or split_components=True; may be repeated",
    )


def add_val(parser: argparse.ArgumentParser) -> None:
    """Add the option `--val`.

    Args:
        parser: of a verb.
    """
    parser.add_argument(
        "--val",
        type=_share,
        metavar="SHARE",
        help="share of the images held back for validation, always the same ones, if DATA has no "
        "part for it; 0 for none; default: 0.2",
    )


def read_data(
    options: argparse.Namespace,
    class_names: Sequence[str] | None = None,
    class_map: Mapping[str, str | None] | None = None,
) -> Data:
    """Read the dataset that the command line names.

    Args:
        options: what a parser with `add_data` returned.
        class_names: the classes, in place of those that the user gives; None takes the user's, or
            those in the files.
        class_map: renames classes, in addition to the user's.

    Returns:
        All its parts. They have the same classes.

    Raises:
        FileNotFoundError, OSError, ValueError: see `find_subsets` and `recognise.read_any`.
    """
    given = {"images": options.images, **dict(options.read)}
    given["class_names"] = class_names or options.class_names or given.get("class_names")
    if class_map:
        given["class_map"] = {**class_map, **(given.get("class_map") or {})}
    given = {name: value for name, value in given.items() if value is not None}
    signs = find_subsets(options.data, options.format)
    datasets: dict[str, Dataset] = {}
    for part, sign in signs.items():
        own = dict(given)
        if datasets:
            own.setdefault("class_names", datasets["train"].class_names[1:])
        try:
            datasets[part] = read_sign(sign, **_options_for(part, sign.format, own))
        except TypeError as error:
            raise ValueError(str(error)) from None
    return Data(signs, datasets, given)


def _options_for(part: str, format: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `read` for one part."""
    if format in _NUMBERED and part == "val" and "class_map" in options:
        # The numbers in the files have the names from before class_map.
        return {name: value for name, value in options.items() if name != "class_names"}
    return dict(options)


def split(data: Data, options: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """The training and validation images.

    Args:
        data: the dataset.
        options: for `--val` and `--limit`.

    Returns:
        train, val: `val` is None without validation.

    Raises:
        ValueError: there are too few images for a split, or DATA has a part for validation and the
            user asks for a share.
    """
    if "val" in data.datasets:
        if options.val is not None:
            raise ValueError(
                f"{options.data} has a part for validation: leave out --val, or give the path of "
                "the training part."
            )
        train, val = data.datasets["train"], data.datasets["val"]
        return limited(train, options.limit), limited(val, options.limit)
    whole = limited(data.datasets["all"], options.limit)
    share = VAL if options.val is None else options.val
    if not share:
        return whole, None
    if whole.num_images < 2:
        raise ValueError(
            "there is only one image, and none can be held back for validation: add images, or "
            "give --val 0 to train without validation."
        )
    return whole.split(share)


def describe(dataset: Dataset) -> str:
    """The number of images and of annotated objects of a dataset, in words.

    Args:
        dataset: a prepared `Dataset`.
    """
    images = f"{dataset.num_images} image{'' if dataset.num_images == 1 else 's'}"
    rows = [dataset.image_info[i].get("annotations") for i in dataset.image_ids.tolist()]
    if not all(isinstance(row, list) for row in rows):
        return images  # the objects are in files of pixels
    count = sum(map(len, rows))
    return f"{images} with {count} object{'' if count == 1 else 's'}"


def describe_corrections(data: Data) -> str:
    """What was corrected by hand in LabelMe files that a model has written, as a sentence.

    Args:
        data: the dataset.

    Returns:
        "" for another format, or if no file says what was written.
    """
    if data.format != "labelme":
        return ""
    counted = []
    for file in (file for sign in data.signs.values() for file in find_files(sign.path)):
        with contextlib.suppress(OSError, ValueError):  # reading the dataset has reported it
            counted.append(corrections_of(file))
    found = [each for each in counted if each is not None]
    if not found:
        return ""
    files = f"{len(found)} file{'' if len(found) == 1 else 's'}"
    return f"Corrected since a model wrote them, in {files}: {total(found)}."


def describe_classes(names: Sequence[str]) -> str:
    """Class names in words.

    Args:
        names: without the background.
    """
    return f"{len(names)} class{'' if len(names) == 1 else 'es'}: {some(names, 12)}"


def _names(text: str) -> list[str]:
    """The `type` of `--class-names`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("it has no names")
    return names


def _share(text: str) -> float:
    """The `type` of `--val`."""
    share = fraction(text)
    if share == 1:
        raise argparse.ArgumentTypeError("1 leaves no image to train on")
    return share


def _option(text: str) -> tuple[str, Any]:
    """The `type` of `--read`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as strict=False")
    try:
        return name.strip(), None if value == "None" else yaml.safe_load(value)
    except yaml.YAMLError:
        raise argparse.ArgumentTypeError(f"{value!r} is not a value in YAML") from None

"""Measure models on a dataset: what `mrcnn evaluate` and `mrcnn compare` share."""

import argparse
import dataclasses
import functools
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_rules.detection_rules import lowest_min_score
from ..datasets.dataset import Dataset
from ..formats.instance_pngs import OBJECT
from ..jobs.model import card_of
from ..runs.model_config import config_for
from ..startup import start_quietly
from ..weights.card import Card
from .agreement import Agreement, for_evaluation
from .data import Data, add_data, add_val, read_data
from .model_file import find_model
from .options import count, fraction, limited
from .python_lines import Lines, Name
from .settings import add_settings, settings_of

# Average precision needs weak detections, too.
_WEAK = 0.05


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add the options of both verbs.

    Args:
        parser: of a verb.
    """
    add_data(parser)
    add = parser.add_argument
    add_val(parser)
    add(
        "--split",
        choices=("val", "train"),
        default="val",
        help="which part of DATA, if it has parts, or of --val; default: val",
    )
    add(
        "--min-score",
        type=fraction,
        metavar="SCORE",
        help="score that counts as found, from 0 to 1; default: the model's own. Average precision "
        "uses all scores",
    )
    add(
        "--tta",
        type=int,
        choices=range(1, 9),
        default=1,
        metavar="N",
        help="detect in N orientations of each image, up to 8, and let them vote",
    )
    add("--limit", type=count, metavar="N", help="only N images, drawn at random")
    add("--out", metavar="FOLDER", help="where to write; default: a new folder in results/")
    add("--logs", default="logs", metavar="FOLDER", help="folder of training runs; default: logs")
    add("--print-python", action="store_true", help="print Python lines that do the same, and stop")
    add_settings(parser)


@dataclasses.dataclass
class Measured:
    """A model, and the images to measure it on.

    Attributes:
        options: the command line's.
        path: of the weights file, or a name.
        config: of the model, for detection.
        settings: those that the user gives.
        data: the dataset, with the model's classes.
        agreement: of the classes.
    """

    options: argparse.Namespace
    path: str
    config: Config
    settings: dict[str, Any]
    data: Data
    agreement: Agreement

    @classmethod
    def of(cls, options: argparse.Namespace, model: str) -> "Measured":
        """A model by what its file says, with the dataset.

        Args:
            options: of a parser with `add_measuring`.
            model: what `--model` names.

        Raises:
            FileNotFoundError, OSError, ValueError: the model or the dataset cannot be used.
        """
        settings = settings_of(options)
        path = find_model(model, options.logs)
        card = card_of(path)
        data = read_data(options)
        start_quietly()  # the parts of a network import Keras
        config = config_for(path, card, "inference", settings=settings)
        agreement = for_evaluation(data.class_names, _names(card, config, path, data))
        if agreement.class_names:
            # The class that the user names is one of the model's.
            is_renamed = options.class_names and data.is_unnamed
            class_map = {OBJECT: data.class_names[0]} if is_renamed else agreement.class_map
            data = read_data(options, agreement.class_names, class_map)
        return cls(options, path, config, settings, data, agreement)

    @property
    def min_score(self) -> Any:
        """The score that counts as found; or scores by class."""
        own = self.config.DETECTION_MIN_CONFIDENCE
        return own if self.options.min_score is None else self.options.min_score

    @property
    def part(self) -> str:
        """The part of the dataset: "val", "train" or "all"."""
        if "all" in self.data.datasets:
            return "all"
        if self.options.val is not None:
            raise ValueError(
                f"{self.options.data} has a part for validation: leave out --val, or give the path "
                "of the training part."
            )
        return self.options.split

    def dataset(self) -> Dataset:
        """The images to measure on.

        Raises:
            ValueError: `--val` is given for a dataset with parts, or with too few images.
        """
        whole = limited(self.data.datasets[self.part], self.options.limit)
        if self.part != "all" or not self.options.val:
            return whole
        train, val = whole.split(self.options.val)  # as `mrcnn train` does
        return val if self.options.split == "val" else train

    def images(self) -> str:
        """Which images these are, in words."""
        if self.part != "all":
            return f"the part {self.part} of {self.options.data}"
        if not self.options.val:
            return (
                f"all images of {self.options.data}. If the model was trained on some of them, "
                "its figures are too good: --val 0.2 takes those that `mrcnn train` held back"
            )
        which = "held back" if self.options.split == "val" else "trained on"
        return f"the images of {self.options.data} that --val {self.options.val:g} says are {which}"

    def arguments(self, dataset: Dataset) -> dict[str, Any]:
        """The arguments of `evaluate` that can be written down, by name.

        Args:
            dataset: see `dataset`.
        """
        boxes = {} if has_masks(dataset) else {"iou_types": "bbox"}
        return {"min_score": self.min_score, **boxes}

    def loading(self) -> dict[str, Any]:
        """The settings with which the model is loaded, by name."""
        weak = min(_WEAK, lowest_min_score(self.config))
        if isinstance(self.min_score, float):
            weak = min(weak, self.min_score)
        return {**self.settings, "DETECTION_MIN_CONFIDENCE": weak}

    def run(self, dataset: Dataset, folder: Path) -> dict[str, Any]:
        """Measure.

        Args:
            dataset: `dataset()`.
            folder: where the result is written.

        Returns:
            See `evaluation.evaluate`.
        """
        from ..evaluation import evaluate
        from ..inference import tta
        from ..inference.detector import detect_crops
        from ..mask_rcnn import MaskRCNN

        model = MaskRCNN.load(self.path, "inference", self.options.logs, **self.loading())
        detect = None
        if self.options.tta > 1:
            detect = tta.turned(
                functools.partial(detect_crops, model),
                self.options.tta,
                across_classes=self.config.NMS_ACROSS_CLASSES,
                flip_pairs=self.config.KEYPOINT_FLIP_PAIRS,
            )
        arguments = self.arguments(dataset)
        return evaluate(model, dataset, detect=detect, folder=folder, **arguments)

    def add_dataset(self, lines: Lines) -> None:
        """Add the lines that read the images as `dataset`."""
        variable = self.data.add_read(lines, self.part, self.options.limit, alone=True)
        if self.part == "all" and self.options.val:
            names = "_, dataset" if self.options.split == "val" else "dataset, _"
            lines.line(f"{names} = dataset.split({self.options.val:g})")
        elif variable != "dataset":
            lines.line(f"dataset = {variable}")

    def add_run(self, lines: Lines, result: str, folder: str) -> None:
        """Add the lines that measure.

        Args:
            lines: where they are added.
            result: what the result is assigned to.
            folder: an expression.
        """
        lines.use("mrcnn.evaluation", "evaluate")
        lines.use("mrcnn.mask_rcnn", "MaskRCNN")
        lines.add("model = MaskRCNN.load", self.path, **self.loading())
        named: dict[str, Any] = {}
        if self.options.tta > 1:
            lines.use("functools", "partial")
            lines.use("mrcnn.inference", "tta")
            lines.use("mrcnn.inference.detector", "detect_crops")
            lines.add(
                "detect = tta.turned",
                Name("partial(detect_crops, model)"),
                self.options.tta,
                across_classes=self.config.NMS_ACROSS_CLASSES,
                flip_pairs=self.config.KEYPOINT_FLIP_PAIRS,
            )
            named["detect"] = Name("detect")
        named |= self.arguments(self.dataset())
        given = [Name("model"), Name("dataset")]
        lines.add(f"{result} = evaluate", *given, **named, folder=Name(folder))


def has_masks(dataset: Dataset) -> bool:
    """Whether all images of a dataset have masks, and not only boxes.

    Args:
        dataset: a prepared `Dataset`.
    """
    return all(dataset.has("masks", image_id) for image_id in dataset.image_ids.tolist())


def out_folder(options: argparse.Namespace, name: str) -> Path:
    """The folder for the results: that of `--out`, or a new one in results/.

    Args:
        options: of a parser with `add_measuring`.
        name: what the new folder's name starts with.
    """
    from ..files.whole import new_folder

    return Path(options.out) if options.out else new_folder("results", name)


def out_line(lines: Lines, options: argparse.Namespace, name: str) -> None:
    """Add the line that makes `folder`, see `out_folder`.

    Args:
        lines: where it is added.
        options, name: see `out_folder`.
    """
    if options.out:
        lines.use("pathlib", "Path")
        lines.add("folder = Path", options.out)
    else:
        lines.use("mrcnn.files.whole", "new_folder")
        lines.add("folder = new_folder", "results", name)


def _names(card: Card, config: Config, path: str, data: Data) -> list[str] | None:
    """The model's classes, without the background; None if only their number is known."""
    if card.class_names is not None:
        return card.class_names[1:]
    if len(data.class_names) + 1 != config.NUM_CLASSES:
        raise ValueError(
            f"{path} does not name its {config.NUM_CLASSES - 1} classes, and the dataset has "
            f"{len(data.class_names)}: name the model's in order with --class-names."
        )
    return None

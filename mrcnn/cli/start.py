"""What a training run starts from: the weights, and the configuration that belongs to them."""

import dataclasses
from typing import Any

from ..config import Config
from ..config_rules.derived import assign
from ..jobs.model import card_of
from ..runs.model_config import config_for
from ..startup import start_quietly
from ..types import PathLike
from ..weights.card import Card
from ..weights.readers import is_foreign
from .model_file import find_model
from .python_lines import Lines, Name

# Weights that belong to a configuration of `Config` itself: what differs from its defaults, and
# which layers are trained first.
_PUBLISHED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "coco": ({}, ["heads"]),
    "imagenet": ({"BACKBONE": "resnet50"}, ["heads", "all"]),
}


@dataclasses.dataclass
class Start:
    """What a training run starts from.

    Attributes:
        name: what `start_weights.load` and `load_fitting` take.
        card: what the weights file says about its model.
        layers: the layers to train, in stages.
    """

    name: str
    card: Card
    layers: list[str]

    @classmethod
    def of(cls, name: str, logs: PathLike, run: str | None) -> "Start":
        """What `--from` names.

        Args:
            name: "coco", "imagenet", or see `find_model`.
            logs: folder of training runs.
            run: NAME of the run, for "last" and "best".

        Raises:
            FileNotFoundError, ValueError: there is no such file, or it is not a weights file; of
                another project, it holds a backbone alone.
            ConnectionError: the download failed.
        """
        if name in _PUBLISHED:
            return cls(name, Card(), _PUBLISHED[name][1])
        path = find_model(name, logs, run)
        # The other projects freeze the stem and the stage after it.
        return cls(path, card_of(path), ["3+"] if is_foreign(path) else ["all"])

    @property
    def is_published(self) -> bool:
        """Whether the weights are downloaded, and fit the defaults of `Config`."""
        return self.name in _PUBLISHED

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from the defaults of `Config`, if the weights have no file that says it."""
        return dict(_PUBLISHED[self.name][0]) if self.is_published else {}

    @property
    def class_names(self) -> list[str] | None:
        """The model's classes, without the background; None if unknown."""
        return None if self.card.class_names is None else self.card.class_names[1:]

    def config(self, settings: dict[str, Any]) -> Config:
        """The configuration that the weights were trained with.

        Args:
            settings: the user's, which replace some of it.

        Raises:
            ValueError: the file has no configuration and the user gives none, or see `config_for`.
        """
        start_quietly()  # the parts of a network import Keras
        if not self.is_published:
            return config_for(self.name, self.card, "training", settings=settings)
        config = Config()
        assign(config, {**self.settings, **settings})
        return config

    def load(self, model: Any) -> Any:
        """Load the weights that fit into a model; its run is a new one.

        Args:
            model: a `MaskRCNN` in training mode.

        Returns:
            `LoadReport`.
        """
        from ..weights import start_weights

        load = start_weights.load if self.is_published else start_weights.load_fitting
        return load(model, self.name)

    def ends(self, epochs: int | None) -> list[int]:
        """The last epoch of each stage; the stages are equally long.

        Args:
            epochs: number of epochs in all.
        """
        stages = len(self.layers)
        return [max(stages, epochs or 0) * (stage + 1) // stages for stage in range(stages)]

    def add_config(self, lines: Lines) -> None:
        """Add the line that makes `config` from `settings` to `lines`."""
        if self.is_published:
            add_defaults(lines)
            return
        lines.use("mrcnn.runs.model_config", "config_for")
        reader = "card_of" if is_foreign(self.name) else "read_card"
        place = "presets.pretrained" if is_foreign(self.name) else "weights.card"
        lines.use(f"mrcnn.{place}", reader)
        card = Name(f"{reader}({lines.literal(self.name)})")
        lines.add("config = config_for", self.name, card, "training", settings=Name("settings"))

    def add_load(self, lines: Lines) -> None:
        """Add the line that loads the weights into `model` to `lines`."""
        lines.use("mrcnn.weights", "start_weights")
        load = "load" if self.is_published else "load_fitting"
        lines.add(f"start_weights.{load}", Name("model"), self.name)


def add_defaults(lines: Lines) -> None:
    """Add the line that makes `config` from `settings` and the defaults to `lines`."""
    lines.use("mrcnn.config", "Config")
    lines.add("config = Config.from_dict", Name("settings"))

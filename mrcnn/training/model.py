"""What training needs of the model that it trains."""

from typing import Protocol

import keras

from ..config import Config
from ..runs.folder import RunFolder
from ..types import PathLike
from .distribution import OneDevice


class TrainableModel(Protocol):
    """The part of `MaskRCNN` that training uses, with the arguments that it passes."""

    @property
    def config(self) -> Config:
        """The `Config`, validated."""

    @property
    def keras_model(self) -> keras.Model:
        """The training graph, a `GraphModel`."""

    @property
    def distribution(self) -> OneDevice:
        """The devices to train on, see `distribution.choose`."""

    @property
    def model_dir(self) -> PathLike:
        """Folder of all runs."""

    @property
    def run_folder(self) -> RunFolder:
        """Folder and epoch of the model's run."""

    @property
    def log_dir(self) -> str:
        """Folder of the model's run."""

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""

    def set_log_dir(self, model_path: str) -> None:
        """Continue the run of the checkpoint `model_path` after its epoch."""

    def set_trainable(self, layer_regex: str, *, verbose: int = 1) -> None:
        """Train only the layers that match `layer_regex`; `verbose` 0 prints nothing."""

    def compile(
        self,
        learning_rate: float,
        momentum: float,
        epochs: int | None = None,
        first_epoch: int | None = None,
    ) -> None:
        """Create the optimizer, see `MaskRCNN.compile`; only a schedule needs the two epochs."""

"""What a weights file of another project holds."""

from dataclasses import dataclass
from pathlib import Path

from ..types import Array


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a weights file, under the names and in the layout of the project it is from.

    Attributes:
        path: of the file.
        format: "torch", "torch (before 1.6)", "model-zoo pickle", "caffe2", "safetensors" or "npz".
        tensors: by name, in the file's order; C-contiguous and read-only. Real numbers are float32,
            whatever their precision in the file; integers and booleans keep their type.
        author: who made it, as the file says; None if it does not.
        matching_heuristics: names match those of a model by their longest suffix, as in Detectron2.
    """

    path: Path
    format: str
    tensors: dict[str, Array]
    author: str | None = None
    matching_heuristics: bool = False

"""The model of a job: what its file says, and the network itself."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from ..config_rules.detection_rules import lowest_min_score
from ..inference.scaled import ScaledDetector
from ..runs.settings import as_json, is_same, stored
from ..runtime import is_exported
from ..runtime import load as load_exported
from ..runtime.sidecar import read_sidecar
from ..startup import start_quietly
from ..types import PathLike
from ..weights.card import Card, read_card
from ..weights.catalogue import find
from ..weights.readers import is_foreign
from ..weights.zoo import is_name
from .job import DetectJob

_CHUNK = 1 << 20


def card_of(path: PathLike) -> Card:
    """What a weights file of any project, or an exported model, says about its model.

    Args:
        path: of the file, or a name, see `catalogue.find`.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: see `pretrained.card_of` and
            `sidecar.read_sidecar`.

    Example:
        >>> from mrcnn.jobs.model import card_of
        >>> card_of("nuclei").class_names
        ['BG', 'nucleus']
    """
    if is_exported(path):
        return read_sidecar(path).card
    if not is_foreign(path):
        return read_card(path)
    start_quietly()
    from ..presets import pretrained  # imports Keras

    return pretrained.card_of(path)


@dataclasses.dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's weights file; reading it builds no network.

    Attributes:
        path: of the file.
        digest: SHA-256 of its content, with OpenVINO also that of the .bin file.
        card: what it says about its model.
    """

    path: Path
    digest: str
    card: Card

    @classmethod
    def of(cls, job: DetectJob) -> "ModelFile":
        """The weights file of a job.

        Raises:
            FileNotFoundError: there is no such model.
            ValueError: it is not a weights file; or the job has classes or an object size, and the
                file names no such class, or does not say what size its model expects.
        """
        path = find(job.model)
        digest = hashlib.sha256()
        for part in (path, path.with_suffix(".bin")):
            if part == path or (is_exported(path) and part.is_file()):
                with open(part, "rb") as file:
                    while chunk := file.read(_CHUNK):
                        digest.update(chunk)
        try:
            card = card_of(job.model)
        except ValueError:  # no card, or another format: MaskRCNN.load says whether it matters
            card = Card()
        made = cls(path, digest.hexdigest(), card)
        made.class_ids(job)
        if job.object_size is not None and made.card.object_size is None:
            raise ValueError(
                f"{job.model} does not say how large the objects were that it was trained on: give "
                "a scale instead of an object size."
            )
        return made

    def class_ids(self, job: DetectJob) -> list[int]:
        """The ids of the classes to keep; empty for all.

        Args:
            job: its `classes`.

        Raises:
            ValueError: the model has no such class.
        """
        names = self.card.class_names or []
        for name in job.classes:
            if name not in names[1:]:
                known = ", ".join(names[1:]) or "unknown"
                raise ValueError(f"{job.model} has no class {name!r}: its classes are {known}.")
        return [names.index(name) for name in job.classes]

    def settings(self, job: DetectJob) -> dict[str, Any]:
        """The settings with which to load the model; an exported one has them in its graph.

        Args:
            job: its `settings`, and its options that are settings, too, which come first.

        Raises:
            ValueError: the model is exported, and has other settings.
        """
        settings = dict(job.settings)
        if is_exported(self.path):
            self._check_exported(job)
            return {}
        if job.min_score is not None:
            settings["DETECTION_MIN_CONFIDENCE"] = job.min_score
        if job.max_instances is not None:
            # Each object comes from a proposal.
            known = {**(self.card.config or {}), **settings}
            proposals = known.get("POST_NMS_ROIS_INFERENCE", 0)
            settings["DETECTION_MAX_INSTANCES"] = job.max_instances
            settings["POST_NMS_ROIS_INFERENCE"] = max(proposals, job.max_instances)
        return settings

    def _check_exported(self, job: DetectJob) -> None:
        config = read_sidecar(self.path).config(self.path)
        known = stored(config)
        wanted = dict(job.settings)
        if job.max_instances is not None:
            wanted["DETECTION_MAX_INSTANCES"] = job.max_instances
        if job.min_score is not None and job.min_score < lowest_min_score(config):
            wanted["DETECTION_MIN_CONFIDENCE"] = job.min_score
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"{name} is not a setting of Config.")
            if not is_same(as_json(value), known[name]):
                raise ValueError(
                    f"{self.path} was exported with {name} {known[name]}, not {value}: export it "
                    f"again with --set {name}={value}."
                )

    def min_score(self, job: DetectJob) -> float:
        """The score below which objects are left out; 0 if the job's settings alone decide.

        Args:
            job: its `min_score`; else, what the model recommends.
        """
        if job.min_score is not None:
            return job.min_score
        return 0.0 if "DETECTION_MIN_CONFIDENCE" in job.settings else self.card.min_score or 0.0


class Model:
    """The network of a job, ready to detect.

    Args:
        job: the job.

    Attributes:
        job: as given.
        file: its `ModelFile`.
        class_names: of the network, the background first.
        detector: `ScaledDetector`.
        min_score: objects with a lower score are left out.
        class_ids: ints, of the classes to keep; empty for all.

    Raises:
        FileNotFoundError, ValueError: see `ModelFile.of` and `MaskRCNN.load`.
    """

    def __init__(self, job: DetectJob) -> None:
        self.job, self.file = job, ModelFile.of(job)
        card = self.file.card
        model = self._loaded()
        classes = range(1, model.config.NUM_CLASSES)
        self.class_names = card.class_names or ["BG", *(f"class {number}" for number in classes)]
        self.class_ids = self.file.class_ids(job)
        self.min_score = self.file.min_score(job)
        expected = card.object_size
        self.detector = ScaledDetector(
            model,
            factor=job.scale or 1.0,
            input_scale=expected / job.object_size if expected and job.object_size else None,
        )
        # The closing lines of a run say it.
        self.detector.detector.warn = False

    def _loaded(self) -> Any:
        settings = self.file.settings(self.job)
        if is_exported(self.file.path):
            return load_exported(self.file.path)
        start_quietly()
        from ..mask_rcnn import MaskRCNN  # imports Keras and its backend

        # A name says more than its file: whether torchvision sets the epsilon of norms to 0.
        named = self.job.model if is_name(self.job.model) else self.file.path
        return MaskRCNN.load(named, **settings)

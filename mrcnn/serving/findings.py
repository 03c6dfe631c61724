"""What was found in an image, and the memory of the last images."""

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..inference.truncation import cut_above
from ..results.objects import ImageFacts, Objects

# Bytes that all remembered findings may take together.
_MOST_BYTES = 256 * 2**20
_OF_AN_OBJECT = 400  # bytes besides its mask


def kept(result: Mapping[str, Any], min_score: float, class_ids: Collection[int] = ()) -> Objects:
    """The objects of a result that a client wants, numbered as in the whole result.

    Args:
        result: see `BaseDetector.detect`.
        min_score, class_ids: see `Finding.objects`.

    Example:
        >>> from mrcnn.serving.findings import kept
        >>> result = {"class_ids": [1, 1], "scores": [0.4, 0.9], "rois": np.zeros((2, 4))}
        >>> kept(result, min_score=0.5).numbers
        array([2])
    """
    objects = Objects.of_result(result)
    keep = objects.scores >= min_score
    if class_ids:
        keep &= np.isin(objects.class_ids, list(class_ids))
    return objects[keep]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What was found in an image, with all scores.

    Attributes:
        result: see `BaseDetector.detect`; its masks are `InstanceMasks`.
        seconds: that it took.
        image: `ImageFacts` of the image, without its pixels.
        remark: what the user should know about the image, or "".
        about: "channels" and "dtype" of the image.
    """

    result: Mapping[str, Any]
    seconds: float
    image: ImageFacts
    remark: str
    about: Mapping[str, Any]

    def objects(self, min_score: float, class_ids: Collection[int] = ()) -> Objects:
        """The objects to show. Their numbers are the same whatever is left out.

        Args:
            min_score: objects with a lower score are left out.
            class_ids: [K] to keep; empty for all.
        """
        return kept(self.result, min_score, class_ids)

    def truncated(self, min_score: float) -> str:
        """The setting that cut objects of at least `min_score`, or ""."""
        return cut_above(self.result, min_score)

    @property
    def bytes(self) -> int:
        """Roughly what it takes in memory."""
        masks = self.result.get("masks")
        own = 0 if masks is None else sum(crop.nbytes for crop in masks.crops)
        return own + _OF_AN_OBJECT * (1 + len(self.result["scores"]))


class Findings:
    """Remembers what was found in the last images, by the digest of their files.

    Args:
        most: findings; 0 remembers none.
        most_bytes: of all findings together.
    """

    def __init__(self, most: int, most_bytes: int = _MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._found: OrderedDict[bytes, Finding] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._found)

    def get(self, digest: bytes) -> Finding | None:
        """The finding of an image, if it is remembered.

        Args:
            digest: of the image's file.
        """
        with self._lock:
            if digest in self._found:
                self._found.move_to_end(digest)
            return self._found.get(digest)

    def put(self, digest: bytes, finding: Finding) -> None:
        """Remember a finding, and forget those not asked for longest.

        Args:
            digest: of the image's file.
            finding: what was found in it.
        """
        if finding.bytes > self._most_bytes:
            return
        with self._lock:
            before = self._found.pop(digest, None)
            self._bytes += finding.bytes - (before.bytes if before else 0)
            self._found[digest] = finding
            while len(self._found) > self._most or self._bytes > self._most_bytes:
                _, forgotten = self._found.popitem(last=False)
                self._bytes -= forgotten.bytes

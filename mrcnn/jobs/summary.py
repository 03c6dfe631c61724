"""What a run over many images did, in numbers and in words."""

import dataclasses

from ..text import some
from .records import Record
from .results_folder import FAILED

# Limits that an option raises.
_OPTIONS = {"DETECTION_MAX_INSTANCES": "--max-instances"}


@dataclasses.dataclass(slots=True)
class Summary:
    """What a run did.

    Attributes:
        images: how many were detected in.
        objects: found in them.
        before: number of images that were done before.
        failed: names of the images that failed.
        left: number of images that an interrupted run did not come to.
        truncated: number of images whose detections each setting cut, by the setting's name.
        remarks: what the user should know about images.
        ignored: number of files that are no images.
        min_score: objects with a lower score were left out; 0 if unknown.
        seconds: that the run took.
    """

    images: int = 0
    objects: int = 0
    before: int = 0
    failed: list[str] = dataclasses.field(default_factory=list)
    left: int = 0
    truncated: dict[str, int] = dataclasses.field(default_factory=dict)
    remarks: list[str] = dataclasses.field(default_factory=list)
    ignored: int = 0
    min_score: float = 0.0
    seconds: float = 0.0

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.images or self.before or self.failed)

    def add(self, record: Record) -> None:
        """Count an image that is done.

        Args:
            record: of the image.
        """
        self.images += 1
        self.objects += record.objects
        if record.truncated:
            self.truncated[record.truncated] = self.truncated.get(record.truncated, 0) + 1
        if record.remark:
            self.remarks.append(record.remark)

    def lines(self, out: str) -> list[str]:
        """The closing lines: what was done, and what was left out and why.

        Args:
            out: the folder of results, as the user knows it.
        """
        done = f"{_count(self.images, 'image')}, {_count(self.objects, 'object')}"
        lines = [f"{done} in {_duration(self.seconds)}: {out}"]
        if self.before:
            were = "were" if self.before > 1 else "was"
            lines.append(
                f"{_count(self.before, 'image')} {were} done before (--again detects anew)"
            )
        if self.left:
            lines.append(f"{_count(self.left, 'image')} left: the same command goes on with them")
        if self.failed:
            lines.append(f"{len(self.failed)} failed, see {FAILED}: {some(self.failed, 3)}")
        if self.ignored:
            lines.append(f"{_count(self.ignored, 'file')} left out: no images")
        for limit, images in self.truncated.items():
            cure = _OPTIONS.get(limit, f"--set {limit}=")
            lines.append(
                f"{_count(images, 'image')} may have more objects: {limit} cut them, which {cure} "
                "raises"
            )
        if self.images and self.min_score:
            lines.append(f"objects that score below {self.min_score:g} are left out (--min-score)")
        if self.remarks:
            others = len(self.remarks) - 1
            like = f" (and {_count(others, 'image')} like it)" if others else ""
            lines.append(self.remarks[0] + like)
        return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _duration(seconds: float) -> str:
    """Seconds in words, such as "4.2 s" or "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"

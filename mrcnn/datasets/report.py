"""The report on a dataset: what a check found, and how it is printed."""

import collections
import dataclasses

import numpy as np

# How many findings of one kind the report quotes.
_QUOTED = 5


@dataclasses.dataclass
class Finding:
    """What is wrong with one image or instance.

    Attributes:
        image_id: index of the image in the dataset; None if the finding is not about one image.
        instance: index of the instance in the image; None if it is not about one instance.
        text: path and reason.
    """

    image_id: int | None
    instance: int | None
    text: str

    def __str__(self) -> str:
        image = "" if self.image_id is None else f"image {self.image_id}"
        instance = "" if self.instance is None else f", instance {self.instance}"
        return f"{image}{instance} ({self.text})" if image else self.text


@dataclasses.dataclass
class Report:
    """What `check` found. `str(report)` is a summary.

    Attributes:
        num_images: number of images in the dataset.
        instances_per_image: number of instances, including crowds, in each image whose instances
            could be read.
        crowds: number of crowds.
        only_boxes: number of images whose instances have boxes but no masks.
        pixels: number of images by channels and dtype, such as "3 channels of uint8"; empty if the
            images were not read.
        class_instances: number of instances of each class, by its name; without crowds, which are
            not trained on.
        class_images: number of images that contain these, by the class's name.
        class_crowds: number of crowds of each class, by its name.
        errors: findings by their kind: training would fail, or learn something wrong.
        remarks: the same for what is worth a look.
    """

    num_images: int = 0
    instances_per_image: list[int] = dataclasses.field(default_factory=list)
    crowds: int = 0
    only_boxes: int = 0
    pixels: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    class_instances: dict[str, int] = dataclasses.field(default_factory=dict)
    class_images: dict[str, int] = dataclasses.field(default_factory=dict)
    class_crowds: dict[str, int] = dataclasses.field(default_factory=dict)
    errors: dict[str, list[Finding]] = dataclasses.field(default_factory=dict)
    remarks: dict[str, list[Finding]] = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def bad_image_ids(self) -> list[int]:
        """Ids of the images with errors, in ascending order."""
        found = {f.image_id for findings in self.errors.values() for f in findings}
        return sorted(image_id for image_id in found if image_id is not None)

    def error(
        self, kind: str, text: str, image_id: int | None = None, instance: int | None = None
    ) -> None:
        """Add an error.

        Args:
            kind: key of `errors`.
            text, image_id, instance: see `Finding`.
        """
        self.errors.setdefault(kind, []).append(Finding(image_id, instance, text))

    def remark(
        self, kind: str, text: str, image_id: int | None = None, instance: int | None = None
    ) -> None:
        """Add a remark.

        Args:
            kind: key of `remarks`.
            text, image_id, instance: see `Finding`.
        """
        self.remarks.setdefault(kind, []).append(Finding(image_id, instance, text))

    def __str__(self) -> str:
        counts = self.instances_per_image or [0]
        lines = [
            f"{self.num_images} images with {sum(counts)} instances, {self.crowds} of them crowds; "
            f"{np.median(counts):g} in the median image, {max(counts)} at most."
        ]
        if self.only_boxes:
            lines.append(f"  {self.only_boxes} images have boxes but no masks")
        lines += [f"  {count} images have {pixels}" for pixels, count in self.pixels.items()]
        width = max((len(name) for name in self.class_instances), default=0)
        for name, count in self.class_instances.items():
            crowds = self.class_crowds.get(name)
            lines.append(
                f"  {name:{width}}  {count} instances in {self.class_images[name]} images"
                + (f", and {crowds} crowds" if crowds else "")
            )
        for title, kinds in (("Errors", self.errors), ("Remarks", self.remarks)):
            lines.append(f"{title}:" if kinds else f"{title}: none.")
            for kind, findings in kinds.items():
                lines.append(f"- {kind}: {len(findings)}")
                lines += [f"    {finding}" for finding in findings[:_QUOTED]]
                if len(findings) > _QUOTED:
                    lines.append(f"    and {len(findings) - _QUOTED} more")
        if 0 < len(self.bad_image_ids) < self.num_images:
            lines.append(
                f"{len(self.bad_image_ids)} of {self.num_images} images have errors; to train "
                "without them: dataset.without(report.bad_image_ids)"
            )
        return "\n".join(lines)

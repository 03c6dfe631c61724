"""Find boxes among outlines: objects whose masks are rectangles because only a box was drawn."""

import dataclasses

from ..types import ImageInfo
from .report import Report


@dataclasses.dataclass
class RectanglesCheck:
    """Counts the boxes among the annotations of a dataset.

    Attributes:
        report: where the finding goes.
        learns_masks: whether the network to be trained has a head that learns from masks; None if
            that is unknown.
        box_count: number of annotations that are boxes.
        count: number of all annotations.
        first: the first image with a box, for the report.
    """

    report: Report
    learns_masks: bool | None = None
    box_count: int = 0
    count: int = 0
    first: str = ""

    def look(self, info: ImageInfo, image_id: int, name: str) -> None:
        """Count an image's annotations.

        Args:
            info: of the image; the shapes of its "annotations" may have an attribute `is_box`.
            image_id: index of the image in the dataset.
            name: of the image.
        """
        annotations = info.get("annotations")
        if not isinstance(annotations, list):
            return
        shapes = [getattr(annotation, "shape", None) for annotation in annotations]
        boxes = sum(bool(getattr(shape, "is_box", False)) for shape in shapes)
        self.count += len(shapes)
        self.box_count += boxes
        if boxes and not self.first:
            self.first = f"image {image_id} ({name})"

    def finish(self) -> None:
        """Report boxes among outlines, or boxes alone for a network that learns masks."""
        if 0 < self.box_count < self.count:
            text = (
                f"{self.box_count} of {self.count} instances are boxes: their masks are "
                f"rectangles; first {self.first}"
            )
            self.report.remark("boxes among outlines", text)
        elif self.box_count and self.learns_masks:
            text = "their masks are rectangles. To learn the boxes alone, set HEADS = ('box',)"
            self.report.remark("all instances are boxes", text)

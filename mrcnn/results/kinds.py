"""The kinds of files that results are written to, by the names that `--to` takes."""

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        module: of this room. It has `write(path, image, parts)`, which writes the results of one
            image: `path` to write, an `ImageFacts`, and an iterable of `Objects`, which may be
            iterated several times. The file appears whole or not at all.
        suffix: of the files.
        about: one line for `--help`.
        joined: name of the one file for all images, or "" for a file per image. If given,
            `write` makes a part of it, and the module has `gather(parts, path)`: it makes the file
            at `path` from the paths of the parts, in order.
        needs_pixels: whether `ImageFacts.pixels` must be there.
        videos: whether there is such a file for a video, see `of_item`.
        images: whether there is one for an image.
        names: name of a file beside all others that names the classes, or "". If given, the module
            has `write_names(folder, class_names)`.
    """

    module: str
    suffix: str
    about: str
    joined: str = ""
    needs_pixels: bool = False
    videos: bool = False
    images: bool = True
    names: str = ""

    @property
    def write(self) -> Callable[..., None]:
        """The module's `write`."""
        return self._module().write

    @property
    def gather(self) -> Callable[..., None]:
        """The module's `gather`."""
        return self._module().gather

    def name_classes(self, folder: Path, class_names: Sequence[str]) -> None:
        """Write the file that names the classes, unless it is there or this kind has none.

        Args:
            folder: that of the files.
            class_names: from the background's at 0.

        Raises:
            OSError: it cannot be written.
        """
        if self.names and not (folder / self.names).exists():
            self._module().write_names(folder, class_names)

    def _module(self):
        return importlib.import_module(f".{self.module}", __package__)


KINDS = {
    "csv": Kind(
        "table", ".csv", "a row per object: area, centroid, axes, ...", "objects.csv", videos=True
    ),
    "geojson": Kind("geojson", ".geojson", "outlines with holes, for QuPath"),
    "roi": Kind("imagej", ".zip", "outlines for ImageJ and Fiji's ROI manager"),
    "labels": Kind("label_image", ".tif", "an image of the objects' numbers"),
    "coco": Kind("coco", ".json", "COCO annotations with run lengths", "coco.json"),
    "coco-polygons": Kind(
        "coco_polygons", ".json", "COCO annotations with polygons", "coco_polygons.json"
    ),
    "labelme": Kind("labelme", ".json", "polygons to correct in LabelMe and to train on"),
    "yolo": Kind("yolo", ".txt", "polygons to train on with YOLO's tools", names="data.yaml"),
    "labelstudio": Kind(
        "label_studio", ".json", "pre-annotations for Label Studio", "labelstudio.json"
    ),
    "cvat": Kind("cvat", ".xml", "pre-annotations for CVAT (CVAT for images 1.1)", "cvat.xml"),
    "overlay": Kind(
        "overlay", ".png", "the image with numbered outlines, at its own size", needs_pixels=True
    ),
    "mp4": Kind(
        "video",
        ".mp4",
        "a video with numbered outlines; an overlay of a video is one, too",
        videos=True,
        images=False,
    ),
}


def of_item(kinds: Iterable[str], is_video: bool) -> tuple[str, ...]:
    """Those of some kinds of files that are written for an image, or for a video.

    Args:
        kinds: names in `KINDS`. An overlay of a video is an mp4.
        is_video: whether the results are those of a video.

    Example:
        >>> from mrcnn.results.kinds import of_item
        >>> of_item(("csv", "overlay", "geojson"), is_video=True)
        ('csv', 'mp4')
    """
    if not is_video:
        return tuple(kind for kind in kinds if KINDS[kind].images)
    wanted = ("mp4" if kind == "overlay" else kind for kind in kinds)
    return tuple(dict.fromkeys(kind for kind in wanted if KINDS[kind].videos))

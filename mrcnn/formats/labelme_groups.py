"""From the shapes of a LabelMe file to its instances: groups, holes and reserved labels."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .holes import WithHoles, islands_in, shapes_around
from .naming import is_background, is_ignored
from .records import Instance
from .shapes import Parts, Shape


@dataclasses.dataclass
class Drawn:
    """A shape of a LabelMe file.

    Attributes:
        label: as the annotator wrote it, stripped.
        group: its group_id; None if it is in no group.
        shape: its outline.
        is_hole: whether its flags mark it as a hole.
    """

    label: str
    group: Any
    shape: Shape
    is_hole: bool = False


def is_left_out(label: str, asked: Collection[str]) -> bool:
    """Whether shapes with a label are left out: `__ignore__`, unless it is asked for.

    Args:
        label: the label, stripped.
        asked: names in `class_names` and `class_map`.
    """
    return label not in asked and is_ignored(label)


def is_flagged_as_hole(shape: Mapping[str, Any]) -> bool:
    """Whether a shape's flags, attributes or description mark it as a hole.

    Args:
        shape: its entry in the file.
    """
    ticked: list[Any] = [shape.get("description")]
    for key in ("flags", "attributes"):
        values = shape.get(key)
        if isinstance(values, dict):
            ticked += [name for name, on in values.items() if on in (True, 1, "true", "True")]
    return any(isinstance(name, str) and _plain(name) in ("hole", "ishole") for name in ticked)


def instances_of(
    drawn: Sequence[Drawn], asked: Collection[str], size: tuple[int | None, int | None]
) -> list[Instance]:
    """The instances of a file: shapes that share a label and a group are one.

    A hole is cut out of all instances of its group; without a group, or in one without instances,
    it is cut out of those that `holes.shapes_around` finds. Parts of an instance that lie inside a
    hole stay. A shape is a hole if its flags say so, if its label is `_background_`, or if it
    shares a group with other labels and is called a hole.

    Args:
        drawn: the usable shapes, in order.
        asked: names in `class_names` and `class_map`: these labels are classes like any other.
        size: (height, width) of the image in pixels, None if unknown.
    """
    labels: dict[Any, set[str]] = {}  # group to its labels
    for one in drawn:
        labels.setdefault(one.group, set()).add(one.label)
    outlines: dict[tuple[str, Any], list[Shape]] = {}
    holes: list[Drawn] = []
    for i, one in enumerate(drawn):
        named = one.label in asked
        others = labels[one.group] - {one.label} if one.group is not None else set()
        if one.is_hole or (not named and _is_hole_label(one.label, others)):
            holes.append(one)
        else:
            group = ("alone", i) if one.group is None else one.group
            outlines.setdefault((one.label, group), []).append(one.shape)
    shapes = [p[0] if len(p) == 1 else Parts(tuple(p)) for p in outlines.values()]
    cut: list[list[Shape]] = [[] for _ in shapes]
    for hole in holes:
        own = [i for i, (_, group) in enumerate(outlines) if group == hole.group]
        for i in own or shapes_around(hole.shape, shapes, size):
            cut[i].append(hole.shape)
    return [
        Instance(label, _without(cut_here, shape, size))
        for (label, _), shape, cut_here in zip(outlines, shapes, cut, strict=True)
    ]


def _without(holes: Sequence[Shape], shape: Shape, size: tuple[int | None, int | None]) -> Shape:
    """A shape without its holes. A hole spares the parts that are islands in it."""
    parts = shape.shapes if isinstance(shape, Parts) else (shape,)
    spared = [islands_in(hole, parts, size) for hole in holes]
    if not any(spared):
        return WithHoles(shape, tuple(holes)) if holes else shape
    pairs = list(zip(holes, spared, strict=True))
    cut = [tuple(hole for hole, islands in pairs if i not in islands) for i in range(len(parts))]
    return Parts(
        tuple(WithHoles(part, own) if own else part for part, own in zip(parts, cut, strict=True))
    )


def _is_hole_label(label: str, others: Iterable[str]) -> bool:
    """Whether a label means the background, or a hole in a group that has other labels."""
    if is_background(label):
        return True
    plain = _plain(label)
    names = {"hole", "holes", *(f"{_plain(o)}hole" for o in others)}
    return bool(others) and plain in names


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())

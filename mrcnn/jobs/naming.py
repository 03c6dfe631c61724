"""Names that keep the results of different images apart."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from .inputs import Item
from .records import Record, Stamp


class Task(NamedTuple):
    """An image to detect in.

    Attributes:
        item: its name and path.
        stem: of its files of results, such as "plate1/a".
        image: `Stamp` of the file as it is.
    """

    item: Item
    stem: str
    image: Stamp


def tasks_of(items: Iterable[tuple[Item, Stamp]], records: Mapping[str, Record]) -> list[Task]:
    """Give each image a name and a stem of its own.

    An image that was done before keeps them. If another image of the same name was done before, the
    new one also gets the name of its folder: "b/x.png". The stem is the name without its suffix,
    which LabelMe and YOLO expect, or with it, if several images would have the same.

    Args:
        items: with the stamps of their files.
        records: of the images that are done, by name.

    Returns:
        one task per item, in order.
    """
    # Some file systems ignore case.
    taken = {record.stem.casefold() for record in records.values()}
    items = list(items)
    given = {item.name for item, _ in items}
    named = [
        (dataclasses.replace(item, name=_name(item, image, records, given)), image)
        for item, image in items
    ]
    count = Counter(_without_suffix(item.name).casefold() for item, _ in named)
    tasks = []
    for item, image in named:
        if item.name in records:
            stem = records[item.name].stem
        else:
            plain = _without_suffix(item.name)
            choices = [plain, item.name] if count[plain.casefold()] == 1 else [item.name]
            others = (f"{item.name}_{number}" for number in itertools.count(2))
            choose = itertools.chain(choices, others)
            stem = next(each for each in choose if each.casefold() not in taken)
            taken.add(stem.casefold())
        tasks.append(Task(item, stem, image))
    return tasks


def _without_suffix(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _name(item: Item, image: Stamp, records: Mapping[str, Record], given: Collection[str]) -> str:
    """The item's name, with names of its folders if another image has it."""
    name, folders = item.name, list(item.path.parts[1 : -len(PurePosixPath(item.name).parts)])

    def is_free(name: str) -> bool:
        return not _is_of_another(name, image, records) and (name == item.name or name not in given)

    while folders and not is_free(name):
        name = f"{folders.pop()}/{name}"
    return name


def _is_of_another(name: str, image: Stamp, records: Mapping[str, Record]) -> bool:
    known = records[name].image if name in records else image
    return known.path != image.path and not known.is_same(image)

"""The classes of a dataset and those of a model: whether they are the same, and in what order."""

import dataclasses
from collections.abc import Sequence

from ..formats.instance_pngs import OBJECT
from ..text import some


@dataclasses.dataclass
class Agreement:
    """How the classes of a dataset are read so that they fit a model.

    Attributes:
        class_names: for the reader, without the background; None: as they are in the files.
        class_map: for the reader; None renames nothing.
        remark: what the user should know, as a sentence; "" if the classes simply are the same.
        is_same: whether the dataset's classes are the model's.
    """

    class_names: list[str] | None = None
    class_map: dict[str, str | None] | None = None
    remark: str = ""
    is_same: bool = False


def for_training(names: Sequence[str], of_model: Sequence[str] | None) -> Agreement:
    """How the classes of a dataset are read to train a model on.

    A dataset with only some of the model's classes keeps all of them, in the model's order: ten
    corrected images need not show every class.

    Args:
        names: classes in the files, without the background.
        of_model: those of the model to start from; None if it does not say.

    Example:
        >>> from mrcnn.cli.agreement import for_training
        >>> for_training(["dog", "cat"], ["cat", "dog", "cow"]).class_names
        ['cat', 'dog', 'cow']
    """
    agreement = _same(names, of_model)
    missing = [name for name in of_model or () if name not in names]
    if list(names) == [OBJECT] and not agreement.is_same:
        name = of_model[0] if of_model is not None and len(of_model) == 1 else "NAME"
        agreement.remark = (
            f"The files do not name their class: it is called {OBJECT}. To name it: --class-names "
            f"{name}."
        )
    elif agreement.is_same and missing:
        agreement.remark = (
            f"The model also knows {some(missing)}, which the files do not have: it keeps them. To "
            f"train without: --class-names {','.join(names)}."
        )
    return agreement


def for_evaluation(names: Sequence[str], of_model: Sequence[str] | None) -> Agreement:
    """How the classes of a dataset are read to compare them with what a model finds.

    Args:
        names, of_model: see `for_training`.

    Raises:
        ValueError: the dataset has classes that the model does not find.

    Example:
        >>> from mrcnn.cli.agreement import for_evaluation
        >>> for_evaluation(["cell"], ["nucleus"]).class_map
        {'cell': 'nucleus'}
    """
    agreement = _same(names, of_model)
    if of_model is None or agreement.is_same:
        return agreement
    own = _distinct(of_model)
    if len(names) == len(own) == 1:
        called = f"The files name the class {names[0]}, the model {own[0]}"
        if names[0] == OBJECT:
            called = f"The files do not name their class, the model finds {own[0]}"
        remark = f"{called}: they are taken to be the same."
        return Agreement(own, {names[0]: own[0]}, remark, True)
    unknown = [name for name in names if name not in own]
    raise ValueError(
        f"the dataset has {some(unknown)}, but the model finds {some(own)}: rename classes with "
        f"--read 'class_map={{{unknown[0]}: {own[0]}}}', or leave them out with --read "
        f"'class_map={{{unknown[0]}: null}}'."
    )


def _same(names: Sequence[str], of_model: Sequence[str] | None) -> Agreement:
    """The agreement of classes of which all are the model's."""
    own = _distinct(of_model or ())
    if list(names) == own:
        return Agreement(is_same=True)
    if set(names) <= set(own):
        return Agreement(own, is_same=True)
    return Agreement()


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that a dataset can have: torchvision calls each of COCO's unused ids N/A."""
    return [
        f"{name} {number}" if name in names[: number - 1] else name
        for number, name in enumerate(names, 1)
    ]

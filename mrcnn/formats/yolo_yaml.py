"""The few keys of a YOLO data set's YAML file that say where its images are and what they show."""

import reprlib

import yaml

KEYS = ("path", "train", "val", "test", "valid", "validation", "names", "nc")


def read_yaml(text, path):
    """The known keys of a YAML file.

    Args:
        text: of the file.
        path: of the file, for errors.

    Returns:
        dict of those of KEYS that the file has a value for: a str, or for a list a list of str;
        names is a dict of class number to name and nc an int.

    Raises:
        ValueError: it is no YAML file with keys; the value of a key cannot be used.
    """
    values = {}
    content = _parse(text, path)
    for key in KEYS:
        value = content.get(key, "")
        if value in ("", "~", "null", []):
            continue
        try:
            values[key] = _CHECKS.get(key, _paths)(value)
        except ValueError as error:
            raise ValueError(f"{path}: {key} {error} accepted.") from error
    return values


def _parse(text, path):
    """dict of the keys of a file, whose values are str, or lists or dicts of such values."""
    try:
        # This loader leaves every value a text: a class may be called no, 7 or 2024-05-01.
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise ValueError(f"{path}, line {line}: is no YAML: {error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"{path}, line {line}: is no YAML: {error.reason}.") from error
    except RecursionError as error:
        raise ValueError(f"{path}: its lists are nested too deeply to be read.") from error
    if content and not isinstance(content, dict):
        raise ValueError(
            f"{path} is {reprlib.repr(content)}: keys with values (train: images) are accepted."
        )
    return content or {}


def _path(value):
    if not isinstance(value, str):
        raise ValueError(f"is {reprlib.repr(value)}: one path is")
    return value


def _paths(value):
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(part and isinstance(part, str) for part in value):
        raise ValueError(f"is {reprlib.repr(value)}: a path or a list of paths is")
    return value


def _names(value):
    if isinstance(value, str):
        raise ValueError(f"is {value!r}: a list of names, or numbers with names are")
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    names = {}
    for number, name in pairs:
        good = str(number).isdecimal() and name and isinstance(name, str)
        if not good or int(number) in names or name in names.values():
            raise ValueError(
                f"has {number}: {reprlib.repr(name)}: whole numbers, each with a name of its own, "
                "are"
            )
        names[int(number)] = name
    return dict(sorted(names.items()))


def _count(value):
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 5:
        raise ValueError(f"is {reprlib.repr(value)}: the number of classes is")
    return int(value)


_CHECKS = {"path": _path, "names": _names, "nc": _count}

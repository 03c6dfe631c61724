"""The few keys of a YOLO data set's YAML file that say where its images are and what they show.

These files are a list of keys with a text, a list or numbered names each. That much is read here,
so that nobody has to install a YAML library for it; anchors, tags and deeper nesting are not.
"""

import re

_TEXT = r"""(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')"""
_COMMENT = re.compile(rf"""((?<![^\s\[{{,]){_TEXT})|(?:^|\s)#.*""")
_KEY = re.compile(r"""^["']?(\w+)["']?\s*:(?:\s+(.*))?$""")
_PART = re.compile(rf"""(\s*(?:(?:{_TEXT}|[^,:"']*):\s+)?{_TEXT}\s*|[^,]*)(?:,|$)""")
_PAIR = re.compile(rf"""\s*({_TEXT}|[^:]*?)\s*:(?:\s+(.*))?$""")
# What a writer of YAML makes of letters beyond ASCII, and of quotes.
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|.)")

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
        ValueError: the value of a key cannot be read.
    """
    keys, lines = {}, []
    for line in text.splitlines():
        line = _COMMENT.sub(lambda match: match[1] or "", line).rstrip()
        if match := _KEY.match(line):
            lines = keys[match[1]] = [(match[2] or "").strip()]
        elif line and line not in ("---", "..."):
            lines.append(line.strip())
    values = {}
    for key in KEYS:
        try:
            value = _value(keys.get(key, []))
            value = _CHECKS.get(key, _paths)(value) if value is not None else None
        except ValueError as error:
            raise ValueError(f"{path}: {key} cannot be read: {error}.") from error
        if value is not None:
            values[key] = value
    return values


def _value(lines):
    """A str, list or dict of str, or None where there is nothing."""
    whole = " ".join(lines).strip()
    for first, last, read in (("[", "]", _list), ("{", "}", _dict)):
        if whole.startswith(first):
            if not whole.endswith(last):
                raise ValueError(f"no {last} ends {whole[:60]}")
            return read(_parts(whole[1:-1]))
    if not lines or lines[0]:
        return _scalar(whole)
    if all(line == "-" or line.startswith("- ") for line in lines[1:]):
        return _list(line[1:] for line in lines[1:]) or None
    return _dict(lines[1:])


def _parts(text):
    """What stands between the commas; one after the last may be missing."""
    parts = [match[1].strip() for match in _PART.finditer(text)]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _list(parts):
    return [_scalar(part) or "" for part in parts]


def _dict(parts):
    pairs = {}
    for part in parts:
        match = _PAIR.match(part)
        if not match:
            raise ValueError(f"{part[:60]!r} is no key with a value")
        pairs[_scalar(match[1])] = _scalar(match[2] or "") or ""
    return pairs


def _scalar(text):
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if m[1][1:] else m[1], text[1:-1])
    return None if text in ("", "~", "null") else text


def _paths(value):
    if isinstance(value, dict):
        raise ValueError("a path or a list of paths is accepted")
    return value


def _path(value):
    if not isinstance(value, str):
        raise ValueError("one path is accepted")
    return value


def _names(value):
    if isinstance(value, str):
        raise ValueError(f"it is {value!r}: a list, or numbers with names are accepted")
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    names = {}
    for number, name in pairs:
        if not str(number).isdecimal() or not name or name in names.values():
            raise ValueError(
                f"{number}: {name!r} is no class: whole numbers with different names are accepted"
            )
        names[int(number)] = name
    return dict(sorted(names.items()))


def _count(value):
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 5:
        raise ValueError(f"it is {value!r}: the number of classes is accepted")
    return int(value)


_CHECKS = {"path": _path, "names": _names, "nc": _count}

"""Untrusted XML files: read only if small and without a document type or entities."""

import codecs
import contextlib
import re
import xml.etree.ElementTree as ET

from ..files.regular import regular_file
from ..types import PathLike
from .finding import why_unreadable

# The largest file that is read, in bytes: some 12,000 objects in Pascal VOC's annotations.
MAX_BYTES = 4 << 20

_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,40})["']""")
_ENCODINGS = (
    *("ascii", "utf-8", "iso8859-1", "cp1252", "gb2312", "gbk", "gb18030", "big5"),
    *("shift_jis", "euc_jp", "euc_kr"),
)

# Anything that starts with "<!" except comments and character data: DOCTYPE, ENTITY, ELEMENT.
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)\w*")


def read_xml(path: PathLike) -> ET.Element:
    """The root element of an XML file.

    A few lines of XML can expand to gigabytes of text or pull in other files, but only through
    entities that its document type declares. So a document type is refused before the file is
    parsed. Comments and processing instructions are left out.

    Args:
        path: the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not XML, has a document type, or is larger than `MAX_BYTES`.
    """
    with open(regular_file(path), "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB: it must be smaller.")
    try:
        text = _decode(data)
        declaration = _DECLARATION.search(text)
        if declaration is not None:
            raise ValueError(
                f"it has the declaration {declaration[0]!r:.40}: it must have no document type "
                "and no entities."
            )
        # Given a str, expat parses the text that was searched, whatever encoding it declares.
        return ET.fromstring(text)
    except (UnicodeError, ET.ParseError) as error:
        raise ValueError(f"it is not XML: {why_unreadable(path, error)}.") from error


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    name = declared[1].decode() if declared else "utf-8"
    with contextlib.suppress(LookupError):
        name = codecs.lookup(name).name
    if name not in _ENCODINGS:
        raise ValueError(f"its encoding is {name!r}: save it as UTF-8.")
    return data.decode("utf-8-sig" if name == "utf-8" else name)

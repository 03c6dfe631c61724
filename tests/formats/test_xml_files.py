import time
import tracemalloc
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.formats import xml_files
from mrcnn.formats.xml_files import MAX_BYTES, read_xml

LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE annotation [
 <!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">
]>
<annotation>&c;</annotation>"""
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


@pytest.fixture
def write(tmp_path):
    def _write(data):
        path = tmp_path / "a.xml"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return _write


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        FILE,
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        '<a/>\n<!DOCTYPE a [<!ATTLIST a b CDATA "c">]>',
        FILE.encode("utf-16"),
        b"\xef\xbb\xbf" + FILE.encode(),
        b'<?xml version="1.0" encoding="gbk"?>' + FILE.encode(),
    ],
)
def test_a_document_type_is_refused_unparsed(write, monkeypatch, data):
    monkeypatch.setattr(ET, "fromstring", lambda text: pytest.fail("it was parsed"))
    with pytest.raises(ValueError, match=r"declaration '<!\w+': it must have no document type"):
        read_xml(write(data))


@pytest.mark.parametrize("codec", ["utf-7", "utf-16", "utf-32", "cp037", "punycode", "zlib", "x.y"])
def test_encodings_that_could_hide_one_are_refused(write, codec):
    """Expat would read some of them, and Python knows all but the last."""
    start = f'<?xml version="1.0" encoding="{codec}"?>'.encode()
    with pytest.raises(ValueError, match=r"its encoding is '[\w.-]+': save it as UTF-8"):
        read_xml(write(start + b"+ADwAIQ-DOCTYPE a+AD4-<a/>"))


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ' encoding="UTF-8"'),
        ("utf-16", ' encoding="utf-16"'),
        ("gbk", ' encoding="GBK"'),
        ("shift_jis", " encoding='Shift_JIS'"),
    ],
)
def test_encodings(write, codec, declared):
    root = read_xml(write(f'<?xml version="1.0"{declared}?><a>日本</a>'.encode(codec)))
    assert (root.tag, root.text) == ("a", "日本")


def test_what_else_begins_so_is_read(write):
    root = read_xml(write("<a><!-- a comment --><b><![CDATA[<x>]]></b>&amp;&#65;</a>"))
    assert root[0].text == "<x>" and root[0].tail == "&A"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not XML: it is empty"),
        (b"<a><b></a>", r"it is not XML: mismatched tag: line 1, column 8"),
        (b"<a>&lol;</a>", r"it is not XML: undefined entity: line 1, column 3"),
        (b"<a>\xff</a>", "it is not XML: .*can't decode byte 0xff"),
        (b"<a>\0</a>", "it is not XML: "),
        (b"\x89PNG\r\n", "it looks like a PNG image"),
    ],
)
def test_no_xml(write, data, reason):
    with pytest.raises(ValueError, match=reason):
        read_xml(write(data))


def test_the_size_is_limited(write, monkeypatch):
    fits = "<a>" + " " * (MAX_BYTES - 7) + "</a>"
    assert read_xml(write(fits)).tag == "a"
    with pytest.raises(ValueError, match="it is larger than 4 MiB"):
        read_xml(write(fits + "\n"))
    monkeypatch.setattr(xml_files, "MAX_BYTES", 3)
    with pytest.raises(ValueError, match="larger than 0 MiB"):
        read_xml(write("<a/>"))


@pytest.mark.parametrize("nested", [True, False])
def test_many_elements_take_neither_long_nor_much(write, nested):
    count = MAX_BYTES // 8
    data = "<a>" * count + "</a>" * count if nested else f"<a>{'<a></a>' * count}</a>"
    path = write(data)
    tracemalloc.start()
    start = time.perf_counter()
    root = read_xml(path)
    seconds = time.perf_counter() - start
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert root.tag == "a"
    assert seconds < 20 and memory < 600e6
    del root


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text("<>!/a&;[]-=\"' D", max_size=60).map(str.encode))
def test_anything_is_an_element_or_a_value_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_bytes(data)
    try:
        assert isinstance(read_xml(path).tag, str)
    except ValueError as error:
        assert str(error).startswith("it")

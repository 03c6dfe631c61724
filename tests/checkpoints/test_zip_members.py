"""The members of a zip file."""

import struct
import tracemalloc
import zipfile

import pytest

from mrcnn.checkpoints.zip_members import ZipMembers

DATA = bytes(range(200))


@pytest.fixture
def write(tmp_path):
    def write(members, **kwargs):
        path = tmp_path / "weights.zip"
        with zipfile.ZipFile(path, "w", **kwargs) as archive:
            for name, data in members:
                archive.writestr(name, data)
        return path

    return write


def patched(path, name, place, data):
    """Change what the directory says of a member."""
    content = bytearray(path.read_bytes())
    entries = [k for k in range(len(content)) if content[k : k + 4] == b"PK\1\2"]
    (entry,) = [k for k in entries if content[k + 46 :].startswith(name)]
    content[entry + place : entry + place + len(data)] = data
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_reading(write, compression):
    big = DATA * 20_000
    path = write([("a/b", DATA), ("a/", b""), ("c", big), ("d", b"")], compression=compression)
    with ZipMembers(path) as members:
        assert members.names == ["a/b", "c", "d"]
        assert members.size("a/b") == 200 and members.total == 200 + len(big)
        assert members.read("c").tobytes() == big and members.read("a/b").tobytes() == DATA
        assert members.read("d").tobytes() == b""
        for step in (members.read, members.size):
            with pytest.raises(ValueError, match="it lacks 'e'"):
                step("e")
    assert members._file.closed


@pytest.mark.parametrize("name", ["/a", "../a", "a/../../b", "a\\b"])
def test_paths_outside(write, name):
    with pytest.raises(ValueError, match="not a path inside"):
        ZipMembers(write([(name, b"")]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_twice(write):
    with pytest.raises(ValueError, match="'a' appears twice"):
        ZipMembers(write([("a", b"1"), ("a", b"2")]))


def test_bombs(write):
    path = write([("a", bytes(10**8))], compression=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(ValueError, match="members have 100,000,000 bytes, implausible for a file"):
        ZipMembers(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("place", "data", "reason"),
    [
        (8, b"\1\0", "encrypted"),
        (10, b"\x0c\0", "other means than deflate"),
        (20, struct.pack("<II", 200, 2000), "two different sizes"),
        (20, struct.pack("<II", 2000, 2000), "implausible for a file"),
    ],
)
def test_directories_that_are_refused(write, place, data, reason):
    with pytest.raises(ValueError, match=reason):
        ZipMembers(patched(write([("a", DATA), ("b", DATA)]), b"b", place, data))


@pytest.mark.parametrize(
    ("place", "data"),
    [
        (16, b"\0\0\0\0"),  # checksum
        (20, struct.pack("<II", 199, 199)),
        (20, struct.pack("<II", 350, 350)),
        (42, struct.pack("<I", 2**31)),  # where it lies
        (42, struct.pack("<I", 5)),
    ],
)
def test_members_that_are_damaged(write, place, data):
    path = patched(write([("a", DATA), ("b", DATA)]), b"b", place, data)
    with ZipMembers(path) as members:
        assert members.read("a").tobytes() == DATA
        with pytest.raises(ValueError, match="damaged: 'b'"):
            members.read("b")


def test_deflated_members_of_another_size(write):
    path = write([("b", DATA * 3)], compression=zipfile.ZIP_DEFLATED)
    for size in (599, 601):
        with (
            ZipMembers(patched(path, b"b", 24, struct.pack("<I", size))) as members,
            pytest.raises(ValueError, match="damaged: 'b'"),
        ):
            members.read("b")


def test_a_huge_directory(write):
    path = write([("a" * 60_000 + str(number), b"") for number in range(20)])
    with pytest.raises(ValueError, match=r"a directory of 1,200,\d+ bytes"):
        ZipMembers(path)


@pytest.mark.parametrize("size", [2**32 - 2, 2**23])
def test_a_directory_of_any_size(write, size):
    path = write([("a", bytes(2**24))])
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 12 : end + 16] = struct.pack("<I", size)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged: the zip file"):
        ZipMembers(path)


def test_a_zip64_directory_that_is_not_there(write):
    content = write([("a", b"")]).read_bytes()
    end = content.rindex(b"PK\5\6")
    locator = b"PK\6\7" + struct.pack("<IQI", 0, 2**62, 1)
    path = write([])
    path.write_bytes(content[:end] + locator + content[end:])
    with pytest.raises(ValueError, match="damaged: the zip file"):
        ZipMembers(path)

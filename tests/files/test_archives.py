"""Zip files: what may be unpacked, where it goes, and that failures leave nothing behind."""

import hashlib
import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.files import archives
from mrcnn.files.archives import fetch_archive, unpack

URL = "https://example.org/zips/val.zip"


def packed(members, compression=zipfile.ZIP_STORED):
    """Bytes of a zip; members are pairs of name (or `ZipInfo`) and content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about duplicate names
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tree(folder):
    """dict of path to content, for every file in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def published(monkeypatch):
    """A function that publishes bytes at a URL, and the list of what was fetched."""
    contents, fetched = {}, []

    def download(url, path, verbose=1, checksum=None):
        fetched.append((url, checksum))
        if url not in contents:
            raise ConnectionError(f"{url} could not be downloaded")
        Path(path).write_bytes(contents[url])

    monkeypatch.setattr(archives, "download", download)
    return contents.__setitem__, fetched


VAL = [("val/", ""), ("val/1.jpg", "one"), ("val/2.jpg", "two")]


def test_a_zip_is_fetched_and_unpacked(published, tmp_path):
    publish, fetched = published
    publish(URL, packed(VAL))
    fetch_archive(URL, tmp_path / "data" / "coco", "md5:1", verbose=0)
    assert tree(tmp_path) == {"data/coco/val/1.jpg": b"one", "data/coco/val/2.jpg": b"two"}
    assert fetched == [(URL, "md5:1")]
    assert os.listdir(tmp_path / "data" / "coco") == ["val"]


def test_a_zip_placed_by_hand_is_taken_and_stays(published, tmp_path):
    _, fetched = published
    data = packed(VAL)
    (tmp_path / "val.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"val\.zip is not the file at https.*its sha256 is "):
        fetch_archive(URL, tmp_path, "sha256:00", verbose=0)
    assert tree(tmp_path) == {"val.zip": data}
    fetch_archive(URL, tmp_path, sha256(data), verbose=0)
    assert tree(tmp_path) == {"val.zip": data, "val/1.jpg": b"one", "val/2.jpg": b"two"}
    assert fetched == []


def test_nothing_is_left_of_a_download_that_fails(published, tmp_path):
    with pytest.raises(ConnectionError):
        fetch_archive(URL, tmp_path / "data", verbose=0)
    assert tree(tmp_path) == {}


def test_what_was_fetched_stays_until_it_is_unpacked(published, tmp_path, monkeypatch):
    publish, fetched = published
    publish(URL, packed(VAL))

    def full(*args):
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(archives, "_check_size", full)
        with pytest.raises(OSError, match="no room"):
            fetch_archive(URL, tmp_path, verbose=0)
    assert os.listdir(tmp_path) == ["val.zip"]
    fetch_archive(URL, tmp_path, verbose=0)
    assert len(fetched) == 1
    assert "val/2.jpg" in tree(tmp_path)


def write(folder, members, **options):
    path = folder / "data.zip"
    path.write_bytes(packed(members, **options))
    return path


def test_a_folder_of_the_zip_alone(tmp_path):
    path = write(tmp_path, [("balloon/train/a.jpg", "a"), ("readme.txt", "?")])
    (tmp_path / "out").mkdir()
    unpack(path, tmp_path / "out", inside="balloon", verbose=0)
    assert tree(tmp_path / "out") == {"train/a.jpg": b"a"}
    with pytest.raises(ValueError, match=r"data\.zip has no folder val"):
        unpack(path, tmp_path / "out", inside="val", verbose=0)
    assert tree(tmp_path / "out") == {"train/a.jpg": b"a"}


def test_existing_folders_are_merged_and_files_stay(tmp_path):
    path = write(tmp_path, [("annotations/a.json", "new"), ("annotations/sub/b.json", "b")])
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.json").write_text("mine")
    unpack(path, tmp_path, verbose=0)
    found = tree(tmp_path / "annotations")
    assert found == {"a.json": b"mine", "sub/b.json": b"b"}
    assert sorted(os.listdir(tmp_path)) == ["annotations", "data.zip"]


def test_resource_forks_of_macs_are_left_out(tmp_path):
    path = write(tmp_path, [("a.jpg", "a"), ("__MACOSX/._a.jpg", "fork")])
    unpack(path, tmp_path, verbose=0)
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "data.zip"]


def with_mode(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../out.txt", "x")], r"'\.\./out\.txt' is not a path inside the archive"),
        ([("a/../../out.txt", "x")], "is not a path inside"),
        ([("/etc/out.txt", "x")], "is not a path inside"),
        ([("C:/out.txt", "x")], "is not a path inside"),
        ([("..\\out.txt", "x")], "is not a path inside"),
        ([("a//b", "x")], "is not a path inside"),
        ([("./a", "x")], "is not a path inside"),
        ([("../", "")], "is not a path inside"),
        ([(with_mode("link", stat.S_IFLNK | 0o777), "/etc")], "'link' is a link or a device"),
        ([(with_mode("pipe", stat.S_IFIFO | 0o644), "")], "is a link or a device"),
        ([("a.txt", "1"), ("A.txt", "2")], r"'A\.txt' appears twice"),
        ([("a", "1"), ("a/b", "2")], "exists|directory"),
        ([("a/b", "1"), ("a", "2")], "exists|directory"),
    ],
)
def test_members_that_may_not_be_unpacked(tmp_path, members, reason):
    path = write(tmp_path, [("good.txt", "good"), *members])
    with pytest.raises(ValueError, match=reason) as caught:
        unpack(path, tmp_path, verbose=0)
    assert str(caught.value).startswith(f"{path} cannot be unpacked: ")
    assert str(caught.value).endswith(". Remove it and download it again.")
    assert os.listdir(tmp_path) == ["data.zip"]
    assert not (tmp_path.parent / "out.txt").exists()


def test_encrypted_and_other_compression(tmp_path):
    data = bytearray(packed([("a.txt", "x")]))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flags in the zip's central directory
    path = tmp_path / "data.zip"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"'a\.txt' is encrypted"):
        unpack(path, tmp_path, verbose=0)
    path = write(tmp_path, [("a.txt", "x")], compression=zipfile.ZIP_BZIP2)
    with pytest.raises(ValueError, match="is compressed with method 12, not deflate"):
        unpack(path, tmp_path, verbose=0)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_files(tmp_path, compression):
    content = bytes(range(256)) * 40
    path = write(tmp_path, [("a.txt", b"a"), ("b.bin", content)], compression=compression)
    data = bytearray(path.read_bytes())
    data[data.index(b"b.bin") + 20] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(path, tmp_path, verbose=0)
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(ValueError, match="File is not a zip file"):
        unpack(path, tmp_path, verbose=0)
    assert os.listdir(tmp_path) == ["data.zip"]


def test_bombs_and_full_disks(tmp_path, monkeypatch):
    path = write(tmp_path, [("a", bytes(10**6))], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="unpack to 1,000,000 bytes, more than 100 times its size"):
        unpack(path, tmp_path, verbose=0)
    path = write(tmp_path, [("a", bytes(range(256)) * 4)])
    usage = archives.shutil.disk_usage(tmp_path)._replace(free=1023)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match=r"unpacks to 0\.0 GB, but .* has room for 0\.0"):
        unpack(path, tmp_path, verbose=0)
    assert os.listdir(tmp_path) == ["data.zip"]


def test_progress(published, tmp_path, capsys):
    publish, _ = published
    publish(URL, packed(VAL))
    fetch_archive(URL, tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Unpacking val.zip: 100%" in err


# Names that lead out of the folder more often than random ones would.
pieces = st.sampled_from(["..", ".", "", "a", "b", "A", "C:", "\\", "..\\", "~", "é", "__MACOSX"])
names = st.lists(pieces, min_size=1, max_size=4).map("/".join) | st.text(max_size=8)
modes = st.sampled_from([0, stat.S_IFREG | 0o600, stat.S_IFDIR, stat.S_IFLNK | 0o777])
members = st.lists(st.tuples(names, modes, st.binary(max_size=4)), max_size=4)


@given(members=members)
def test_nothing_is_written_outside_and_all_or_nothing_inside(tmp_path_factory, members):
    home = tmp_path_factory.mktemp("home")
    folder = home / "a" / "b"
    folder.mkdir(parents=True)
    (home / "a" / "keep").write_text("kept")
    path = home / "data.zip"
    try:
        path.write_bytes(packed([(with_mode(name, mode), data) for name, mode, data in members]))
    except (UnicodeEncodeError, zipfile.BadZipFile):
        return
    outside = tree(home)
    try:
        unpack(path, folder, verbose=0)
    except ValueError:
        assert list(folder.iterdir()) == []
    written = tree(folder)
    assert tree(home) == {**outside, **{f"a/b/{name}": data for name, data in written.items()}}
    assert not any(entry.is_symlink() for entry in home.rglob("*"))
    wanted = {name: data for name, _, data in members}
    assert written.items() <= wanted.items()

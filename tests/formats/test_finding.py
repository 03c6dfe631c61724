import gzip
import os
from pathlib import Path

import pytest

from mrcnn.formats.finding import (
    files_below,
    find_image,
    given_path,
    image_files,
    image_suffix,
    read_json,
)


def test_given_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert given_path("~/a") == Path("/home/me/a") and given_path(Path("b")) == Path("b")
    for wrong in (None, 3, ["a"]):
        with pytest.raises(TypeError, match=r"images is .*: .* the path of a file or folder"):
            given_path(wrong, "images")


def test_read_json(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.json"):
        read_json(path)
    path.write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xbc"}')
    assert read_json(path) == {"a": "ü"}
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OSError, match=r"folder\.json cannot be read: Is a directory"):
        read_json(tmp_path / "folder.json")
    for content in (b'{"a": 1,\n "b" 2}', b'"\xff\xfe"', b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.json is not a JSON file: "):
            read_json(path)


def test_find_image(tmp_path):
    for name in ("train/a.jpg", "b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders = tmp_path, tmp_path / "train"
    train = str(tmp_path / "train" / "a.jpg")
    for name in ("a.jpg", "train/a.jpg", "train\\a.jpg", "C:\\Users\\me\\a.jpg", train):
        assert find_image(name, *folders) == train
    assert os.path.samefile(find_image("..\\b.jpg", *folders), tmp_path / "b.jpg")
    assert find_image("c/d.jpg", *folders) == str(tmp_path / "c/d.jpg")
    assert find_image("https://x.org/a.jpg", *folders) == train
    assert find_image("\0" + "x" * 5000, tmp_path)  # no error, whatever the name


def test_find_image_by_a_url(tmp_path):
    for name in ("b c.jpg", "d.JPG", "x/1.jpg", "y/1.jpg", "e%20f.jpg", "g.jpg?v=2", "h#1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name, found in {
        "https://host/a/b%20c.jpg?x=1": "b c.jpg",
        "http://host/b%20c.jpg#top": "b c.jpg",
        "file:///data/b%20c.jpg": "b c.jpg",
        "s3://bucket/a/b c.jpg": "b c.jpg",
        "https://host/o/a%2Fb%20c.jpg?alt=media": "b c.jpg",
        "b%20c.jpg": "b c.jpg",
        "old/b%20c.jpg": "b c.jpg",
        "C:\\old\\b%20c.jpg": "b c.jpg",
        "b c.jpg?x=1": "b c.jpg",
        "https://host/d.jpg": "d.JPG",
        "https://host/set/y/1.jpg": "y/1.jpg",  # not the first of that name
        "x/1.jpg?y/2.jpg": "x/1.jpg",
        "e%20f.jpg": "e%20f.jpg",  # literally there
        "https://host/e%20f.jpg": "e%20f.jpg",
        "g.jpg?v=2": "g.jpg?v=2",
        "h#1.jpg": "h#1.jpg",
        "/data/local-files/?d=b%20c.jpg": "b c.jpg",
        "https://host/get?file=a/b%20c.jpg&size=2": "b c.jpg",
        "https://host/..%2Fx%2F1.jpg": "x/1.jpg",  # does not leave the folder
        "../" + tmp_path.name + "/b%20c.jpg": "../" + tmp_path.name + "/b c.jpg",
    }.items():
        assert find_image(name, tmp_path / "none", tmp_path) == str(tmp_path / found), name
    # A file that is nowhere to be found keeps its name.
    assert find_image("https://host/z.jpg?x=1", tmp_path) == "https://host/z.jpg?x=1"
    assert find_image("z%20z.jpg", tmp_path) == str(tmp_path / "z%20z.jpg")
    assert find_image("?%#", tmp_path) == str(tmp_path / "?%#")


def test_image_suffix():
    for name in ("a.jpg", "http://host/a.jpg#b", "a?.jpg", "x.y/a%2ejpg"):
        assert image_suffix(name) == ".jpg", name
    assert image_suffix("a.b#c.PNG") == ".PNG" and image_suffix("a.txt?x=1") == ".txt?x=1"


def test_files_below(tmp_path):
    for name in ("b/2.json", "a/c/1.JSON", "3.json", ".hidden/4.json", "b/.5.json", "b/6.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.json").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path, ".json")]
    assert found == ["3.json", "a/c/1.JSON", "b/2.json"]


def test_image_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*none"):
        image_files(tmp_path / "none")
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"has no images \(\.png, "):
        image_files(tmp_path)
    for name in ("b.JPG", "a.tif"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["a.tif", "b.JPG"]


@pytest.mark.parametrize(
    "content, what",
    [
        (gzip.compress(b"{}", mtime=0), "it looks like a gzip file: unpack it"),
        ('{"a": "ü"}'.encode("utf-16"), "it looks like UTF-16: save it as UTF-8"),
        (b"\x89PNG\r\n", "it looks like a PNG image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
        (b"", "it is empty"),
    ],
)
def test_what_a_file_is_instead_of_json(tmp_path, content, what):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.json is not a JSON file: {what}"):
        read_json(tmp_path / "a.json")


def test_find_image_in_another_case(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "sub/B.JPG", "two.png", "TWO.png"):
        (tmp_path / name).touch()
    listings = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listings.append(folder) or listdir(folder))
    listed = {}
    for name, found in {
        "A.JPG": "a.jpg",
        "C:\\data\\A.jpg": "a.jpg",
        "sub\\b.jpg": "sub/B.JPG",
        "Two.png": "Two.png",  # ambiguous
    }.items():
        assert find_image(name, tmp_path, listed=listed) == str(tmp_path / found)
    assert len(listings) == len(set(listings))

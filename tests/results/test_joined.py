import io

import pytest

from mrcnn.results.joined import class_names_of, copy_rest, head_of, part_of, rest_of, text_file


def test_a_part(tmp_path):
    path = tmp_path / "a.part"
    with part_of(path, name="ü\n", size=[1, 2]) as file:
        file.write("first\nsecond ü\n")
    assert head_of(path) == {"name": "ü\n", "size": [1, 2]}
    copy = io.StringIO()
    copy_rest(path, copy)
    assert copy.getvalue() == "first\nsecond ü\n"
    with rest_of(path) as lines:
        assert [line for line in lines] == ["first\n", "second ü\n"]


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.part"
    with pytest.raises(RuntimeError), part_of(path) as file:
        file.write("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_text(tmp_path):
    with text_file(tmp_path / "a.txt") as file:
        file.write("caf\udce9")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "caf?"


def test_classes_must_agree():
    heads = [{"class_names": ["BG", "cell"]}, {"class_names": ["BG", "dog"]}]
    assert class_names_of([]) == []
    assert class_names_of(heads[:1] * 3) == ["BG", "cell"]
    with pytest.raises(ValueError, match=r"classes BG, cell and others BG, dog: .*different"):
        class_names_of(heads)

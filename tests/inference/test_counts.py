"""The table of how many objects were found, with a row for every image."""

import csv

import numpy as np
from tiny import InMemory, shapes

from mrcnn.inference.counts import CountsTable


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


class Broken(InMemory):
    """Image 1 does not exist."""

    def load_image(self, image_id):
        if image_id == 1:
            raise OSError("the file ends,\nsuddenly")
        return super().load_image(image_id)


def test_every_image_has_a_row(tmp_path, capsys):
    dataset = Broken(shapes(4))
    number = {dataset.samples[i][0].tobytes(): i for i in range(4)}
    seen = []

    def detect(images):
        [image] = images
        seen.append(number[image.tobytes()])
        if seen[-1] == 3:
            raise MemoryError("too large")
        truncated = "DETECTION_MAX_INSTANCES" if seen[-1] == 2 else ""
        return [{"scores": np.array([0.9, 0.6, 0.2][: seen[-1] + 1]), "truncated": truncated}]

    counts = CountsTable(tmp_path / "counts.csv", ("image", "Cells"))
    lines = [
        counts.add(f"i{each.image_id}", each.result, 0.2)
        for each in counts.detect(detect, dataset, lambda i: f"i{i}")
    ]
    assert seen == [0, 2, 3]
    assert lines == ["i0: 1 cells", "i2: 3 cells, cut by DETECTION_MAX_INSTANCES"]
    # Each reason fits on one line, and every row is already on disk.
    assert rows_of(tmp_path / "counts.csv") == [
        ["image", "Cells", "truncated", "reason"],
        ["i0", "1", "", ""],
        ["i1", "", "", "OSError: the file ends, suddenly"],
        ["i2", "3", "DETECTION_MAX_INSTANCES", ""],
        ["i3", "", "", "MemoryError: too large"],
    ]
    assert capsys.readouterr().out.splitlines() == [
        "i1: refused: OSError: the file ends, suddenly",
        "i3: refused: MemoryError: too large",
    ]
    assert (counts.used, counts.objects, counts.truncated) == (2, 4, 1)
    assert counts.refused == ["i1", "i3"]
    assert counts.last_line() == ("2 of 4 images; 2 refused, 1 cut by a limit: see counts.csv")


def test_weak_detections_do_not_count(tmp_path):
    counts = CountsTable(tmp_path / "c.csv")
    found = {"scores": np.array([0.9, 0.5, 0.2]), "truncated": "DETECTION_MAX_INSTANCES"}
    # What the limit left out scores less than 0.2.
    assert counts.add("a", found, 0.5) == "a: 2 objects"
    assert rows_of(tmp_path / "c.csv")[1] == ["a", "2", "", ""]
    assert counts.add("b", {"scores": []}) == "b: 0 objects"
    assert counts.last_line() == "2 of 2 images"


def test_images_of_types_that_are_not_read(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.GIF", "c.czi", "notes.txt", ".d.gif", "Thumbs.db"):
        (folder / name).touch()
    counts = CountsTable(tmp_path / "c.csv")
    counts.refuse_other_files(folder)
    counts.refuse_other_files(folder / "a.png")
    assert counts.refused == ["b.GIF", "c.czi"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("b.GIF: refused: .gif is not read: convert it to .png, ")

import numpy as np
import pytest

from mrcnn.datasets import Dataset
from mrcnn.datasets.check import check
from mrcnn.datasets.crowds import check_not_only_crowds

MASK = np.zeros((20, 30, 1), bool)
MASK[3:9, 4:12] = True


class Marked(Dataset):
    """Images whose instances have these class ids."""

    def load_image(self, image_id):
        return np.zeros((20, 30, 3), np.uint8)

    def load_mask(self, image_id):
        ids = np.array(self.image_info[image_id]["ids"], np.int32)
        masks = np.repeat(MASK, len(ids), axis=2)
        masks[:, 12, np.arange(len(ids))] = np.arange(20)[:, None] < np.arange(1, len(ids) + 1)
        return masks, ids


def marked(*images):
    dataset = Marked()
    for number, name in enumerate(("cell", "rock"), 1):
        dataset.add_class("made", number, name)
    for number, ids in enumerate(images):
        dataset.add_image("made", number, None, ids=ids)
    dataset.prepare()
    return dataset


def test_crowds_are_not_things_to_learn():
    report = check(marked([1, -1], [1, 2, -2], [-1]))
    assert report.class_instances == {"cell": 2, "rock": 1}
    assert report.class_images == {"cell": 2, "rock": 1}
    assert report.class_crowds == {"cell": 2, "rock": 1}
    assert "  cell  2 instances in 2 images, and 2 crowds\n" in str(report)
    assert report.ok and not report.remarks


def test_only_crowds_are_an_error():
    report = check(marked([-1], [-1, -2]))
    ((kind, (finding,)),) = report.errors.items()
    assert kind == "nothing to learn but crowds" and not report.remarks
    assert finding.text == (
        "all 3 instances are crowds. Training ignores crowds, which have negative class ids."
    )


def test_most_of_a_class():
    report = check(marked([-1, -1, 1], [2, 2, -2, -2]))
    ((kind, (finding,)),) = report.remarks.items()
    assert report.ok and kind == "classes whose instances are mostly crowds (not trained on)"
    assert finding.text.startswith("cell: 2 of 3 instances. ")
    assert finding.text.endswith("class_map={'cell': None} leaves the class out.")
    only = check(marked([-1, 2]))
    assert [f.text[:20] for f in only.remarks[kind]] == ["cell: 1 of 1 instanc"]
    assert list(only.remarks) == [kind]  # not a class without instances


def test_training_on_crowds_alone(monkeypatch):
    dataset = marked([-1])
    check_not_only_crowds(dataset)  # only reading the masks could tell
    monkeypatch.setattr(Marked, "has_only_crowds", lambda self: True)
    with pytest.raises(ValueError, match=r"Marked: all instances are crowds, so there is nothing"):
        check_not_only_crowds(dataset)

import matplotlib
import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.anchors import anchor_coverage
from mrcnn.config import Config
from mrcnn.datasets import Dataset
from mrcnn.datasets.prepared import prepared_ids
from mrcnn.loading.source import SampleSource
from mrcnn.training import resume
from mrcnn.training.callbacks.validation import choose_images

matplotlib.use("agg")


class OneClass(Config):
    NAME = "one"
    NUM_CLASSES = 2


def unprepared():
    dataset = Dataset()
    dataset.add_class("cells", 1, "cell")
    for number in range(4):
        dataset.add_image("cells", number, path=None)
    return dataset


NEED_IMAGES = {
    "check": Dataset.check,
    "split": Dataset.split,
    "split_by_group": lambda dataset: dataset.split_by_group("id"),
    "subset": lambda dataset: dataset.subset([0]),
    "without": lambda dataset: dataset.without([0]),
    "to_coco": Dataset.to_coco,
    "training": lambda dataset: SampleSource(dataset, OneClass()),
    "resuming": lambda dataset: resume.describe(OneClass(), dataset, None, None, None),
    "validation": lambda dataset: choose_images(dataset, OneClass()),
    "plot_classes": visualize.plot_classes,
    "plot_sizes": visualize.plot_sizes,
    "plot_anchor_coverage": lambda dataset: visualize.plot_anchor_coverage(dataset, OneClass()),
}


@pytest.mark.parametrize("name", NEED_IMAGES)
def test_what_needs_the_images_says_that_they_are_not_known_yet(name):
    with pytest.raises(RuntimeError, match=r"^Dataset is not prepared: call prepare\(\) after the"):
        NEED_IMAGES[name](unprepared())


def test_there_are_no_image_ids_before_they_are_known():
    dataset = unprepared()
    assert dataset.image_ids.tolist() == [] and len(dataset.image_info) == 4
    with pytest.raises(ValueError, match=r"no images to look at: was the dataset's prepare\(\) ca"):
        anchor_coverage(dataset, OneClass())
    dataset.prepare()
    assert prepared_ids(dataset).tolist() == dataset.image_ids.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (7, "7"),
        (np.int64(7), "7"),
        (np.str_("cell"), "cell"),
        (np.array("cell"), "cell"),
        (np.array(["cell"])[0], "cell"),
        ("cell,nucleus", "cell"),
    ],
)
def test_names_of_classes(name, expected):
    dataset = Dataset()
    dataset.add_class("x", 1, name)
    dataset.prepare()
    assert dataset.class_names == ["BG", expected]
    assert type(dataset.class_names[1]) is type(dataset.class_info[1]["name"]) is str


def test_names_in_class_info():
    dataset = Dataset()
    dataset.class_info += [{"source": "x", "id": i, "name": name} for i, name in ((1, 7), (2, "b"))]
    dataset.prepare()
    assert dataset.class_names == ["BG", "7", "b"]
    dataset.class_info[2]["name"] = None
    with pytest.raises(TypeError, match="class_name is None: it must be text"):
        dataset.prepare()


@pytest.mark.parametrize("source", [np.str_("x"), np.array("x")])
def test_names_of_sources(source):
    dataset = Dataset()
    dataset.add_class(source, 1, "cell")
    dataset.add_class("x", 1, "the same")
    dataset.prepare()
    assert dataset.class_names == ["BG", "cell"]
    assert dataset.map_source_class_id("x.1") == 1 and dataset.sources == ["", "x"]


@pytest.mark.parametrize("name", [None, 1.5, b"cell", ["cell"], True, np.array(["a", "b"])])
def test_other_names_are_refused(name):
    for argument, give in {
        "class_name": lambda: Dataset().add_class("x", 1, name),
        "source": lambda: Dataset().add_class(name, 1, "cell"),
    }.items():
        with pytest.raises(TypeError) as caught:
            give()
        assert str(caught.value).startswith(
            f"{argument} is {name!r}: it must be text, such as 'cell"
        )


def test_a_source_has_no_dot():
    with pytest.raises(ValueError, match=r"source is 'a\.b': it must be a name without a dot"):
        Dataset().add_class(np.str_("a.b"), 1, "cell")

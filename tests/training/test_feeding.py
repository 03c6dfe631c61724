import numpy as np
import pytest
from tiny import InMemory, TinyConfig, shapes

from mrcnn.network import graph
from mrcnn.training import feeding


@pytest.fixture(scope="module")
def model():
    return graph.build("training", TinyConfig(), seed=0)


def test_feed(model):
    config = TinyConfig()
    data = InMemory(shapes(4))
    train, val = feeding.batches(config, data, data)
    assert feeding.feed(train, model) is train
    assert feeding.feed(None, model) is None
    config.IMAGE_RESIZE_MODE = "none"
    open_model = graph.build("training", config)
    dataset = feeding.feed(val, open_model)
    assert int(dataset.cardinality()) == len(val) == 1
    [(batch,)] = dataset.as_numpy_iterator()
    for name, array in val[0][0].items():
        np.testing.assert_allclose(batch[name], array, rtol=1e-6)
    assert dataset.element_spec[0]["input_image"].shape.as_list() == [None, None, None, 3]


def test_nothing_to_learn(monkeypatch):
    crowds, data = InMemory(shapes(2)), InMemory(shapes(2))
    monkeypatch.setattr(crowds, "has_only_crowds", lambda: True, raising=False)
    with pytest.raises(ValueError, match="InMemory: all instances are crowds, so there is nothing"):
        feeding.batches(TinyConfig(), crowds, data)
    train, val = feeding.batches(TinyConfig(), data, crowds)
    assert len(train) and len(val)


def test_numbers_of_steps_that_a_property_computes_are_rounded_up():
    class Computed(TinyConfig):
        @property
        def STEPS_PER_EPOCH(self):
            return 10 / 4

        @property
        def VALIDATION_STEPS(self):
            return 1 / 4

    train, val = feeding.batches(Computed(), InMemory(shapes(2)), InMemory(shapes(2)))
    assert (len(train), len(val)) == (3, 1)


def test_validation_sees_every_image_as_detection_does():
    config = TinyConfig.from_dict(
        {"TRAIN_SCALE_JITTER": (0.2, 0.9), "TRAIN_NEGATIVE_IMAGES": False, "VALIDATION_STEPS": 2}
    )
    samples = shapes(4)
    samples[3] = (samples[3][0], np.zeros((0, 0, 0), bool), np.array([], np.int32))
    train, val = feeding.batches(config, InMemory(samples), InMemory(samples))
    metas = {"train": [], "val": []}
    for name, sequence in (("train", train), ("val", val)):
        for index in range(2):
            metas[name] += list(sequence[index][0]["input_image_meta"])
    assert sorted(meta[0] for meta in metas["val"]) == [0, 1, 2, 3]
    assert {meta[0] for meta in metas["train"]} == {0, 1, 2}
    assert all(meta[11] == 1 for meta in metas["val"])
    assert all(0.2 <= meta[11] <= 0.9 for meta in metas["train"])

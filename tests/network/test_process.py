import copy
import os
import pickle
import signal

import keras
import numpy as np
import pytest
from tiny import TinyConfig, spread

from mrcnn.inference.detector import Detector
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import graph, process
from mrcnn.network.graph_model import GraphModel
from mrcnn.training.distribution import OneDevice

pytestmark = pytest.mark.network

IMAGE = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return MaskRCNN("inference", TinyConfig(), tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def small():
    """A `GraphModel` of one layer."""
    image = keras.Input((2,))
    return GraphModel(image, keras.layers.Dense(1)(image))


@pytest.fixture
def elsewhere(monkeypatch):
    """This process, as if it had been forked after all models were made."""
    other = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: other)


def in_child(function):
    """What `function` raises in a forked process, as text. A process that hangs ends after 20 s."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            function()
            text = "nothing"
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="works on PyTorch")
def test_a_forked_process_does_not_hang(model):
    text = in_child(lambda: model.detect([IMAGE]))
    assert text.startswith(f"ForkedError: the model was made in process {os.getpid()}, which then")
    assert text.endswith("Make the model in the worker process, see docs/serving.md.")
    text = in_child(lambda: MaskRCNN("inference", TinyConfig(), "logs"))
    assert text.startswith(f"ForkedError: process {os.getpid()} made a model and then forked this")
    assert "start worker processes with the method 'spawn'" in text


CALLS = {
    "detect": lambda model: model.detect([IMAGE]),
    "detect_molded": lambda model: model.detect_molded([IMAGE], [np.zeros(15)]),
    "run_graph": lambda model: model.run_graph([IMAGE], []),
    "load_weights": lambda model: model.load_weights("weights.h5"),
    "a detector": lambda model: Detector(model.keras_model, model.config).detect([IMAGE]),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_refused_elsewhere(model, elsewhere, call, monkeypatch):
    with pytest.raises(RuntimeError, match="Make the model in the worker process"):
        CALLS[call](model)
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    process.check_process(model.keras_model)


@pytest.mark.parametrize(
    "call",
    [
        "__call__",
        "predict",
        "predict_on_batch",
        "fit",
        "evaluate",
        "train_on_batch",
        "test_on_batch",
    ],
)
def test_every_call_of_keras_is_refused_elsewhere(small, elsewhere, call):
    with pytest.raises(RuntimeError, match="the model was made in process"):
        getattr(small, call)(np.zeros((1, 2)))


def test_no_other_model_is_made_elsewhere(small, elsewhere):
    for make in (lambda: graph.build("inference", TinyConfig()), lambda: GraphModel([], [])):
        with pytest.raises(RuntimeError, match="in which another model would hang"):
            make()


def test_a_model_of_this_process_works(small, monkeypatch):
    assert small.process == os.getpid()
    assert small(np.zeros((1, 2))).shape == (1, 1)
    assert keras.models.clone_model(small).process == os.getpid()
    monkeypatch.setattr(process, "_first", None)
    process.check_new_model()
    assert process._first == os.getpid()


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])
def test_a_copy_is_a_new_model_of_this_process(small, copied):
    again = copied(small)
    assert type(again) is GraphModel and again is not small and again.process == os.getpid()
    np.testing.assert_array_equal(again(np.ones((1, 2))), small(np.ones((1, 2))))
    before = small.layers[1].kernel.numpy()
    again.layers[1].kernel.assign([[5.0], [7.0]])
    np.testing.assert_array_equal(small.layers[1].kernel, before)


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
def test_what_holds_a_model_is_copied_with_it(model, copied):
    spread(model.keras_model)
    [expected] = model.detect([IMAGE])
    assert len(expected["scores"])
    detectors = copied({"detector": Detector(model.keras_model, model.config)})
    for detect in (detectors["detector"].detect, copied(model).detect, copied(model.detect)):
        [found] = detect([IMAGE])
        np.testing.assert_array_equal(found["rois"], expected["rois"])
        np.testing.assert_array_equal(found["scores"], expected["scores"])


def test_a_copy_is_refused_elsewhere(model, small, elsewhere):
    for thing in (small, model):
        with pytest.raises(RuntimeError, match="the model was made in process"):
            pickle.dumps(thing)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="works on PyTorch")
def test_a_forked_process_cannot_unpickle(model):
    for thing in (model, model.keras_model):
        data = pickle.dumps(thing)
        text = in_child(lambda data=data: pickle.loads(data))
        assert text.startswith(f"ForkedError: process {os.getpid()} made a model and then forked")


def test_a_model_for_several_devices_is_not_copied(tmp_path):
    model = MaskRCNN("training", TinyConfig(), tmp_path)
    model.distribution = OneDevice()
    model.distribution.replicas = 2
    with pytest.raises(TypeError, match=r"^a MaskRCNN for 2 devices can be neither pickled nor"):
        pickle.dumps(model)

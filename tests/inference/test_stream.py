"""Detection in a stream of images gives what detection in a list gives."""

import itertools
import threading
import time
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tiny import TinyConfig, shapes, spread

from mrcnn.inference.detector import detect_crops, detector_of
from mrcnn.inference.stream import detect_pairs, detect_stream
from mrcnn.model import MaskRCNN


def frame(number, size=8):
    return np.full((size, size, 3), number, np.uint8)


def brightest(images):
    """Stands for a detector."""
    return [{"brightest": int(image.max())} for image in images]


def values(results):
    return [result["brightest"] for result in results]


# A function in place of a model


@pytest.mark.parametrize("batch", [None, 1, 3, 7, 50])
def test_a_function_gets_batches_in_order(batch):
    sizes = []

    def detect(images):
        sizes.append(len(images))
        return brightest(images)

    found = detect_stream(detect, map(frame, range(20)), batch)
    assert values(found) == list(range(20))
    full, rest = divmod(20, batch or 1)
    assert sizes == [batch or 1] * full + [rest] * (rest > 0)


def test_no_images_and_a_list_and_an_array():
    assert list(detect_stream(brightest, iter([]))) == []
    assert values(detect_stream(brightest, [frame(3), frame(4)])) == [3, 4]
    assert values(detect_stream(brightest, np.stack([frame(3), frame(4)]))) == [3, 4]


def test_an_endless_generator_is_read_only_a_few_batches_ahead():
    before, read = threading.active_count(), []

    def camera():
        for number in itertools.count():
            read.append(number)
            yield frame(number % 256)

    found = detect_stream(brightest, camera(), batch=2)
    assert values(itertools.islice(found, 301)) == [number % 256 for number in range(301)]
    found.close()
    assert len(read) <= 301 + 1 + 4 * 2
    assert threading.active_count() == before


def test_images_come_back_with_their_results():
    given = [frame(number) for number in range(5)]
    pairs = list(detect_pairs(brightest, iter(given), batch=2))
    assert all(image is expected for (image, _), expected in zip(pairs, given, strict=True))
    assert values(result for _, result in pairs) == list(range(5))


def test_an_error_of_the_generator_comes_after_what_it_gave_before():
    def broken():
        yield from map(frame, range(5))
        raise OSError("the camera was unplugged")

    for detect, batch in ((brightest, 1), (brightest, 3)):
        found = detect_stream(detect, broken(), batch)
        assert values(itertools.islice(found, 5)) == list(range(5))
        with pytest.raises(OSError, match="unplugged"):
            next(found)
        assert list(found) == []


def test_an_error_of_the_detector_comes_in_the_place_of_its_batch():
    def detect(images):
        if any(image.max() == 5 for image in images):
            raise ArithmeticError("no memory left")
        return brightest(images)

    found = detect_stream(detect, map(frame, range(20)), batch=2)
    assert values(itertools.islice(found, 4)) == [0, 1, 2, 3]
    with pytest.raises(ArithmeticError, match="no memory left"):
        next(found)


def test_bad_arguments():
    for batch in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match=f"batch is {batch!r}: it must be a whole number"):
            detect_stream(brightest, [frame(0)], batch)
    with pytest.raises(ValueError, match=r"images is one array of shape \(8, 8, 3\)"):
        detect_stream(brightest, frame(0))
    with pytest.raises(ValueError, match="detect gave 1 results for 2 images"):
        list(detect_stream(lambda images: [{}], [frame(0), frame(1)], batch=2))


def test_reading_detecting_and_using_overlap():
    pause = 0.03

    def slow(images):
        time.sleep(pause)
        return brightest(images)

    def camera():
        for number in range(10):
            time.sleep(pause)
            yield frame(number)

    start = time.monotonic()
    for _ in detect_stream(slow, camera()):
        time.sleep(pause)
    # One after the other they would take 30 pauses.
    assert time.monotonic() - start < 22 * pause


def test_memory_does_not_grow_with_the_number_of_images():
    side = 256  # 0.2 MB each
    frames = (np.full((side, side, 3), number % 256, np.uint8) for number in range(3000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in detect_stream(brightest, frames, batch=2))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 3000
    assert peak < 20 * side * side * 3


# A network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = MaskRCNN("inference", TinyConfig(), str(tmp_path_factory.mktemp("logs")))
    spread(model.keras_model)
    return model


def mixed(sizes=((60, 50), (60, 50), (40, 90), (33, 64), (60, 50))):
    """Images of several sizes."""
    return [shapes(1, size, seed)[0][0] for seed, size in enumerate(sizes)]


def assert_identical(results, others):
    assert len(results) == len(others)
    for result, other in zip(results, others, strict=True):
        assert list(result) == list(other)
        for name in result:
            assert_array_equal(result[name], other[name])


@pytest.mark.network
def test_the_results_are_those_of_detect(model):
    images = mixed()
    expected = model.detect(images)
    assert sum(len(result["rois"]) for result in expected) > len(images)
    assert_identical(list(model.detect_stream(iter(images))), expected)
    assert_identical(list(detect_stream(detector_of(model), images)), expected)
    pairs = list(detect_pairs(model, (image for image in images), dense=False))
    assert all(image is given for (image, _), given in zip(pairs, images, strict=True))
    crops = detect_crops(model, images)
    for (_, result), crop in zip(pairs, crops, strict=True):
        assert_array_equal(result["masks"].dense(), crop["masks"].dense())


@pytest.mark.network
def test_batches_end_where_the_network_input_has_another_size(model, monkeypatch):
    monkeypatch.setattr(model.config, "IMAGE_RESIZE_MODE", "pad64")
    monkeypatch.setattr(model.config, "IMAGE_MIN_DIM", None)
    images = mixed([(60, 50), (60, 120), (64, 100)])
    assert_identical(list(model.detect_stream(iter(images))), model.detect(images))


@pytest.mark.network
def test_the_batch_is_that_of_the_call(model, monkeypatch):
    sizes, predict = [], model.keras_model.predict_on_batch

    def counting(inputs):
        sizes.append(len(inputs[0]))
        return predict(inputs)

    monkeypatch.setattr(model.keras_model, "predict_on_batch", counting)
    images = [image for image, _, _ in shapes(5, seed=2)]
    for batch, expected in ((None, [2, 2, 1]), (1, [1] * 5), (3, [3, 2])):
        sizes.clear()
        assert len(list(model.detect_stream(images, batch))) == 5
        assert sizes == expected


@pytest.mark.network
def test_an_image_that_is_refused_is_named_after_the_results_before_it(model):
    images = [*mixed()[:3], np.zeros((8, 8, 5), np.uint8)]
    found = model.detect_stream(iter(images))
    assert_identical(list(itertools.islice(found, 3)), model.detect(images[:3]))
    with pytest.raises(ValueError, match="image 3 has 5 channels"):
        next(found)


@pytest.mark.network
def test_training_mode_and_a_single_image_are_refused_at_once(model, monkeypatch):
    with pytest.raises(ValueError, match="images is one array"):
        model.detect_stream(mixed()[0])
    monkeypatch.setattr(model, "mode", "training")
    with pytest.raises(ValueError, match=r"detect_stream\(\) needs a model in inference mode"):
        model.detect_stream(mixed())

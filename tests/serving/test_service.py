"""The queue, time limits, tiles, the end, and processes that were forked."""

import asyncio
import os
import threading
import time

import numpy as np
import pytest
from fake_model import FakeDetector, FakeModel

from mrcnn.jobs.reading import Image
from mrcnn.runtime.sidecar import Sidecar, sidecar_of, write_sidecar
from mrcnn.serving.network import job_of
from mrcnn.serving.refusals import Refused
from mrcnn.serving.service import Service
from mrcnn.serving.settings import ServerSettings
from mrcnn.startup import ForkedError
from mrcnn.weights.card import Card

from .conftest import png


class Post(threading.Thread):
    """A request in a thread."""

    def __init__(self, client, data, query=""):
        super().__init__()
        self.client, self.data, self.query = client, data, query
        self.answer = None
        self.start()

    def run(self):
        self.answer = self.client.post(f"/detect{self.query}", content=self.data)

    def result(self):
        self.join(20)
        return self.answer


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def in_flight(client):
    return client.app.state.service.metrics.in_flight._value.get()


def waiting(client):
    return client.app.state.service.metrics.queue_length._value.get()


def test_concurrent_requests_form_batches(gate, serve):
    client = serve(gate)
    gate.open.clear()
    gate.entered.clear()
    posts = [Post(client, png(255))]
    assert gate.entered.wait(10)
    posts += [Post(client, png(*[255] * number)) for number in (2, 3, 4, 5)]
    until(lambda: waiting(client) == 4)
    gate.open.set()
    assert [len(post.result().json()["annotations"]) for post in posts] == [1, 2, 3, 4, 5]
    assert gate.batches[-3:] == [1, 2, 2]


def test_a_full_queue(gate, serve):
    client = serve(gate, queue=2)
    gate.open.clear()
    posts = [Post(client, png(255)), Post(client, png(128))]
    until(lambda: in_flight(client) == 2)
    refused = client.post("/detect", content=png(255, 255))
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"] == "the queue is full, with 2 images: try again later."
    assert client.get("/v2/health/live").status_code == 200
    gate.open.set()
    assert [post.result().status_code for post in posts] == [200, 200]
    assert client.post("/detect", content=png(255, 255)).status_code == 200
    assert in_flight(client) == 0


def test_a_time_limit(gate, serve):
    client = serve(gate, seconds=0.5, batch=1)
    gate.open.clear()
    gate.entered.clear()
    before = len(gate.batches)
    post = Post(client, png(255))
    assert gate.entered.wait(10)
    late = client.post("/detect", content=png(128))
    assert (late.status_code, late.json()["error"]) == (
        504,
        "the answer took longer than 0.5 s, which is the limit.",
    )
    assert post.result().status_code == 504
    gate.open.set()
    until(lambda: waiting(client) == 0)
    # What waited was dropped: it never reached the network.
    assert len(gate.batches) == before + 1 and in_flight(client) == 0


def test_an_image_in_tiles(gate, serve):
    client = serve(gate, tile=30, overlap=10)
    before = len(gate.batches)
    data = png(*[255] * 9, *[128] * 3)
    found = client.post("/detect", content=data).json()["annotations"]
    whole = serve().post("/detect", content=data).json()["annotations"]
    assert len(found) == 12
    boxes = sorted(each["bbox"] for each in found)
    assert boxes == sorted(each["bbox"] for each in whole)
    assert sum(gate.batches[before:]) == 2 * 3  # tiles


def test_tiles_end_with_their_request(gate, serve):
    client = serve(gate, tile=20, overlap=8, seconds=0.5, batch=1)
    gate.open.clear()
    before = len(gate.batches)
    assert client.post("/detect", content=png(255)).status_code == 504
    gate.open.set()
    until(lambda: waiting(client) == 0)
    time.sleep(0.05)
    assert len(gate.batches) - before <= 4  # of 15 tiles


def test_stopping_refuses_new_requests_and_finishes_others(gate, settings):
    async def run():
        service = Service(settings(), gate)
        await service.start()
        gate.open.clear()
        gate.entered.clear()

        async def answer(image):
            with service.place():
                return await service.answer(image, "a", False, lambda found, _: len(found.result))

        first = asyncio.ensure_future(answer(png(255)))
        await asyncio.to_thread(gate.entered.wait, 10)
        service.refuse_new()
        with pytest.raises(Refused, match="the server is stopping") as raised:
            await answer(png(128))
        assert raised.value.status == 503 and "Retry-After" in raised.value.headers
        stop = asyncio.ensure_future(service.stop())
        gate.open.set()
        assert await first == 5
        await stop

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_model_that_would_hang_after_a_fork(serve):
    def load(job):
        raise ForkedError("process 1 made a model and then\nforked this process")

    client = serve(load)
    for address in ("/v2/health/ready", "/about"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert answer.json()["error"] == "process 1 made a model and then forked this process"
    assert client.post("/detect", content=png(255)).status_code == 503
    assert client.get("/v2/health/live").status_code == 200


def test_a_model_that_cannot_be_loaded(serve):
    def load(job):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        serve(load)
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        serve(FakeModel, model="gone.h5")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_says_so(settings):
    async def ready(service):
        await service.start()
        pid = os.fork()
        if pid:
            status = await asyncio.to_thread(os.waitpid, pid, 0)
            await service.stop()
            return os.waitstatus_to_exitcode(status[1])
        code = 1
        try:
            service.ready()
        except Refused as refused:
            told = f"the model was made in process {os.getppid()}, which then forked this process"
            code = 0 if refused.status == 503 and told in refused.message else 2
        finally:
            os._exit(code)

    service = Service(settings(), FakeModel)
    assert asyncio.run(asyncio.wait_for(ready(service), 20)) == 0


def test_the_graph_is_compiled_at_the_scale_of_the_server(serve):
    molded = []

    class Enlarging(FakeDetector):
        is_own_scale = False

        def scale_of(self, shape):
            return 2.5

        def mold(self, image):
            assert max(image.shape) * 2.5 <= self.config.IMAGE_MAX_DIM
            molded.append(image.shape)
            return super().mold(image)

    def load(job):
        model = FakeModel(job)
        model.detector = Enlarging()
        return model

    client = serve(load, scale=2.5)
    assert molded == [(409, 409, 3)]
    assert client.get("/v2/health/ready").status_code == 200


def test_memory_for_pixels_is_shared(serve, monkeypatch):
    reading, most = [], []
    load = Image.load

    def slow(image):
        reading.append(image)
        most.append(len(reading))
        time.sleep(0.05)
        load(image)

    client = serve(max_pixels=2400, cache=0)
    monkeypatch.setattr(Image, "load", slow)
    answer = client.app.state.service.answer

    async def answered(*arguments):
        try:
            return await answer(*arguments)
        finally:
            reading.pop()

    monkeypatch.setattr(client.app.state.service, "answer", answered)
    posts = [Post(client, png(*[255] * number)) for number in range(1, 6)]
    assert [post.result().status_code for post in posts] == [200] * 5
    assert max(most) == 2  # twice max_pixels


def test_the_result_does_not_depend_on_the_way(serve):
    rng = np.random.default_rng(0)
    data = png(*rng.choice([0, 128, 255], 40))
    client = serve()
    first = client.post("/detect?format=json", content=data).json()["objects"]
    again = client.post("/detect?format=json", content=data).json()["objects"]
    assert first == again and len(first) > 10


@pytest.mark.parametrize(("min_score", "lowest"), [(None, 0.75), (0.9, 0.75), (0.5, 0.5)])
def test_an_exported_model_looks_for_what_its_graph_leaves(tmp_path, min_score, lowest):
    path = tmp_path / "cells.onnx"
    path.write_bytes(b"graph")
    card = Card(config={"DETECTION_MIN_CONFIDENCE": 0.75, "HEADS": ["box"]})
    write_sidecar(sidecar_of(path), Sidecar("onnx", card, (None, None, None, 3)))
    job = job_of(ServerSettings(model=str(path), min_score=min_score))
    # 0.5 is asked for, so that loading the model refuses it.
    assert job.settings == {"DETECTION_MIN_CONFIDENCE": lowest}

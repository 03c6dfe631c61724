"""The application: its settings and its metrics."""

import json

import pytest

from mrcnn.serving.app import create

from .conftest import png


def test_the_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MRCNN_MODEL", "nuclei")
    monkeypatch.setenv("MRCNN_QUEUE", "3")
    service = create().state.service
    assert (service.settings.name, service.settings.queue) == ("nuclei", 3)
    monkeypatch.delenv("MRCNN_MODEL")
    with pytest.raises(ValueError, match="MRCNN_MODEL is not set"):
        create()


def test_metrics(client):
    client.post("/detect", content=png(255))
    client.post("/detect", content=b"hello")
    client.get("/nothing")
    text = client.get("/metrics").text
    for line in (
        'mrcnn_requests_total{route="detect",status="200"} 1.0',
        'mrcnn_requests_total{route="detect",status="415"} 1.0',
        'mrcnn_requests_total{route="other",status="404"} 1.0',
        "mrcnn_batch_size_count 1.0",
        "mrcnn_network_seconds_count 1.0",
        "mrcnn_queue_length 0.0",
        "mrcnn_images_in_flight 0.0",
    ):
        assert line in text
    assert json.dumps(client.get("/nothing").json()) == '{"error": "Not Found."}'

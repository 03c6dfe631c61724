"""What Prometheus reads at `/metrics`."""

from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 180, 600)
_BATCH = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The figures of one server.

    Attributes:
        registry: Prometheus's `CollectorRegistry`.
        requests: counter by route and status.
        seconds: histogram by route, from a request's first byte to its answer.
        queue_seconds: histogram, how long images waited for the network.
        network_seconds: histogram, how long the network took for a batch.
        batch_size: histogram of the images, or tiles, in a batch.
        queue_length: gauge, images and tiles that wait for the network.
        in_flight: gauge, requests that wait or are in work.
        cache_hits: counter of requests whose image was known.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        given: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "mrcnn_requests", "Requests by route and status.", ["route", "status"], **given
        )
        self.seconds = Histogram(
            "mrcnn_request_seconds", "Seconds to answer.", ["route"], buckets=_SECONDS, **given
        )
        self.queue_seconds = Histogram(
            "mrcnn_queue_seconds", "Seconds in the queue.", buckets=_SECONDS, **given
        )
        self.network_seconds = Histogram(
            "mrcnn_network_seconds",
            "Seconds of the network by batch.",
            buckets=_SECONDS,
            **given,
        )
        self.batch_size = Histogram(
            "mrcnn_batch_size", "Images or tiles in a batch.", buckets=_BATCH, **given
        )
        self.queue_length = Gauge(
            "mrcnn_queue_length", "Images and tiles that wait for the network.", **given
        )
        self.in_flight = Gauge("mrcnn_images_in_flight", "Images in the queue or in work.", **given)
        self.cache_hits = Counter("mrcnn_cache_hits", "Requests for a known image.", **given)

    def text(self) -> tuple[bytes, str]:
        """All figures in Prometheus's format, and its media type."""
        return (
            prometheus_client.generate_latest(self.registry),
            "text/plain; version=0.0.4; charset=utf-8",
        )

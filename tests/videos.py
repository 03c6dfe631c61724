"""Small videos to read, and what is in a video."""

import numpy as np
import pytest

from mrcnn.images.video import Video


def write_video(path, frames, height=48, width=66):
    """Write a video whose frames get brighter in steps of 16, with ten frames a second."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.bit_rate = 1_000_000
        for number in range(frames):
            pixels = np.full((height, width, 3), 16 * (number + 1), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def read_video(path):
    """The frames of a video, by PyAV alone."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def damage(monkeypatch, numbers):
    """Let the packets of these numbers be undecodable in every `Video`."""
    av = pytest.importorskip("av")
    packets, decode = Video._packets, av.Packet.decode

    class Packet:
        def __init__(self, number, packet):
            self.number, self.packet = number, packet

        def decode(self):
            if self.number in numbers:
                raise av.error.InvalidDataError(1, "Invalid data")
            return decode(self.packet)

    monkeypatch.setattr(
        Video, "_packets", lambda self: (Packet(*each) for each in enumerate(packets(self)))
    )

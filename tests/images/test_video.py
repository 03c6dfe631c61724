"""Videos are read frame by frame, upright and with their times, and written whole or not at all."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from videos import damage, read_video, write_video

from mrcnn.images.video import Video, convert, is_video, writing


def gray(brightness, height=48, width=64):
    return np.full((height, width, 3), brightness, np.uint8)


def test_frames_come_in_order_with_their_times(tmp_path):
    write_video(tmp_path / "a.mp4", 5)
    with Video(tmp_path / "a.mp4") as video:
        assert (video.rate, video.count, video.lost) == (10, 5, 0)
        frames = list(video)
    assert [frame.seconds for frame in frames] == [Fraction(number, 10) for number in range(5)]
    for number, (pixels, _) in enumerate(frames):
        assert pixels.shape == (48, 66, 3) and pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert abs(float(pixels.mean()) - 16 * (number + 1)) < 4


def test_a_video_that_is_stored_sideways_is_upright(tmp_path, monkeypatch):
    stored = gray(10)
    stored[:, :32] = 200  # bright on the left

    class Frame:
        rotation, pts, time_base = 90, None, Fraction(1, 10)

        def to_ndarray(self, format):
            assert format == "rgb24"
            return stored

        def decode(self):
            return [self]

    write_video(tmp_path / "a.mp4", 1)
    monkeypatch.setattr(Video, "_packets", lambda self: [Frame()])
    with Video(tmp_path / "a.mp4") as video:
        [(pixels, seconds)] = video
    assert pixels.shape == (64, 48, 3) and seconds is None
    # Turned by 90 degrees against the clock, the left side comes to lie below.
    assert (pixels[32:] == 200).all() and (pixels[:32] == 10).all()


def test_times_of_frames_are_kept(tmp_path):
    times = [Fraction(number, 30) for number in (0, 1, 2, 5, 9, 10, 30)]
    with writing(tmp_path / "a.mp4", 30) as add:
        for number, seconds in enumerate(times):
            add(gray(20 * number), seconds)
    with Video(tmp_path / "a.mp4") as video:
        assert [frame.seconds for frame in video] == times


def test_frames_without_a_time_follow_at_the_rate(tmp_path):
    rate = Fraction(30000, 1001)
    with writing(tmp_path / "a.mp4", rate) as add:
        for seconds in (None, None, Fraction(1), None, Fraction(1, 2)):
            add(gray(50), seconds)
    with Video(tmp_path / "a.mp4") as video:
        seconds = [float(frame.seconds) for frame in video]
    step = 1 / float(rate)
    np.testing.assert_allclose(seconds, [0, step, 1, 1 + step, 1 + 2 * step], atol=1e-4)


def test_a_copy_has_the_size_the_rate_and_the_frames_of_the_original(tmp_path):
    write_video(tmp_path / "a.mp4", 5)
    assert convert(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: frame) == (5, 0)
    with Video(tmp_path / "b.mp4") as video:
        assert (video.rate, video.count) == (10, 5)
    for number, frame in enumerate(read_video(tmp_path / "b.mp4")):
        assert frame.shape == (48, 66, 3)
        assert abs(float(frame.mean()) - 16 * (number + 1)) < 4


def test_odd_sides_lose_a_pixel(tmp_path):
    write_video(tmp_path / "a.mp4", 2)
    convert(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: frame[:45, :63])
    assert read_video(tmp_path / "b.mp4")[0].shape == (44, 62, 3)


def test_parts_that_cannot_be_decoded_are_counted(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", 6)
    numbers = {1, 4}
    damage(monkeypatch, numbers)
    assert convert(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: frame) == (4, 2)
    numbers.update(range(9))
    with pytest.raises(ValueError, match=r"a\.mp4 has no frame that can be decoded"):
        convert(tmp_path / "a.mp4", tmp_path / "c.mp4", lambda frame: frame)
    assert not (tmp_path / "c.mp4").exists()


def test_a_video_that_fails_leaves_nothing(tmp_path):
    write_video(tmp_path / "a.mp4", 3)

    def fail(frame):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        convert(tmp_path / "a.mp4", tmp_path / "b.mp4", fail)
    with (
        pytest.raises(ValueError, match=r"c\.mp4 would have no frame"),
        writing(tmp_path / "c.mp4", 25),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_no_video(tmp_path):
    pytest.importorskip("av")
    with pytest.raises(FileNotFoundError, match=r"no such video: .*a\.mp4"):
        Video(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"a\.mp4 is not a video FFmpeg can read: Invalid data"):
        Video(tmp_path / "a.mp4")


def test_sound_alone_is_no_video(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ValueError, match=r"a\.mp4 has no video stream"):
        Video(tmp_path / "a.mp4")


def test_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r'pip install "mask-rcnn\[video\]"'):
        Video(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "b/c.MOV", "x.webm"])
def test_names_of_videos(name):
    assert is_video(name) and not is_video(f"{name}.png")

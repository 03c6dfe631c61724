"""Videos, frame by frame, with PyAV (`pip install "mask-rcnn[video]"`)."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from tqdm import tqdm

from ..files.whole import replacing
from ..types import Array, PathLike

# Videos by their names. FFmpeg reads others, too.
SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
_USUAL_RATE = Fraction(25)  # frames per second, of a file that does not say
_TICKS = 90_000  # per second: times of most frame rates are whole numbers of them


class VideoFrame(NamedTuple):
    """A frame of a video.

    Attributes:
        pixels: uint8 [H, W, 3], upright.
        seconds: when it is shown, from the start of the video; None if the file does not say.
    """

    pixels: Array
    seconds: Fraction | None


class Video:
    """The frames of a video file, read one by one.

    Args:
        path: a file that FFmpeg can read.

    Attributes:
        path: as given.
        rate: frames per second, on average.
        count: number of frames, if the file says it.
        lost: number of parts that could not be decoded so far.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a video.
        ImportError: PyAV is not installed.

    Example:
        >>> from mrcnn.images.video import Video
        >>> with Video("cells.mp4") as video:  # doctest: +SKIP
        ...     for frame in video:
        ...         print(frame.seconds, frame.pixels.shape)
    """

    def __init__(self, path: PathLike) -> None:
        self._av = _pyav()
        self.path, self.lost = path, 0
        if not Path(path).exists():
            raise FileNotFoundError(f"no such video: {path}.")
        try:
            self._reader = self._av.open(str(path))
        except self._av.error.FFmpegError as error:
            raise ValueError(f"{path} is not a video FFmpeg can read: {error.strerror}.") from error
        if not self._reader.streams.video:
            self.close()
            raise ValueError(f"{path} has no video stream.")
        self._stream = self._reader.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate = self._stream.average_rate or _USUAL_RATE
        self.count: int | None = self._stream.frames or None

    def __iter__(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except self._av.error.FFmpegError:
                self.lost += 1
                continue
            for frame in frames:
                # Phones store frames sideways, and the rotation as metadata.
                upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                known = frame.pts is not None and frame.time_base
                seconds = frame.pts * frame.time_base if known else None
                yield VideoFrame(np.ascontiguousarray(upright), seconds)

    def _packets(self) -> Iterable[Any]:
        return self._reader.demux(self._stream)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __enter__(self) -> Self:
        """The video itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


@contextlib.contextmanager
def writing(
    path: PathLike, rate: Fraction | float
) -> Iterator[Callable[[Array, Fraction | None], None]]:
    """In a `with`, a function that adds a frame to an MP4 (H.264, without sound).

    Args:
        path: of the MP4, which appears at the end of the `with`, unless that ends with an error.
        rate: frames per second, where their times are not known.

    Yields:
        function of a frame, uint8 [H, W, 3] RGB, and its time in seconds, or None. All frames have
        one size. Of an odd height or width, a pixel is cut off: H.264 needs even ones.

    Raises:
        ImportError: PyAV is not installed.
        OSError: the file cannot be written.
        ValueError: there was no frame.

    Example:
        >>> from mrcnn.images.video import Video, writing
        >>> with writing("dark.mp4", rate=25) as add:
        ...     for brightness in range(3):
        ...         add(np.full((48, 64, 3), brightness, np.uint8), None)
        >>> with Video("dark.mp4") as video:
        ...     len(list(video)), video.rate
        (3, Fraction(25, 1))
    """
    av = _pyav()
    step = Fraction(1) / Fraction(rate)
    stream: Any = None
    last = -step  # when the last frame is shown

    with contextlib.ExitStack() as files:
        whole = files.enter_context(replacing(path))
        writer = files.enter_context(av.open(str(whole), "w", format="mp4"))

        def add(pixels: Array, seconds: Fraction | None) -> None:
            nonlocal stream, last
            height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
            if stream is None:
                stream = writer.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
                stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
                stream.codec_context.time_base = Fraction(1, _TICKS)
            even = np.ascontiguousarray(pixels[:height, :width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            known = seconds is not None and seconds > last
            last = seconds if known and seconds is not None else last + step
            frame.time_base, frame.pts = Fraction(1, _TICKS), round(last * _TICKS)
            writer.mux(stream.encode(frame))

        yield add
        if stream is None:
            raise ValueError(f"{path} would have no frame.")
        writer.mux(stream.encode())


def convert(
    source: PathLike, target: PathLike, function: Callable[[Array], Array]
) -> tuple[int, int]:
    """Apply a function to each frame of a video and write the result, without sound.

    Args:
        source: path of a video that FFmpeg can read.
        target: path of the MP4 to write; it appears only when complete, see `writing`.
        function: takes a frame, uint8 [H, W, 3] RGB, and returns one; all of the same shape.

    Returns:
        Number of frames written, and of parts of the video that cannot be decoded.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a video, or has no frame that can be decoded.
        ImportError: PyAV is not installed.
        OSError: the MP4 cannot be written.
    """
    written = 0
    with Video(source) as video, writing(target, video.rate) as add:
        for frame in tqdm(video, total=video.count, unit="frame"):
            add(function(frame.pixels), frame.seconds)
            written += 1
        if not written:
            raise ValueError(f"{source} has no frame that can be decoded.")
    return written, video.lost


def is_video(path: PathLike) -> bool:
    """Whether the name of a file is that of a video.

    Args:
        path: of the file, which need not exist.

    Example:
        >>> from mrcnn.images.video import is_video
        >>> is_video("cells.MP4"), is_video("cells.tif")
        (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES


def _pyav() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError('videos need PyAV: pip install "mask-rcnn[video]"') from error
    return av

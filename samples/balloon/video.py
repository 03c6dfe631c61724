"""Process videos frame by frame, with PyAV (`pip install "mask-rcnn[video]"`)."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.files.whole import replacing


def convert(source, target, function):
    """Apply a function to each frame of a video and write the result, without sound.

    Args:
        source: path of a video that FFmpeg can read.
        target: path of the MP4 to write; it appears only when complete.
        function: takes a frame, uint8 [H, W, 3] RGB, and returns one of the same shape.

    Returns:
        Number of frames written, and of parts of the video that cannot be decoded.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a video, or has no frame that can be decoded.
        ImportError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError('videos need PyAV: pip install "mask-rcnn[video]"') from error
    if not Path(source).exists():
        raise FileNotFoundError(f"no such video: {source}.")
    try:
        reader = av.open(str(source))
    except av.error.FFmpegError as error:
        raise ValueError(f"{source} is not a video FFmpeg can read: {error.strerror}.") from error
    if not reader.streams.video:
        reader.close()
        raise ValueError(f"{source} has no video stream.")
    with reader, replacing(target) as part:
        stream, lost = reader.streams.video[0], []
        with av.open(str(part), "w", format="mp4") as writer:
            out = None
            frames = decoded(reader.demux(stream), av.error.FFmpegError, lost)
            written = 0
            for frame in tqdm(frames, total=stream.frames or None, unit="frame"):
                # Phones store frames sideways, and the rotation as metadata.
                upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                picture = function(np.ascontiguousarray(upright))
                # H.264 needs even sides.
                height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
                if out is None:
                    out = writer.add_stream("libx264", rate=stream.average_rate or 25)
                    out.height, out.width, out.pix_fmt = height, width, "yuv420p"
                new = av.VideoFrame.from_ndarray(picture[:height, :width].copy(), format="rgb24")
                writer.mux(out.encode(new))
                written += 1
            if out is None:
                raise ValueError(f"{source} has no frame that can be decoded.")
            writer.mux(out.encode())
    return written, len(lost)


def decoded(packets, error, lost):
    """Decode a video's packets.

    Args:
        packets: iterable of them.
        error: exception type raised for a packet that cannot be decoded.
        lost: list to which these errors are appended.

    Yields:
        The frames.
    """
    for packet in packets:
        try:
            frames = packet.decode()
        except error as reason:
            lost.append(reason)
            continue
        yield from frames

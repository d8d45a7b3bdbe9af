"""Frames of a video, by PyAV where it is installed (`pip install 'realiz3d-bench[video]'`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from groundwork.errors import ImageError
from groundwork.pictures import MAX_PIXELS

MAX_FRAMES = 1024


def read_frames(path: Path) -> npt.NDArray[np.uint8]:
    """All frames of a video, uint8 (N, H, W, 3), as its decoder gives them. Raises `ImageError`."""
    try:
        import av
    except ImportError as error:
        raise ImageError(
            "views in a video need PyAV",
            where=str(path),
            hint="pip install 'realiz3d-bench[video]', or save the frames as pictures",
        ) from error
    frames: list[npt.NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if frame.width * frame.height > MAX_PIXELS or len(frames) == MAX_FRAMES:
                    raise ImageError(
                        "the video is too long or too large", where=str(path), expected=f"at most {MAX_FRAMES} frames"
                    )
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        raise ImageError(f"the video cannot be read: {error}", where=str(path)) from error
    if not frames:
        raise ImageError("the video has no frames", where=str(path))
    return np.stack(frames)

"""Windows of a video: the frames from which the network predicts one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Ints
from napari_uai.videos.frames import Frames, frames_per_chunk
from napari_uai.videos.sampling import MAD_TO_DEVIATION, runs_of

SAMPLED_FRAMES = 64
"""Number of frames from which the noise of a video is estimated."""


def fewest_frames(settings: NetworkSettings) -> int:
    """Return the smallest length of a video in which each frame has a neighbour on one side."""
    return 2 * settings.stride


def check_length(n_frames: int, settings: NetworkSettings) -> None:
    """Check that each frame of a video has a neighbour on one side.

    Raises
    ------
    TooFewFramesError
        If the video is too short.
    """
    needed = fewest_frames(settings)
    if n_frames < needed:
        raise TooFewFramesError(
            f"a network of stride {settings.stride} needs {needed} frames, the video has "
            f"{n_frames}: use a shorter stride (a smaller batch)"
        )


def window_index(targets: Ints, n_frames: int, settings: NetworkSettings) -> Ints:
    """Return the frames of windows.

    A frame before the beginning or after the end is replaced by the one at the same distance on the
    other side of the target; if that is outside as well, by the next closer ones.

    Parameters
    ----------
    targets
        Frames to predict.
    n_frames
        Length of the video.
    settings
        Settings of the network.

    Returns
    -------
    ndarray
        (targets, offsets).

    Raises
    ------
    TooFewFramesError
        If the video is too short.
    """
    check_length(n_frames, settings)
    columns = []
    for offset in settings.offsets:
        index = targets + offset
        nearer = abs(offset)
        step = settings.stride
        sign = 1 if offset > 0 else -1
        for distance in range(nearer, 0, -step):
            for side in (sign, -sign):
                outside = (index < 0) | (index >= n_frames)
                index = np.where(outside, targets + side * distance, index)
        columns.append(index)
    return np.stack(columns, axis=1)


def read_frames(frames: Frames, index: Ints) -> npt.NDArray[np.float32]:
    """Read frames in ascending order, run by run.

    Parameters
    ----------
    frames
        Source.
    index
        Requested frames; ascending, without duplicates.

    Raises
    ------
    BadValueError
        If one of them contains NaN or infinite pixels.
    """
    parts = [
        np.asarray(frames.read(int(run[0]), int(run[-1]) + 1), np.float32) for run in runs_of(index)
    ]
    block = parts[0] if len(parts) == 1 else np.concatenate(parts)
    whole = np.isfinite(block).all(axis=(1, 2))
    if not whole.all():
        raise _not_finite(int(index[~whole][0]))
    return block


def noise_of(frames: Frames, *, monitor: Monitor = SILENT) -> float:
    """Return the standard deviation of a video around the median of each frame.

    From frames spaced evenly over the video and median absolute deviations, so that bad pixels and
    landings have no influence.

    Raises
    ------
    BadValueError
        If the video is constant or contains NaN or infinite pixels.
    """
    n = len(frames)
    chosen = np.unique(np.linspace(0, n - 1, min(SAMPLED_FRAMES, n)).astype(np.int64))
    values = []
    for done, i in enumerate(chosen, start=1):
        frame = np.asarray(frames.read(int(i), int(i) + 1)[0], np.float64)
        if not np.isfinite(frame).all():
            raise _not_finite(int(i))
        values.append(np.median(np.abs(frame - np.median(frame))))
        monitor.update(done / len(chosen), "noise")
    noise = MAD_TO_DEVIATION * float(np.median(values))
    if not noise > 0:
        raise BadValueError("the video is constant: there is nothing to learn or predict")
    return noise


def windows_per_chunk(frames: Frames, settings: NetworkSettings) -> int:
    """Return the number of windows that are predicted together.

    As many as a chunk has frames, unless their frames would take more memory than two chunks: with
    a short stride, windows share frames with their neighbours.
    """
    n = frames_per_chunk(frames.shape)
    return max(min(n, max(2 * n - 2 * settings.reach, 2 * n // len(settings.offsets))), 1)


def _not_finite(frame: int) -> BadValueError:
    """Return the error of a frame that contains NaN or infinite pixels."""
    return BadValueError(f"frame {frame} contains NaN or infinite pixels: repair bad pixels first")

"""Windows of a video: which frames the network sees to predict one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Ints
from napari_uai.videos.frames import Frames, frames_per_chunk
from napari_uai.videos.sampling import MAD_TO_DEVIATION

SAMPLED_FRAMES = 64
"""From how many frames the noise of a video is estimated."""


def fewest_frames(settings: NetworkSettings) -> int:
    """Return how many frames a video needs for each to have a neighbour on one side."""
    return 2 * settings.stride


def check_length(n_frames: int, settings: NetworkSettings) -> None:
    """Refuse a video in which a frame has no neighbour on either side.

    Raises
    ------
    TooFewFramesError
        If it is so.
    """
    needed = fewest_frames(settings)
    if n_frames < needed:
        raise TooFewFramesError(
            f"the network looks {settings.stride} frames to either side and needs {needed} frames, "
            f"the video has {n_frames}: choose a shorter stride (a smaller batch)"
        )


def window_index(targets: Ints, n_frames: int, settings: NetworkSettings) -> Ints:
    """Return the frames of windows.

    A frame that is before the beginning or after the end is replaced by the one on the other side
    of the target, as far from it; if that is outside, too, by the next nearer ones.

    Parameters
    ----------
    targets
        Frames to be predicted.
    n_frames
        Length of the video.
    settings
        Of the network.

    Returns
    -------
    ndarray
        (targets, offsets).

    Raises
    ------
    TooFewFramesError
        If there is no such frame.
    """
    check_length(n_frames, settings)
    columns = []
    for offset in settings.offsets:
        wanted = targets + offset
        nearer = abs(offset)
        step = settings.stride
        sign = 1 if offset > 0 else -1
        for distance in range(nearer, 0, -step):
            for side in (sign, -sign):
                outside = (wanted < 0) | (wanted >= n_frames)
                wanted = np.where(outside, targets + side * distance, wanted)
        columns.append(wanted)
    return np.stack(columns, axis=1)


def read_frames(frames: Frames, index: Ints) -> npt.NDArray[np.float32]:
    """Read frames in ascending order, run by run.

    Parameters
    ----------
    frames
        Source.
    index
        Frames wanted; ascending, each once.

    Raises
    ------
    BadValueError
        If one of them has NaN or infinite pixels.
    """
    runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1)
    parts = [np.asarray(frames.read(int(r[0]), int(r[-1]) + 1), np.float32) for r in runs if len(r)]
    block = parts[0] if len(parts) == 1 else np.concatenate(parts)
    whole = np.isfinite(block).all(axis=(1, 2))
    if not whole.all():
        raise _not_finite(int(index[~whole][0]))
    return block


def noise_of(frames: Frames, *, monitor: Monitor = SILENT) -> float:
    """Return the standard deviation of a video about each frame's median.

    From frames spread over the video; by the median of absolute deviations, so that bad pixels and
    landings do not count.

    Raises
    ------
    BadValueError
        If the video is constant or has NaN or infinite pixels.
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
        raise BadValueError("the video is constant: there is nothing to learn or to predict")
    return noise


def windows_per_chunk(frames: Frames, settings: NetworkSettings) -> int:
    """Return how many windows are predicted together.

    As many as a chunk has frames, unless their frames would take the memory of more than two
    chunks: windows have frames in common with their neighbours if the stride is short.
    """
    n = frames_per_chunk(frames.shape)
    return max(min(n, max(2 * n - 2 * settings.reach, 2 * n // len(settings.offsets))), 1)


def _not_finite(frame: int) -> BadValueError:
    """Return the error of a frame that has NaN or infinite pixels."""
    return BadValueError(
        f"frame {frame} has NaN or infinite pixels: repair bad pixels before the network"
    )

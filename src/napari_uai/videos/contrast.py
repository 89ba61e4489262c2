"""Contrast limits of a video, from a few of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.videos.sampling import robust_deviation, spread_frames

if TYPE_CHECKING:
    from napari_uai.videos.frames import Video

_LIMIT_IN_NOISES = 10.0


def robust_limits(video: Video, *, n_frames: int = 5) -> tuple[float, float]:
    """Return contrast limits that are robust to hot pixels.

    Parameters
    ----------
    video
        Frames, rows, columns; counts, or signed contrast.
    n_frames
        Number of frames to sample, evenly spread over the video.

    Returns
    -------
    low, high
        The 0.1 and 99.9 percentiles. For signed data the limits are symmetric: the 99.9
        percentile of the absolute values, but at most ten times the noise.

    Examples
    --------
    >>> import napari_uai as uai
    >>> from napari_uai.videos.contrast import robust_limits
    >>> low, high = robust_limits(uai.open_video(uai.sample_path("landings.bin")))
    >>> low < high
    True
    """
    from napari_uai.videos.frames import frames_of  # imports dask, which start-up can do without

    frames = frames_of(video)
    chosen = spread_frames(len(frames), n_frames)
    sample = np.concatenate([frames.read(i, i + 1).astype(np.float64).ravel() for i in chosen])
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(sample, (0.1, 99.9))
    if low < 0 < high:
        high = float(np.percentile(np.abs(sample), 99.9))
        noise = robust_deviation(sample, about=0.0)
        # In small frames a status line alone exceeds a thousandth of the pixels.
        high = min(high, _LIMIT_IN_NOISES * noise) if noise > 0 else high
        low = -high
    if not high > low:
        low, high = float(sample.min()), float(sample.max())
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)

"""Frames that stand for a video, runs of frames, and scatter whatever the outliers."""

from __future__ import annotations

import numpy as np

from napari_uai.typing import AnyArray, Ints

MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""


def spread_frames(n_frames: int, at_most: int) -> Ints:
    """Return the numbers of frames spread evenly over a video, the first and last included.

    Parameters
    ----------
    n_frames
        Frames of the video.
    at_most
        Frames to return, if there are as many.

    Returns
    -------
    numpy.ndarray
        int64, ascending, all different.

    Examples
    --------
    >>> from napari_uai.videos.sampling import spread_frames
    >>> spread_frames(100, 4).tolist()
    [0, 33, 66, 99]
    >>> spread_frames(2, 4).tolist()
    [0, 1]
    """
    return np.linspace(0, max(n_frames - 1, 0), min(n_frames, at_most)).round().astype(np.int64)


def runs_of(numbers: Ints, *, apart: int = 1) -> list[Ints]:
    """Split numbers where the next one does not follow.

    Parameters
    ----------
    numbers
        In any order.
    apart
        How much larger the next number of a run may be.

    Returns
    -------
    list of numpy.ndarray
        The runs in their order; none if there are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos.sampling import runs_of
    >>> [run.tolist() for run in runs_of(np.array([3, 4, 5, 9, 8]))]
    [[3, 4, 5], [9], [8]]
    >>> [run.tolist() for run in runs_of(np.array([3, 5, 9]), apart=2)]
    [[3, 5], [9]]
    """
    if not numbers.size:
        return []
    steps = np.diff(numbers)
    return np.split(numbers, np.flatnonzero((steps < 1) | (steps > apart)) + 1)


def robust_deviation(values: AnyArray, *, about: float | None = None) -> float:
    """Estimate the standard deviation of mostly normal values from the median absolute deviation.

    Parameters
    ----------
    values
        At least one; finite.
    about
        Centre of the distribution; None: the median.

    Returns
    -------
    float
        ``1.4826 median(|values - about|)``.

    References
    ----------
    Rousseeuw and Croux (1993), Alternatives to the median absolute deviation,
    https://doi.org/10.1080/01621459.1993.10476408

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos.sampling import robust_deviation
    >>> values = np.random.default_rng(0).normal(5, 2, 10_000)
    >>> values[:100] = 1e6
    >>> print(f"{robust_deviation(values):.1f}")
    2.0
    """
    centre = np.median(values) if about is None else about
    return MAD_TO_DEVIATION * float(np.median(np.abs(values - centre)))

"""Anscombe transform: counts whose noise no longer depends on the brightness, and back."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Unit

from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Floats32
from napari_uai.videos.frames import Video, per_frame

Gain: TypeAlias = Annotated[float, Gt(0), Unit("electrons")]
"""Electrons per count."""

Counts: TypeAlias = Annotated[float, Unit("counts")]
"""Counts without light."""

ReadNoise: TypeAlias = Annotated[float, Ge(0), Unit("electrons")]
"""Standard deviation of a pixel without light."""

SHOT = 3 / 8
"""What makes the variance of the root of a Poisson variable constant to first order."""

_TABLE_UP_TO = 100.0
"""Electrons up to which the inverse is from a table; beyond, its asymptote is as good."""

_TAIL = 12.0
"""Standard deviations above a mean up to which counts are summed."""


@stage(
    "Anscombe transform",
    menu="filter",
    methods="The noise of counts was stabilised with the generalised Anscombe transform",
)
def anscombe_transform(
    video: Video,
    *,
    electrons_per_count: Gain = 1.0,
    offset: Counts = 0.0,
    read_noise: ReadNoise = 0.0,
) -> Video:
    """Transform counts so that their noise has a standard deviation of 1 at any brightness.

    Parameters
    ----------
    video
        Frames, rows, columns; counts as the camera gives them, not averaged.
    electrons_per_count
        Gain of the camera, as :func:`photon_transfer` measures it.
    offset
        What the camera adds without light.
    read_noise
        Standard deviation of a pixel without light.

    Returns
    -------
    Video
        float32, same shape, in standard deviations: ``2 sqrt(electrons + 3/8 + read_noise^2)``, 0
        where that is not real.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    References
    ----------
    Anscombe, Biometrika 35, 246 (1948), doi:10.1093/biomet/35.3-4.246; Mäkitalo & Foi, IEEE Trans.
    Image Process. 22, 91 (2013), doi:10.1109/TIP.2012.2202675.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> light = np.array([20.0, 2000.0]).reshape(1, 1, 2)
    >>> electrons = np.random.default_rng(0).poisson(light, (5000, 1, 2))
    >>> iscat.anscombe_transform(electrons / 2 + 100, electrons_per_count=2, offset=100).std(
    ...     axis=0
    ... ).round(1)
    array([[1., 1.]], dtype=float32)
    """
    function = partial(
        _stabilised, electrons_per_count=electrons_per_count, offset=offset, read_noise=read_noise
    )
    return per_frame(video, function, label="anscombe")


@stage(
    "Inverse Anscombe transform",
    menu="filter",
    methods="The generalised Anscombe transform was undone with its exact unbiased inverse",
)
def inverse_anscombe_transform(
    video: Video,
    *,
    electrons_per_count: Gain = 1.0,
    offset: Counts = 0.0,
    read_noise: ReadNoise = 0.0,
) -> Video:
    """Transform averaged or denoised values of the Anscombe transform back to counts.

    The mean of transformed counts is not the transform of their mean. The exact unbiased inverse
    takes the former to the latter, which the algebraic inverse does not: at few electrons, that is
    too low.

    Parameters
    ----------
    video
        Frames, rows, columns; as :func:`anscombe_transform` gives them, averaged or denoised.
    electrons_per_count
        Gain of the camera, as in the transform.
    offset
        What the camera adds without light, as in the transform.
    read_noise
        Standard deviation of a pixel without light, as in the transform.

    Returns
    -------
    Video
        float32, same shape, counts; at least ``offset``.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    References
    ----------
    Mäkitalo & Foi, IEEE Trans. Image Process. 20, 99 (2011), doi:10.1109/TIP.2010.2056693; Mäkitalo
    & Foi, IEEE Trans. Image Process. 22, 91 (2013), doi:10.1109/TIP.2012.2202675.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> electrons = np.random.default_rng(0).poisson(3.0, (20000, 1, 1))
    >>> mean = iscat.anscombe_transform(electrons).mean(axis=0, keepdims=True)
    >>> iscat.inverse_anscombe_transform(mean).round(1)
    array([[[3.]]], dtype=float32)
    """
    function = partial(
        _counts, electrons_per_count=electrons_per_count, offset=offset, read_noise=read_noise
    )
    return per_frame(video, function, label="inverse-anscombe")


def _stabilised(
    frames: AnyArray, *, electrons_per_count: float, offset: float, read_noise: float
) -> Floats32:
    electrons = electrons_per_count * (frames - np.float64(offset))
    return _root(electrons, read_noise).astype(np.float32)


def _root(electrons: Floats, read_noise: float) -> Floats:
    return np.asarray(2 * np.sqrt(np.maximum(electrons + SHOT + read_noise**2, 0)))


def _counts(
    frames: AnyArray, *, electrons_per_count: float, offset: float, read_noise: float
) -> Floats32:
    roots = frames.astype(np.float64)
    mean, electrons = _table(read_noise)
    low = np.interp(roots, mean, electrons)
    high = roots**2 / 4 - 1 / 8 - read_noise**2
    exact = np.where(roots < mean[-1], low, high)
    exact[np.isnan(roots)] = np.nan
    return (exact / electrons_per_count + offset).astype(np.float32)


@lru_cache(maxsize=16)
def _table(read_noise: float) -> tuple[Floats, Floats]:
    """Return the mean transform of Poisson electrons with read noise, for means on a fine grid."""
    from scipy.special import gammaln, xlogy

    electrons = np.linspace(0, np.sqrt(_TABLE_UP_TO + read_noise**2), 600) ** 2
    nodes = np.linspace(-6, 6, 601)
    weights = np.exp(-0.5 * nodes**2)
    counts = np.arange(electrons[-1] + _TAIL * np.sqrt(electrons[-1]) + 1)
    with_noise = _root(counts[:, None] + read_noise * nodes, read_noise)
    transformed = with_noise @ (weights / weights.sum())
    logarithm = xlogy(counts, electrons[:, None]) - electrons[:, None] - gammaln(counts + 1)
    return np.exp(logarithm) @ transformed, electrons

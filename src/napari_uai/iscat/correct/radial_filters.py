"""Radial filters: images of how round the surroundings of each pixel are."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.blurring import blurred
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.iscat.kernels.radial_votes import radial_symmetry_response
from napari_uai.iscat.kernels.rings import (
    NORMALIZED,
    VARIANCE,
    RingMode,
    Rings,
    radial_variance,
    rings,
)
from napari_uai.iscat.parameters import Radii, Radius
from napari_uai.parameters import Sorted
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Floats32
from napari_uai.videos.frames import Video, per_frame

Distances: TypeAlias = Annotated[tuple[Annotated[Radius, Ge(1)], Annotated[Radius, Ge(1)]], Sorted]
"""First and last distance from a pixel other than itself."""


@stage(
    "Radial variance transform",
    menu="filter",
    methods="Each frame was replaced by its radial variance transform",
)
def radial_variance_transform(
    video: Video,
    *,
    radii: Radii = (1, 5),
    kind: Literal["normalized", "basic"] = "normalized",
    highpass_px: Annotated[float, Ge(0.3), Unit("px")] | None = None,
    upsample: Annotated[int, Ge(1)] = 1,
    ring_step: Annotated[int, Ge(1), Unit("px")] = 1,
    ring_mode: RingMode = "average",
) -> Video:
    """Replace each pixel by the variance of the means over rings around it.

    Bright and dark particles, also those with rings, become peaks; gradients and edges do not.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype. Frames are mirrored about their outermost pixels.
    radii
        First and last radius of the rings; the last should reach the outermost ring of the
        point-spread function. A ring holds the pixels whose distance rounds down to its radius.
    kind
        ``basic``: the variance. ``normalized``: the variance over the mean variance within the
        rings, which does not depend on the contrast of a particle.
    highpass_px
        Standard deviation of a Gaussian; the frame smoothed with it is subtracted first. By default
        nothing is.
    upsample
        Parts into which a pixel is divided along rows and columns, so that rings are finer; the
        mean over its parts becomes the value of the pixel.
    ring_step
        Neighbouring rings that are treated as one, which is faster for large radii.
    ring_mode
        ``average`` these rings, or ``skip`` all but the first of them.

    Returns
    -------
    Video
        float32, same shape; the unit of the input squared for ``basic``, else without a unit. 0
        where the frame is constant.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or fewer than two rings are left.

    References
    ----------
    Kashkanova et al., Precision single-particle localization using radial variance transform, Opt.
    Express 29, 11070 (2021), doi:10.1364/OE.420670.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:32, :32]
    >>> video = np.random.default_rng(0).normal(0, 0.05, (1, 32, 32)) + 0.1 * x
    >>> video -= np.exp(-((y - 10) ** 2 + (x - 20) ** 2) / 6)
    >>> transformed = iscat.radial_variance_transform(video, kind="basic")
    >>> [int(i) for i in np.unravel_index(transformed[0].argmax(), (32, 32))]
    [10, 20]
    """
    around = rings(radii[0] * upsample, radii[1] * upsample, ring_step, ring_mode)
    if around.groups[-1] == 0:
        raise BadValueError(
            f"a variance needs at least two rings, got radii {radii} in steps of {ring_step}"
        )
    result = NORMALIZED if kind == "normalized" else VARIANCE
    function = partial(
        _ring_block, around=around, result=result, highpass_px=highpass_px, upsample=upsample
    )
    return per_frame(video, function, label="radial-variance")


@stage(
    "Fast radial symmetry",
    menu="filter",
    methods="Each frame was replaced by its fast radial symmetry transform",
)
def fast_radial_symmetry(
    video: Video,
    *,
    radii: Distances = (2, 3),
    strictness: Annotated[float, Ge(0)] = 2.0,
    min_gradient: Annotated[float, Ge(0)] = 0.0,
    polarity: Literal["both", "bright", "dark"] = "both",
) -> Video:
    """Replace each pixel by how many gradients at given distances point to it, and how steep.

    Each pixel votes for the pixel at a distance along its gradient, and against the one in the
    opposite direction. So centres of bright spots become positive, of dark ones negative.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    radii
        First and last distance; the standard deviation of a Gaussian spot is where its gradient is
        steepest.
    strictness
        Power of the share of gradients that agree: 1 lets lines pass as well, 3 only rings and
        discs.
    min_gradient
        Smallest gradient that votes, in units of the video per pixel.
    polarity
        ``bright``: only votes along the gradient; ``dark``: only those against it; or both.

    Returns
    -------
    Video
        float32, same shape, in units of the video per pixel. The votes for each distance are
        smoothed with a Gaussian of a quarter of it.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.

    References
    ----------
    Loy & Zelinsky, IEEE Trans. Pattern Anal. Mach. Intell. 25, 959 (2003),
    doi:10.1109/TPAMI.2003.1217601.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:40, :40]
    >>> video = np.exp(-((y - 28) ** 2 + (x - 12) ** 2) / 6)[np.newaxis]
    >>> transformed = iscat.fast_radial_symmetry(video)
    >>> [int(i) for i in np.unravel_index(transformed[0].argmax(), (40, 40))]
    [28, 12]
    """
    function = partial(
        _vote_block,
        radii=radii,
        strictness=strictness,
        min_gradient=min_gradient,
        sign={"both": 0, "bright": 1, "dark": -1}[polarity],
    )
    return per_frame(video, function, label="radial-symmetry")


def _ring_block(
    frames: AnyArray, *, around: Rings, result: int, highpass_px: float | None, upsample: int
) -> Floats32:
    out = np.empty(frames.shape, np.float32)
    for frame, response in zip(frames, out, strict=True):
        image = frame.astype(np.float64)
        if highpass_px is not None:
            image -= _smooth(image, highpass_px)
        fine = image.repeat(upsample, axis=0).repeat(upsample, axis=1)
        response[:] = _means(radial_variance(fine[None], around, result)[0], upsample)
    return out


def _smooth(image: Floats, sigma_px: float) -> Floats:
    return np.asarray(blurred(image, gaussian_taps(sigma_px, gaussian_radius(sigma_px))))


def _means(fine: Floats32, size: int) -> npt.NDArray[np.float32]:
    """Return the means of squares of pixels."""
    height, width = (n // size for n in fine.shape)
    return np.asarray(fine.reshape(height, size, width, size).mean(axis=(1, 3)))


def _vote_block(
    frames: AnyArray, *, radii: tuple[int, int], strictness: float, min_gradient: float, sign: int
) -> Floats32:
    return radial_symmetry_response(
        frames.astype(np.float32),
        radii,
        strictness=strictness,
        min_gradient=min_gradient,
        sign=sign,
    )

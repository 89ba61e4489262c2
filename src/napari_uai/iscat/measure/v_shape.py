"""The V of a landing in a differential rolling average, and its error."""

from __future__ import annotations

import numpy as np

from napari_uai.typing import Floats


def v_shape(frames: Floats, landing: float, contrast: float, batch_size: float) -> Floats:
    """Return the contrast over time of a particle that lands and stays.

    The mean of the batch after a frame minus that of the batch before it is a triangle: it rises
    from one batch before the landing, peaks at the landing, and ends one batch after it.

    Parameters
    ----------
    frames
        Frames of the file: the first of the second batch.
    landing
        First frame in which the particle is present.
    contrast
        Height of the step, relative to the background, signed.
    batch_size
        Frames per batch of the rolling average.

    Returns
    -------
    ndarray
        Contrast, same shape as ``frames``.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.measure.v_shape import v_shape
    >>> v_shape(np.array([60.0, 100.0, 120.0, 300.0]), 100, -0.01, 80)
    array([-0.005 , -0.01  , -0.0075, -0.    ])
    """
    return contrast * _share(frames, landing, batch_size)


def v_shape_error(
    frames: Floats,
    landing: float,
    contrast: float,
    batch_size: float,
    *,
    frame_error: float,
    contrast_error: float,
) -> Floats:
    """Return the standard error of :func:`v_shape`, by propagation of independent errors.

    To first order in the errors, so not within ``frame_error`` of the kinks, where it is an upper
    limit.

    Parameters
    ----------
    frames, landing, contrast, batch_size
        As of :func:`v_shape`.
    frame_error, contrast_error
        Standard errors of ``landing`` (frames) and ``contrast``.

    Returns
    -------
    ndarray
        Standard error of the contrast, same shape as ``frames``; 0 where there is no V.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.measure.v_shape import v_shape_error
    >>> frames = np.array([60.0, 300.0])
    >>> v_shape_error(frames, 100, -0.01, 80, frame_error=4, contrast_error=0.0).tolist()
    [0.0005, 0.0]
    """
    share = _share(frames, landing, batch_size)
    slope = np.where(share > 0, contrast / batch_size, 0.0)
    return np.hypot(share * contrast_error, slope * frame_error)


def _share(frames: Floats, landing: float, batch_size: float) -> Floats:
    """Return how much of the step lies between both batches, 0 to 1."""
    return np.maximum(1.0 - np.abs(np.asarray(frames, float) - landing) / batch_size, 0.0)

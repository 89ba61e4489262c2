"""Kernel of the fast radial symmetry transform: pixels to which many gradients point.

Each pixel votes for the two pixels at a distance along and against its gradient. Loy and Zelinsky,
IEEE Trans. Pattern Anal. Mach. Intell. 25, 959 (2003).
"""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.iscat.kernels.blurring import blurred
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats, Floats32

_LARGEST_VOTE = 9.9
_LARGEST_VOTE_1 = 8.0
"""Votes for a pixel at which its symmetry is complete, and those at a distance of 1 px (ibid.)."""

SMOOTHING = 0.25
"""Standard deviation of the Gaussian that smooths the votes, in units of their distance."""


def radial_symmetry_response(
    frames: Floats32,
    radii: tuple[int, int],
    *,
    strictness: float = 2.0,
    min_gradient: float = 0.0,
    sign: int = 0,
) -> Floats32:
    """Apply the transform to frames.

    Parameters
    ----------
    frames
        float32, (n, rows, columns).
    radii
        First and last distance of votes, in pixels.
    strictness
        Power of the share of gradients that point to a pixel.
    min_gradient
        Smallest gradient that votes, per pixel.
    sign
        1: only votes along the gradient (bright spots); -1: only against it; 0: both.

    Returns
    -------
    ndarray
        float32, (n, rows, columns).
    """
    out = np.empty(frames.shape, np.float32)
    distances = range(radii[0], radii[1] + 1)
    for frame, response in zip(frames, out, strict=True):
        raise_if_cancelled()
        size, down, right = _gradients(frame)
        total = np.zeros(frame.shape)
        for n in distances:
            votes = np.zeros((2, *frame.shape))
            _vote(size, down, right, n, min_gradient, sign, votes)
            most = _LARGEST_VOTE if n > 1 else _LARGEST_VOTE_1
            symmetry = np.minimum(np.abs(votes[0]) / most, 1) ** strictness * votes[1] / most
            sigma = SMOOTHING * n
            total += blurred(symmetry, gaussian_taps(sigma, gaussian_radius(sigma)))
        response[:] = total / len(distances)
    return out


@kernel
def _gradients(frame: Floats32) -> tuple[Floats, Floats, Floats]:
    """Return size and direction of Sobel's gradient, per pixel; the outermost are repeated."""
    height, width = frame.shape
    size, down, right = np.zeros((3, height, width))
    for r in range(height):
        above, below = max(r - 1, 0), min(r + 1, height - 1)
        for c in range(width):
            before, after = max(c - 1, 0), min(c + 1, width - 1)
            a, b = float(frame[above, before]), float(frame[above, after])
            p, q = float(frame[below, before]), float(frame[below, after])
            y = (p + q - a - b) + 2 * (float(frame[below, c]) - float(frame[above, c]))
            x = (b + q - a - p) + 2 * (float(frame[r, after]) - float(frame[r, before]))
            length = np.hypot(y, x)
            if np.isfinite(length) and length > 0:
                size[r, c], down[r, c], right[r, c] = length / 8, y / length, x / length
    return size, down, right


@kernel
def _vote(
    size: Floats,
    down: Floats,
    right: Floats,
    distance: int,
    min_gradient: float,
    sign: int,
    votes: Floats,
) -> None:
    """Add the number and the gradients of the votes at a distance."""
    height, width = size.shape
    for r in range(height):
        for c in range(width):
            weight = size[r, c]
            if not (weight > 0 and weight >= min_gradient):
                continue
            y = round(down[r, c] * distance)
            x = round(right[r, c] * distance)
            if sign >= 0 and 0 <= r + y < height and 0 <= c + x < width:
                votes[0, r + y, c + x] += 1
                votes[1, r + y, c + x] += weight
            if sign <= 0 and 0 <= r - y < height and 0 <= c - x < width:
                votes[0, r - y, c - x] -= 1
                votes[1, r - y, c - x] -= weight

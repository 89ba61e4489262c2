"""Outlines of simulated objects, as detected by a tracker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_uai.simulate.trails.routes import HEIGHT, WIDTH, ObjectClass
from napari_uai.simulate.trails.traffic import HABITS
from napari_uai.typing import Floats, Floats32, Ints

BOX = np.array(
    [(1, -0.7), (1, 0.7), (0.85, 1), (-0.9, 1), (-1, 0.8), (-1, -0.8), (-0.9, -1), (0.85, -1)]
)
"""Corners of a vehicle (forward, right), in units of half its length and width."""

ROUND = np.array([(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4])

SIZE_VARIATION = 0.08
"""Standard deviation of the logarithm of sizes within a class."""

EDGE_JITTER_PX = 0.5
"""Standard deviation of the position of each corner in each sample."""


def outlines_of(
    rng: np.random.Generator,
    kinds: Sequence[ObjectClass],
    n_samples: Ints,
    points: Floats,
    angles: Floats,
) -> Floats32:
    """Return the outline of each object at each of its samples.

    Parameters
    ----------
    rng
        Random number generator, for sizes and uncertain edges.
    kinds
        Class of each trail.
    n_samples
        Number of samples of each trail.
    points
        Positions (y, x) in px: samples, 2.
    angles
        Direction of travel at each sample, from the x axis towards y, in rad.

    Returns
    -------
    numpy.ndarray
        Corners inside the picture: samples, 8, (y, x) in px; float32.
    """
    scale = np.exp(SIZE_VARIATION * rng.standard_normal(len(kinds)))
    half = 0.5 * np.array([(HABITS[k].length_px, HABITS[k].width_px) for k in kinds])
    owner = np.repeat(np.arange(len(kinds)), n_samples)
    template = np.stack([BOX if k in ("car", "bus") else ROUND for k in kinds])
    corners = template[owner] * (half * scale[:, None])[owner][:, None, :]
    corners += EDGE_JITTER_PX * rng.standard_normal(corners.shape)
    sine, cosine = np.sin(angles)[:, None], np.cos(angles)[:, None]
    ahead, right = corners[..., 0], corners[..., 1]
    # With y pointing down, (dx, -dy) is to the right of (dy, dx).
    y = points[:, :1] + ahead * sine + right * cosine
    x = points[:, 1:] + ahead * cosine - right * sine
    inside = np.stack([np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)], axis=2)
    return np.asarray(inside, np.float32)

"""Paths as they can be drawn with wide lines, without the spikes that sharp corners grow.

napari draws the corners of a path with mitres. Where a trail turns back, or jitters within the
width of the line, these reach out of it by many times its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_uai.typing import Floats

_SHARP = -0.5
"""Cosine of the turn, 120 degrees, from which a corner is cut off."""


def stroke(path: Floats, width: float) -> Floats:
    """Return a path for lines of some width.

    Corners closer than half of it are left out, and where the path turns back it does so in two
    corners, half a width apart.

    Parameters
    ----------
    path
        Points, (n, 2).
    width
        Of the line, in the same unit.

    Examples
    --------
    >>> stroke(np.array([[0.0, 0.0], [0.0, 8.0], [0.0, 0.5]]), 4.0).tolist()
    [[0.0, 0.0], [-1.0, 8.0], [1.0, 8.0], [0.0, 0.5]]
    """
    points = _spaced(path, width / 2)
    if len(points) < 3:
        return points
    steps = np.diff(points, axis=0)
    along = steps / np.hypot(*steps.T)[:, None]
    drawn = [points[0]]
    for corner, before, after in zip(points[1:-1], along[:-1], along[1:], strict=True):
        if before @ after > _SHARP:
            drawn.append(corner)
            continue
        side = 1.0 if before[0] * after[1] - before[1] * after[0] >= 0 else -1.0
        across = side * width / 4 * np.array([-before[1], before[0]])
        drawn += [corner - across, corner + across]
    return np.array([*drawn, points[-1]])


def _spaced(path: Floats, least: float) -> Floats:
    """Leave out points closer than a distance to the one before; both ends stay."""
    kept = [path[0]]
    for point in path[1:]:
        if np.hypot(*(point - kept[-1])) >= least:
            kept.append(point)
    if len(kept) > 1:
        kept[-1] = path[-1]
        return np.array(kept)
    return path[[0, -1]]

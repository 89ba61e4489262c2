"""Shape of trails: what a few usual ways and their mixtures do not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.resampling import Paths, divide
from napari_uai.trails.table import Groups, group_codes
from napari_uai.typing import Floats, Floats32, Ints

N_POINTS = 128
"""Number of points along a trail at which its shape is described."""

HEADING = 0.2
"""Weight of the heading, in diagonals of the scene."""

N_WAYS = 12
"""Largest number of components of the model of a class."""

TRAILS_PER_WAY = 10
"""Smallest number of trails that a component must serve, so that neither a rare trail nor a few
alike explain themselves."""

BLOCK = 2048
"""Trails that are described at a time."""


@dataclass(frozen=True, eq=False)
class Ways:
    """Low-rank model of the shapes of a class.

    Parameters
    ----------
    mean
        Mean shape; float32.
    components
        Orthonormal deviations from it: values, components; float32.
    energy
        Sum of the squares of the coefficients of each component over all trails; float64.
    """

    mean: Floats32
    components: Floats32
    energy: Floats

    def residuals(self, shapes: Floats32) -> Floats:
        """Return the root mean square distance of shapes from the model, in px; float64.

        A component explains nothing of a trail that makes up more than a tenth of it.
        """
        apart = (shapes - self.mean).astype(np.float64)
        squares = (apart @ self.components) ** 2
        explained = np.where(squares > self.energy / TRAILS_PER_WAY, 0.0, squares)
        left = np.einsum("ij,ij->i", apart, apart) - explained.sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(left, 0.0)))


def shape_scores(
    paths: Paths, diagonal_px: float, groups: Groups, *, monitor: Monitor = SILENT
) -> Floats:
    """Return how far the shape of each trail is from what the usual ways explain.

    A shape is the positions and headings at equal distances along a trail. Shapes of a class are
    described by their mean and a few principal components [1]_; what is left is the score. A
    component does not explain a trail that makes up more than a tenth of it, so that neither a
    rare trail nor a few alike hide in components of their own.

    Strengths: kinks, detours, turns and hops of trails that are complete. Weaknesses: trails that
    are lost on their way have a shape of their own, and a class with many more ways than
    components is explained badly.

    Parameters
    ----------
    paths
        Points along the trails, without the jitter of the tracker.
    diagonal_px
        Diagonal of the scene, which sets the weight of headings.
    groups
        Group that each trail is compared with.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Root mean square residual, in px; float64.

    References
    ----------
    .. [1] K. Pearson, "On lines and planes of closest fit to systems of points in space",
       Philosophical Magazine 2, 559-572 (1901), doi:10.1080/14786440109462720
    """
    scores = np.zeros(len(groups))
    codes = group_codes(groups)
    for code in range(int(codes.max(initial=-1)) + 1):
        monitor.update(code / (codes.max() + 1), "shapes")
        members = np.flatnonzero(codes == code)
        ways = fit_ways(paths, members, HEADING * diagonal_px, monitor=monitor)
        scores[members] = distances_from(ways, paths, members, HEADING * diagonal_px)
    return scores


def fit_ways(paths: Paths, members: Ints, heading_px: float, *, monitor: Monitor = SILENT) -> Ways:
    """Return the model of the shapes of some trails, block by block.

    Parameters
    ----------
    paths
        Points along all trails.
    members
        Rows of the trails; int64.
    heading_px
        Weight of the heading, in px.
    monitor
        Progress and cancellation, once per block of trails.
    """
    size = 4 * N_POINTS
    total, products = np.zeros(size), np.zeros((size, size))
    origin = shapes_of(paths, members[:1], heading_px)[0]
    for start in range(0, len(members), BLOCK):
        monitor.update(start / len(members), "shapes")
        # Sums of differences from some trail do not cancel as those of positions would.
        apart = shapes_of(paths, members[start : start + BLOCK], heading_px) - origin
        total += apart.sum(axis=0, dtype=np.float64)
        products += apart.T @ apart
    mean = total / len(members)
    values, vectors = np.linalg.eigh(products / len(members) - np.outer(mean, mean))
    first = size - min(N_WAYS, len(members) // TRAILS_PER_WAY)
    return Ways(
        (mean + origin).astype(np.float32),
        np.ascontiguousarray(vectors[:, first:], np.float32),
        np.maximum(values[first:], 0) * len(members),
    )


def distances_from(
    ways: Ways, paths: Paths, members: Ints, heading_px: float, *, monitor: Monitor = SILENT
) -> Floats:
    """Return how far the shapes of some trails are from a model, in px."""
    residuals = np.empty(len(members))
    for start in range(0, len(members), BLOCK):
        monitor.update(start / len(members), "shapes")
        block = slice(start, start + BLOCK)
        residuals[block] = ways.residuals(shapes_of(paths, members[block], heading_px))
    return residuals


def shapes_of(paths: Paths, rows: Ints, heading_px: float) -> Floats32:
    """Return positions and weighted headings along some trails, one row per trail.

    Distances between rows are root mean square distances, in px.
    """
    points = divide(paths, rows, N_POINTS)
    ahead = np.gradient(points, axis=1)
    length = np.hypot(ahead[..., :1], ahead[..., 1:])
    heading = np.divide(ahead, length, out=np.zeros_like(ahead), where=length > 1e-6)
    shapes = np.concatenate([points, heading_px * heading], axis=2).reshape(len(rows), -1)
    return np.asarray(shapes / np.sqrt(N_POINTS), np.float32)

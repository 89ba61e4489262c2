"""Plain ways to find odd trails, as a textbook would: what ``anomaly`` must beat.

Each class is compared with itself, as ``anomaly`` does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.trails.table import Trails

N_POINTS, TURNING_POINTS = 128, 64
"""Points along a trail for shapes, and for the total turning."""

HEADING = 0.2
"""Weight of unit tangents, in diagonals of the scene."""

BASELINES = (
    "tangents",
    "components",
    "total turning",
    "tenth",
    "lof",
    "forest",
)
"""Nearest trail by positions and tangents; residual of 16 principal components of the same; total
turning; tenth nearest trail, and local outlier factor of 20, by positions; isolation forest on the
single scores of this program."""


def baseline_scores(trails: Trails, features: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of all baselines; ``features`` are for the forest, by trail."""
    positions, shapes = vectors(trails)
    kinds = trails.table["class"].to_numpy().astype(str)
    table = features.loc[trails.table["trail"]].to_numpy(float)
    return pd.DataFrame(
        {
            "tangents": by_class(kinds, lambda rows: neighbour(shapes[rows], 1)),
            "components": by_class(kinds, lambda rows: residual(shapes[rows], 16)),
            "total turning": total_turning(trails),
            "tenth": by_class(kinds, lambda rows: neighbour(positions[rows], 10)),
            "lof": by_class(kinds, lambda rows: outlier_factor(positions[rows], 20)),
            "forest": by_class(kinds, lambda rows: forest(table[rows])),
        },
        index=trails.table["trail"],
    )


def vectors(trails: Trails) -> tuple[np.ndarray, np.ndarray]:
    """Return positions along each trail, and positions with weighted unit tangents."""
    points = resample_along_arc(trails, n_points=N_POINTS).astype(float)
    ahead = np.gradient(points, axis=1)
    length = np.linalg.norm(ahead, axis=2, keepdims=True)
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    tangents = HEADING * diagonal * ahead / np.maximum(length, 1e-9)
    both = np.concatenate([points, tangents], axis=2)
    return points.reshape(len(points), -1), both.reshape(len(points), -1)


def by_class(kinds: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Score each class alone; trails of classes of fewer than three have 0."""
    scores = np.zeros(len(kinds))
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        if len(rows) > 2:
            scores[rows] = score(rows)
    return scores


def neighbour(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each row from its k-th nearest other."""
    k = min(k, len(rows) - 1)
    return NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()[0][:, -1]


def outlier_factor(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the local outlier factor."""
    model = LocalOutlierFactor(n_neighbors=min(k, len(rows) - 1)).fit(rows)
    return -model.negative_outlier_factor_


def residual(rows: np.ndarray, n: int) -> np.ndarray:
    """Return the norm of what principal components leave."""
    model = PCA(min(n, len(rows) // 3), random_state=0).fit(rows)
    return np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1)


def forest(rows: np.ndarray) -> np.ndarray:
    """Return the score of an isolation forest with the settings of PyOD, which calls the same."""
    return -IsolationForest(random_state=0).fit(rows).score_samples(rows)


def total_turning(trails: Trails) -> np.ndarray:
    """Return the sum of absolute turns along a smoothed trail."""
    points = resample_along_arc(trails, n_points=TURNING_POINTS).astype(float)
    ahead = np.diff(gaussian_filter1d(points, 1.5, axis=1), axis=1)
    angles = np.unwrap(np.arctan2(ahead[..., 0], ahead[..., 1]), axis=1)
    return np.abs(np.diff(angles, axis=1)).sum(axis=1)

"""Isolation forest: how few random cuts separate a point from all others (Liu et al. 2008).

A tree cuts a random sample of the points at a random value of a random feature, then each part
again, until points are alone or a maximum depth is reached. Anomalies are few and different, so few
cuts isolate them. The score is the mean depth over the trees, relative to that of a random search
tree.

The leaf of a point is not found by traversing trees. Each value is ranked once among all cuts of
its feature; within a tree, the rank determines how many cuts of that feature are passed, from which
the leaf follows by one table per tree (at most two features) or by sets of possible leaves, one per
feature (as in QuickScorer: Lucchese et al. 2015, doi:10.1145/2766462.2767733). Both are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le, Lt, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.anomalies.forest_lookup import (
    TREES_PER_LOOKUP,
    Cells,
    Sets,
    Words,
    add_from_cells,
    add_from_sets,
    build_lookup,
    rank_planes,
)
from napari_uai.parameters import checked
from napari_uai.typing import Floats32, Ints32

NTrees: TypeAlias = Annotated[int, Ge(1), Le(10_000), Unit("trees")]
"""Number of trees of a forest."""

MaxSamples: TypeAlias = Annotated[int, Ge(2), Le(1024), Unit("samples")]
"""Points per tree; few are sufficient, and with many, anomalies mask one another."""

Seed: TypeAlias = Annotated[int, Ge(0), Lt(2**63)]
"""Seed of the random numbers; the same seed gives the same result."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NO_CELLS = np.empty(0, np.float32), np.empty(0, np.int32)
_NO_SETS = np.empty((0, 1), np.uint64), np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of random cuts; all arrays are (trees, nodes), root first, parents before children.

    Parameters
    ----------
    n_features
        Features of a point.
    samples_per_tree
        Points from which each tree was grown.
    feature
        Feature that a node cuts; -1 for a leaf.
    threshold
        Points up to this value go to the next node, others to ``right``.
    right
        Node of the points above the threshold.
    depth
        Of a leaf: cuts above it, plus the mean number of cuts that its points would still need.
    """

    n_features: int
    samples_per_tree: int
    feature: Ints32
    threshold: Floats32
    right: Ints32
    depth: Floats32

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.feature)

    @cached_property
    def lookups(self) -> tuple[Cells | Sets, ...]:
        """The same trees in the form from which scores are computed."""
        return tuple(
            self._lookup(slice(start, start + TREES_PER_LOOKUP))
            for start in range(0, self.n_trees, TREES_PER_LOOKUP)
        )

    def _lookup(self, trees: slice) -> Cells | Sets:
        return build_lookup(
            self.feature[trees],
            self.threshold[trees],
            self.right[trees],
            self.depth[trees],
            n_features=self.n_features,
            samples_per_tree=self.samples_per_tree,
        )


@checked
def fit_forest(
    features: npt.ArrayLike, *, n_trees: NTrees = 100, max_samples: MaxSamples = 256, seed: Seed = 0
) -> Forest:
    """Grow an isolation forest.

    Parameters
    ----------
    features
        (features, ...): one map or list of values per feature. Points with a feature that is not
        finite are excluded.
    n_trees
        Number of trees; more trees make scores less random.
    max_samples
        Points drawn for each tree, without replacement; all if there are fewer.
    seed
        Seed of the random numbers.

    Returns
    -------
    Forest
        Identical for the same points and seed, on any machine.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, fewer than two points are finite, or all points are
        equal.

    References
    ----------
    Liu, Ting & Zhou, Isolation Forest, ICDM 2008, doi:10.1109/ICDM.2008.17.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(2, 1000))
    >>> points[:, 7] = 6
    >>> scores = forest_scores(fit_forest(points), points)
    >>> int(scores.argmax())
    7
    """
    planes = feature_planes(features)
    usable = np.isfinite(planes).all(axis=0)
    n = int(usable.sum())
    if n < 2:
        raise BadValueError(
            f"{n} of {usable.size} points are finite in all features, an isolation forest needs 2: "
            "is the whole frame masked?"
        )
    if n < usable.size:
        planes = np.ascontiguousarray(planes[:, usable])
    if (planes.min(axis=1) == planes.max(axis=1)).all():
        raise BadValueError("all features are constant: no point can be anomalous")
    size = min(max_samples, n)
    arrays = _empty_trees(n_trees, size)
    _grow_forest(planes, size, np.uint64(seed), *arrays)
    return Forest(len(planes), size, *arrays)


def forest_scores(forest: Forest, features: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Score points by how few cuts isolate them.

    Parameters
    ----------
    forest
        As grown by :func:`fit_forest`.
    features
        (features, ...) in the same order as in training.

    Returns
    -------
    ndarray
        float32, the shape of one feature: ``2 ** (-depth / expected depth)``, between 0 and 1;
        about 0.5 for ordinary points, higher for anomalies. NaN where a feature is not finite.
        Equal to minus the ``score_samples`` of scikit-learn.

    Raises
    ------
    BadValueError
        If the number of features differs from that of the forest.
    """
    planes = feature_planes(features)
    if len(planes) != forest.n_features:
        raise BadValueError(
            f"the forest was trained on {forest.n_features} features, got {len(planes)}"
        )
    total = np.zeros(planes.shape[1], np.float32)
    for lookup in forest.lookups:
        ranks = np.empty(planes.shape, np.uint32)
        rank_planes(planes, lookup.cuts, ranks)
        if isinstance(lookup, Cells):
            add_from_cells(ranks, lookup, total)
        else:
            add_from_sets(ranks, lookup, total)
    scale = -1 / (forest.n_trees * float(_mean_depth(float(forest.samples_per_tree))))
    scores: Floats32 = np.exp2(np.float32(scale) * total)
    scores[~np.isfinite(planes).all(axis=0)] = np.nan
    return scores.reshape(np.shape(features)[1:])


def feature_planes(features: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return (features, points) in single precision.

    Raises
    ------
    BadValueError
        If features differ in length, or there are none.
    """
    try:
        planes = np.asarray(features, np.float32)
    except (ValueError, TypeError):
        raise BadValueError(
            "features must be numbers, all of the same shape: crop the videos to the same size"
        ) from None
    if planes.ndim < 2 or planes.size == 0:
        raise BadValueError(
            f"features must have shape (features, points) or (features, rows, columns), got "
            f"{planes.shape}"
        )
    return np.ascontiguousarray(planes.reshape(len(planes), -1))


def _empty_trees(n_trees: int, size: int) -> tuple[Ints32, Floats32, Ints32, Floats32]:
    shape = (n_trees, 2 * size - 1)
    feature = np.full(shape, -1, np.int32)
    return (
        feature,
        np.zeros(shape, np.float32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.float32),
    )


@kernel
def _mean_depth(n: float) -> float:
    """Return the mean depth of a search tree of n random values (Liu et al., equation 1)."""
    if n <= 1:
        return 0.0
    if n <= 2:
        return 1.0
    return float(2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n)


@kernel
def _random(state: Words) -> Any:
    """Return 64 random bits (SplitMix64: Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195)."""
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _below(n: int, state: Words) -> int:
    """Return a random integer from 0 to n - 1."""
    high = _random(state) >> np.uint64(32)
    return int((high * np.uint64(n)) >> np.uint64(32))


@kernel
def _grow_forest(
    planes: Floats32,
    size: int,
    seed: np.uint64,
    feature: Ints32,
    threshold: Floats32,
    right: Ints32,
    depth: Floats32,
) -> None:
    n_features, n = planes.shape
    state = np.empty(1, np.uint64)
    order = np.arange(n).astype(np.int32)
    points = np.empty((n_features, size), np.float32)
    limit = int(np.ceil(np.log2(float(max(size, 2)))))
    for tree in range(feature.shape[0]):
        state[0] = seed * _GOLDEN + np.uint64(tree)
        state[0] = _random(state)
        for i in range(size):
            j = i + _below(n - i, state)
            order[i], order[j] = order[j], order[i]
            for f in range(n_features):
                points[f, i] = planes[f, order[i]]
        _grow_tree(points, limit, state, feature[tree], threshold[tree], right[tree], depth[tree])


@kernel
def _grow_tree(
    points: Floats32,
    limit: int,
    state: Words,
    feature: Ints32,
    threshold: Floats32,
    right: Ints32,
    depth: Floats32,
) -> None:
    """Cut the points; nodes are numbered depth first, those below a threshold before the others."""
    n_features, size = points.shape
    stack = np.empty((limit + 2, 4), np.int32)
    candidates = np.arange(n_features)
    height, node = 1, 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, size, 0, -1
    while height > 0:
        height -= 1
        start, stop, level, parent = stack[height]
        if parent >= 0:
            right[parent] = node
        chosen, low, high = -1, np.float32(0), np.float32(0)
        if level < limit and stop - start > 1:
            for k in range(n_features):
                j = k + _below(n_features - k, state)
                candidates[k], candidates[j] = candidates[j], candidates[k]
                values = points[candidates[k], start:stop]
                low, high = values[0], values[0]
                for value in values:
                    low, high = min(low, value), max(high, value)
                if high > low:
                    chosen = candidates[k]
                    break
        feature[node] = chosen
        if chosen < 0:
            depth[node] = level + _mean_depth(float(stop - start))
            node += 1
            continue
        share = float(_random(state) >> np.uint64(11)) * 2.0**-53
        cut = np.float32(low + share * (float(high) - low))
        if not cut < high:
            cut = low
        threshold[node] = cut
        middle = _split(points, chosen, cut, start, stop)
        stack[height, 0], stack[height, 1] = middle, stop
        stack[height, 2], stack[height, 3] = level + 1, node
        stack[height + 1, 0], stack[height + 1, 1] = start, middle
        stack[height + 1, 2], stack[height + 1, 3] = level + 1, -1
        height += 2
        node += 1


@kernel
def _split(points: Floats32, chosen: int, cut: np.float32, start: int, stop: int) -> int:
    """Move points up to the cut before the others; return the start of the others."""
    i, j = start, stop - 1
    while i <= j:
        if points[chosen, i] <= cut:
            i += 1
        else:
            for f in range(points.shape[0]):
                points[f, i], points[f, j] = points[f, j], points[f, i]
            j -= 1
    return i

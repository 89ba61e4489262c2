"""Isolation forest: how few random cuts set a point apart from all others (Liu et al. 2008).

A tree cuts a random sample of the points at a random value of a random feature, then each half,
until points are alone or a depth is reached. Anomalies are few and different, so they are alone
after few cuts. The mean depth over the trees, relative to that of a random search tree, is the
score.

A point's leaf is not searched by walking down a tree. Each value is ranked among all cuts of its
feature once; within a tree a rank tells which cuts of that feature are passed, and with it a leaf
follows from one table per tree (two features at most), or from sets of leaves that are still
possible, one set per feature (as in QuickScorer: Lucchese et al. 2015,
doi:10.1145/2766462.2767733). Both are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError

NTrees: TypeAlias = Annotated[int, Ge(1), Le(10_000), Unit("trees")]
"""Trees of a forest."""

MaxSamples: TypeAlias = Annotated[int, Ge(2), Le(1024), Unit("samples")]
"""Points that each tree is grown on; few are enough, and many hide anomalies among one another."""

Seed: TypeAlias = Annotated[int, Ge(0)]
"""Of all that is random; the same seed gives the same result."""

TREES_PER_LOOKUP = 128
"""Trees that share one ranking: its tables grow with the square of their number."""

MAX_CELL_SAMPLES = 256
"""Larger trees have too many cells for one table each."""

POINTS = 256
"""Points that go through the sets of a tree at a time, so that all stays in the nearest cache."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT = np.zeros(64, np.uint16)
for _i in range(64):
    _BIT[int(_DE_BRUIJN) * 2**_i % 2**64 >> 58] = _i
_NO_CELLS = np.empty(0, np.float32), np.empty(0, np.int32)
_NO_SETS = np.empty((0, 1), np.uint64), np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)

_Floats: TypeAlias = npt.NDArray[np.float32]
_Ints: TypeAlias = npt.NDArray[np.int32]
_Ranks: TypeAlias = npt.NDArray[np.uint16]
_Words: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of random cuts; all arrays are (trees, nodes), the root first, parents before children.

    Parameters
    ----------
    n_features
        Features of a point.
    samples_per_tree
        Points that each tree was grown on.
    feature
        Feature that a node cuts; -1 for a leaf.
    threshold
        Points up to this value go to the next node, others to ``right``.
    right
        Node of the points above the threshold.
    depth
        Of a leaf: cuts above it, plus those that its points would still need on average.
    """

    n_features: int
    samples_per_tree: int
    feature: _Ints
    threshold: _Floats
    right: _Ints
    depth: _Floats

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.feature)

    @cached_property
    def lookups(self) -> tuple[Cells | Sets, ...]:
        """The same trees in the form in which scores are read off."""
        return tuple(
            _lookup(self, slice(start, start + TREES_PER_LOOKUP))
            for start in range(0, self.n_trees, TREES_PER_LOOKUP)
        )


class Cuts(NamedTuple):
    """All cuts of some trees, and what the rank of a value among them means in each tree.

    Attributes
    ----------
    edges
        Cuts of feature 0 in rising order, then of feature 1, ...
    first_edge
        Where each feature begins in ``edges``.
    local
        (trees, ranks): for each feature, for each rank from 0 to the number of its cuts, what is
        to be looked up in the tree.
    """

    edges: _Floats
    first_edge: _Ints
    local: _Ranks


class Cells(NamedTuple):
    """Leaves of trees with one or two features, as tables.

    Attributes
    ----------
    cuts
        Their ``local`` is how many cuts of the tree lie below; of feature 0 times the number of
        columns of the tree's table.
    cells
        Depth of the leaf by the numbers of cuts below, one table after the other.
    first_cell
        Where each tree begins in ``cells``.
    """

    cuts: Cuts
    cells: _Floats
    first_cell: _Ints


class Sets(NamedTuple):
    """Leaves of trees with any number of features, as sets in bits.

    Attributes
    ----------
    cuts
        Their ``local`` is where a set begins among the words of those of the tree.
    leaves
        (trees, sets, words): leaves that a value leaves possible; one is in the sets of all
        features. Words are even in number.
    depth
        (trees, leaves).
    """

    cuts: Cuts
    leaves: _Words
    depth: _Floats


def fit_forest(
    features: npt.ArrayLike, *, n_trees: NTrees = 100, max_samples: MaxSamples = 256, seed: Seed = 0
) -> Forest:
    """Grow an isolation forest.

    Parameters
    ----------
    features
        (features, ...): one map or list of values per feature. Points of which a feature is not
        finite are left out.
    n_trees
        Trees; more of them make scores less random.
    max_samples
        Points drawn for each tree, without replacement; all if there are fewer.
    seed
        Of the drawing and cutting.

    Returns
    -------
    Forest
        The same for the same points and seed, on any machine.

    Raises
    ------
    BadValueError
        If a parameter is out of its limits, fewer than two points are finite, or all points are
        the same.

    References
    ----------
    Liu, Ting & Zhou, Isolation Forest, ICDM 2008, doi:10.1109/ICDM.2008.17.
    """
    for name, value, low, high in (
        ("n_trees", n_trees, 1, 10_000),
        ("max_samples", max_samples, 2, 1024),
        ("seed", seed, 0, 2**63),
    ):
        if not low <= value <= high:
            raise BadValueError(f"{name} must be within {low} and {high}, got {value}")
    planes = feature_planes(features)
    usable = np.isfinite(planes).all(axis=0)
    n = int(usable.sum())
    if n < 2:
        raise BadValueError(
            f"{n} of {usable.size} points are finite in every feature, a forest needs 2: "
            "is all of the frame masked?"
        )
    if n < usable.size:
        planes = np.ascontiguousarray(planes[:, usable])
    if (planes.min(axis=1) == planes.max(axis=1)).all():
        raise BadValueError("every feature is constant: nothing can stand out")
    size = min(int(max_samples), n)
    arrays = _empty_trees(int(n_trees), size)
    _grow_forest(planes, size, np.uint64(seed), *arrays)
    return Forest(len(planes), size, *arrays)


def forest_scores(forest: Forest, features: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Score points by how few cuts set them apart.

    Parameters
    ----------
    forest
        As grown by :func:`fit_forest`.
    features
        (features, ...) in the order in which the forest saw them.

    Returns
    -------
    ndarray
        float32, the shape of one feature: ``2 ** (-depth / expected depth)``, within 0 and 1;
        about 0.5 for ordinary points, the higher the more anomalous. NaN where a feature is not
        finite. It is minus scikit-learn's ``score_samples``.

    Raises
    ------
    BadValueError
        If the number of features is not the forest's.
    """
    planes = feature_planes(features)
    if len(planes) != forest.n_features:
        raise BadValueError(
            f"the forest was grown on {forest.n_features} features, got {len(planes)}"
        )
    total = np.zeros(planes.shape[1], np.float32)
    for lookup in forest.lookups:
        ranks = np.empty(planes.shape, np.uint32)
        _rank(planes, lookup.cuts, ranks)
        if isinstance(lookup, Cells):
            _add_from_cells(ranks, lookup, total)
        else:
            _add_from_sets(ranks, lookup, total)
    scale = -1 / (forest.n_trees * float(_mean_depth(float(forest.samples_per_tree))))
    scores: _Floats = np.exp2(np.float32(scale) * total)
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
            "features must be numbers and of one shape: cut the videos to the same frames and size"
        ) from None
    if planes.ndim < 2 or planes.size == 0:
        raise BadValueError(
            f"features have shape (features, points or rows and columns), got {planes.shape}"
        )
    return np.ascontiguousarray(planes.reshape(len(planes), -1))


def _empty_trees(n_trees: int, size: int) -> tuple[_Ints, _Floats, _Ints, _Floats]:
    shape = (n_trees, 2 * size - 1)
    feature = np.full(shape, -1, np.int32)
    return (
        feature,
        np.zeros(shape, np.float32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.float32),
    )


def _lookup(forest: Forest, trees: slice) -> Cells | Sets:
    """Make the tables of some trees."""
    feature, n_features = forest.feature[trees], forest.n_features
    n_trees = len(feature)
    counts = np.zeros((n_trees, n_features), np.int32)
    _count_cuts(feature, counts)
    first_edge = _starts(counts.sum(axis=0))
    edges = np.empty(first_edge[-1], np.float32)
    local = np.empty((n_trees, first_edge[-1] + n_features), np.uint16)
    cuts = Cuts(edges, first_edge, local)
    rank = np.zeros(feature.shape, np.int32)
    _rank_cuts(feature, forest.threshold[trees], cuts, rank)
    boxes = _boxes(feature, forest.right[trees], rank, counts)
    if n_features <= 2 and forest.samples_per_tree <= MAX_CELL_SAMPLES:
        columns = counts[:, 1] + 1 if n_features == 2 else np.ones(n_trees, np.int32)
        first_cell = _starts((counts[:, 0] + 1) * columns)
        cells = np.empty(first_cell[-1], np.float32)
        _fill_cells(feature, boxes, forest.depth[trees], columns, first_cell, cells)
        local[:, : first_edge[1] + 1] *= columns[:, np.newaxis].astype(np.uint16)
        return Cells(cuts, cells, first_cell)
    first_set = (counts + 1).cumsum(axis=1, dtype=np.int32) - counts - np.int32(1)
    for f in range(n_features):
        first = first_edge[f] + f
        local[:, first : first_edge[f + 1] + f + 1] += first_set[:, f, np.newaxis].astype(np.uint16)
    words = 2 * -(-forest.samples_per_tree // 128)
    local *= np.uint16(words)
    leaves = np.zeros((n_trees, int((counts + 1).sum(axis=1).max()), words), np.uint64)
    depth = np.zeros((n_trees, 64 * words), np.float32)
    _fill_sets(feature, boxes, forest.depth[trees], first_set, leaves, depth)
    return Sets(cuts, leaves, depth)


def _starts(sizes: npt.NDArray[Any]) -> _Ints:
    """Return where each of consecutive parts begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)


@kernel
def _mean_depth(n: float) -> float:
    """Return the mean depth of a search tree of n random values (Liu et al., equation 1)."""
    if n <= 1:
        return 0.0
    if n <= 2:
        return 1.0
    return float(2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n)


@kernel
def _random(state: _Words) -> Any:
    """Return 64 random bits (SplitMix64: Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195)."""
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _below(n: int, state: _Words) -> int:
    """Return a random whole number from 0 to n - 1."""
    high = _random(state) >> np.uint64(32)
    return int((high * np.uint64(n)) >> np.uint64(32))


@kernel
def _grow_forest(
    planes: _Floats,
    size: int,
    seed: np.uint64,
    feature: _Ints,
    threshold: _Floats,
    right: _Ints,
    depth: _Floats,
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
    points: _Floats,
    limit: int,
    state: _Words,
    feature: _Ints,
    threshold: _Floats,
    right: _Ints,
    depth: _Floats,
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
def _split(points: _Floats, chosen: int, cut: np.float32, start: int, stop: int) -> int:
    """Move points up to the cut before the others; return where the others begin."""
    i, j = start, stop - 1
    while i <= j:
        if points[chosen, i] <= cut:
            i += 1
        else:
            for f in range(points.shape[0]):
                points[f, i], points[f, j] = points[f, j], points[f, i]
            j -= 1
    return i


@kernel
def _count_cuts(feature: _Ints, counts: _Ints) -> None:
    for tree in range(feature.shape[0]):
        for f in feature[tree]:
            if f >= 0:
                counts[tree, f] += 1


@kernel
def _rank_cuts(
    feature: _Ints,
    threshold: _Floats,
    cuts: Cuts,
    rank: _Ints,
) -> None:
    """Sort the cuts of each feature; number them within their trees; tabulate the numbers."""
    n_trees, n_nodes = feature.shape
    edges, first_edge, local = cuts
    for f in range(first_edge.size - 1):
        n = first_edge[f + 1] - first_edge[f]
        values = np.empty(n, np.float32)
        places = np.empty(n, np.int32)
        k = 0
        for tree in range(n_trees):
            for node in range(n_nodes):
                if feature[tree, node] == f:
                    values[k] = threshold[tree, node]
                    places[k] = tree * n_nodes + node
                    k += 1
        order = _sorted_order(values)
        seen = np.zeros(n_trees, np.int32)
        filled = np.zeros(n_trees, np.int32)
        offset = first_edge[f] + f
        for k in range(n):
            place = int(places[order[k]])
            tree = place // n_nodes
            edges[first_edge[f] + k] = values[order[k]]
            rank[tree, place % n_nodes] = seen[tree]
            # points of rank up to k among all cuts are not above this one
            local[tree, offset + filled[tree] : offset + k + 1] = seen[tree]
            filled[tree] = k + 1
            seen[tree] += 1
        for tree in range(n_trees):
            local[tree, offset + filled[tree] : offset + n + 1] = seen[tree]


@kernel
def _sorted_order(values: _Floats) -> _Ints:
    """Order of rising values: a radix sort of their bits, of which all but the sign rise."""
    n = values.size
    bits = values.view(np.uint32)
    keys = np.empty(n, np.uint32)
    for i in range(n):
        negative = bits[i] >> np.uint32(31)
        keys[i] = ~bits[i] if negative else bits[i] | np.uint32(0x80000000)
    order, other = np.arange(n).astype(np.int32), np.empty(n, np.int32)
    counts = np.empty(2048, np.int32)
    for shift in (0, 11, 22):
        counts[:] = 0
        for key in keys:
            counts[(key >> np.uint32(shift)) & np.uint32(2047)] += 1
        total = 0
        for k in range(2048):
            size = int(counts[k])
            counts[k] = total
            total += size
        for place in order:
            digit = int((keys[place] >> np.uint32(shift)) & np.uint32(2047))
            other[counts[digit]] = place
            counts[digit] += 1
        order, other = other, order
    return order


@kernel
def _boxes(feature: _Ints, right: _Ints, rank: _Ints, counts: _Ints) -> _Ints:
    """First and last local rank that reach a node, (trees, nodes, features, 2)."""
    n_trees, n_nodes = feature.shape
    n_features = counts.shape[1]
    boxes = np.empty((n_trees, n_nodes, n_features, 2), np.int32)
    for tree in range(n_trees):
        for f in range(n_features):
            boxes[tree, 0, f, 0], boxes[tree, 0, f, 1] = 0, counts[tree, f]
        for node in range(n_nodes):
            f = feature[tree, node]
            if f >= 0:
                k, above = rank[tree, node], right[tree, node]
                boxes[tree, node + 1] = boxes[tree, node]
                boxes[tree, above] = boxes[tree, node]
                boxes[tree, node + 1, f, 1] = min(boxes[tree, node, f, 1], k)
                boxes[tree, above, f, 0] = max(boxes[tree, node, f, 0], k + 1)
    return boxes


@kernel
def _fill_cells(
    feature: _Ints,
    boxes: _Ints,
    depth: _Floats,
    columns: _Ints,
    first_cell: _Ints,
    cells: _Floats,
) -> None:
    """Write the depth of each leaf into the cells of its box."""
    n_trees, n_nodes = feature.shape
    for tree in range(n_trees):
        for node in range(n_nodes):
            if feature[tree, node] >= 0 or depth[tree, node] <= 0:
                continue
            box = boxes[tree, node]
            low, high = (box[1, 0], box[1, 1]) if box.shape[0] == 2 else (0, 0)
            for i in range(box[0, 0], box[0, 1] + 1):
                row = first_cell[tree] + i * columns[tree]
                cells[row + low : row + high + 1] = depth[tree, node]


@kernel
def _fill_sets(
    feature: _Ints,
    boxes: _Ints,
    depth: _Floats,
    first_set: _Ints,
    leaves: _Words,
    leaf_depth: _Floats,
) -> None:
    """Put each leaf into the sets of the ranks of its box; the deepest, most visited ones first."""
    for tree in range(feature.shape[0]):
        nodes = np.flatnonzero((feature[tree] < 0) & (depth[tree] > 0))
        nodes = nodes[np.argsort(-depth[tree][nodes], kind="mergesort")]
        for leaf, node in enumerate(nodes):
            leaf_depth[tree, leaf] = depth[tree, node]
            word, bit = leaf // 64, np.uint64(1) << np.uint64(leaf % 64)
            for f in range(boxes.shape[2]):
                first = first_set[tree, f]
                for k in range(boxes[tree, node, f, 0], boxes[tree, node, f, 1] + 1):
                    leaves[tree, first + k, word] |= bit


@kernel
def _rank(planes: _Floats, cuts: Cuts, ranks: npt.NDArray[np.uint32]) -> None:
    """Count the cuts below each value, and before its feature; NaN is of no meaning.

    A binary search of many values at a time, step by step: it has no branches that depend on them.
    """
    for f in range(planes.shape[0]):
        own = cuts.edges[cuts.first_edge[f] : cuts.first_edge[f + 1]]
        before = np.uint32(cuts.first_edge[f] + f)
        for start in range(0, planes.shape[1], POINTS):
            values = planes[f, start : start + POINTS]
            below = ranks[f, start : start + POINTS]
            below[:] = 0
            left = own.size
            while left > 0:
                half = left - left // 2
                step, probe = np.uint32(half), own[half - 1 :]
                for p in range(values.size):
                    k = below[p]
                    below[p] = k + (step if probe[k] < values[p] else np.uint32(0))
                left -= half
            for p in range(values.size):
                below[p] += before


@kernel
def _add_from_cells(ranks: npt.NDArray[np.uint32], lookup: Cells, total: _Floats) -> None:
    """Add to each point the depths of its leaves."""
    n_features, n = ranks.shape
    for tree in range(lookup.cuts.local.shape[0]):
        local = lookup.cuts.local[tree]
        cells = lookup.cells[lookup.first_cell[tree] : lookup.first_cell[tree + 1]]
        if n_features == 1:
            for p in range(n):
                total[p] += cells[local[ranks[0, p]]]
        else:
            for p in range(n):
                total[p] += cells[local[ranks[0, p]] + local[ranks[1, p]]]


@kernel
def _add_from_sets(ranks: npt.NDArray[np.uint32], lookup: Sets, total: _Floats) -> None:
    """Add to each point the depths of its leaves, two words of the sets at a time."""
    n_features, n = ranks.shape
    n_trees, n_sets, words = lookup.leaves.shape
    even, odd = np.empty(POINTS, np.uint64), np.empty(POINTS, np.uint64)
    for start in range(0, n, POINTS):
        size = min(POINTS, n - start)
        sums = total[start : start + size]
        for tree in range(n_trees):
            local = lookup.cuts.local[tree]
            for w in range(0, words, 2):
                sets = lookup.leaves[tree].reshape(n_sets * words)[w:]
                even[:], odd[:] = ~np.uint64(0), ~np.uint64(0)
                for f in range(n_features):
                    own = ranks[f, start : start + size]
                    for p in range(size):
                        place = np.uint64(local[own[p]])
                        even[p] &= sets[place]
                        odd[p] &= sets[place + np.uint64(1)]
                _add_depths(even[:size], odd[:size], lookup.depth[tree, 64 * w :], sums)


@kernel
def _add_depths(even: _Words, odd: _Words, depth: _Floats, sums: _Floats) -> None:
    """Add the depth of the leaf that is left in one of two words, if there is one."""
    for p in range(sums.size):
        word = even[p] or odd[p]
        if word:
            leaf = np.uint64(_BIT[(word * _DE_BRUIJN) >> np.uint64(58)])
            sums[p] += depth[leaf + np.uint64(64) * np.uint64(even[p] == 0)]

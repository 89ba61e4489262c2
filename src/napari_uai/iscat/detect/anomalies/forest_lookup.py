"""Isolation forests as lookup tables: the depth of a point without traversing trees."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.iscat.kernels.selection import falling_order
from napari_uai.typing import Floats32, Ints32

TREES_PER_LOOKUP = 128
"""Trees that share one ranking; the size of its tables grows with the square of their number."""

MAX_CELL_SAMPLES = 256
"""Largest trees that are stored as tables; larger ones have too many cells."""

POINTS = 256
"""Points processed per tree at a time, so that all data stay in the L1 cache."""

DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
BIT = np.zeros(64, np.uint16)
for _i in range(64):
    BIT[int(DE_BRUIJN) * 2**_i % 2**64 >> 58] = _i


_Ranks: TypeAlias = npt.NDArray[np.uint16]
Words: TypeAlias = npt.NDArray[np.uint64]


class Cuts(NamedTuple):
    """All cuts of some trees, and the meaning of a value's rank among them in each tree.

    Attributes
    ----------
    edges
        Cuts of feature 0 in ascending order, then of feature 1, ...
    first_edge
        Start of each feature in ``edges``.
    local
        (trees, ranks): for each feature and each rank from 0 to its number of cuts, what is to be
        looked up in the tree.
    """

    edges: Floats32
    first_edge: Ints32
    local: _Ranks


class Cells(NamedTuple):
    """Leaves of trees with one or two features, as tables.

    Attributes
    ----------
    cuts
        Their ``local`` is the number of cuts of the tree below a value; for feature 0 multiplied by
        the number of columns of the tree's table.
    cells
        Depth of the leaf by the numbers of cuts below, one table after the other.
    first_cell
        Start of each tree in ``cells``.
    """

    cuts: Cuts
    cells: Floats32
    first_cell: Ints32


class Sets(NamedTuple):
    """Leaves of trees with any number of features, as sets of bits.

    Attributes
    ----------
    cuts
        Their ``local`` is the start of a set among the words of the tree.
    leaves
        (trees, sets, words): leaves that a value can reach; exactly one is in the sets of all
        features. The number of words is even.
    depth
        (trees, leaves).
    """

    cuts: Cuts
    leaves: Words
    depth: Floats32


def build_lookup(
    feature: Ints32,
    threshold: Floats32,
    right: Ints32,
    node_depth: Floats32,
    *,
    n_features: int,
    samples_per_tree: int,
) -> Cells | Sets:
    """Build the tables of some trees, whose nodes are given as (trees, nodes)."""
    n_trees = len(feature)
    counts = np.zeros((n_trees, n_features), np.int32)
    _count_cuts(feature, counts)
    first_edge = _starts(counts.sum(axis=0))
    edges = np.empty(first_edge[-1], np.float32)
    local = np.empty((n_trees, first_edge[-1] + n_features), np.uint16)
    cuts = Cuts(edges, first_edge, local)
    rank = np.zeros(feature.shape, np.int32)
    _rank_cuts(feature, threshold, cuts, rank)
    boxes = _boxes(feature, right, rank, counts)
    if n_features <= 2 and samples_per_tree <= MAX_CELL_SAMPLES:
        columns = counts[:, 1] + 1 if n_features == 2 else np.ones(n_trees, np.int32)
        first_cell = _starts((counts[:, 0] + 1) * columns)
        cells = np.empty(first_cell[-1], np.float32)
        _fill_cells(feature, boxes, node_depth, columns, first_cell, cells)
        local[:, : first_edge[1] + 1] *= columns[:, np.newaxis].astype(np.uint16)
        return Cells(cuts, cells, first_cell)
    first_set = (counts + 1).cumsum(axis=1, dtype=np.int32) - counts - np.int32(1)
    for f in range(n_features):
        first = first_edge[f] + f
        local[:, first : first_edge[f + 1] + f + 1] += first_set[:, f, np.newaxis].astype(np.uint16)
    words = 2 * -(-samples_per_tree // 128)
    local *= np.uint16(words)
    leaves = np.zeros((n_trees, int((counts + 1).sum(axis=1).max()), words), np.uint64)
    depth = np.zeros((n_trees, 64 * words), np.float32)
    _fill_sets(feature, boxes, node_depth, first_set, leaves, depth)
    return Sets(cuts, leaves, depth)


def _starts(sizes: npt.NDArray[Any]) -> Ints32:
    """Return the start of each of consecutive parts, and the end of the last."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)


@kernel
def _count_cuts(feature: Ints32, counts: Ints32) -> None:
    for tree in range(feature.shape[0]):
        for f in feature[tree]:
            if f >= 0:
                counts[tree, f] += 1


@kernel
def _rank_cuts(
    feature: Ints32,
    threshold: Floats32,
    cuts: Cuts,
    rank: Ints32,
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
def _sorted_order(values: Floats32) -> Ints32:
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
def _boxes(feature: Ints32, right: Ints32, rank: Ints32, counts: Ints32) -> Ints32:
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
                for each in range(n_features):
                    for end in range(2):
                        boxes[tree, node + 1, each, end] = boxes[tree, node, each, end]
                        boxes[tree, above, each, end] = boxes[tree, node, each, end]
                boxes[tree, node + 1, f, 1] = min(boxes[tree, node, f, 1], k)
                boxes[tree, above, f, 0] = max(boxes[tree, node, f, 0], k + 1)
    return boxes


@kernel
def _fill_cells(
    feature: Ints32,
    boxes: Ints32,
    depth: Floats32,
    columns: Ints32,
    first_cell: Ints32,
    cells: Floats32,
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
    feature: Ints32,
    boxes: Ints32,
    depth: Floats32,
    first_set: Ints32,
    leaves: Words,
    leaf_depth: Floats32,
) -> None:
    """Put each leaf into the sets of the ranks of its box; the deepest, most visited ones first."""
    for tree in range(feature.shape[0]):
        nodes = np.flatnonzero((feature[tree] < 0) & (depth[tree] > 0))
        depths = np.empty(nodes.size)
        for k in range(nodes.size):
            depths[k] = depth[tree, nodes[k]]
        order = falling_order(depths)
        for leaf in range(nodes.size):
            node = nodes[order[leaf]]
            leaf_depth[tree, leaf] = depth[tree, node]
            word, bit = leaf // 64, np.uint64(1) << np.uint64(leaf % 64)
            for f in range(boxes.shape[2]):
                first = first_set[tree, f]
                for k in range(boxes[tree, node, f, 0], boxes[tree, node, f, 1] + 1):
                    leaves[tree, first + k, word] |= bit


@kernel
def rank_planes(planes: Floats32, cuts: Cuts, ranks: npt.NDArray[np.uint32]) -> None:
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
def add_from_cells(ranks: npt.NDArray[np.uint32], lookup: Cells, total: Floats32) -> None:
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
def add_from_sets(ranks: npt.NDArray[np.uint32], lookup: Sets, total: Floats32) -> None:
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
def _add_depths(even: Words, odd: Words, depth: Floats32, sums: Floats32) -> None:
    """Add the depth of the leaf that remains in one of two words, if there is one."""
    for p in range(sums.size):
        word = even[p] or odd[p]
        if word:
            leaf = np.uint64(BIT[(word * DE_BRUIJN) >> np.uint64(58)])
            sums[p] += depth[leaf + np.uint64(64) * np.uint64(even[p] == 0)]

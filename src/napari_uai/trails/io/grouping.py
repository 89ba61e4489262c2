"""Numbering and sorting of samples by trail: passes over millions of rows, compiled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.compiled import kernel
from napari_uai.typing import Floats, Ints, Ints32

LATEST = 1e20
"""Later than any clock says, in any unit: such times are damaged, and float32 cannot hold them."""


class Grouped(NamedTuple):
    """Names of samples, as numbers.

    Parameters
    ----------
    number
        Number of the name of each sample, in the order of first appearance; -1 for none; int32.
    names
        Names by number; object.
    """

    number: Ints32
    names: npt.NDArray[np.object_]


def grouped(names: pd.Categorical) -> Grouped:
    """Return names numbered in the order of their first appearance.

    Examples
    --------
    >>> grouped(pd.Categorical(["b", "a", None, "b"]))
    Grouped(number=array([ 0,  1, -1,  0], dtype=int32), names=array(['b', 'a'], dtype=object))
    """
    categories = names.categories.to_numpy(object)
    number, first = _by_appearance(np.asarray(names.codes, np.int32), len(categories))
    return Grouped(number, categories[first])


def trail_order(owner: Ints32, time: Floats, n_trails: int) -> Ints | None:
    """Return the order of samples by trail and time, ties as they are; None if it is theirs.

    Parameters
    ----------
    owner
        Number of the trail of each sample, from 0.
    time
        Time of each sample.
    n_trails
        Number of trails.

    Examples
    --------
    >>> trail_order(np.int32([0, 1, 0]), np.array([0.0, 0.0, 1.0]), 2)
    array([0, 2, 1])
    """
    if _is_in_order(owner, time):
        return None
    order = _by_trail(owner, n_trails)
    # Tables that are sorted by time, as most others are, need no comparison of times.
    if _is_in_order(owner[order], time[order]):
        return order
    return np.lexsort((time, owner))


def n_pairs(one: Ints32, other: Ints32, n_one: int, n_other: int) -> int:
    """Return the number of distinct pairs of two numbers from 0; negative ones do not count."""
    known = (one >= 0) & (other >= 0)
    both = one.astype(np.int64) * n_other + other
    if not known.all():
        both = both[known]
    if n_one * n_other > 8 * max(len(one), 1000):
        return len(pd.unique(both))
    occurs = np.zeros(n_one * n_other, bool)
    occurs[both] = True
    return int(np.count_nonzero(occurs))


def commonest(owner: Ints32, kind: Ints32, n_owners: int, n_kinds: int) -> Ints:
    """Return the most frequent kind of each owner, the lowest of several; -1 if it has none.

    Parameters
    ----------
    owner, kind
        Numbers from 0, for each sample.
    n_owners, n_kinds
        How many there are.

    Examples
    --------
    >>> commonest(np.int32([0, 0, 2]), np.int32([1, 1, 0]), 3, 2)
    array([ 1, -1,  0])
    """
    if n_kinds == 1:
        best = np.full(n_owners, -1, np.int64)
        best[owner] = 0
        return best
    pair = owner.astype(np.int64) * n_kinds + kind
    if n_owners * n_kinds <= 8 * max(len(pair), 1000):
        counts = np.bincount(pair, minlength=n_owners * n_kinds).reshape(n_owners, n_kinds)
        return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    pairs, counts = np.unique(pair, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // n_kinds))
    rows, first = np.unique(pairs[order] // n_kinds, return_index=True)
    best = np.full(n_owners, -1, np.int64)
    best[rows] = pairs[order][first] % n_kinds
    return best


@kernel
def _by_appearance(codes: Ints32, n_names: int) -> tuple[Ints32, Ints]:
    number = np.full(n_names, -1, np.int32)
    first = np.empty(n_names, np.int64)
    numbers = np.empty(len(codes), np.int32)
    found = np.int32(0)
    for i in range(len(codes)):
        code = codes[i]
        if code < 0:
            numbers[i] = -1
            continue
        if number[code] < 0:
            number[code] = found
            first[found] = code
            found += np.int32(1)
        numbers[i] = number[code]
    return numbers, first[:found]


@kernel
def all_usable(owner: Ints32, time: Floats, y: Floats, x: Floats) -> bool:
    """Return whether all samples have a trail, a time before LATEST and a finite position."""
    for i in range(len(owner)):
        if owner[i] < 0 or not abs(time[i]) <= LATEST or not math.isfinite(y[i] + x[i]):
            return False
    return len(owner) > 0


@kernel
def _is_in_order(owner: Ints32, time: Floats) -> bool:
    for i in range(1, len(owner)):
        if owner[i] < owner[i - 1] or (owner[i] == owner[i - 1] and time[i] < time[i - 1]):
            return False
    return True


@kernel
def _by_trail(owner: Ints32, n_trails: int) -> Ints:
    """Sort by counting."""
    place = np.zeros(n_trails + 1, np.int64)
    for trail in owner:
        place[trail + 1] += 1
    for trail in range(n_trails):
        place[trail + 1] += place[trail]
    order = np.empty(len(owner), np.int64)
    for i in range(len(owner)):
        trail = owner[i]
        order[place[trail]] = i
        place[trail] += 1
    return order

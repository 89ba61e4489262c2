"""What is added up over days: numbers of trails, where they passed, and a sample of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.brush import count_groups
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.table import SINCE_1970_S, TRAIL_COLUMNS, Scene, Trails, offsets_of
from napari_uai.typing import Ints, Ints32

Fingerprints = npt.NDArray[np.uint64]
"""One number per trail, of its class, its positions and, if there is a date, when it began."""

BLOCK = 8192
"""Trails that are painted at a time."""

MAPS = 16
"""Classes that are counted at a time: each takes a whole map meanwhile."""

PAINTING = ("longest_side_px", "painted_width_px", "n_directions")
"""Settings that :func:`paint_footprints` takes."""


class CellCounts(NamedTuple):
    """Number of trails that cross each cell of a heatmap, for the cells that any crosses.

    Parameters
    ----------
    cells
        ``(layer * rows + row) * columns + column``, ascending; int32.
    counts
        Number of trails that cross each; int32.
    """

    cells: Ints32
    counts: Ints32

    def on_map(self, shape: tuple[int, int, int]) -> Ints32:
        """Return the counts of all cells: layers, rows, columns; int32."""
        counts = np.zeros(int(np.prod(shape)), np.int32)
        counts[self.cells] = self.counts
        return counts.reshape(shape)

    def plus(self, other: CellCounts) -> CellCounts:
        """Return the sums of both."""
        cells = np.concatenate([self.cells, other.cells])
        unique, place = np.unique(cells, return_inverse=True)
        sums = np.zeros(len(unique), np.int32)
        np.add.at(sums, place, np.concatenate([self.counts, other.counts]))
        return CellCounts(unique, sums)


@dataclass(frozen=True, eq=False)
class Traffic:
    """Sums over all trails, and a sample of them.

    The sample of a class is the trails with the smallest fingerprints, at most a fixed number of
    them, in the order of fingerprints: a random sample that depends neither on the order of trails
    nor on the day on which each was added.

    Parameters
    ----------
    n_trails
        Number of trails of each class.
    cells
        Where the trails of each class passed.
    fingerprints
        Fingerprints of all trails, ascending; uint64.
    sample
        Trails of the sample, without names.
    keys
        Fingerprints of the sample, ascending; uint64.
    """

    n_trails: Mapping[str, int]
    cells: Mapping[str, CellCounts]
    fingerprints: Fingerprints
    sample: Trails
    keys: Fingerprints

    def holds(self, fingerprints: Fingerprints) -> npt.NDArray[np.bool_]:
        """Return which trails, by their fingerprints, are among those that were added up."""
        return _place_in(self.fingerprints, fingerprints) >= 0

    def rows_of(self, fingerprints: Fingerprints) -> Ints:
        """Return the row of each trail in the sample; -1 if it is not there."""
        return _place_in(self.keys, fingerprints)


def traffic_of(
    trails: Trails, settings: Mapping[str, Any], most: int, *, monitor: Monitor = SILENT
) -> Traffic:
    """Add up trails.

    Parameters
    ----------
    trails
        Trails of one scene.
    settings
        Settings of the heatmap, with the painted width.
    most
        Largest number of trails of a class in the sample.
    monitor
        Progress and cancellation, once per block of trails.
    """
    prints = fingerprints_of(trails)
    classes = trails.table["class"].to_numpy().astype(str)
    n_trails = {str(kind): int(n) for kind, n in sorted(trails.classes.items())}
    cells: dict[str, CellCounts] = {}
    for start in range(0, len(trails), BLOCK):
        block = slice(start, start + BLOCK)
        some = trails if len(trails) <= BLOCK else trails.select(np.arange(len(trails))[block])
        part = monitor.part(start / len(trails), min(start + BLOCK, len(trails)) / len(trails))
        for kind, counts in _counted(some, classes[block], settings, part).items():
            cells[kind] = cells[kind].plus(counts) if kind in cells else counts
    rows = _sample_rows(prints, classes, most)
    return Traffic(n_trails, cells, np.sort(prints), _nameless(trails.select(rows)), prints[rows])


def joined(one: Traffic, other: Traffic, most: int) -> Traffic:
    """Return the sums and the sample of the trails of both."""
    n_trails = {
        kind: one.n_trails.get(kind, 0) + other.n_trails.get(kind, 0)
        for kind in sorted({*one.n_trails, *other.n_trails})
    }
    cells = {**one.cells}
    for kind, counts in other.cells.items():
        cells[kind] = cells[kind].plus(counts) if kind in cells else counts
    both = _end_to_end(one.sample, other.sample)
    keys = np.concatenate([one.keys, other.keys])
    rows = _sample_rows(keys, both.table["class"].to_numpy().astype(str), most)
    prints = np.sort(np.concatenate([one.fingerprints, other.fingerprints]))
    return Traffic(n_trails, cells, prints, _nameless(both.select(rows)), keys[rows])


def fingerprints_of(trails: Trails) -> Fingerprints:
    """Return a number for each trail, by which it is recognised when it is read again."""
    classes = trails.table["class"].to_numpy().astype(str)
    kinds, kind = np.unique(classes, return_inverse=True)
    seeds = np.array([_number_of(name) for name in kinds], np.uint64)[kind]
    begins = trails.table["start"].to_numpy(np.float64)
    # Not on a border of milliseconds: another format of the same file rounds differently.
    ms = np.floor(np.where(begins >= SINCE_1970_S, begins, 0.0) * 1000 + 0.381966)
    seeds ^= ms.astype(np.int64).view(np.uint64)
    prints = np.empty(len(trails), np.uint64)
    y, x = (np.ascontiguousarray(values, np.float32) for values in (trails.y, trails.x))
    _mix_samples(trails.offsets, y.view(np.uint32), x.view(np.uint32), seeds, prints)
    return prints


def _counted(
    trails: Trails, classes: npt.NDArray[np.str_], settings: Mapping[str, Any], monitor: Monitor
) -> dict[str, CellCounts]:
    """Return where the trails of each class pass."""
    footprints = paint_footprints(
        trails, **{name: settings[name] for name in PAINTING}, monitor=monitor.part(0, 0.5)
    )
    kinds, codes = np.unique(classes, return_inverse=True)
    cells = {}
    for first in range(0, len(kinds), MAPS):
        some = kinds[first : first + MAPS].tolist()
        mine = np.where((codes >= first) & (codes < first + len(some)), codes - first, -1)
        maps = count_groups(footprints, mine.astype(np.int32), len(some))
        for kind, counts in zip(some, maps.reshape(len(some), -1), strict=True):
            crossed = np.flatnonzero(counts)
            cells[str(kind)] = CellCounts(crossed.astype(np.int32), counts[crossed])
    monitor.update(1.0, "heat")
    return cells


def _sample_rows(prints: Fingerprints, classes: npt.NDArray[np.str_], most: int) -> Ints:
    """Return the rows of the trails with the smallest fingerprints of each class, in order."""
    order = np.argsort(prints, kind="stable")
    before = pd.Series(classes[order]).groupby(classes[order]).cumcount().to_numpy(np.int64)
    return np.asarray(order[before < most])


def _nameless(trails: Trails) -> Trails:
    """Return trails without their names, and without everything that belongs to a file."""
    table = trails.table[list(TRAIL_COLUMNS)].reset_index(drop=True)
    table["trail"] = np.arange(len(table)).astype(str)
    scene = Scene(trails.scene.width, trails.scene.height)
    return Trails(trails.offsets, trails.y, trails.x, trails.time, table, scene)


def _end_to_end(one: Trails, other: Trails) -> Trails:
    """Return the trails of both."""
    return replace(
        one,
        offsets=offsets_of(np.concatenate([one.n_samples, other.n_samples])),
        y=np.concatenate([one.y, other.y]),
        x=np.concatenate([one.x, other.x]),
        time=np.concatenate([one.time, other.time]),
        table=pd.concat([one.table, other.table], ignore_index=True),
    )


def _place_in(ascending: Fingerprints, values: Fingerprints) -> Ints:
    if not len(ascending):
        return np.full(len(values), -1, np.int64)
    place = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(np.where(ascending[place] == values, place, -1))


def _number_of(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    """Return a number all bits of which depend on all bits of the value (splitmix64)."""
    value = (value ^ (value >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return value ^ (value >> _31)


@kernel
def _mix_samples(
    offsets: Ints,
    y: npt.NDArray[np.uint32],
    x: npt.NDArray[np.uint32],
    seeds: Fingerprints,
    prints: Fingerprints,
) -> None:
    for i in range(len(offsets) - 1):
        value = _mixed(seeds[i] + _FIRST)
        for j in range(offsets[i], offsets[i + 1]):
            value = _mixed(value ^ ((np.uint64(y[j]) << _32) | np.uint64(x[j])))
        prints[i] = value

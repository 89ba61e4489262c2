"""Heat of a scene: how many other trails of its class pass where a trail passes, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.brush import accumulate_groups
from napari_uai.trails.heat.footprints import Footprints, check_odd
from napari_uai.trails.heat.own_heat import own_heat
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import BlurWidth
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

BlurKind = Literal["box", "gaussian"]
MAX_BLUR_PX = 99

NEIGHBOURING_DIRECTIONS = np.array([0.5, 1.0, 0.5], np.float32)
"""A trail counts fully in its own bin of direction and half in those beside it."""


@dataclass(frozen=True, eq=False)
class Blur:
    """What a footprint is blurred with.

    Parameters
    ----------
    weights
        Of the cells on one line through a cell, the same along rows and columns; sum to 1.
    direction_weights
        Of the neighbouring bins of direction; 1 in the middle.
    """

    weights: Floats32
    direction_weights: Floats32


@dataclass(frozen=True, eq=False)
class TrailHeat:
    """Heat of each class, and at each trail what the others of its class leave of it.

    Parameters
    ----------
    footprints
        Of the trails.
    classes
        Names.
    class_of_trail
        Index into ``classes``; int32.
    included
        Trails that add to the heat; the others are only measured against it.
    blur
        What the heat is blurred with.
    counts
        Classes, layers, rows, columns: number of included trails that cross each cell; int32.
    blurred
        The same, blurred; float64. The last layer of several, which only trails without direction
        are read from, holds those without direction plus the most frequented direction.
    own
        What each trail adds to the blurred heat at the points of its own path; float32.
    at_points
        Blurred heat of the trail's class at the points of its path, without the trail itself;
        float32, in trails.
    """

    footprints: Footprints
    classes: tuple[str, ...]
    class_of_trail: Ints32
    included: Bools
    blur: Blur
    counts: Ints32
    blurred: Floats
    own: Floats32
    at_points: Floats32

    @property
    def n_trails(self) -> Ints:
        """Number of included trails of each class."""
        return np.bincount(self.class_of_trail[self.included], minlength=len(self.classes))

    def map_of(self, name: str) -> Floats32:
        """Return the blurred heat of a class over the scene: rows, columns; float32.

        Directions are added up: a trail that crosses its own way in another direction counts
        twice there.
        """
        if name not in self.classes:
            raise BadValueError(f"no trail is of class {name}: choose {', '.join(self.classes)}")
        counts = self.counts[self.classes.index(name)].sum(axis=0)
        return np.asarray(_blur_plane(counts, self.blur.weights), np.float32)


def measure_heat(
    footprints: Footprints,
    classes: Sequence[str] | npt.ArrayLike | None = None,
    *,
    included: npt.ArrayLike | None = None,
    blur_px: BlurWidth = 7,
    blur_kind: BlurKind = "box",
    monitor: Monitor = SILENT,
) -> TrailHeat:
    """Measure each trail against the heat that the other trails of its class leave.

    All footprints are summed and the sum is blurred once; blurring is linear, so that subtracting
    a trail's own blurred footprint leaves that trail out exactly.

    Parameters
    ----------
    footprints
        Of the trails.
    classes
        Class of each trail; all of one class if None.
    included
        Mask of the trails that add to the heat (bool); all if None.
    blur_px
        Width of the blur in cells, odd; 1 for none.
    blur_kind
        ``box`` averages over a square, ``gaussian`` weighs by a Gaussian of the same variance
        (cut where the square of twice that width ends).
    monitor
        Told of each block of trails.

    Returns
    -------
    TrailHeat

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or there is not a class for each trail.
    """
    blur = make_blur(blur_px, blur_kind)
    n = len(footprints)
    names, groups = _groups(classes, n, ())
    counted = np.ones(n, bool) if included is None else _mask_of(included, n)
    own = own_heat(
        footprints,
        blur_weights=blur.weights,
        direction_weights=blur.direction_weights,
        monitor=monitor.part(0.0, 0.6),
    )
    counts = accumulate_groups(
        footprints,
        np.where(counted, groups, -1).astype(np.int32),
        len(names),
        monitor=monitor.part(0.6, 0.9),
    )
    blurred = np.stack([_blur_layers(of_class, blur) for of_class in counts])
    at_points = _without_own(footprints, groups, counted, blurred, own, monitor.part(0.9, 1.0))
    return TrailHeat(footprints, names, groups, counted, blur, counts, blurred, own, at_points)


def update_heat(
    heat: TrailHeat,
    *,
    classes: Sequence[str] | npt.ArrayLike | None = None,
    included: npt.ArrayLike | None = None,
    monitor: Monitor = SILENT,
) -> TrailHeat:
    """Take trails in or out, or give them another class, without painting the rest anew.

    Parameters
    ----------
    heat
        As measured before; it stays as it is.
    classes
        New class of each trail; as before if None.
    included
        New mask of the trails that add to the heat; as before if None.
    monitor
        Told of each block of trails.

    Returns
    -------
    TrailHeat
        The same as :func:`measure_heat` of the new classes and mask, to the last digit. Classes
        that no trail has any more keep their place.

    Raises
    ------
    BadValueError
        If there is not a class or a flag for each trail.
    """
    n = len(heat.footprints)
    names, groups = heat.classes, heat.class_of_trail
    if classes is not None:
        names, groups = _groups(classes, n, heat.classes)
    counted = heat.included if included is None else _mask_of(included, n)
    before = np.where(heat.included, heat.class_of_trail, -1).astype(np.int32)
    after = np.where(counted, groups, -1).astype(np.int32)
    changed = before != after
    n_new = len(names) - len(heat.classes)
    nothing = np.zeros((n_new, *heat.footprints.map_shape), np.int32)
    counts = np.concatenate([heat.counts, nothing])
    blurred = np.concatenate([heat.blurred, nothing.astype(np.float64)])
    if changed.sum() > 0:
        counts += _change(heat.footprints, before, after, changed, len(names), monitor)
        for k in np.unique(np.concatenate([before[changed], after[changed]])):
            if k >= 0:
                blurred[k] = _blur_layers(counts[k], heat.blur)
    at_points = _without_own(
        heat.footprints, groups, counted, blurred, heat.own, monitor.part(0.5, 1.0)
    )
    return replace(
        heat,
        classes=names,
        class_of_trail=groups,
        included=counted,
        counts=counts,
        blurred=blurred,
        at_points=at_points,
    )


def make_blur(blur_px: BlurWidth, blur_kind: BlurKind = "box") -> Blur:
    """Return the weights of a blur.

    Parameters
    ----------
    blur_px
        Width in cells, odd; 1 for none.
    blur_kind
        ``box`` or ``gaussian``.

    Raises
    ------
    BadValueError
        If the width is even or outside its limits, or the kind unknown.
    """
    check_odd("blur_px", blur_px, MAX_BLUR_PX)
    if blur_kind not in ("box", "gaussian"):
        raise BadValueError(f"blur_kind is {blur_kind}: choose box or gaussian")
    weights = np.full(blur_px, 1 / blur_px)
    if blur_kind == "gaussian" and blur_px > 1:
        from_middle = np.arange(-blur_px + 1, blur_px)
        weights = np.exp(-0.5 * from_middle**2 / ((blur_px**2 - 1) / 12))
        weights /= weights.sum()
    return Blur(weights.astype(np.float32), NEIGHBOURING_DIRECTIONS)


def _groups(
    classes: Sequence[str] | npt.ArrayLike | None, n: int, known: tuple[str, ...]
) -> tuple[tuple[str, ...], Ints32]:
    """Return names of classes, those already known first, and the index of each trail's."""
    if classes is None:
        return known or ("all",), np.zeros(n, np.int32)
    codes, found = pd.factorize(np.asarray(classes, dtype=object))
    if len(codes) != n or (codes < 0).any():
        raise BadValueError(f"there are {n} trails: give a class for each of them")
    labels = [str(label) for label in found]
    names = known + tuple(label for label in labels if label not in known)
    place = np.array([names.index(label) for label in labels], np.int32)
    return names, place[codes] if n else codes.astype(np.int32)


def _mask_of(included: npt.ArrayLike, n: int) -> Bools:
    mask = np.asarray(included)
    if mask.dtype != bool or mask.shape != (n,):
        raise BadValueError(f"there are {n} trails: give True or False for each of them")
    return mask.copy()


def _change(
    footprints: Footprints,
    before: Ints32,
    after: Ints32,
    changed: Bools,
    n_classes: int,
    monitor: Monitor,
) -> Ints32:
    """Return what trails that changed add to the counts, less what they had added."""
    come = np.where(changed, after, -1).astype(np.int32)
    go = np.where(changed, before, -1).astype(np.int32)
    change = np.zeros((n_classes, *footprints.map_shape), np.int32)
    if (come >= 0).any():
        change += accumulate_groups(footprints, come, n_classes, monitor=monitor.part(0.0, 0.25))
    if (go >= 0).any():
        change -= accumulate_groups(footprints, go, n_classes, monitor=monitor.part(0.25, 0.5))
    return change


def _blur_plane(counts: Ints32, weights: Floats32) -> Floats:
    """Blur one layer; beyond the border it goes on as at the border, where trails begin."""
    plane = counts.astype(np.float64)
    if len(weights) == 1:
        return plane
    along = weights.astype(np.float64)
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, along, along, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64).reshape(plane.shape)


def _blur_layers(counts: Ints32, blur: Blur) -> Floats:
    """Blur the layers of a class, over cells and over directions."""
    planes = np.stack([_blur_plane(layer, blur.weights) for layer in counts])
    if len(planes) == 1:
        return planes
    directed = planes[:-1]
    turn = len(blur.direction_weights) // 2
    mixed = np.zeros_like(directed)
    for k, weight in enumerate(blur.direction_weights.tolist()):
        mixed += weight * np.roll(directed, turn - k, axis=0)
    return np.concatenate([mixed, planes[-1:] + mixed.max(axis=0)])


def _without_own(
    footprints: Footprints,
    groups: Ints32,
    included: Bools,
    blurred: Floats,
    own: Floats32,
    monitor: Monitor,
) -> Floats32:
    """Read the heat of its class at the points of each trail, without the trail itself."""
    at_points = np.empty(len(footprints.cells), np.float32)
    flat = blurred.reshape(len(blurred), -1)

    def work(first: int, last: int) -> None:
        _read(
            footprints.offsets,
            footprints.cells,
            groups,
            included,
            flat,
            own,
            first,
            last,
            at_points,
        )

    in_blocks(work, footprints.offsets, text="reading heat", monitor=monitor)
    return at_points


@kernel
def _read(
    offsets: Ints,
    cells: Ints32,
    groups: Ints32,
    included: Bools,
    blurred: Floats,
    own: Floats32,
    first: int,
    last: int,
    at_points: Floats32,
) -> None:
    for i in range(first, last):
        heat = blurred[groups[i]]
        counted = 1.0 if included[i] else 0.0
        for p in range(offsets[i], offsets[i + 1]):
            # Rounding of the blur leaves 1e-15 where nothing else passes.
            at_points[p] = max(heat[cells[p]] - counted * own[p], 0.0)

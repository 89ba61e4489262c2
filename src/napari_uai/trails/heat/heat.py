"""Heat of a scene: how many other trails of its class pass where, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, nearest
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.heat.brush import count_groups
from napari_uai.trails.heat.footprints import Footprints
from napari_uai.trails.heat.own_heat import own_heat
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import BlurKind, BlurWidth
from napari_uai.typing import Bools, Floats, Floats32, Ints, Ints32

NEIGHBOURING_DIRECTIONS = np.array([0.5, 1.0, 0.5], np.float32)
"""A trail counts fully in its own bin of direction and half in the neighbouring bins."""


@dataclass(frozen=True, eq=False)
class Blur:
    """Weights of the blur of a heatmap.

    Parameters
    ----------
    weights
        Weights along rows and along columns, an odd number that sum to 1; float32.
    direction_weights
        Weights of neighbouring bins of direction, 1 in the middle; float32.
    """

    weights: Floats32
    direction_weights: Floats32


@dataclass(frozen=True, eq=False)
class TrailHeat:
    """Heat of each class, and the heat along each trail without the trail itself.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    classes
        Names of the classes.
    class_of_trail
        Index into ``classes``; int32.
    included
        Whether each trail adds to the heat; the others are only measured against it; bool.
    blur
        Weights of the blur.
    counts
        Number of included trails that cross each cell: classes, layers, rows, columns; int32.
    blurred
        Blurred counts; float64. With several directions, the last layer, read only for trails
        without a direction, holds trails without a direction plus the most frequent direction.
    own
        Contribution of each trail to the blurred heat at the points of its own path; float32.
    at_points
        Blurred heat of the trail's class at the points of its path, without the trail itself, in
        trails; float32.
    elsewhere
        Number of trails of each class that are counted but not among the footprints; int64. None
        if there are none.
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
    elsewhere: Ints | None = None

    @property
    def n_trails(self) -> Ints:
        """Number of included trails of each class."""
        n = np.bincount(self.class_of_trail[self.included], minlength=len(self.classes))
        return n if self.elsewhere is None else n + self.elsewhere

    def map_of(self, name: str) -> Floats32:
        """Return the blurred heat of a class over the scene: rows, columns; float32.

        Directions are summed: where a trail crosses its own path in another direction, it counts
        twice.

        Raises
        ------
        BadValueError
            If no trail is of this class.
        """
        if name not in self.classes:
            raise BadValueError(f"no class {name!r}; {nearest(name, self.classes)}")
        counts = self.counts[self.classes.index(name)].sum(axis=0)
        return np.asarray(_blur_plane(counts, self.blur.weights), np.float32)


@checked
def measure_heat(
    footprints: Footprints,
    classes: Sequence[str] | npt.ArrayLike | None = None,
    *,
    included: npt.ArrayLike | None = None,
    blur_px: BlurWidth = 7,
    blur_kind: BlurKind = "box",
    monitor: Monitor = SILENT,
) -> TrailHeat:
    """Measure the heat of the other trails of its class along each trail.

    Footprints are summed and the sum is blurred once; since blurring is linear, subtracting the
    blurred footprint of a trail leaves that trail out exactly.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    classes
        Class of each trail; if None, all are of one class.
    included
        Whether each trail adds to the heat (bool); all if None.
    blur_px
        Width of the blur, in cells; odd, 1 for none.
    blur_kind
        ``box`` averages over a square; ``gaussian`` has the same variance, and is cut off at twice
        that width.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    TrailHeat
        Maps of each class, and the heat along each trail.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, or the number of classes or flags is not that of the
        trails.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import measure_heat, paint_footprints, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b", "c", "c"], "frame": [0, 1] * 3,
    ...                         "x": [0, 63] * 3, "y": [10, 10, 10, 10, 40, 40]})
    >>> footprints = paint_footprints(trails_of_frame(samples, scene_size=(64, 48)))
    >>> heat = measure_heat(footprints, blur_px=1)
    >>> heat.counts.max()
    np.int32(2)
    >>> [float(heat.at_points[start]) for start in footprints.offsets[:-1]]
    [1.0, 1.0, 0.0]
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
    counts = count_groups(
        footprints,
        np.where(counted, groups, -1).astype(np.int32),
        len(names),
        monitor=monitor.part(0.6, 0.9),
    )
    blurred = blurred_counts(counts, blur)
    at_points = _without_own(footprints, groups, counted, blurred, own, monitor.part(0.9, 1.0))
    return TrailHeat(footprints, names, groups, counted, blur, counts, blurred, own, at_points)


def update_heat(
    heat: TrailHeat,
    *,
    classes: Sequence[str] | npt.ArrayLike | None = None,
    included: npt.ArrayLike | None = None,
    monitor: Monitor = SILENT,
) -> TrailHeat:
    """Include, exclude or reclassify trails; only the trails that changed are painted again.

    Parameters
    ----------
    heat
        Heat measured before; not changed.
    classes
        New class of each trail; unchanged if None.
    included
        Whether each trail adds to the heat from now on (bool); unchanged if None.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    TrailHeat
        Equal to :func:`measure_heat` of the new classes and flags. Classes without any trail left
        keep their place.

    Raises
    ------
    BadValueError
        If the number of classes or flags is not that of the trails.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import measure_heat, paint_footprints, trails_of_frame, update_heat
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 63, 0, 63], "y": [10, 10, 10, 10]})
    >>> footprints = paint_footprints(trails_of_frame(samples, scene_size=(64, 48)))
    >>> heat = measure_heat(footprints, blur_px=1)
    >>> without_b = update_heat(heat, included=np.array([True, False]))
    >>> int(heat.counts.max()), int(without_b.counts.max())
    (2, 1)
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


def heat_among(
    footprints: Footprints,
    classes: tuple[str, ...],
    class_of_trail: Ints32,
    maps: tuple[Ints32, Floats],
    *,
    included: Bools,
    blur: Blur,
    elsewhere: Ints | None = None,
) -> TrailHeat:
    """Return the heat along trails, given the counts of other trails and of some of these.

    Parameters
    ----------
    footprints
        Footprints of the trails, in the cells of the counts.
    classes
        Names of the classes of the counts.
    class_of_trail
        Index of the class that each trail is measured against; int32.
    maps
        Counts and, by :func:`blurred_counts`, blurred counts: classes, layers, rows, columns.
    included
        Whether each of the trails is in the counts; bool.
    blur
        Weights of the blur.
    elsewhere
        Number of trails of each class that are counted but not among these; int64.
    """
    own = (
        own_heat(
            footprints,
            blur_weights=blur.weights,
            direction_weights=blur.direction_weights,
        )
        if included.any()
        else np.zeros(len(footprints.cells), np.float32)
    )
    at_points = _without_own(footprints, class_of_trail, included, maps[1], own, SILENT)
    return TrailHeat(
        footprints, classes, class_of_trail, included, blur, *maps, own, at_points, elsewhere
    )


def blurred_counts(counts: Ints32, blur: Blur) -> Floats:
    """Blur counts of classes: classes, layers, rows, columns; float64."""
    return np.stack([_blur_layers(of_class, blur) for of_class in counts])


def make_blur(blur_px: BlurWidth, blur_kind: BlurKind = "box") -> Blur:
    """Return the weights of a blur.

    Parameters
    ----------
    blur_px
        Width, in cells; odd, 1 for none.
    blur_kind
        ``box`` or ``gaussian``.
    """
    weights = np.full(blur_px, 1 / blur_px)
    if blur_kind == "gaussian" and blur_px > 1:
        from_middle = np.arange(-blur_px + 1, blur_px)
        weights = np.exp(-0.5 * from_middle**2 / ((blur_px**2 - 1) / 12))
        weights /= weights.sum()
    return Blur(weights.astype(np.float32), NEIGHBOURING_DIRECTIONS)


def _groups(
    classes: Sequence[str] | npt.ArrayLike | None, n: int, known: tuple[str, ...]
) -> tuple[tuple[str, ...], Ints32]:
    """Return the names of classes, known ones first, and the index of each trail's class."""
    if classes is None:
        return known or ("all",), np.zeros(n, np.int32)
    codes, unique = pd.factorize(np.asarray(classes, dtype=object))
    if len(codes) != n or (codes < 0).any():
        raise BadValueError(f"classes must hold one class for each of {n} trails")
    labels = [str(label) for label in unique]
    names = known + tuple(label for label in labels if label not in known)
    place = np.array([names.index(label) for label in labels], np.int32)
    return names, place[codes] if n else codes.astype(np.int32)


def _mask_of(included: npt.ArrayLike, n: int) -> Bools:
    mask = np.asarray(included)
    if mask.dtype != bool or mask.shape != (n,):
        raise BadValueError(f"included must hold True or False for each of {n} trails")
    return mask.copy()


def _change(
    footprints: Footprints,
    before: Ints32,
    after: Ints32,
    changed: Bools,
    n_classes: int,
    monitor: Monitor,
) -> Ints32:
    """Return the change of the counts due to trails that changed."""
    come = np.where(changed, after, -1).astype(np.int32)
    go = np.where(changed, before, -1).astype(np.int32)
    change = np.zeros((n_classes, *footprints.map_shape), np.int32)
    if (come >= 0).any():
        change += count_groups(footprints, come, n_classes, monitor=monitor.part(0.0, 0.25))
    if (go >= 0).any():
        change -= count_groups(footprints, go, n_classes, monitor=monitor.part(0.25, 0.5))
    return change


def _blur_plane(counts: Ints32, weights: Floats32) -> Floats:
    """Blur one layer, extended beyond its border by the values at the border."""
    plane = counts.astype(np.float64)
    if len(weights) == 1:
        return plane
    along = weights.astype(np.float64)
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, along, along, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64).reshape(plane.shape)


def _blur_layers(counts: Ints32, blur: Blur) -> Floats:
    """Blur the layers of a class over cells and directions."""
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
    """Read the heat of its class along each trail, without the trail itself."""
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
            # Rounding of the blur leaves about 1e-15 where nothing else passes.
            at_points[p] = max(heat[cells[p]] - counted * own[p], 0.0)

"""Masks of a scene: which trails count, by how much of each lies in the region that matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.pictures import read_image
from napari_uai.trails.heat.footprints import cell_at
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Threshold, Weigh
from napari_uai.trails.table import Scene, Trails
from napari_uai.typing import Bools, Floats, Floats32, Ints

LOSSY = (".jpg", ".jpeg", ".webp")

STEPS_ALONG_SCENE = 360
"""A trail is looked up at steps of the scene's longest side over this, as a heatmap draws it."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Region of a scene.

    Parameters
    ----------
    inside
        Rows, columns; bool. Of any size: its corners lie on those of the scene.
    note
        What the user should know of how it was read; empty if nothing.
    """

    inside: Bools
    note: str = ""


MaskLike: TypeAlias = Mask | npt.ArrayLike


@dataclass(frozen=True, eq=False)
class Masking:
    """Which trails count.

    Parameters
    ----------
    fraction
        Part of each trail that lies inside the mask of its class; float32.
    included
        Trails that count; bool.
    notes
        What the user should know about the masks.
    """

    fraction: Floats32
    included: Bools
    notes: tuple[str, ...] = ()


def read_mask(path: str | Path, scene: Scene | None = None) -> Mask:
    """Read a mask from a picture.

    Parameters
    ----------
    path
        PNG, or another picture. What is painted is inside: every pixel that is not black and not
        transparent; of a lossy format (JPEG, WebP), or of one that is neither black nor
        transparent anywhere, what is brighter than half the brightest.
    scene
        That the mask is for; a mask of another size is stretched over it, with a note.

    Raises
    ------
    BadValueError
        If the file is missing, is not a readable image, is too large, or has nothing painted.
    """
    path = Path(path)
    picture = read_image(path)
    return as_mask(
        _painted(picture.astype(np.float64), path.suffix.lower() in LOSSY),
        scene,
        name=f"mask {path}",
    )


def as_mask(mask: MaskLike, scene: Scene | None = None, *, name: str = "the mask") -> Mask:
    """Check a mask.

    Parameters
    ----------
    mask
        Rows, columns: anything but 0 (and NaN) is inside; such as a labels layer.
    scene
        That the mask is for; a mask of another size is stretched over it, with a note.
    name
        What messages call it.

    Raises
    ------
    BadValueError
        If it is no picture of numbers, or nothing is inside.
    """
    if isinstance(mask, Mask):
        inside, note = mask.inside, mask.note
    else:
        values = np.asarray(mask)
        if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "buif":
            raise BadValueError(f"{name} has shape {values.shape}: give numbers in rows, columns")
        inside, note = np.nan_to_num(values) != 0, ""
    if not inside.any():
        raise BadValueError(f"{name} is empty: paint the region that matters, or leave it out")
    if scene is not None and inside.shape != (scene.height, scene.width) and not note:
        have, want = f"{inside.shape[1]} x {inside.shape[0]}", f"{scene.width} x {scene.height}"
        note = f"{name} has {have} px and was stretched over the scene of {want} px"
        if abs(inside.shape[1] * scene.height / (inside.shape[0] * scene.width) - 1) > 0.02:
            note += ", which has another aspect ratio: check that it fits"
    return Mask(np.ascontiguousarray(inside), note)


def inside_fraction(
    trails: Trails,
    mask: MaskLike,
    *,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> Floats32:
    """Return which part of each trail lies inside a mask.

    Trails are looked up along their way, also between samples that are far apart.

    Parameters
    ----------
    trails
        Of one scene.
    mask
        Of that scene.
    weigh
        ``time``: part of the trail's time; ``arc``: part of its length. A trail without time or
        length counts by its samples.
    monitor
        Told of each block of trails.

    Returns
    -------
    ndarray
        0 to 1, for each trail; float32.

    Raises
    ------
    BadValueError
        If the mask is empty or no picture, or ``weigh`` is unknown.
    """
    if weigh not in ("time", "arc"):
        raise BadValueError(f"weigh is {weigh}: choose time or arc")
    inside = as_mask(mask).inside
    rows, columns = inside.shape
    scene = trails.scene
    fractions = np.empty(len(trails), np.float32)
    step_px = max(scene.width, scene.height) / STEPS_ALONG_SCENE

    def work(first: int, last: int) -> None:
        _fractions(
            trails.offsets,
            trails.y,
            trails.x,
            trails.time,
            inside,
            (rows - 1) / max(scene.height - 1, 1),
            (columns - 1) / max(scene.width - 1, 1),
            step_px,
            weigh == "time",
            first,
            last,
            fractions,
        )

    in_blocks(work, trails.offsets, text="masks", min_samples=100_000, monitor=monitor)
    return fractions


def apply_masks(
    trails: Trails,
    masks: Mapping[str, MaskLike] | None = None,
    default: MaskLike | None = None,
    *,
    threshold: Threshold = 0.5,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> Masking:
    """Decide which trails count: those that lie inside the mask of their class far enough.

    Parameters
    ----------
    trails
        Of one scene.
    masks
        For classes that have one of their own.
    default
        For the other classes; the whole scene if None.
    threshold
        Share of a trail that must lie inside.
    weigh
        Whether that is a share of its time or of its length.
    monitor
        Told of each mask.

    Returns
    -------
    Masking

    Raises
    ------
    BadValueError
        If a mask is empty or no picture, or the threshold outside its limits.
    """
    if not 0 < threshold <= 1:
        raise BadValueError(f"threshold is {threshold}: choose more than 0, up to 1")
    kinds = trails.table["class"].to_numpy()
    fraction = np.ones(len(trails), np.float32)
    checked = {
        name: as_mask(mask, trails.scene, name=f"the mask of class {name}")
        for name, mask in (masks or {}).items()
    }
    todo = [(kinds == name, mask) for name, mask in checked.items()]
    notes = [mask.note for mask in checked.values() if mask.note]
    notes += [
        f"there is a mask of class {name}, but no trail of it"
        for name in checked
        if not (kinds == name).any()
    ]
    if default is not None:
        for_others = as_mask(default, trails.scene)
        todo.append((~np.isin(kinds.astype(str), list(checked)), for_others))
        notes += [for_others.note] if for_others.note else []
    for i, (members, mask) in enumerate(todo):
        some = trails if members.all() else trails.select(members)
        part = monitor.part(i / len(todo), (i + 1) / len(todo))
        fraction[members] = inside_fraction(some, mask, weigh=weigh, monitor=part)
    return Masking(fraction, fraction >= np.float32(threshold), tuple(notes))


def _painted(picture: Floats, lossy: bool) -> Bools:
    """Return which pixels of a picture (grey, or blue, green, red and perhaps opacity) count."""
    visible = np.ones(picture.shape[:2], bool)
    light = np.asarray(picture)
    if picture.ndim == 3 and picture.shape[2] in (2, 4):
        visible = np.asarray(picture[..., -1] > 0)
        light = light[..., :-1]
        if not visible.all() and not light[visible].any():
            return visible  # painted in black on nothing
    if light.ndim == 3:
        light = light.max(axis=2)
    if lossy or (light.min() > 0 and light.max() > light.min() and visible.all()):
        return np.asarray(light > light.max() / 2) & visible
    return np.asarray(light != 0) & visible


@kernel
def _fractions(
    offsets: Ints,
    y: Floats32,
    x: Floats32,
    time: Floats,
    inside: Bools,
    scale_y: float,
    scale_x: float,
    step_px: float,
    by_time: bool,
    first: int,
    last: int,
    fractions: Floats32,
) -> None:
    """Look up each stretch between samples at the middles of equal steps."""
    rows, columns = inside.shape
    for i in range(first, last):
        start, end = offsets[i], offsets[i + 1]
        hit, whole, samples_in = 0.0, 0.0, 0
        for j in range(start, end):
            samples_in += inside[cell_at(y[j] * scale_y, rows), cell_at(x[j] * scale_x, columns)]
            if j == start:
                continue
            dy, dx = y[j] - y[j - 1], x[j] - x[j - 1]
            length = np.sqrt(float(dy * dy + dx * dx))
            weight = max(time[j] - time[j - 1], 0.0) if by_time else length
            n = max(int(np.ceil(length / step_px)), 1)
            within = 0
            for s in range(n):
                part = (s + 0.5) / n
                r = cell_at((y[j - 1] + part * dy) * scale_y, rows)
                c = cell_at((x[j - 1] + part * dx) * scale_x, columns)
                within += inside[r, c]
            hit += weight * within / n
            whole += weight
        fractions[i] = hit / whole if whole > 0.0 else samples_in / (end - start)

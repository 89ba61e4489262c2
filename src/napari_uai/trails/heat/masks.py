"""Masks of a scene: only trails that lie inside far enough count."""

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
from napari_uai.parameters import checked
from napari_uai.pictures import read_image
from napari_uai.trails.heat.footprints import cell_at
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Fraction, Weigh
from napari_uai.trails.table import Scene, Trails
from napari_uai.typing import Bools, Floats, Floats32, Ints

LOSSY = (".jpg", ".jpeg", ".webp")

STEPS_ALONG_SCENE = 360
"""Trails are looked up in steps of the scene's longest side divided by this number."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Region of a scene.

    Parameters
    ----------
    inside
        Rows, columns; bool. Of any size; its corners coincide with those of the scene.
    note
        Remark for the user on how the mask was read; may be empty.
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
        Fraction of each trail inside the mask of its class; float32.
    included
        Whether each trail counts; bool.
    notes
        Remarks for the user on the masks.
    """

    fraction: Floats32
    included: Bools
    notes: tuple[str, ...] = ()


def read_mask(path: str | Path, scene: Scene | None = None) -> Mask:
    """Read a mask from a picture.

    Parameters
    ----------
    path
        PNG, or another picture. Pixels that are neither black nor transparent are inside. In lossy
        formats (JPEG, WebP), and in pictures without any black or transparent pixel, pixels
        brighter than half the maximum are inside.
    scene
        Scene of the mask; a mask of another size is stretched to fit, with a note.

    Returns
    -------
    Mask
        Region and note.

    Raises
    ------
    BadValueError
        If the file cannot be read, is not an image, is too large, or nothing is painted.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from napari_uai.trails import read_mask, write_picture
    >>> picture = np.zeros((48, 64, 3), np.uint8)
    >>> picture[:, 32:] = 255
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(picture, Path(folder) / "mask.png")
    ...     mask = read_mask(Path(folder) / "mask.png")
    >>> float(mask.inside.mean())
    0.5
    """
    path = Path(path)
    picture = read_image(path)
    return as_mask(
        _painted(picture.astype(np.float64), path.suffix.lower() in LOSSY),
        scene,
        name=f"mask {path}",
    )


def as_mask(mask: MaskLike, scene: Scene | None = None, *, name: str = "the mask") -> Mask:
    """Return a mask from an array.

    Parameters
    ----------
    mask
        Rows, columns; everything except 0 and NaN is inside. For example the data of a Labels
        layer.
    scene
        Scene of the mask; a mask of another size is stretched to fit, with a note.
    name
        Name of the mask in messages.

    Raises
    ------
    BadValueError
        If the array is not two-dimensional and numeric, or nothing is inside.
    """
    if isinstance(mask, Mask):
        inside, note = mask.inside, mask.note
    else:
        values = np.asarray(mask)
        if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "buif":
            raise BadValueError(
                f"{name} must be a numeric array (rows, columns), got shape {values.shape} and "
                f"dtype {values.dtype}"
            )
        inside, note = np.nan_to_num(values) != 0, ""
    if not inside.any():
        raise BadValueError(f"{name} is empty: paint the region of interest, or omit the mask")
    if scene is not None and inside.shape != (scene.height, scene.width) and not note:
        size, expected = f"{inside.shape[1]} x {inside.shape[0]}", f"{scene.width} x {scene.height}"
        note = f"{name} ({size} px) was stretched to the scene ({expected} px)"
        if abs(inside.shape[1] * scene.height / (inside.shape[0] * scene.width) - 1) > 0.02:
            note += "; their aspect ratios differ"
    return Mask(np.ascontiguousarray(inside), note)


@checked
def inside_fraction(
    trails: Trails,
    mask: MaskLike,
    *,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> Floats32:
    """Return the fraction of each trail that lies inside a mask.

    The mask is looked up along the whole path, also between samples that are far apart.

    Parameters
    ----------
    trails
        Trails of one scene.
    mask
        Mask of that scene.
    weigh
        ``time``: fraction of the trail's time; ``arc``: fraction of its length. For a trail
        without duration or length, fraction of its samples.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        One fraction per trail, 0 to 1; float32.

    Raises
    ------
    BadValueError
        If the mask is empty or not a picture, or ``weigh`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import inside_fraction, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a"], "frame": [0, 1], "x": [0, 63], "y": [9, 9]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> mask = np.zeros((48, 64), bool)
    >>> mask[:, 32:] = True
    >>> inside_fraction(trails, mask).round(2)
    array([0.5], dtype=float32)
    """
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


@checked
def apply_masks(
    trails: Trails,
    masks: Mapping[str, MaskLike] | None = None,
    default: MaskLike | None = None,
    *,
    threshold: Fraction = 0.5,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> Masking:
    """Select the trails that lie inside the mask of their class.

    Parameters
    ----------
    trails
        Trails of one scene.
    masks
        Masks of individual classes, by class.
    default
        Mask of all other classes; the whole scene if None.
    threshold
        Fraction of a trail that must lie inside.
    weigh
        Whether this is a fraction of its ``time`` or of its length (``arc``).
    monitor
        Progress and cancellation, once per mask and block of trails.

    Returns
    -------
    Masking
        Fraction inside and whether it reaches the threshold, for each trail.

    Raises
    ------
    BadValueError
        If a mask is empty or not a picture, or a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import apply_masks, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b"], "frame": [0, 1, 0, 1],
    ...                         "x": [0, 63, 40, 63], "y": [9, 9, 9, 9]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> mask = np.zeros((48, 64), bool)
    >>> mask[:, 32:] = True
    >>> apply_masks(trails, default=mask, threshold=0.8).included
    array([False,  True])
    """
    kinds = trails.table["class"].to_numpy()
    fraction = np.ones(len(trails), np.float32)
    checked = {
        name: as_mask(mask, trails.scene, name=f"the mask of class {name}")
        for name, mask in (masks or {}).items()
    }
    todo = [(kinds == name, mask) for name, mask in checked.items()]
    notes = [mask.note for mask in checked.values() if mask.note]
    notes += [
        f"mask for class {name}, but no trail of this class"
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
    """Return which pixels of a picture (grey or RGB, with or without opacity) are inside."""
    visible = np.ones(picture.shape[:2], bool)
    light = np.asarray(picture)
    if picture.ndim == 3 and picture.shape[2] in (2, 4):
        visible = np.asarray(picture[..., -1] > 0)
        light = light[..., :-1]
        if not visible.all() and not light[visible].any():
            return visible  # painted in black on a transparent background
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
    """Look up each stretch between samples at the midpoints of equal steps."""
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

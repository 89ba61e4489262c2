"""Layers of trails: what is drawn, as data and attributes. Nothing here knows a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_uai.widgets.kit.layers import KEY, LayerTuple
from napari_uai.widgets.trails.placement import CLASS_COLOURS, TRAIL_AXES, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_uai.trails.heat.regions import Region
    from napari_uai.trails.table import Trails

MOST_VERTICES = 60_000
"""Of drawn tracks: what a computer without a graphics card draws in a tenth of a second."""

OPEN_VERTICES = 250_000
"""Of tracks that a file is opened as."""

PATH_POINTS = 60
"""At most, of each of the top trails; napari triangulates them."""

_LOOKED_AT = 2000
"""Samples of a trail that are looked at to draw it."""

_FINEST = 480
"""Part of the scene's longest side by which a drawn way may be off: half of a line's width."""

LABEL_MARGIN = 0.03
"""Of the scene's longest side: half of what a label takes when all of the scene is shown."""

_FEWEST, _MOST = 6, 400


def thinned(
    trails: Trails, rows: npt.NDArray[np.int64], budget: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose samples to be drawn: evenly along each trail, its first and last among them.

    Parameters
    ----------
    trails
        Trails.
    rows
        Those to be drawn.
    budget
        About how many samples in all.

    Returns
    -------
    samples, owners
        Samples, and the place in ``rows`` that each belongs to; int64.
    """
    counts = trails.n_samples[rows]
    most = int(np.clip(budget // max(len(rows), 1), _FEWEST, _MOST))
    kept = np.minimum(counts, most) if counts.sum() > budget else counts
    ends = np.concatenate([[0], np.cumsum(kept)])
    owners = np.repeat(np.arange(len(rows)), kept)
    place = np.arange(ends[-1]) - ends[:-1][owners]
    step = (counts[owners] - 1) / np.maximum(kept[owners] - 1, 1)
    return trails.offsets[rows][owners] + np.rint(place * step).astype(np.int64), owners


def scene_layer(source: Source) -> LayerTuple:
    """Return the picture of the scene, or an empty one of its size."""
    trails = source.trails
    image = trails.scene.image
    shown = image if image is not None else np.zeros((2, 2, 3), np.uint8) + np.uint8(24)
    return (
        shown,
        {
            "name": f"{source.name}: scene",
            "rgb": True,
            "opacity": 0.65,  # dimmed, so that heat and trails stand out
            **source.ground.covering(shown.shape[:2], trails),
            "axis_labels": TRAIL_AXES[1:],
            "metadata": {KEY: {**source.ground.place.record, "kind": "scene"}},
        },
        "image",
    )


def opened_tracks(source: Source) -> LayerTuple:
    """Return trails as they were read; all of them, thinned if there are very many samples."""
    trails = source.trails
    rows = np.arange(len(trails))
    data, features = tracks_data(source, rows, budget=OPEN_VERTICES)
    kinds = list(map(str, trails.classes.index))
    codes = trails.table["class"].map({kind: i for i, kind in enumerate(kinds)}).to_numpy()
    owner = features["row"]
    features["class"] = codes[owner].astype(np.int64)
    features["duration_s"] = (trails.table["end"] - trails.table["start"]).to_numpy()[owner]
    record = {**source.ground.place.record, "kind": "trails", "classes": kinds, "trails": trails}
    attributes = {
        **tracks_look(source, trails),
        "name": source.name,
        "features": features,
        "color_by": "class" if len(kinds) > 1 else "track_id",
        "colormap": "turbo",
        "metadata": {KEY: record},
    }
    return data, attributes, "tracks"


def tracks_data(
    source: Source,
    rows: npt.NDArray[np.int64],
    *,
    budget: int = MOST_VERTICES,
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
    """Return data of a Tracks layer, sorted by track and time, and the row of each vertex.

    The identity of a track is the row of its trail.
    """
    trails = source.trails
    rows = np.sort(rows)
    samples, owners = thinned(trails, rows, budget)
    row = rows[owners]
    t = np.maximum(source.ground.steps(trails.time[samples]), 0.0)
    data = np.column_stack([row, t, trails.y[samples], trails.x[samples]]).astype(np.float64)
    return data, {"row": row}


def tracks_look(source: Source, trails: Trails) -> dict[str, Any]:
    """Return where tracks lie, and that they are shown over all of their time."""
    place = source.ground.place
    whole = whole_time(source, trails)
    return {
        "scale": place.scale,
        "translate": place.translate,
        "units": place.units,
        "axis_labels": TRAIL_AXES,
        "tail_width": 2,
        "tail_length": whole,
        "head_length": whole,
        "blending": "translucent_no_depth",
        "opacity": 0.9,
    }


def whole_time(source: Source, trails: Trails) -> int:
    """Return the duration of all trails in steps of their time axis."""
    seconds = float(trails.time.max() - trails.time.min())
    return max(int(np.ceil(seconds * source.ground.rate_hz)) + 1, 1)


def class_colour(number: int) -> str:
    """Return the colour of a class, by its place among them."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def heat_colours(colour: str) -> npt.NDArray[np.float32]:
    """Return a scale of colours for heat: from nothing to the class's colour.

    Parameters
    ----------
    colour
        As ``#rrggbb``.

    Returns
    -------
    ndarray
        (5, 4) red, green, blue and opacity; float32.
    """
    full = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    opacity = np.array([0.0, 0.3, 0.5, 0.65, 0.8])
    light = np.array([0.5, 0.65, 0.8, 0.9, 1.0])
    stops = np.column_stack([light[:, None] * full, opacity])
    return stops.astype(np.float32)


def path_of(trails: Trails, row: int, part: tuple[int, int] | None = None) -> npt.NDArray[Any]:
    """Return the way of a trail, or of a stretch of it, with as few points as look the same.

    Parameters
    ----------
    trails
        Trails.
    row
        Which one.
    part
        First sample of the stretch, and the one after its last.

    Returns
    -------
    ndarray
        (n, 2) y and x in px of the scene, n from 2 to :data:`PATH_POINTS`. No corner is farther
        from the way than a line is wide, unless the way has more corners than that.

    Notes
    -----
    Ramer, Comput. Graph. Image Process. 1 (1972), doi:10.1016/S0146-664X(72)80017-0.
    """
    import cv2

    here = trails.trail(row)
    first, end = (here.start, here.stop) if part is None else (here.start + i for i in part)
    end = max(end, first + 1)
    step = max((end - first) // _LOOKED_AT, 1)
    picks = np.unique([*range(first, end, step), end - 1])
    points = np.column_stack([trails.y[picks], trails.x[picks]]).astype(np.float32)
    apart = max(trails.scene.width, trails.scene.height) / _FINEST
    kept = cv2.approxPolyDP(points, apart, False)[:, 0]
    while len(kept) > PATH_POINTS:
        apart *= 1.5
        kept = cv2.approxPolyDP(points, apart, False)[:, 0]
    path = kept.astype(np.float64)
    return path if len(path) > 1 else np.vstack([path, path + 0.5])


def label_points(
    paths: Sequence[npt.NDArray[Any]],
    stretches: Sequence[npt.NDArray[Any]],
    size: tuple[int, int],
) -> list[npt.NDArray[Any]]:
    """Choose where the label of each trail stands: where it departs, away from those before it.

    Parameters
    ----------
    paths
        Points (y, x) of each trail, the most anomalous first.
    stretches
        Points of the part of each that departs.
    size
        Height and width of the scene, in px; labels keep away from its border.

    Returns
    -------
    list of ndarray
        y and x of each label, a point of its trail where that is not too close to the border.
    """
    sides = np.array(size, float)
    margin = sides.max() * LABEL_MARGIN
    chosen: list[npt.NDArray[Any]] = []
    for path, stretch in zip(paths, stretches, strict=True):
        points = np.vstack([stretch[len(stretch) // 2][None], stretch[::4], path[::4]])
        points = np.clip(
            points, np.minimum(margin, sides / 2), np.maximum(sides - margin, sides / 2)
        )
        away = np.full(len(points), np.inf)
        if chosen:
            away = np.linalg.norm(points[:, None] - np.array(chosen)[None], axis=2).min(axis=1)
        free = np.flatnonzero(away > sides.max() / 12)
        chosen.append(points[free[0]] if len(free) else points[int(np.argmax(away))])
    return chosen


def region_shapes(regions: Sequence[Region], kinds: Sequence[str]) -> list[tuple[Any, str]]:
    """Return corners (y, x; px of the scene) and class of the areas of some classes, and holes."""
    return [
        (outline, region.kind)
        for region in regions
        if region.kind in kinds
        for outline in region.outlines
    ]


def line_width(source: Source) -> float:
    """Return the width of lines in px of the scene that is seen well when all of it is shown."""
    scene = source.trails.scene
    return max(scene.width, scene.height) / 240

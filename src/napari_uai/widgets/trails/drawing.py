"""Data and attributes of the layers of trails; uses no viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.widgets.kit.layers import KEY, LayerTuple
from napari_uai.widgets.kit.palette import channels_of
from napari_uai.widgets.trails.placement import TRAIL_AXES, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_uai.trails.heat.regions import Region
    from napari_uai.trails.table import Trails
    from napari_uai.typing import Floats, Floats32, Ints

MAX_VERTICES = 60_000
"""Vertices of drawn tracks: drawn in a tenth of a second without a graphics card."""

MAX_OPENED_VERTICES = 250_000
"""Vertices of the tracks of an opened file."""

MAX_PATH_POINTS = 60
"""Points of a drawn path, which napari triangulates."""

BADGE_RADIUS = 0.02
"""Half the size of a badge, as a fraction of the longest side, when the whole scene is in view."""

_GRID, _GRID_LINE = 480, 3
"""Longest side of the grid on which badges find room, and the width of a trail in it."""

_MAX_PATH_SAMPLES = 2000
"""Samples of a trail from which its path is simplified."""

_TOLERANCES_PER_SIDE = 480
"""Longest side of the scene over the tolerance of a simplified path, half the width of a line."""

_MIN_TRACK_VERTICES, _MAX_TRACK_VERTICES = 6, 400


def thinned(trails: Trails, rows: Ints, budget: int) -> tuple[Ints, Ints]:
    """Choose evenly spaced samples of each trail, including the first and the last one.

    Parameters
    ----------
    trails
        Trails.
    rows
        Rows of the trails to draw.
    budget
        Approximate number of samples in total.

    Returns
    -------
    samples, owners
        Samples, and the index into ``rows`` of the trail that each belongs to; int64.
    """
    counts = trails.n_samples[rows]
    per_trail = budget // max(len(rows), 1)
    most = int(np.clip(per_trail, _MIN_TRACK_VERTICES, _MAX_TRACK_VERTICES))
    kept = np.minimum(counts, most) if counts.sum() > budget else counts
    ends = np.concatenate([[0], np.cumsum(kept)])
    owners = np.repeat(np.arange(len(rows)), kept)
    place = np.arange(ends[-1]) - ends[:-1][owners]
    step = (counts[owners] - 1) / np.maximum(kept[owners] - 1, 1)
    return trails.offsets[rows][owners] + np.rint(place * step).astype(np.int64), owners


def scene_layer(source: Source) -> LayerTuple:
    """Return the image of the scene as a layer, or a uniform image of the same size."""
    trails = source.trails
    image = trails.scene.image
    pixels = image if image is not None else np.zeros((2, 2, 3), np.uint8) + np.uint8(24)
    return (
        pixels,
        {
            "name": f"{source.name}: scene",
            "rgb": True,
            "opacity": 0.65,  # dimmed in favour of heat and trails
            **source.placement.covering(pixels.shape[:2], trails),
            "axis_labels": TRAIL_AXES[1:],
            "metadata": {KEY: {**source.placement.place.record, "kind": "scene"}},
        },
        "image",
    )


def opened_tracks(source: Source) -> LayerTuple:
    """Return all trails as a Tracks layer, thinned if there are very many samples."""
    trails = source.trails
    rows = np.arange(len(trails))
    data, features = tracks_data(source, rows, budget=MAX_OPENED_VERTICES)
    kinds = list(map(str, trails.classes.index))
    codes = trails.table["class"].map({kind: i for i, kind in enumerate(kinds)}).to_numpy()
    owner = features["row"]
    features["class"] = codes[owner].astype(np.int64)
    features["duration_s"] = (trails.table["end"] - trails.table["start"]).to_numpy()[owner]
    record = {**source.placement.place.record, "kind": "trails", "classes": kinds, "trails": trails}
    attributes = {
        **tracks_style(source, trails),
        "name": source.name,
        "features": features,
        "color_by": "class" if len(kinds) > 1 else "track_id",
        "colormap": "turbo",
        "metadata": {KEY: record},
    }
    return data, attributes, "tracks"


def tracks_data(
    source: Source, rows: Ints, *, budget: int = MAX_VERTICES
) -> tuple[Floats, dict[str, Any]]:
    """Return data and features of a Tracks layer, sorted by track and time.

    Parameters
    ----------
    source
        Trails and their placement.
    rows
        Rows of the trails to draw; the row of a trail is the ID of its track.
    budget
        Approximate number of vertices in total.

    Returns
    -------
    data, features
        Track ID, time step, y and x of each vertex, (n, 4); and the feature ``row``, int64.
    """
    trails = source.trails
    rows = np.sort(rows)
    samples, owners = thinned(trails, rows, budget)
    row = rows[owners]
    t = np.maximum(source.placement.steps(trails.time[samples]), 0.0)
    data = np.column_stack([row, t, trails.y[samples], trails.x[samples]]).astype(np.float64)
    return data, {"row": row}


def tracks_style(source: Source, trails: Trails) -> dict[str, Any]:
    """Return transform and style of a Tracks layer that shows entire trails."""
    place = source.placement.place
    whole = duration_steps(source, trails)
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


def duration_steps(source: Source, trails: Trails) -> int:
    """Return the duration of all trails in steps of the time axis."""
    seconds = float(trails.time.max() - trails.time.min())
    return max(int(np.ceil(seconds * source.placement.rate_hz)) + 1, 1)


def heat_colours(colour: str) -> Floats32:
    """Return the stops of a colormap for heat, from transparent to the colour of the class.

    Parameters
    ----------
    colour
        Colour of the class as ``#rrggbb``.

    Returns
    -------
    ndarray
        Red, green, blue and opacity of each stop, (5, 4); float32.
    """
    full = np.array(channels_of(colour)) / 255
    opacity = np.array([0.0, 0.3, 0.5, 0.65, 0.8])
    light = np.array([0.5, 0.65, 0.8, 0.9, 1.0])
    stops = np.column_stack([light[:, None] * full, opacity])
    return stops.astype(np.float32)


def path_of(trails: Trails, row: int, part: tuple[int, int] | None = None) -> Floats:
    """Return the path of a trail, or of a stretch of it, simplified by Ramer's algorithm [1]_.

    Parameters
    ----------
    trails
        Trails.
    row
        Row of the trail.
    part
        First sample of the stretch and the sample after its last; the whole trail if None.

    Returns
    -------
    ndarray
        y and x in px of the scene, (n, 2), with n from 2 to :data:`MAX_PATH_POINTS`. The path
        deviates by at most half the width of a line, unless that takes more points.

    References
    ----------
    .. [1] U. Ramer, Comput. Graph. Image Process. 1 (1972),
       doi:10.1016/S0146-664X(72)80017-0
    """
    import cv2

    trail = trails.trail(row)
    first, end = (trail.start, trail.stop) if part is None else (trail.start + i for i in part)
    end = max(end, first + 1)
    step = max((end - first) // _MAX_PATH_SAMPLES, 1)
    samples = np.unique([*range(first, end, step), end - 1])
    points = np.column_stack([trails.y[samples], trails.x[samples]]).astype(np.float32)
    tolerance = max(trails.scene.width, trails.scene.height) / _TOLERANCES_PER_SIDE
    corners = cv2.approxPolyDP(points, tolerance, False)[:, 0]
    while len(corners) > MAX_PATH_POINTS:
        tolerance *= 1.5
        corners = cv2.approxPolyDP(points, tolerance, False)[:, 0]
    path = corners.astype(np.float64)
    return path if len(path) > 1 else np.vstack([path, path + 0.5])


def badge_points(
    paths: Sequence[Floats], stretches: Sequence[Floats], size: tuple[int, int]
) -> list[Floats]:
    """Choose positions of badges: beside the stretch that stands out, covering no path.

    Parameters
    ----------
    paths
        Points (y, x) of each trail, the most anomalous trail first.
    stretches
        Points of the stretch of each trail that stands out.
    size
        Height and width of the scene, px.

    Returns
    -------
    list of ndarray
        y and x of the middle of each badge. Where there is no room, it lies on its trail.
    """
    import cv2

    from napari_uai.trails.pictures.labels import place_labels

    if not paths:
        return []
    fine = _GRID / max(size)
    shape = np.maximum(np.ceil(np.array(size) * fine), 1).astype(int)
    ink = np.zeros(shape, np.uint8)
    lines = [np.rint(path[:, ::-1] * fine).astype(np.int32) for path in paths]
    cv2.polylines(ink, lines, False, 1, _GRID_LINE)
    anchors = np.array([stretch[len(stretch) // 2] for stretch in stretches], float)
    side = 2 * BADGE_RADIUS * _GRID
    sides = np.full((len(paths), 2), side)
    corners = place_labels(anchors * fine, sides, ink > 0, gap=side / 4)
    return [
        anchor if corner is None else (np.array(corner) + side / 2) / fine
        for anchor, corner in zip(anchors, corners, strict=True)
    ]


def region_shapes(regions: Sequence[Region], kinds: Sequence[str]) -> list[tuple[Floats, str]]:
    """Return corners (y, x; px of the scene) and class of each outline, holes included."""
    return [
        (outline, region.kind)
        for region in regions
        if region.kind in kinds
        for outline in region.outlines
    ]


def line_width(source: Source) -> float:
    """Return a width of lines, px of the scene, that is visible when the whole scene is in view."""
    scene = source.trails.scene
    return max(scene.width, scene.height) / 240

"""The most anomalous trails, over the scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.lettering import text_size, write_texts
from napari_uai.parameters import checked
from napari_uai.trails.parameters import PictureSide
from napari_uai.trails.pictures.canvas import (
    DESIGNED_FOR_PX,
    FAINT_INK,
    INK,
    KEY,
    PAPER,
    Canvas,
    Stretch,
    clipped_stretch,
    draw_line,
    draw_others,
    draw_trail,
    fitted_text,
    make_page,
    rank_colour,
    scene_canvas,
)
from napari_uai.trails.pictures.labels import draw_labels, label_anchor, percent, when
from napari_uai.trails.table import Picture, Trails

_LISTED = 24


@checked
def top_picture(
    trails: Trails,
    rows: Sequence[int],
    anomaly: Sequence[float],
    *,
    stretches: Sequence[Stretch | None] = (),
    title: str = "",
    outlines: Sequence[npt.NDArray[np.floating]] = (),
    longest_side_px: PictureSide = DESIGNED_FOR_PX,
) -> Picture:
    """Draw trails on the scene, each labelled with its anomaly.

    Parameters
    ----------
    trails
        Trails of the scene.
    rows
        Rows of the trails to draw, most anomalous first.
    anomaly
        Anomaly of each of them, 0 to 1.
    stretches
        Departing stretch of each of them, drawn thicker and labelled; None if unknown. Empty if
        all are unknown.
    title
        Title above the picture.
    outlines
        Polygons drawn below the trails, such as a mask; corners (y, x) in px of the scene.
    longest_side_px
        Longest side of the scene in the picture.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8. A ring marks the start of a trail, an arrow its end; names and
        times are listed below.

    Raises
    ------
    BadValueError
        If the numbers of rows, anomalies and stretches differ, or a parameter is outside its
        limits.

    Examples
    --------
    >>> from napari_uai.trails import top_picture, trails_of_tracks
    >>> trails = trails_of_tracks([[7, 0, 10, 0], [7, 1, 10, 60]], scene_size=(64, 48))
    >>> picture = top_picture(trails, [0], [0.9], title="one trail", longest_side_px=400)
    >>> picture.shape[1:], picture.dtype
    ((400, 3), dtype('uint8'))
    """
    if len(rows) != len(anomaly) or len(stretches) not in (0, len(rows)):
        raise BadValueError("anomaly, and stretches unless empty, must have one entry per row")
    canvas = scene_canvas(trails.scene, trails.scene.image, longest_side_px)
    for outline in outlines:
        line = canvas.line(outline[:, 0], outline[:, 1])
        draw_line(canvas.pixels, line, FAINT_INK, canvas.px(1), closed=True, casing=0)
    if trails.scene.image is None:
        draw_others(canvas, trails)
    background = canvas.pixels.copy()
    parts = [
        clipped_stretch(trails, row, stretches[i] if stretches else None)
        for i, row in enumerate(rows)
    ]
    for i in reversed(range(len(rows))):
        draw_trail(canvas, trails, rows[i], parts[i], rank_colour(i))
    labels = [f"#{i + 1}  {percent(a)}" for i, a in enumerate(anomaly)]
    anchors = [
        label_anchor(canvas, trails, row, part) for row, part in zip(rows, parts, strict=True)
    ]
    drawn = np.any(canvas.pixels != background, axis=2)
    draw_labels(canvas, labels, anchors, drawn)
    entries = [
        f"#{i + 1} · {percent(a)} · {trails.table['trail'].iloc[row]} · {when(trails, row)}"
        for i, (row, a) in enumerate(zip(rows, anomaly, strict=True))
    ]
    return make_page(canvas, title, _listing(entries, canvas), KEY)


def _listing(entries: Sequence[str], canvas: Canvas) -> Picture:
    """List trails by rank, in columns, each with its colour."""
    width = canvas.pixels.shape[1]
    size_px = max(canvas.px(15), 9)
    shown = list(entries[:_LISTED])
    more = len(entries) - len(shown)
    widest = max((text_size(entry, size_px)[1] for entry in shown), default=0) + 3 * size_px
    columns = min(max(width // max(widest, 1), 1), max(len(shown), 1))
    per_column = -(-len(shown) // columns)
    line_px = round(1.5 * size_px)
    strip = np.full(((per_column + bool(more)) * line_px + size_px, width, 3), PAPER, np.uint8)
    texts = []
    for i, entry in enumerate(shown):
        left = size_px // 2 + (i // per_column) * (width // columns)
        top = size_px // 2 + (i % per_column) * line_px
        strip[top : top + size_px, left : left + size_px] = rank_colour(i)
        room = width // columns - 2 * size_px
        texts.append((left + round(1.5 * size_px), top - 1, fitted_text(entry, room, size_px), INK))
    if more:
        top = size_px // 2 + per_column * line_px
        texts.append((size_px // 2, top, f"and {more} more in scores.csv", FAINT_INK))
    write_texts(strip, texts, size_px)
    return strip

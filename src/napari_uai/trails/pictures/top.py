"""The trails that fit least, over the scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.trails.pictures.canvas import (
    DESIGNED_FOR_PX,
    FAINT_INK,
    INK,
    KEY,
    PAPER,
    Canvas,
    PictureSide,
    Stretch,
    clipped_stretch,
    draw_line,
    draw_others,
    draw_trail,
    fitted_text,
    make_page,
    rank_colour,
    scene_canvas,
    text_size,
    write_texts,
)
from napari_uai.trails.pictures.labels import draw_labels, label_anchor, percent, when
from napari_uai.trails.table import Picture, Trails

_LISTED = 24


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
    """Draw trails on the scene, each with its ``NN %``.

    Parameters
    ----------
    trails
        Trails of the scene.
    rows
        Trails to draw, most anomalous first.
    anomaly
        Of each of them, 0 to 1.
    stretches
        Where each departs from ordinary traffic: drawn thicker, and where the label points to.
        None: not known. Empty if not known of any.
    title
        Stands above.
    outlines
        Polygons that are drawn below the trails, such as a mask; corners (y, x) in px.
    longest_side_px
        Of the scene in the picture.

    Returns
    -------
    Picture
        A ring marks the start of a trail, an arrow its end; a list below gives name and time.

    Raises
    ------
    BadValueError
        If there is not one anomaly (and stretch, if any) per trail.
    """
    if len(rows) != len(anomaly) or len(stretches) not in (0, len(rows)):
        raise BadValueError("give one anomaly for each trail, and one stretch or none at all")
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
    """List trails by rank in columns, each with its colour."""
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

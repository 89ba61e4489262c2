"""Heatmap of ordinary traffic over the scene.

Pictures of trails are arrays (rows, columns, RGB; uint8), drawn without a screen. Colours are
distinguishable for colour-blind people (Okabe and Ito 2008; a perceptually uniform scale for heat)
and never the only cue: trails carry their rank, and departing stretches are thicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.lettering import text_size, write_texts
from napari_uai.parameters import checked
from napari_uai.trails.parameters import HeatScale, PictureSide
from napari_uai.trails.pictures.canvas import (
    DESIGNED_FOR_PX,
    FAINT_INK,
    INK,
    PAPER,
    Canvas,
    draw_line,
    make_page,
    scene_canvas,
)
from napari_uai.trails.table import Picture, Scene
from napari_uai.typing import Floats32

_SCALE_NAMES: Mapping[HeatScale | None, str] = {
    "linear": "linear",
    "log": "logarithmic",
    "sqrt": "square root",
    "rank": "by rank",
    "surprisal": "surprisal",
}


@checked
def heatmap_picture(
    scene: Scene,
    heat: Floats32,
    shade: Floats32,
    *,
    scale: HeatScale | None = None,
    title: str = "",
    outlines: Sequence[npt.NDArray[np.floating]] = (),
    longest_side_px: PictureSide = DESIGNED_FOR_PX,
) -> Picture:
    """Draw the heat of ordinary traffic over the scene.

    Parameters
    ----------
    scene
        The scene.
    heat
        Number of trails that pass each cell: rows, columns; float32.
    shade
        Scaled heat, 0 to 1, shown as colour; same shape.
    scale
        Scale of the heat, named beside the colours; None: not named.
    title
        Title above the picture.
    outlines
        Polygons drawn on top; corners (y, x) in px of the scene.
    longest_side_px
        Longest side of the scene in the picture.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8; with a colour scale in trails per cell that has round ticks.

    Raises
    ------
    BadValueError
        If the shapes of heat and shade differ, or a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.trails import Scene, heatmap_picture
    >>> heat = np.zeros((48, 64), np.float32)
    >>> heat[20:25] = 12.0
    >>> picture = heatmap_picture(Scene(64, 48), heat, heat / 12, longest_side_px=400)
    >>> picture.shape[1:], picture.dtype
    ((400, 3), dtype('uint8'))
    """
    if heat.shape != shade.shape or heat.ndim != 2:
        raise BadValueError("heat and shade must have the same shape (rows, columns)")
    canvas = scene_canvas(scene, scene.image, longest_side_px)
    shown = np.clip(canvas.stretched(np.nan_to_num(shade), scene), 0, 1)
    opacity = (0.8 * np.clip(shown * 8, 0, 1))[..., None]
    coloured = _heat_colours()[np.rint(shown * 255).astype(int)]
    canvas.pixels[:] = np.rint(canvas.pixels * (1 - opacity) + coloured * opacity)
    for outline in outlines:
        line = canvas.line(outline[:, 0], outline[:, 1])
        draw_line(canvas.pixels, line, (255, 255, 255), canvas.px(1), closed=True, casing=0)
    return make_page(canvas, title, _colour_scale(heat, shade, canvas, _SCALE_NAMES.get(scale, "")))


def _colour_scale(heat: Floats32, shade: Floats32, canvas: Canvas, scale: str) -> Picture:
    """Draw the colour scale, in trails per cell."""
    width = canvas.pixels.shape[1]
    size_px = max(canvas.px(16), 10)
    strip = np.full((round(3.6 * size_px), width, 3), PAPER, np.uint8)
    caption = "trails per cell"
    left = size_px + max(text_size(text, size_px)[1] for text in (caption, scale)) + size_px
    right = width - 2 * size_px
    if right - left < 6 * size_px or not np.any(np.isfinite(heat)):
        return strip
    top, bottom = size_px // 2, size_px // 2 + round(1.2 * size_px)
    ramp = np.linspace(0, 255, right - left).astype(int)
    strip[top:bottom, left:right] = _heat_colours()[ramp]
    texts = [(size_px, top, caption, INK)]
    if scale:
        texts.append((size_px, bottom + size_px // 3, scale, FAINT_INK))
    for value, level in round_ticks(heat, shade, 3.5 * size_px / (right - left)):
        text = f"{value:g}"
        x = round(left + level * (right - left - 1))
        strip[bottom : bottom + max(size_px // 4, 2), x : x + 1] = INK
        place = x - text_size(text, size_px)[1] // 2
        texts.append((place, bottom + size_px // 3, text, INK))
    write_texts(strip, texts, size_px)
    return strip


def round_ticks(heat: Floats32, shade: Floats32, apart: float) -> list[tuple[float, float]]:
    """Return round numbers of trails and their places on a colour scale, 0 to 1.

    Parameters
    ----------
    heat
        Number of trails; float32.
    shade
        Scaled heat, 0 to 1, which rises with it; float32.
    apart
        Smallest distance of two ticks.

    Returns
    -------
    list of tuple
        Powers of ten first, then their halves and fifths, then other multiples, as far as there is
        room; ascending.
    """
    known = np.isfinite(heat) & np.isfinite(shade)
    values, levels = heat[known].astype(float), shade[known].astype(float)
    # Beyond the limits, all heat has the same colour: the value at the limit counts.
    lower = values[levels <= 0].max(initial=0.0)
    upper = values[levels >= 1].min(initial=values.max(initial=0.0))
    inside = (levels > 0) & (levels < 1)
    order = np.argsort(values[inside])
    rising = np.concatenate([[lower], values[inside][order], [upper]])
    places = np.concatenate([[0.0], levels[inside][order], [levels.max(initial=0.0)]])
    if not upper > lower:
        return []
    decades = 10.0 ** np.arange(np.floor(np.log10(upper)), -3, -1)
    ticks: list[tuple[float, float]] = []
    for multiples in ((1.0,), (5.0,), (2.0,), (3.0, 4.0, 6.0, 8.0)):
        for value in (round(m * decade, 6) for decade in decades for m in multiples):
            place = float(np.interp(value, rising, places))
            if lower <= value <= upper and all(abs(place - other) >= apart for _, other in ticks):
                ticks.append((value, place))
    return sorted(ticks)


@cache
def _heat_colours() -> Floats32:
    import matplotlib as mpl

    # Without its black end, which would hide the scene.
    return (mpl.colormaps["inferno"](np.linspace(0.12, 1, 256))[:, :3] * 255).astype(np.float32)

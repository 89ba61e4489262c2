"""Heatmap of ordinary traffic over the scene.

Pictures of trails are arrays (rows, columns, RGB; uint8), drawn without a screen. Colours are
distinguishable for colour-blind people (Okabe and Ito 2008; a perceptually uniform scale for heat)
and never the only cue: trails carry their rank, and departing stretches are thicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.lettering import text_size, write_texts
from napari_uai.parameters import checked
from napari_uai.trails.parameters import PictureSide
from napari_uai.trails.pictures.canvas import (
    DESIGNED_FOR_PX,
    INK,
    PAPER,
    Canvas,
    draw_line,
    make_page,
    scene_canvas,
)
from napari_uai.trails.table import Picture, Scene
from napari_uai.typing import Floats32


@checked
def heatmap_picture(
    scene: Scene,
    heat: Floats32,
    shade: Floats32,
    *,
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
    title
        Title above the picture.
    outlines
        Polygons drawn on top; corners (y, x) in px of the scene.
    longest_side_px
        Longest side of the scene in the picture.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8; with a colour scale in trails per cell.

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
    return make_page(canvas, title, _colour_scale(heat, shade, canvas))


def _colour_scale(heat: Floats32, shade: Floats32, canvas: Canvas) -> Picture:
    """Draw the colour scale, in trails per cell."""
    width = canvas.pixels.shape[1]
    size_px = max(canvas.px(16), 10)
    strip = np.full((round(3.6 * size_px), width, 3), PAPER, np.uint8)
    caption = "trails per cell"
    left = size_px + text_size(caption, size_px)[1] + size_px
    right = width - 2 * size_px
    if right - left < 6 * size_px or not np.any(np.isfinite(heat)):
        return strip
    top, bottom = size_px // 2, size_px // 2 + round(1.2 * size_px)
    ramp = np.linspace(0, 255, right - left).astype(int)
    strip[top:bottom, left:right] = _heat_colours()[ramp]
    texts = [(size_px, top, caption, INK)]
    for level in np.linspace(0, 1, 6 if right - left > 30 * size_px else 3):
        text = _number(_heat_at(heat, shade, float(level)))
        x = round(left + level * (right - left - 1))
        strip[bottom : bottom + max(size_px // 4, 2), x : x + 1] = INK
        place = x - text_size(text, size_px)[1] // 2
        texts.append((place, bottom + size_px // 3, text, INK))
    write_texts(strip, texts, size_px)
    return strip


def _heat_at(heat: Floats32, shade: Floats32, level: float) -> float:
    """Return the heat whose scaled value is closest to a level; scales are monotonic."""
    distance = np.abs(shade - level)
    near = heat[distance <= np.nanmin(distance) + 1e-6]
    # Beyond the limits, all heat has the same colour: the value at the limit counts.
    return float(near.max() if level <= 0 else near.min())


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


@cache
def _heat_colours() -> Floats32:
    import matplotlib as mpl

    # Without its black end, which would hide the scene.
    return (mpl.colormaps["inferno"](np.linspace(0.12, 1, 256))[:, :3] * 255).astype(np.float32)

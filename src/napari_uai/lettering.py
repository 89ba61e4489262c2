"""Texts in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@cache
def _font(size_px: int) -> object:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size_px)


@lru_cache(4096)
def text_size(text: str, size_px: int) -> tuple[int, int]:
    """Return height and width of a text, in px; the height is the font size."""
    return size_px, int(np.ceil(_font(size_px).getlength(text)))  # type: ignore[attr-defined]


def write_texts(
    pixels: npt.NDArray[np.uint8],
    texts: Sequence[tuple[int, int, str, tuple[int, int, int]]],
    size_px: int,
    *,
    outlined: bool = False,
) -> None:
    """Write texts (left, top, text, colour) into a picture."""
    from PIL import Image, ImageDraw

    page = Image.fromarray(pixels)
    pen = ImageDraw.Draw(page)
    for left, top, text, colour in texts:
        pen.text(
            # Letters start slightly below the top of their line.
            (left, top - size_px // 6),
            text,
            fill=colour,
            font=_font(size_px),  # type: ignore[arg-type]
            stroke_width=2 if outlined else 0,
            stroke_fill=(0, 0, 0),
        )
    pixels[:] = np.asarray(page)

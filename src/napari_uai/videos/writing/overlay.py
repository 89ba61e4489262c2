"""What is drawn over the frames of a movie: scale bar, time, marks of landings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from napari_uai.lettering import text_size, write_texts

if TYPE_CHECKING:
    from napari_uai.typing import Floats

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
BRIGHT, DARK, UNSIGNED = (255, 176, 0), (76, 201, 240), (221, 221, 221)
"""Colours of rings by the sign of the contrast, as in the window; white without colours."""

_RING_PX = 5.0


@dataclass(frozen=True)
class Overlay:
    """Texts and marks of a movie.

    Parameters
    ----------
    zoom
        Pixels of the movie per pixel of the video.
    pixel_size_um
        For the scale bar; None: there is none.
    seconds_per_frame
        For the time; None: frames are counted.
    timed
        Whether time or frame number are written.
    marks
        Frame of the recording, row, column and sign of the contrast of each mark, (n, 4).
    marked_frames
        Frames of the recording before and after a mark during which it is drawn.
    """

    zoom: int = 1
    pixel_size_um: float | None = None
    seconds_per_frame: float | None = None
    timed: bool = False
    marks: Floats | None = None
    marked_frames: float = 0.0

    def draw(self, pixels: npt.NDArray[np.uint8], raw_frame: int) -> None:
        """Draw over one frame of the movie.

        Parameters
        ----------
        pixels
            Rows and columns of grey pixels, or rows, columns and RGB; changed in place.
        raw_frame
            Its frame in the recording.
        """
        if self.marks is not None:
            near = np.abs(self.marks[:, 0] - raw_frame) <= self.marked_frames
            for _, y, x, sign in self.marks[near]:
                self._draw_ring(pixels, y, x, sign)
        size_px = min(max(pixels.shape[0] // 20, 10), 40)
        if self.timed:
            _stamp(pixels, self._time(raw_frame), size_px, (size_px // 2, size_px // 2))
        if self.pixel_size_um is not None:
            _draw_scale_bar(pixels, self.pixel_size_um / self.zoom, size_px)

    def _time(self, raw_frame: int) -> str:
        if self.seconds_per_frame is None:
            return f"frame {raw_frame}"
        digits = min(max(math.ceil(-math.log10(self.seconds_per_frame)), 0), 6)
        return f"{raw_frame * self.seconds_per_frame:.{digits}f} s"

    def _draw_ring(self, pixels: npt.NDArray[np.uint8], y: float, x: float, sign: float) -> None:
        centre = (int((x + 0.5) * self.zoom), int((y + 0.5) * self.zoom))
        radius = round(_RING_PX * self.zoom)
        hue = BRIGHT if sign > 0 else DARK if sign < 0 else UNSIGNED
        for colour, width in ((_BLACK, 4), (hue if pixels.ndim == 3 else _WHITE, 2)):
            cv2.circle(pixels, centre, radius, colour, width, cv2.LINE_AA)


def scale_bar_um(longest_um: float) -> float:
    """Return the longest of 1, 2, 5, 10, ... that is at most as long as asked.

    Examples
    --------
    >>> from napari_uai.videos.writing.overlay import scale_bar_um
    >>> scale_bar_um(0.7), scale_bar_um(3), scale_bar_um(25)
    (0.5, 2.0, 20.0)
    """
    power = math.floor(math.log10(longest_um))
    length = max(d for d in (1, 2, 5, 10) if d * 10.0**power <= longest_um * (1 + 1e-9))
    return float(f"{length * 10.0**power:.1e}")


def _draw_scale_bar(pixels: npt.NDArray[np.uint8], um_per_px: float, size_px: int) -> None:
    rows, columns = pixels.shape[:2]
    length_um = scale_bar_um(0.3 * columns * um_per_px)
    length = max(round(length_um / um_per_px), 1)
    right, bottom = columns - size_px // 2, rows - size_px // 2
    top = bottom - max(size_px // 5, 2)
    cv2.rectangle(pixels, (right - length - 1, top - 1), (right, bottom), _BLACK, cv2.FILLED)
    cv2.rectangle(pixels, (right - length, top), (right - 1, bottom - 1), _WHITE, cv2.FILLED)
    text = f"{length_um:g} µm" if length_um < 1000 else f"{length_um / 1000:g} mm"
    wide = sum(text_size(character, size_px)[1] for character in text)
    left = min(right - (length + wide) // 2, right - wide)
    _stamp(pixels, text, size_px, (left, top - size_px - size_px // 3))


def _stamp(pixels: npt.NDArray[np.uint8], text: str, size_px: int, corner: tuple[int, int]) -> None:
    """Write a white text with a black outline; what does not fit is cut off."""
    ink, outline = _letters(text, size_px)
    left, top = max(corner[0] - _MARGIN_PX, 0), max(corner[1] - _MARGIN_PX, 0)
    place = pixels[top : top + ink.shape[0], left : left + ink.shape[1]]
    shown = np.s_[: place.shape[0], : place.shape[1], *[np.newaxis] * (pixels.ndim - 2)]
    rest = place.astype(np.uint16) * (255 - outline[shown]) // 255
    place[...] = ink[shown] + rest


_MARGIN_PX = 3
"""Room around a text for its outline."""


@lru_cache(256)
def _letters(text: str, size_px: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return how far each pixel is covered by a text, and by the text with its outline: 0 to 255.

    Letter by letter, because hardly any time is written twice, but always with the same digits.
    """
    letters = [_letter(character, size_px) for character in text]
    wide = sum(text_size(character, size_px)[1] for character in text)
    ink = np.zeros((size_px + size_px // 3 + 2 * _MARGIN_PX, wide + 2 * _MARGIN_PX), np.uint8)
    left = 0
    for character, letter in zip(text, letters, strict=True):
        place = ink[:, left : left + letter.shape[1]]
        np.maximum(place, letter, out=place)
        left += text_size(character, size_px)[1]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return ink, np.asarray(cv2.dilate(ink, disc), np.uint8)


@lru_cache(256)
def _letter(character: str, size_px: int) -> npt.NDArray[np.uint8]:
    wide = text_size(character, size_px)[1]
    height = size_px + size_px // 3 + 2 * _MARGIN_PX
    patch = np.zeros((height, wide + 2 * _MARGIN_PX, 3), np.uint8)
    write_texts(patch, [(_MARGIN_PX, _MARGIN_PX, character, _WHITE)], size_px)
    return patch[..., 0]

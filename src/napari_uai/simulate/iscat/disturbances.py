"""What disturbs real recordings: light off, jumps, bubbles, flickering pixels, odd frames.

Each is drawn once, in the middle half of the recording, from random numbers of its own, so that the
same settings without it give the same recording otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import AnyArray, Ints

ODD_KINDS = ("zeros", "torn", "shifted", "random")
"""Kinds of odd frames, in turn."""

FRINGE_PX = 20.0
FRINGE_SHARE = 0.05
"""Period of the fringes that come with a step of the illumination, and their relative amplitude."""

BRIGHT_SPOT = 1.0
BRIGHT_SPOT_PX = 2.5
"""Intensity in the middle of bright spots, relative to the background, and their width."""

REACH = 4.0
"""Distance in widths at which a bubble is out of sight."""


class Disturbance(NamedTuple):
    """A disturbance that was simulated; the first and last frame, and the place, where it has one.

    Attributes
    ----------
    kind
        Name of the setting that it comes from; of odd frames what they are.
    first, last
        Frames that differ, both included; of a jump the first frame after it, and the last frame.
    y, x
        Pixel or centre; NaN if it concerns the whole field.
    """

    kind: str
    first: int
    last: int
    y: float = np.nan
    x: float = np.nan


class Disturbances:
    """The disturbances of one recording.

    Parameters
    ----------
    settings
        Of the recording.
    rng
        Draws times, places and sizes.
    block
        Frames per block: jumps of focus happen between two of them.

    Attributes
    ----------
    every
        What was drawn, in order of time.
    focus_frame
        First frame after the jump of focus.
    """

    def __init__(self, settings: RecordingSettings, rng: np.random.Generator, block: int) -> None:
        s = self.settings = settings
        quarter = s.frames // 4
        self._middle = (quarter, max(s.frames - quarter, quarter + 1))
        # One generator each: whether there is one changes none of the others.
        light, focus, step, pixels, bubbles, spots, odd = (
            np.random.default_rng(seed) for seed in rng.integers(0, 2**63, 7)
        )
        self._light_off = self._draw_light(light)
        self.focus_frame = int(focus.integers(*self._middle)) // block * block
        self._step_frame = int(step.integers(*self._middle))
        self._fringes = self._draw_fringes(step)
        self._draw_pixels(pixels)
        self._draw_bubbles(bubbles)
        self._spots = 1 + BRIGHT_SPOT * sum(
            (
                self._gaussian(spots.uniform(0, s.rows - 1), spots.uniform(0, s.columns - 1))
                for _ in range(s.bright_spots)
            ),
            np.zeros((s.rows, s.columns)),
        )
        self._odd_frames = np.sort(
            odd.choice(np.arange(*self._middle), min(s.odd_frames, np.ptp(self._middle)), False)
        )
        self._odd_seed = int(odd.integers(2**63))
        self.every = tuple(sorted(self._listed(), key=lambda d: (d.first, d.kind)))

    def _draw_light(self, rng: np.random.Generator) -> tuple[int, int]:
        first = int(rng.integers(*self._middle))
        return first, min(first + self.settings.light_off_frames, self.settings.frames)

    def _draw_fringes(self, rng: np.random.Generator) -> AnyArray:
        s = self.settings
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        y, x = np.ogrid[: s.rows, : s.columns]
        along = np.cos(angle) * y + np.sin(angle) * x
        fringes = np.cos(2 * np.pi * along / FRINGE_PX + phase)
        return np.asarray(1 + s.illumination_step * (FRINGE_SHARE * fringes - 1), np.float32)

    def _draw_pixels(self, rng: np.random.Generator) -> None:
        s = self.settings
        n = min(s.flickering_pixels, s.rows * s.columns)
        flat = rng.choice(s.rows * s.columns, n, replace=False)
        self._pixels = np.stack(np.divmod(flat, s.columns), axis=1)
        self._pixel_sizes = s.flicker_size * rng.choice([-1.0, 1.0], n)
        self._pixel_jumps = [
            np.sort(rng.integers(*self._middle, s.flicker_jumps)) for _ in range(n)
        ]

    def _draw_bubbles(self, rng: np.random.Generator) -> None:
        """Draw straight paths through a point of the field, from outside to outside."""
        s = self.settings
        n = s.bubbles
        self._bubble_first = rng.integers(*self._middle, n)
        through = rng.uniform(0.3, 0.7, (n, 2)) * [s.rows, s.columns]
        angle = rng.uniform(0, 2 * np.pi, n)
        half = 0.5 * np.hypot(s.rows, s.columns) + REACH * s.bubble_px
        reach = half * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        self._bubble_from, self._bubble_to = through - reach, through + reach

    def _listed(self) -> list[Disturbance]:
        s = self.settings
        last = s.frames - 1
        listed = []
        if s.light_off_frames:
            first, stop = self._light_off
            listed.append(Disturbance("light_off", first, stop - 1))
        if s.focus_jump:
            listed.append(Disturbance("focus_jump", self.focus_frame, last))
        if s.illumination_step:
            listed.append(Disturbance("illumination_step", self._step_frame, last))
        for (y, x), jumps in zip(self._pixels, self._pixel_jumps, strict=True):
            listed.append(Disturbance("flickering_pixel", int(jumps[0]), last, float(y), float(x)))
        listed += [
            Disturbance("bubble", first, min(first + s.bubble_frames - 1, last))
            for first in self._bubble_first.tolist()
        ]
        for i, frame in enumerate(self._odd_frames.tolist()):
            listed.append(Disturbance(ODD_KINDS[i % len(ODD_KINDS)], frame, frame))
        return listed

    # Applied to each block --------------------------------------------------------------------

    def on_light(self, electrons: AnyArray, times: Ints) -> None:
        """Change the expected electrons (frames, rows, columns) in place."""
        s = self.settings
        if s.bright_spots:
            electrons *= self._spots.astype(np.float32)
        if s.illumination_step:
            electrons[times >= self._step_frame] *= self._fringes
        for (y, x), size, jumps in zip(
            self._pixels, self._pixel_sizes, self._pixel_jumps, strict=True
        ):
            level = np.searchsorted(jumps, times, side="right") % 2
            electrons[:, y, x] *= 1 + size * level
        self._on_bubbles(electrons, times)
        if s.row_noise:
            rng = np.random.default_rng((s.seed, 3, int(times[0])))
            noise = rng.standard_normal((len(times), s.rows, 1))
            electrons *= (1 + s.row_noise * noise).astype(np.float32)
        if s.light_off_frames:
            first, stop = self._light_off
            electrons[(times >= first) & (times < stop)] = 0

    def _on_bubbles(self, electrons: AnyArray, times: Ints) -> None:
        s = self.settings
        for first, start, end in zip(
            self._bubble_first, self._bubble_from, self._bubble_to, strict=True
        ):
            for i in np.flatnonzero((times >= first) & (times < first + s.bubble_frames)):
                share = (times[i] - first) / s.bubble_frames
                y, x = start + share * (end - start)
                bubble = s.bubble_contrast * self._gaussian(y, x, s.bubble_px)
                electrons[i] *= (1 + bubble).astype(np.float32)

    def on_counts(self, counts: npt.NDArray[np.uint16], times: Ints) -> None:
        """Replace odd frames (of counts) in place."""
        for number in np.flatnonzero(np.isin(self._odd_frames, times)):
            frame = counts[self._odd_frames[number] - times[0]]
            rng = np.random.default_rng((self._odd_seed, int(number)))
            frame[:] = _odd_frame(ODD_KINDS[number % len(ODD_KINDS)], frame.copy(), rng)

    def _gaussian(self, y: float, x: float, width: float = BRIGHT_SPOT_PX) -> AnyArray:
        rows, columns = np.ogrid[: self.settings.rows, : self.settings.columns]
        return np.asarray(np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2)))


def _odd_frame(kind: str, frame: AnyArray, rng: np.random.Generator) -> AnyArray:
    if kind == "zeros":
        return np.zeros_like(frame)
    shift = rng.integers(3, 9, 2)
    if kind == "shifted":
        return np.roll(frame, shift, (0, 1))
    if kind == "torn":
        torn = frame.copy()
        torn[len(frame) // 2 :] = np.roll(frame, shift, (0, 1))[len(frame) // 2 :]
        return torn
    return rng.integers(0, 2 * max(int(frame.mean()), 1), frame.shape).astype(frame.dtype)

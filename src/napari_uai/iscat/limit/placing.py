"""Where and when landings are injected: away from the recording's own and from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from napari_uai.errors import BadValueError
from napari_uai.iscat.limit.recall import RecallCurve
from napari_uai.typing import Bools, Floats

NEAR_SIGMAS = 4.0
NEAR_BATCHES = 4.0
"""Closer in place and in time, two landings would be harder to find than one."""

DENSITY = 1e-3
"""Injections per squared sigma and batch. Twice as many raise the contrast found with half the
recall by a fifth; half or a quarter as many do not change it."""

LEAST, MOST = 4, 400
"""Injections per run of a recipe."""

TRIES = 200
"""Places tried for each landing."""

FIRST_RANGE = 3.0
"""Contrasts of the first run are within this factor of the guess."""

QUANTILES = 0.12, 0.98
"""Of the curve of recall, as it is known so far, from which contrasts are drawn."""

STRONG_SHARE, STRONG_FACTOR = 0.1, 1.5
"""Share of injections that should all be found, and their contrast over the highest other one."""


@dataclass(frozen=True)
class Ground:
    """Part of a recording in which landings are injected.

    Attributes
    ----------
    frames
        First and last frame + 1.
    shape
        Rows and columns.
    border_px
        Distance from the edge that is left out.
    sigma_px, batch_size
        Scales of distances in place and time.
    taken
        Landings of the recording itself: ``frame``, ``y``, ``x``.
    reported
        Frames at which landings are reported, from the first of the recording.
    masked
        Pixels that are left out.
    """

    frames: tuple[int, int]
    shape: tuple[int, int]
    border_px: float
    sigma_px: float
    batch_size: int
    taken: pd.DataFrame
    reported: Bools
    masked: Bools

    def capacity(self) -> int:
        """Return how many landings one run can take."""
        area = np.prod([max(n - 2 * self.border_px, 1) for n in self.shape])
        batches = self.reported[slice(*self.frames)].sum() / self.batch_size
        return int(np.clip(DENSITY * area * batches / self.sigma_px**2, LEAST, MOST))

    def is_near(self, places: Floats, landings: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return which places (n, 2) are near some landings, whatever the time."""
        gap = places[:, None] - landings[["y", "x"]].to_numpy(np.float64)[None]
        near = np.hypot(gap[..., 0], gap[..., 1]) < NEAR_SIGMAS * self.sigma_px
        return np.asarray(near.any(axis=1))

    def share_far(self, landings: pd.DataFrame) -> float:
        """Return the share of the field, without its border, that is not near some landings."""
        axes = [np.arange(self.border_px, n - self.border_px) for n in self.shape]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        return float(1 - self.is_near(grid, landings).mean())

    def places(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw ``frame, y, x`` of n landings, uniformly where there is room: (n, 3).

        Raises
        ------
        BadValueError
            If none of them fits.
        """
        low = np.array([self.frames[0], self.border_px, self.border_px])
        high = np.array([self.frames[1] - 1, *(s - 1 - self.border_px for s in self.shape)])
        scale = np.array([NEAR_BATCHES * self.batch_size, *[NEAR_SIGMAS * self.sigma_px] * 2])
        own = self.taken[["frame", "y", "x"]].to_numpy(np.float64)
        chosen: list[Floats] = []
        for place in rng.uniform(low, np.maximum(high, low), (TRIES * n, 3)):
            place[0] = round(place[0])
            frame, row, column = np.rint(place).astype(np.int64)
            if not self.reported[frame] or self.masked[row, column]:
                continue
            others = np.concatenate([own, np.reshape(chosen, (-1, 3))])
            gap = np.abs(others - place) / scale
            if not ((gap[:, 0] < 1) & (np.hypot(gap[:, 1], gap[:, 2]) < 1)).any():
                chosen.append(place)
            if len(chosen) == n:
                break
        if not chosen:
            raise BadValueError(
                "the recording has no room for injected landings between its own and what disturbs "
                "it: use a smaller batch, or a larger field"
            )
        return np.array(chosen)


def first_contrasts(n: int, guess: float, rng: np.random.Generator) -> Floats:
    """Spread absolute contrasts around a guess."""
    edges = np.linspace(-1, 1, n + 1)
    each = rng.uniform(edges[:-1], edges[1:])
    return np.asarray(rng.permutation(guess * FIRST_RANGE**each))


def next_contrasts(n: int, curve: RecallCurve, rng: np.random.Generator) -> Floats:
    """Draw absolute contrasts where recall changes, as far as is known, and a few strong ones."""
    rows = curve.draws(n, rng)
    middle, width = curve.middle[rows], curve.width[rows]
    edges = np.linspace(*QUANTILES, n + 1)
    contrasts = np.exp(middle + width * ndtri(rng.uniform(edges[:-1], edges[1:])))
    strong = rng.permutation(n) < round(STRONG_SHARE * n)
    top = float(np.exp(np.mean(middle) + np.mean(width) * ndtri(QUANTILES[1])))
    return np.where(strong, STRONG_FACTOR * top, contrasts)

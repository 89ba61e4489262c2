"""Matching pursuit: describe a field of step statistics by as few steps as possible.

Mallat & Zhang 1993, doi:10.1109/78.258082, with steps in time at sub-pixel positions as atoms. The
strongest step is recorded and its whole footprint subtracted (the correlation of its step with all
others, times the autocorrelation of the point-spread function), until no strong step remains; each
step is then refined with all others subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats32

"""Statistic of step k at pixel (r, c): (rows, columns, steps), so that time is contiguous."""

SEARCH_BINS = 4
"""How far an event may move in time when it is refined."""

SUB_BINS = (0.25, 0.5, 0.75)
MOST_STEPS = 5000

PART_PX = 2.0
"""Distance within which weaker steps of the same sign and time are part of the stronger one."""

SWEEPS = 2
"""How often all strong steps are refined."""


@dataclass(frozen=True)
class Step:
    """A step in time at one position.

    Attributes
    ----------
    k, fraction
        The particle is present from bin ``k + 1`` on, except for ``fraction`` of that bin.
    y, x
        Position (px).
    statistic
        Signed, in units of noise.
    height
        Of the step in the filtered video.
    """

    k: int
    fraction: float
    y: float
    x: float
    statistic: float
    height: float

    @property
    def pixel(self) -> tuple[int, int]:
        """Nearest pixel."""
        return round(self.y), round(self.x)

    def course(self, n_bins: int) -> npt.NDArray[np.float64]:
        """Return the step of height 1 over all bins."""
        course = (np.arange(n_bins) > self.k).astype(np.float64)
        course[self.k + 1] = 1 - self.fraction
        return course


class Pursuit:
    """A field of step statistics from which steps are taken one by one.

    Parameters
    ----------
    field
        (rows, columns, steps), float32; changed in place.
    statistics
        The test by which it was computed.
    psf
        The matched filter by which it was computed.
    """

    def __init__(
        self, field: Floats32, statistics: StepStatistics, psf: PointSpreadFunction
    ) -> None:
        self.field = field
        self.statistics = statistics
        self.psf = psf
        self.strongest = np.abs(field).max(axis=2)

    def run(self, *, stop: float, again: float) -> list[Step]:
        """Take steps down to a statistic of ``stop``; refine those above ``again``."""
        steps = self._take(stop)
        for _ in range(SWEEPS):
            for step in sorted(steps, key=lambda s: -abs(s.statistic)):
                if step in steps and abs(step.statistic) >= again:
                    steps = self._taken_again(step, steps)
            steps += self._take(stop)
        return steps

    def _take(self, stop: float) -> list[Step]:
        """Take the strongest step repeatedly."""
        steps: list[Step] = []
        while len(steps) < MOST_STEPS:
            raise_if_cancelled()
            row, column = np.unravel_index(self.strongest.argmax(), self.strongest.shape)
            if not self.strongest[row, column] >= stop:
                break
            k = int(np.abs(self.field[row, column]).argmax())
            step = self._refined(k, int(row), int(column))
            self.add(step, -1)
            steps.append(step)
        return steps

    def _taken_again(self, step: Step, steps: list[Step]) -> list[Step]:
        """Refine a step, and let it absorb the weaker ones that are part of it."""
        raise_if_cancelled()
        parts = [s for s in steps if s is step or _is_part(s, step)]
        for part in parts:
            self.add(part, 1)
        refined = self._found_again(step)
        self.add(refined, -1)
        return [s for s in steps if not any(s is part for part in parts)] + [refined]

    def add(self, step: Step, sign: int) -> None:
        """Add the footprint of a step to the field (sign 1), or subtract it (-1)."""
        (rows, columns), image = self.psf.correlation_at(step.y, step.x, self.strongest.shape)
        response, _ = self.statistics.between(step.k, step.fraction)
        _add_footprint(
            self.field,
            self.strongest,
            rows.start,
            columns.start,
            (sign * step.height * image).astype(np.float32),
            response.astype(np.float32),
        )

    def _found_again(self, step: Step) -> Step:
        row, column = step.pixel
        k = slice(max(step.k - SEARCH_BINS, 0), step.k + SEARCH_BINS + 1)
        rows, columns = slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)
        window = self.field[rows, columns, k] * np.sign(step.statistic)
        r, c, j = np.unravel_index(window.argmax(), window.shape)
        return self._refined(k.start + int(j), rows.start + int(r), columns.start + int(c))

    def _refined(self, k: int, row: int, column: int) -> Step:
        """Interpolate position and time between the entries around the strongest."""
        height, width, n_steps = self.field.shape
        value = float(self.field[row, column, k])
        peak = value
        offsets = []
        for at, n, line in (
            (row, height, self.field[:, column, k]),
            (column, width, self.field[row, :, k]),
        ):
            inside = 0 < at < n - 1
            before, after = (float(line[at - 1]), float(line[at + 1])) if inside else (0.0, 0.0)
            curvature = before - 2 * value + after
            offset = 0.0
            if inside and curvature != 0:
                offset = float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5))
                peak -= 0.25 * (before - after) * offset
            offsets.append(offset)
        _, own = self.statistics.between(k, 0)
        best = (value, k, 0.0, own)
        g = self.statistics.response
        course = self.field[row, column]
        for first in (k - 1, k):
            if not 0 <= first < n_steps - 1:
                continue
            for fraction in SUB_BINS:
                _, own = self.statistics.between(first, fraction)
                mixed = (1 - fraction) * g[first] * course[first]
                mixed += fraction * g[first + 1] * course[first + 1]
                if abs(mixed / own) > abs(best[0]):
                    best = (float(mixed / own), first, fraction, own)
        statistic, k, fraction, own = best
        statistic *= peak / value if value else 1.0
        return Step(k, fraction, row + offsets[0], column + offsets[1], statistic, statistic / own)


def _is_part(weak: Step, strong: Step) -> bool:
    """Decide whether a step is a remainder of another that was first taken at a wrong position."""
    return (
        weak is not strong
        and abs(weak.statistic) < abs(strong.statistic)
        and weak.statistic * strong.statistic > 0
        and abs(weak.k - strong.k) <= SEARCH_BINS
        and np.hypot(weak.y - strong.y, weak.x - strong.x) <= PART_PX
    )


@kernel
def _add_footprint(
    field: Floats32,
    strongest: npt.NDArray[np.float32],
    row: int,
    column: int,
    image: npt.NDArray[np.float32],
    response: npt.NDArray[np.float32],
) -> None:
    n_steps = len(response)
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            course = field[row + r, column + c]
            amount = image[r, c]
            most = np.float32(0)
            for k in range(n_steps):
                course[k] += amount * response[k]
                most = max(most, abs(course[k]))
            strongest[row + r, column + c] = most

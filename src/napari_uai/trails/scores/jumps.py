"""Jumps: where a tracker went on with another object, or with nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.trails.table import Trails, group_codes
from napari_uai.typing import Bools, Floats, Floats32, Ints

LEAST = 0.03
"""Length of the shortest jump, in diagonals of the scene."""

TIMES = 4.0
"""How much faster a jump is than the fastest twentieth of the steps of the class."""


@dataclass(frozen=True, eq=False)
class Jumps:
    """Steps between two samples that no object of the class makes.

    Parameters
    ----------
    rows
        Row of the trail of each jump; int64.
    sample
        Index of the sample after each jump, among all samples; int64.
    length_px
        Length of each jump; float64.
    seconds
        Time between its two samples; float64.
    """

    rows: Ints
    sample: Ints
    length_px: Floats
    seconds: Floats

    def texts(self) -> dict[int, str]:
        """Return what to tell about the longest jump of each trail that has one, by row."""
        order = np.argsort(self.length_px, kind="stable")
        return {
            int(self.rows[i]): f"jump of {self.length_px[i]:.0f} px in {self.seconds[i]:.3g} s: "
            "two objects?"
            for i in order
        }


def find_jumps(trails: Trails, *, usual_speeds: Floats | None = None) -> Jumps:
    """Find the steps of trails that are too long and too fast to be made by one object.

    A jump is at least 3 % of the scene's diagonal long, and four times faster than 95 % of the
    steps of the class that move. Gaps in which an object went on at its own pace are none.

    Parameters
    ----------
    trails
        Trails of one scene, with times.
    usual_speeds
        For each trail, the speed in px/s that 95 % of the moving steps of its class do not exceed;
        that of these trails if None.

    Returns
    -------
    Jumps
        In the order of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import find_jumps, trails_of_frame
    >>> x = np.r_[np.arange(20), np.arange(50, 70)]
    >>> samples = pd.DataFrame({"trail": "a", "x": x, "y": 20, "frame": range(40)})
    >>> find_jumps(trails_of_frame(samples, scene_size=(80, 40))).texts()
    {0: 'jump of 31 px in 1 s: two objects?'}
    """
    speeds = np.empty(len(trails.y), np.float32)
    _speeds(trails.offsets, trails.y, trails.x, trails.time, speeds)
    usual = _usual_speeds(trails, speeds) if usual_speeds is None else usual_speeds
    fast = np.zeros(len(trails.y), bool)
    _compare(trails.offsets, speeds, TIMES * usual, fast)
    found = np.flatnonzero(fast)
    y, x = (places[found].astype(np.float64) - places[found - 1] for places in (trails.y, trails.x))
    length = np.hypot(y, x)
    long = length >= LEAST * float(np.hypot(trails.scene.width, trails.scene.height))
    found, length = found[long], length[long]
    rows = np.searchsorted(trails.offsets, found, side="right") - 1
    return Jumps(rows, found, length, trails.time[found] - trails.time[found - 1])


def split_at_jumps(trails: Trails) -> Trails:
    """Return trails of which those that jump are divided into one trail per object.

    The parts of trail ``7`` are ``7`` and ``7 part 2``, and so on; the outline belongs to the last.

    Parameters
    ----------
    trails
        Trails of one scene, with times.

    Returns
    -------
    Trails
        The same samples; the trails themselves if none jumps.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import split_at_jumps, trails_of_frame
    >>> x = np.r_[np.arange(20), np.arange(50, 70)]
    >>> samples = pd.DataFrame({"trail": "a", "x": x, "y": 20, "frame": range(40)})
    >>> split_at_jumps(trails_of_frame(samples, scene_size=(80, 40))).table["trail"].tolist()
    ['a', 'a part 2']
    """
    jumps = find_jumps(trails)
    if not len(jumps.rows):
        return trails
    starts = np.sort(np.concatenate([trails.offsets[:-1], jumps.sample]))
    offsets = np.append(starts, trails.offsets[-1])
    rows = np.searchsorted(trails.offsets, starts, side="right") - 1
    part = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    names = trails.table["trail"].to_numpy()[rows]
    table = trails.table.iloc[rows].reset_index(drop=True)
    table = table.assign(
        trail=[f"{name} part {k}" if k > 1 else name for name, k in zip(names, part, strict=True)],
        start=trails.time[starts],
        end=trails.time[offsets[1:] - 1],
        n_samples=np.diff(offsets),
    )
    last = np.append(rows[1:] != rows[:-1], True)
    hulls = (
        [trails.hulls[row] if end else None for row, end in zip(rows, last, strict=True)]
        if len(trails.hulls)
        else ()
    )
    return replace(trails, offsets=offsets, table=table, hulls=hulls)


def usual_speeds(trails: Trails) -> Floats:
    """Return for each trail the speed that most moving steps of its class do not exceed.

    95 % do not, in px/s; it is infinite for a class that does not move.
    """
    speeds = np.empty(len(trails.y), np.float32)
    _speeds(trails.offsets, trails.y, trails.x, trails.time, speeds)
    return _usual_speeds(trails, speeds)


def _usual_speeds(trails: Trails, speeds: Floats32) -> Floats:
    """Return for each trail the speed that 95 % of the moving steps of its class do not exceed."""
    codes = group_codes(trails.table["class"].to_numpy(dtype=object))
    usual = np.full(len(trails), np.inf)
    for code in range(int(codes.max(initial=-1)) + 1):
        members = codes == code
        own = speeds[np.repeat(members, trails.n_samples)]
        own = own[own > 0]
        if len(own):
            usual[members] = np.quantile(own, 0.95, overwrite_input=True)
    return usual


@kernel
def _speeds(offsets: Ints, y: Floats32, x: Floats32, time: Floats, speeds: Floats32) -> None:
    """Write the speed of the step to each sample, in px/s; 0 for the first of a trail."""
    for i in range(len(offsets) - 1):
        speeds[offsets[i]] = 0.0
        for j in range(offsets[i] + 1, offsets[i + 1]):
            dy, dx = np.float64(y[j]) - y[j - 1], np.float64(x[j]) - x[j - 1]
            speeds[j] = np.sqrt(dy * dy + dx * dx) / max(time[j] - time[j - 1], 1e-6)


@kernel
def _compare(offsets: Ints, speeds: Floats32, limits: Floats, fast: Bools) -> None:
    for i in range(len(offsets) - 1):
        for j in range(offsets[i], offsets[i + 1]):
            fast[j] = speeds[j] > limits[i]

"""Prefix sums of frames, from which the mean of any run of frames follows immediately.

One pass over a recording stores the sum of all frames before regularly spaced frames (the
borders); after it, any sum of frames is the difference of two borders and of the few frames next to
them.

Pixels are rounded to multiples of a power of two so small (about 1e-10 of a pixel for 200 000
frames) that all their float64 sums are exact. Sums are therefore identical in the last bit whatever
the chunks, the threads and the order of summation, and running sums never drift.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.power import PowerNormalizedFrames, block_power, sum_frames
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.monitor import SILENT, Monitor, raise_if_cancelled
from napari_uai.typing import Floats, Ints
from napari_uai.videos.frames import Frames, frames_per_chunk, map_chunks

BORDERS_BYTES = 64 * 2**20
"""Memory for the sums at borders."""

MIN_SPACING = 64
"""Least frames between borders: reading 32 frames of 72 x 72 px takes less than 0.1 ms."""


class WeightedBlock(NamedTuple):
    """Frames, the weight of each, and the number that rounds their pixels."""

    block: Block
    weights: npt.NDArray[np.float64]
    magic: float

    def frames(self, start: int, stop: int) -> WeightedBlock:
        """Return some of the frames."""
        return WeightedBlock(self.block.frames(start, stop), self.weights[start:stop], self.magic)


class PrefixSums:
    """Prefix sums of a source of frames, shared by all rolling averages of it.

    Power-normalised frames are read before their normalisation and weighted here, so that powers
    and sums are determined in the same pass; their unit is then that of frame 0 (see :meth:`unit`),
    which cancels in every ratio.
    """

    def __init__(self, source: Frames) -> None:
        self.source = source
        self.normalized = source if isinstance(source, PowerNormalizedFrames) else None
        self.base = self.normalized.source if self.normalized else source
        self.shape = source.shape
        n, height, width = self.shape
        n_borders = max(BORDERS_BYTES // (8 * height * width), 1)
        self.spacing = max(MIN_SPACING, -(-n // n_borders))
        chunk = frames_per_chunk(self.shape)
        if self.spacing > chunk:
            self.spacing = -(-self.spacing // chunk) * chunk
        self._setup()

    def _setup(self) -> None:
        self._lock = threading.RLock()
        self._borders: npt.NDArray[np.float64] | None = None
        self._recent: OrderedDict[int, Floats] = OrderedDict()
        self._read_directly = 0
        self._beside = False
        self._first: tuple[float, float] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Omit the sums: a pass in the other process costs less than sending them."""
        omitted = ("_lock", "_borders", "_recent", "_read_directly", "_beside", "_first")
        return {key: value for key, value in self.__dict__.items() if key not in omitted}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._setup()

    @property
    def prepared(self) -> bool:
        """Whether the pass has been made, or is being made alongside other work."""
        return self._borders is not None or self._beside

    def prepare(self, monitor: Monitor = SILENT, *, beside: bool = False) -> None:
        """Make the pass over the recording now, unless it has been made.

        Parameters
        ----------
        monitor
            Progress and cancellation.
        beside
            During the pass, other threads read directly from the recording instead of waiting, so
            that a live preview continues.

        Raises
        ------
        BadValueError
            If a frame contains NaN or infinity, or has no power although it is to be normalised.
        """
        if self._borders is not None:
            return
        self._beside = beside
        try:
            with self._lock:
                if self._borders is None:
                    self._borders = self._pass(monitor)
        finally:
            self._beside = False

    def unit(self) -> float:
        """Return the factor that converts sums to the unit of the source."""
        if self.normalized is None:
            return 1.0
        return float(self.normalized.power().mean() / self._first_frame()[0])

    def block(self, start: int, stop: int) -> WeightedBlock:
        """Read a block of frames."""
        raise_if_cancelled()
        block = as_block(self.base.read(start, stop))
        return self._weighted(block, start)[0]

    def at(self, positions: tuple[int, ...]) -> list[Floats]:
        """Return the sum of all frames before each position, in ascending order of position.

        The caller owns the sums. All of them may lack the frames before the first position: only
        their differences are meaningful.
        """
        if not self._beside:
            with self._lock:
                cost = positions[-1] - positions[0]
                if self._borders is None:
                    if self._read_directly + cost > len(self.base) // 4:
                        self.prepare()
                    else:
                        self._read_directly += cost
        if self._borders is not None:
            return [self._near_border(position) for position in positions]
        sums = [np.zeros(self.shape[1:])]
        for start, stop in pairwise(positions):
            sums.append(sums[-1].copy())
            self._add(start, stop, sums[-1], 1.0)
        return sums

    def remember(self, position: int, total: Floats) -> None:
        """Keep a sum that sequential reading will need soon, where borders are far apart."""
        if self.spacing <= MIN_SPACING or self._borders is None:
            return
        room = int(np.clip(BORDERS_BYTES // total.nbytes, 9, 24))
        with self._lock:
            self._recent[position] = total
            self._recent.move_to_end(position)
            while len(self._recent) > room:
                self._recent.popitem(last=False)

    def _near_border(self, position: int) -> Floats:
        """Return the sum before a position, computed from the nearest stored one."""
        assert self._borders is not None
        border = min(round(position / self.spacing), len(self._borders) - 1)
        start = min(border * self.spacing, self.shape[0])
        total: Floats = self._borders[border]
        with self._lock:
            near = min(self._recent, key=lambda p: abs(p - position), default=start)
            if abs(near - position) < abs(start - position):
                start, total = near, self._recent[near]
        total = np.array(total)
        if start <= position:
            self._add(start, position, total, 1.0)
        else:
            self._add(position, start, total, -1.0)
        return total

    def _add(self, start: int, stop: int, total: Floats, sign: float) -> None:
        """Add frames to a sum, or subtract them."""
        chunk = frames_per_chunk(self.shape)
        for begin in range(start, stop, chunk):
            block, weights, magic = self.block(begin, min(begin + chunk, stop))
            add_frames(WeightedBlock(block, sign * weights, magic), total)

    def _weighted(self, block: Block, start: int) -> tuple[WeightedBlock, npt.NDArray[np.float64]]:
        """Return a block with weights, and the powers of its frames (1 if not normalised)."""
        unit, magic = self._first_frame()
        n = block.shape[0]
        if self.normalized is None:
            if self._borders is None:
                _check_finite(block, start)
            power = np.ones(n)
        else:
            stored = self.normalized.known_power
            power = self.normalized.power_of(block, start) if stored is None else stored[start:][:n]
        return WeightedBlock(block, unit / power, magic), power

    def _first_frame(self) -> tuple[float, float]:
        """Return the power of frame 0, the unit of weights, and the rounding number."""
        if self._first is None:
            frame = self.base.read(0, 1)
            power = 1.0
            if self.normalized is not None:
                power = float(self.normalized.power_of(as_block(frame), 0)[0])
            exact = self.normalized is None and frame.dtype.kind in "uib"
            largest = 0.0 if exact else float(np.nanmax(np.abs(frame.astype(np.float64))))
            self._first = power, rounding_number(largest, len(self.base))
        return self._first

    def _pass(self, monitor: Monitor) -> npt.NDArray[np.float64]:
        """Read the recording once, on all cores."""
        n, height, width = self.shape
        spacing = self.spacing
        self._first_frame()  # otherwise each thread would read it
        borders = np.zeros((-(-n // spacing) + 1, height, width))
        powers = []
        chunk = frames_per_chunk(self.shape)
        chunk = chunk // spacing * spacing or chunk
        total = np.zeros((height, width))
        position = 0
        for sums, power in map_chunks(
            self._block_sums, n, chunk, monitor=monitor, message="sums of frames"
        ):
            for part in sums:
                total += part
                position = min(position + min(spacing, chunk), n)
                borders[-(-position // spacing)] = total
            powers.append(power)
        if self.normalized is not None:
            self.normalized.remember_power(np.concatenate(powers))
        return borders

    def _block_sums(
        self, start: int, stop: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Sum the frames between borders."""
        block = as_block(self.base.read(start, stop))
        sums = np.zeros((-(-(stop - start) // self.spacing), *self.shape[1:]))
        powers = np.ones(stop - start)
        if self.normalized is not None:
            scale = self._first_frame()
            _sum_normalized(block, self.normalized.regions, scale, self.spacing, (powers, sums))
            self.normalized.check_power(powers, start)
            return sums, powers
        _check_finite(block, start)
        for border, total in enumerate(sums):
            first = border * self.spacing
            part = block.frames(first, first + self.spacing)
            weights = powers[: part.shape[0]]
            add_frames(WeightedBlock(part, weights, self._first_frame()[1]), total)
        return sums, powers


_SHARED: WeakValueDictionary[int, PrefixSums] = WeakValueDictionary()


def prefix_sums_of(source: Frames) -> PrefixSums:
    """Return the prefix sums of a source, the same object as long as it is in use.

    A new batch size in a live preview, or the next one in a list, then needs no new pass.
    """
    # A live entry keeps its source alive, so no other object can have its id.
    sums = _SHARED.get(id(source))
    if sums is None:
        sums = _SHARED[id(source)] = PrefixSums(source)
    return sums


def rounding_number(largest: float, n_frames: int) -> float:
    """Return the number that rounds pixels so that sums of ``n_frames`` of them are exact.

    Adding 1.5 * 2**52 * q to a float64 and subtracting it again rounds to a multiple of q; here q
    is as small as sums of ``8 * largest * n_frames`` allow. 0 (no rounding) for zeros.
    """
    if not 0 < largest < np.inf:
        return 0.0
    return float(1.5 * 2.0 ** (np.ceil(np.log2(8 * largest * max(n_frames, 1))) - 1))


def _check_finite(block: Block, start: int) -> None:
    """Raise BadValueError, naming the first such frame, if a frame contains NaN or infinity."""
    if block.flat.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(block_power(block, _whole(block))))
    if bad.size:
        raise BadValueError(
            f"frame {start + bad[0]} contains NaN or infinity: remove such frames, or repair their "
            "pixels first"
        )


def _whole(block: Block) -> Ints:
    return np.array([(0, block.shape[1], 0, block.shape[2])])


# None of these kernels may reorder operations: that would cancel the rounding.
@kernel
def add_frames(weighted: WeightedBlock, total: Floats) -> None:
    """Add weighted and rounded frames to a sum, in place; four at a time to save loads."""
    n = weighted.weights.size
    for t in range(0, n // 4 * 4, 4):
        _add_four(weighted, t, total)
    for t in range(n // 4 * 4, n):
        add_frame(weighted, t, total)


@kernel
def add_frame(weighted: WeightedBlock, t: int, total: Floats) -> None:
    """Add one weighted and rounded frame to a sum, in place."""
    block, weights, magic = weighted
    height, width = total.shape
    weight = weights[t]
    for r in range(height):
        base = t * block.frame_step + r * block.row_step
        row = block.flat[base : base + width]
        sums = total[r]
        for c in range(width):
            sums[c] += (row[c] * weight + magic) - magic


@kernel
def _add_four(weighted: WeightedBlock, t: int, total: Floats) -> None:
    block, weights, magic = weighted
    flat, step = block.flat, block.frame_step
    w0, w1, w2, w3 = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
    height, width = total.shape
    for r in range(height):
        base = t * step + r * block.row_step
        row0 = flat[base : base + width]
        row1 = flat[base + step : base + step + width]
        row2 = flat[base + 2 * step : base + 2 * step + width]
        row3 = flat[base + 3 * step : base + 3 * step + width]
        sums = total[r]
        for c in range(width):
            first = ((row0[c] * w0 + magic) - magic) + ((row1[c] * w1 + magic) - magic)
            second = ((row2[c] * w2 + magic) - magic) + ((row3[c] * w3 + magic) - magic)
            sums[c] += first + second


@kernel
def _sum_normalized(
    block: Block,
    regions: Ints,
    scale: tuple[float, float],
    spacing: int,
    out: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    """Write the power of each frame, and sum the weighted frames between borders.

    Both for a few frames at a time, which stay in the processor's cache.
    """
    powers, sums = out
    n = powers.size
    weighted = WeightedBlock(block, np.empty(n), scale[1])
    for border in range(sums.shape[0]):
        stop = min((border + 1) * spacing, n)
        for t in range(border * spacing, stop, 4):
            end = min(t + 4, stop)
            sum_frames(block, t, regions, powers[t:end])
            for k in range(t, end):
                weighted.weights[k] = scale[0] / powers[k]
            if end == t + 4:
                _add_four(weighted, t, sums[border])
            else:
                for k in range(t, end):
                    add_frame(weighted, k, sums[border])

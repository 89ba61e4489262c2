"""Trajectories of linked spots, and the units in which their motion is stated."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.errors import BadValueError, counted
from napari_uai.iscat.measure.linking import spot_places
from napari_uai.iscat.tables import require_columns
from napari_uai.typing import Floats, Ints

PixelSize: TypeAlias = Annotated[float, Gt(0), Unit("um")] | None
"""Size of a pixel in the sample; None if it is not known."""

FrameRate: TypeAlias = Annotated[float, Gt(0), Unit("Hz")] | None
"""Frames per second; None if they are not known."""

Exposure: TypeAlias = Annotated[float, Ge(0), Le(1)]
"""Share of the time from one frame to the next in which the camera collects light."""

MinLength: TypeAlias = Annotated[int, Ge(4), Unit("spots")]
"""Smallest number of spots of a trajectory that is analysed."""

SHORTEST = 10
"""Default of :data:`MinLength`."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Spots of one particle, in order of time.

    Attributes
    ----------
    particle
        Number of the particle.
    rows
        Rows of the table, counted from 0.
    frames
        (n,): frames, ascending.
    places
        (n, 2): y and x, in px.
    """

    particle: int
    rows: Ints
    frames: Floats
    places: Floats

    @property
    def steps(self) -> Floats:
        """Displacements from one spot to the next, (2, n - 1), in px."""
        return np.ascontiguousarray(np.diff(self.places, axis=0).T)

    @property
    def lags(self) -> Floats:
        """Frames from one spot to the next, (n - 1,)."""
        return np.diff(self.frames)


def trajectories_of(
    table: pd.DataFrame, min_length: int, *, warn: bool = True
) -> Iterator[Trajectory]:
    """Yield the trajectories of linked spots that are long enough, in the order of their numbers.

    Parameters
    ----------
    table
        Linked spots: ``particle, frame, y, x``, with or without the columns of a fit.
    min_length
        Smallest number of spots.
    warn
        Whether to warn of trajectories that are too short, with their number.

    Raises
    ------
    BadValueError
        If a column is missing, a position is not a number, or a particle has two spots in a frame.
    """
    require_columns(table, "particle", "frame", "y", "x")
    particle = table["particle"].to_numpy(np.int64)
    frame = table["frame"].to_numpy(np.float64)
    order = np.lexsort((frame, particle))
    places = spot_places(table)[order] if len(table) else np.empty((0, 2))
    particle, frame = particle[order], frame[order]
    if not (np.isfinite(places).all() and np.isfinite(frame).all()):
        raise BadValueError("positions and frames of the spots must be finite numbers")
    twice = (np.diff(particle) == 0) & (np.diff(frame) == 0)
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        raise BadValueError(
            f"particle {particle[at]} has two spots in frame {frame[at]:g}: link the spots first"
        )
    edges = np.flatnonzero(np.diff(particle, prepend=particle[:1] - 1, append=particle[-1:] + 1))
    lengths = np.diff(edges)
    short = int((lengths < min_length).sum())
    if short and warn:
        warnings.warn(
            f"{short} of {counted(len(lengths), 'trajectory')} with fewer than "
            f"{min_length} spots skipped",
            UserWarning,
            stacklevel=3,
        )
    for start, length in zip(edges[:-1], lengths, strict=True):
        if length >= min_length:
            own = slice(start, start + length)
            yield Trajectory(int(particle[start]), order[own], frame[own], places[own])


@dataclass(frozen=True)
class Scale:
    """Units of lengths and times: um and s if both are known, px and frames otherwise.

    Attributes
    ----------
    length
        Units of length per px.
    rate
        Frames per unit of time.
    known
        Whether the units are um and s.
    """

    length: float = 1.0
    rate: float = 1.0
    known: bool = False

    @classmethod
    def of(cls, pixel_size_um: float | None, frame_rate_hz: float | None) -> Scale:
        """Return the scale of a recording; with one of the two unknown, that of px and frames."""
        if pixel_size_um is None or frame_rate_hz is None:
            return cls()
        return cls(pixel_size_um, frame_rate_hz, known=True)

    @property
    def diffusion(self) -> float:
        """What to multiply px^2 per frame with."""
        return self.length**2 * self.rate

    @property
    def length_unit(self) -> str:
        """Unit of lengths, at the end of names of columns."""
        return "um" if self.known else "px"

    @property
    def time_unit(self) -> str:
        """Unit of times, at the end of names of columns."""
        return "s" if self.known else "frames"

    @property
    def area_unit(self) -> str:
        """Unit of squared displacements, at the end of names of columns."""
        return "um2" if self.known else "px2"

    @property
    def diffusion_unit(self) -> str:
        """Unit of diffusion constants, at the end of names of columns."""
        return "um2_per_s" if self.known else "px2_per_frame"

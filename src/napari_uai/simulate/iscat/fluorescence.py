"""Fluorescence of the same field beside an iSCAT recording: another camera, known where it lies.

The particles that carry a label glow from their landing on until they bleach, after a time drawn
from an exponential distribution. A pixel counts

    N(t, r) ~ Poisson(background + photons * PSF(r - r_i)) + camera offset

with a Gaussian point-spread function of unit sum. The second camera is turned, moved and coarser:
a place (row, column) of it lies at ``shift + magnification * R(rotation) (row, column)`` of the
first, and its frame t at ``first_frame + frames_per_frame * t``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.parameters import check_settings
from napari_uai.typing import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FluorescenceSettings:
    """All that a simulated fluorescence recording depends on.

    Parameters
    ----------
    seed
        Seed of everything random.
    frames, rows, columns
        Of the second camera.
    frames_per_frame
        Frames of the iSCAT recording per frame of this one: the ratio of frame rates.
    first_frame
        Frame of the iSCAT recording at which this one begins.
    magnification
        Pixels of the iSCAT recording per pixel of this one.
    rotation_deg
        Of this camera against the first, positive from rows towards columns.
    shift_rows, shift_columns
        Place in the iSCAT recording of this one's pixel 0, 0.
    sigma_px
        Width of the point-spread function.
    photons
        Of a label per frame.
    background
        Of a pixel per frame.
    offset_counts
        Of the camera.
    labelled_fraction
        Share of the particles that carry a label.
    bleaching_frames
        Mean life of a label.
    """

    seed: Annotated[int, Ge(0)] = 0
    frames: Annotated[int, Ge(1), Unit("frames")] = 55
    rows: Annotated[int, Ge(8), Unit("px")] = 24
    columns: Annotated[int, Ge(8), Unit("px")] = 24
    frames_per_frame: Annotated[float, Gt(0)] = 20.0
    first_frame: Annotated[float, Ge(0), Unit("frames")] = 100.0
    magnification: Annotated[float, Gt(0)] = 2.0
    rotation_deg: Annotated[float, Unit("degrees")] = 6.0
    shift_rows: Annotated[float, Unit("px")] = -1.0
    shift_columns: Annotated[float, Unit("px")] = -3.0
    sigma_px: Annotated[float, Ge(0.5), Unit("px")] = 1.2
    photons: Annotated[float, Gt(0)] = 400.0
    background: Annotated[float, Ge(0)] = 12.0
    offset_counts: Annotated[int, Ge(0), Unit("counts")] = 100
    labelled_fraction: Annotated[float, Ge(0), Le(1)] = 0.8
    bleaching_frames: Annotated[float, Gt(0), Unit("frames")] = 60.0

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class SimulatedFluorescence:
    """A fluorescence recording and what is true of it.

    Attributes
    ----------
    video
        uint16, (frames, rows, columns).
    truth
        One row per labelled particle: ``landing`` (row in the truth of the iSCAT recording),
        ``y``, ``x`` (px of this recording), ``first_frame``, ``last_frame`` (of this recording, in
        which it glows).
    settings
        What it was made from.
    """

    video: npt.NDArray[np.uint16]
    truth: pd.DataFrame
    settings: FluorescenceSettings


def simulate_fluorescence(
    landings: pd.DataFrame, settings: FluorescenceSettings
) -> SimulatedFluorescence:
    """Simulate what a fluorescence camera sees of particles that land.

    Parameters
    ----------
    landings
        ``raw_frame``, ``y``, ``x`` of the iSCAT recording, as
        :class:`~napari_uai.simulate.iscat.recording.SimulatedRecording` has them.
    settings
        What to simulate.

    Returns
    -------
    SimulatedFluorescence
        Video and truth.
    """
    import pandas as pd

    rng = np.random.default_rng(settings.seed)
    n = len(landings)
    labelled = rng.permutation(np.arange(n) < round(n * settings.labelled_fraction))
    lives = rng.exponential(settings.bleaching_frames, n)
    places = to_second(landings[["y", "x"]].to_numpy(float), settings)
    starts = (landings["raw_frame"].to_numpy(float) - settings.first_frame) / (
        settings.frames_per_frame
    )
    y, x = np.mgrid[: settings.rows, : settings.columns]
    expected = np.full((settings.frames, settings.rows, settings.columns), settings.background)
    rows: list[dict[str, Any]] = []
    for i in np.flatnonzero(labelled):
        first = max(int(np.ceil(starts[i])), 0)
        last = min(int(starts[i] + lives[i]), settings.frames - 1)
        squares = (y - places[i, 0]) ** 2 + (x - places[i, 1]) ** 2
        spot = np.exp(-squares / (2 * settings.sigma_px**2)) / (2 * np.pi * settings.sigma_px**2)
        expected[first : last + 1] += settings.photons * spot
        place = {"landing": int(i), "y": places[i, 0], "x": places[i, 1]}
        rows.append({**place, "first_frame": first, "last_frame": last})
    video = rng.poisson(expected) + settings.offset_counts
    columns = ["landing", "y", "x", "first_frame", "last_frame"]
    truth = pd.DataFrame(rows, columns=columns)
    return SimulatedFluorescence(np.minimum(video, 65535).astype(np.uint16), truth, settings)


def to_second(places: Floats, settings: FluorescenceSettings) -> Floats:
    """Return where places of the iSCAT recording, (n, 2) px, lie in the second one."""
    angle = np.deg2rad(settings.rotation_deg)
    cosine, sine = np.cos(angle), np.sin(angle)
    away = places - (settings.shift_rows, settings.shift_columns)
    back = np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray(away @ back.T / settings.magnification)


def fluorescence_document(made: SimulatedFluorescence) -> dict[str, Any]:
    """Return truth and settings as plain numbers, as they stand in the file."""
    rows = made.truth.round({"y": 4, "x": 4}).to_dict("records")
    return {
        "format": "napari-uai fluorescence truth 1",
        "settings": dataclasses.asdict(made.settings),
        "labels": [{str(key): value for key, value in row.items()} for row in rows],
    }

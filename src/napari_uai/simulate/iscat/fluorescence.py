"""Simulated fluorescence of the field of an iSCAT recording, as seen by a second camera.

Labelled particles fluoresce from their landing until they bleach, after an exponentially
distributed time. The counts of a pixel are

    N(t, r) ~ Poisson(background + photons * PSF(r - r_i)) + camera offset

with a Gaussian point-spread function of unit sum. The second camera is rotated, shifted and has
larger pixels: its position (row, column) corresponds to
``shift + magnification * R(rotation) (row, column)`` in the iSCAT recording, and its frame t to
``first_frame + frames_per_frame * t``.
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
    """Settings of a simulated fluorescence recording.

    Parameters
    ----------
    seed
        Seed of all random numbers.
    frames, rows, columns
        Shape of the fluorescence recording.
    frames_per_frame
        Frames of the iSCAT recording per frame of fluorescence: the ratio of the frame rates.
    first_frame
        Frame of the iSCAT recording at which fluorescence begins.
    magnification
        Size of a pixel of fluorescence, in pixels of the iSCAT recording.
    rotation_deg
        Rotation relative to the iSCAT camera, positive from rows towards columns.
    shift_rows, shift_columns
        Position of pixel (0, 0) in the iSCAT recording.
    sigma_px
        Standard deviation of the point-spread function.
    photons
        Detected photons of a label per frame.
    background
        Detected background photons per pixel and frame.
    offset_counts
        Offset of the camera.
    labelled_fraction
        Fraction of particles that carry a label.
    bleaching_frames
        Mean time until a label bleaches.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.simulate.FluorescenceSettings(seed=3, photons=200).frames
    55
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
    """A simulated fluorescence recording with ground truth.

    Attributes
    ----------
    video
        Frames, rows, columns; uint16.
    truth
        One row per labelled particle: ``landing`` (row in the truth of the iSCAT recording),
        ``y``, ``x`` (in px of fluorescence), ``first_frame`` and ``last_frame`` (first and last
        frame of fluorescence in which it is visible).
    settings
        Settings of the simulation.

    Examples
    --------
    >>> import napari_uai as uai
    >>> landings = uai.read_truth(uai.sample_path("landings_truth.json")).landings
    >>> settings = uai.simulate.FluorescenceSettings()
    >>> uai.simulate.simulate_fluorescence(landings, settings).video.shape
    (55, 24, 24)
    """

    video: npt.NDArray[np.uint16]
    truth: pd.DataFrame
    settings: FluorescenceSettings


def simulate_fluorescence(
    landings: pd.DataFrame, settings: FluorescenceSettings
) -> SimulatedFluorescence:
    """Simulate the fluorescence of particles that land.

    Parameters
    ----------
    landings
        Landings in the iSCAT recording: ``raw_frame``, ``y``, ``x`` (in px), as in
        :class:`~napari_uai.simulate.iscat.recording.SimulatedRecording`.
    settings
        Settings of the simulation.

    Returns
    -------
    SimulatedFluorescence
        Video, ground truth and settings.

    Examples
    --------
    >>> import napari_uai as uai
    >>> landings = uai.read_truth(uai.sample_path("landings_truth.json")).landings
    >>> settings = uai.simulate.FluorescenceSettings(labelled_fraction=0.8)
    >>> len(uai.simulate.simulate_fluorescence(landings, settings).truth)  # of five landings
    4
    """
    import pandas as pd

    rng = np.random.default_rng(settings.seed)
    n = len(landings)
    labelled = rng.permutation(np.arange(n) < round(n * settings.labelled_fraction))
    durations = rng.exponential(settings.bleaching_frames, n)
    positions = to_second(landings[["y", "x"]].to_numpy(float), settings)
    starts = (landings["raw_frame"].to_numpy(float) - settings.first_frame) / (
        settings.frames_per_frame
    )
    y, x = np.mgrid[: settings.rows, : settings.columns]
    expected = np.full((settings.frames, settings.rows, settings.columns), settings.background)
    rows: list[dict[str, Any]] = []
    for i in np.flatnonzero(labelled):
        first = max(int(np.ceil(starts[i])), 0)
        last = min(int(starts[i] + durations[i]), settings.frames - 1)
        squares = (y - positions[i, 0]) ** 2 + (x - positions[i, 1]) ** 2
        spot = np.exp(-squares / (2 * settings.sigma_px**2)) / (2 * np.pi * settings.sigma_px**2)
        expected[first : last + 1] += settings.photons * spot
        particle = {"landing": int(i), "y": positions[i, 0], "x": positions[i, 1]}
        rows.append({**particle, "first_frame": first, "last_frame": last})
    video = rng.poisson(expected) + settings.offset_counts
    columns = ["landing", "y", "x", "first_frame", "last_frame"]
    truth = pd.DataFrame(rows, columns=columns)
    return SimulatedFluorescence(np.minimum(video, 65535).astype(np.uint16), truth, settings)


def to_second(positions: Floats, settings: FluorescenceSettings) -> Floats:
    """Convert positions (n, 2) in px of the iSCAT recording to px of the fluorescence."""
    angle = np.deg2rad(settings.rotation_deg)
    cosine, sine = np.cos(angle), np.sin(angle)
    shifted = positions - (settings.shift_rows, settings.shift_columns)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray(shifted @ rotation.T / settings.magnification)


def fluorescence_document(simulated: SimulatedFluorescence) -> dict[str, Any]:
    """Return truth and settings as plain numbers and strings: the content of a truth file."""
    rows = simulated.truth.round({"y": 4, "x": 4}).to_dict("records")
    return {
        "format": "napari-uai fluorescence truth 1",
        "settings": dataclasses.asdict(simulated.settings),
        "labels": [{str(key): value for key, value in row.items()} for row in rows],
    }

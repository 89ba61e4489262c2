"""Scenarios of simulated recordings: still, drifting and changing backgrounds; disturbances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from napari_uai.errors import BadValueError, nearest
from napari_uai.simulate.settings import RecordingSettings

ScenarioName: TypeAlias = Literal[
    "still", "drift-0.05", "drift-0.2", "living", "vesicles", "membrane", "diffusing"
]
"""A still stage; a drift of 0.05 px and of 0.2 px; and, with a drift of 0.03 px, three changing
backgrounds: focus changes while scatterers move and fade; vesicles diffuse on a supported membrane;
the membrane undulates. In the last one, particles diffuse freely, and none lands."""

MOVING: ScenarioName = "diffusing"
"""Scenario of particles that move instead of landing."""

SCENARIOS: tuple[ScenarioName, ...] = tuple(n for n in get_args(ScenarioName) if n != MOVING)
"""Scenarios of landings."""

SPECKLE_CONTRAST = 0.07
"""Contrast at which rolling averages, with and without drift correction, detect as many landings as
in the trials that led to the choice of the step detector: half as many at a drift of 0.05 px, none
at 0.2 px. The effect of drift is proportional to this contrast."""


def scenario(name: ScenarioName, seed: int = 0) -> RecordingSettings:
    """Return the settings of a recording of a named scenario.

    All scenarios have 6000 frames of 72 x 72 px, 30 000 electrons per pixel and frame, 24 landings
    whose signal-to-noise ratio (of a matched filter in one frame of the rolling average, batch 500)
    is uniform from 3 to 10, four hot pixels, drift and noise of the laser, and a slowly changing
    pattern along rows and columns. Half of the particles are dark, because particles interfere with
    speckle of any phase and methods must not rely on the sign.

    - ``still``: no drift,
    - ``drift-0.05``, ``drift-0.2``: the stage drifts by 0.05 or 0.2 px,
    - ``living``: a drift of 0.03 px, focus changes, and scatterers that move and fade,
    - ``vesicles``: a drift of 0.03 px, and vesicles that diffuse by 0.7 px along each axis per
      batch. They are one to three times as strong as the strongest landings, and look like
      particles that come and go,
    - ``membrane``: a drift of 0.03 px, and a membrane whose undulation changes the phase of the
      speckle by 0.01 rad within 500 frames, independently every 8 px; no motion of the whole image
      describes this,
    - ``diffusing``: no landings, but 12 particles that diffuse freely in 1000 frames at 5 kHz, with
      0.5 px^2 per frame: 4.8 um^2/s, which is a diameter of 103 nm in water.

    Parameters
    ----------
    name
        Name of the scenario.
    seed
        Seed of all random numbers, including speckle and landings.

    Returns
    -------
    RecordingSettings
        Settings for :func:`~napari_uai.simulate.iscat.recording.simulate_recording`.

    Raises
    ------
    BadValueError
        If there is no scenario of that name.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.simulate.scenario("drift-0.2", seed=3).drift_px
    0.2
    """
    still = RecordingSettings(seed=seed, speckle_contrast=SPECKLE_CONTRAST)
    if name == "still":
        return still
    if name == "drift-0.05":
        return replace(still, drift_px=0.05)
    if name == "drift-0.2":
        return replace(still, drift_px=0.2)
    if name == "living":
        return replace(still, drift_px=0.03, focus_rad=0.15, scatterers=12)
    if name == "vesicles":
        return replace(still, drift_px=0.03, vesicles=12, vesicle_diffusion=5e-4)
    if name == "membrane":
        return replace(still, drift_px=0.03, membrane_rad=0.01)
    if name == MOVING:
        return replace(still, landings=0, movers=12, frames=1000, frame_rate_hz=5000.0)
    raise BadValueError(f"no scenario {name!r}; {nearest(name, [*SCENARIOS, MOVING])}")


DISTURBED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "light-off": {"light_off_frames": 100},
        "light-off-long": {"light_off_frames": 500},
        "light-off-offset": {"light_off_frames": 100, "dark_counts": 400.0},
        "odd-frames": {"odd_frames": 8},
        "dropped-frames": {"dropped_frames": 200, "status_line": "last row"},
        "focus-jump": {"focus_jump": 2e-3},
        "focus-jump-weak": {"focus_jump": 7e-4},
        "illumination-step": {"illumination_step": 0.1},
        "flicker-2-percent": {"flickering_pixels": 4},
        "flicker-often": {"flickering_pixels": 4, "flicker_jumps": 6},
        "flicker-1-percent": {"flickering_pixels": 8, "flicker_size": 0.01},
        "flicker-weak": {"flickering_pixels": 8, "flicker_size": 0.004},
        "bubble": {"bubbles": 1},
        "dust": {"bubbles": 2, "bubble_contrast": 0.02, "bubble_px": 3.0, "bubble_frames": 300},
        "saturated-spots": {"bright_spots": 3, "bits": 12},
        "row-noise": {"row_noise": 1e-3},
        "camera-offset": {"dark_counts": 400.0},
        "8-bit": {"bits": 8, "electrons_per_count": 300.0},
        "10-bit": {"bits": 10, "electrons_per_count": 75.0},
        "narrow": {"sigma_px": 1.0},
        "wide": {"sigma_px": 3.0, "rows": 80, "columns": 80},
        "elliptic": {"ellipticity": 2.0},
        "dense": {"landings": 100},
        "leaving": {"take_offs": 7, "stay_frames": 600},
        "random-walk": {"landed_diffusion": 2e-4},
    }
)
"""What each disturbed recording has that its undisturbed twin lacks."""


def undisturbed(seed: int = 0) -> RecordingSettings:
    """Return the settings of the recording that disturbances are added to.

    It has 3000 frames of 52 x 52 px, counts of 10 electrons (30 000 per pixel and frame), a drift
    of 0.03 px, and 14 landings whose signal-to-noise ratio is uniform from 4 to 12 in one frame of
    a rolling average of batch 200.

    Parameters
    ----------
    seed
        Seed of all random numbers.

    Returns
    -------
    RecordingSettings
        Settings for :func:`~napari_uai.simulate.iscat.recording.simulate_recording`.

    Examples
    --------
    >>> undisturbed(3).file_shape
    (3000, 52, 52)
    """
    return RecordingSettings(
        seed=seed,
        frames=3000,
        rows=52,
        columns=52,
        batch_size=200,
        landings=14,
        electrons_per_count=10.0,
        speckle_contrast=SPECKLE_CONTRAST,
        illumination_drop=0.2,
        drift_px=0.03,
        landing_snr=(4.0, 12.0),
    )


def disturbed(name: str, seed: int = 0) -> RecordingSettings:
    """Return the settings of a recording with a disturbance of :data:`DISTURBED`.

    Parameters
    ----------
    name
        Name of the disturbance.
    seed
        Seed of all random numbers; :func:`undisturbed` of that seed is the same recording without.

    Returns
    -------
    RecordingSettings
        Settings for :func:`~napari_uai.simulate.iscat.recording.simulate_recording`.

    Raises
    ------
    BadValueError
        If the name is not known.

    Examples
    --------
    >>> disturbed("light-off").light_off_frames
    100
    """
    if name not in DISTURBED:
        raise BadValueError(f"no disturbance {name!r}; {nearest(name, list(DISTURBED))}")
    return replace(undisturbed(seed), **DISTURBED[name])

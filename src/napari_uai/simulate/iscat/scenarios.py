"""The situations in which landings are looked for: still, drifting, and living backgrounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import RecordingSettings

ScenarioName: TypeAlias = Literal[
    "still", "drift-0.05", "drift-0.2", "living", "vesicles", "membrane"
]
"""Still stage; 0.05 and 0.2 px of drift; and three backgrounds that live, with 0.03 px of drift:
focus changes, scatterers wander and fade; vesicles diffuse on a supported membrane; the membrane
undulates."""

SCENARIOS: tuple[ScenarioName, ...] = get_args(ScenarioName)

SPECKLE_CONTRAST = 0.07
"""At which plain rolling averages, and those with the drift regressed out, find as many landings
as in the trials by which the step detector was chosen: drift costs them half at 0.05 px, all at
0.2 px. More contrast makes the same drift worse in proportion."""


def scenario(name: ScenarioName, seed: int = 0) -> RecordingSettings:
    """Return the settings of one recording of a named situation.

    All have 6000 frames of 72 x 72 px, 30 000 electrons per pixel and frame, 24 landings whose
    matched-filter signal-to-noise ratio in one frame of the rolling average (batch 500) is
    uniform from 3 to 10, four hot pixels, drift and noise of the laser, and a wandering pattern
    along rows and columns. Half of the particles are dark: a method must not live on knowing the
    sign, and particles interfere with speckle of any phase.

    The vesicles are one to three times as strong as the strongest landings and move by 0.7 px along
    either axis in one batch: wherever they pass they look like a particle that comes and goes.
    The membrane turns the phase of the speckle by 0.01 rad, each 8 px in their own way, within
    500 frames: no motion of the whole image describes that.

    Parameters
    ----------
    name
        Which situation.
    seed
        Seed of everything random in it, speckle and landings included.

    Returns
    -------
    RecordingSettings
        For :func:`napari_uai.simulate.iscat.recording.simulate_recording`.

    Raises
    ------
    BadValueError
        If there is no situation of that name.
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
    raise BadValueError(f"there is no scenario {name!r}: choose one of {', '.join(SCENARIOS)}")

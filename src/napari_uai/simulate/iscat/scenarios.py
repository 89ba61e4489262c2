"""Scenarios of simulated recordings: still, drifting and changing backgrounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from napari_uai.errors import BadValueError, nearest
from napari_uai.simulate.settings import RecordingSettings

ScenarioName: TypeAlias = Literal[
    "still", "drift-0.05", "drift-0.2", "living", "vesicles", "membrane"
]
"""A still stage; a drift of 0.05 px and of 0.2 px; and, with a drift of 0.03 px, three changing
backgrounds: focus changes while scatterers move and fade; vesicles diffuse on a supported membrane;
the membrane undulates."""

SCENARIOS: tuple[ScenarioName, ...] = get_args(ScenarioName)

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
      describes this.

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
    raise BadValueError(f"no scenario {name!r}; {nearest(name, SCENARIOS)}")

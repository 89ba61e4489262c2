from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.simulate.iscat.scenarios import SCENARIOS, scenario
from napari_uai.simulate.settings import RecordingSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: it must be at least 1"),
        ({"electrons": 0.0}, "electrons is 0.0: it must be more than 0"),
        ({"electrons": float("nan")}, "electrons is nan: give a finite number"),
        ({"frames": 10.5}, "frames is 10.5: give a whole number"),
        ({"rows": True}, "rows is True: give a whole number"),
        ({"dark_fraction": 1.5}, "dark_fraction is 1.5: it must be at most 1"),
        ({"speckle_contrast": 0.9}, "speckle_contrast is 0.9: it must be less than 0.7"),
        ({"landing_snr": (9, 3)}, "landing_snr is .*: give two numbers, 0 <= lowest <= highest"),
        ({"landing_contrast": 3}, "landing_contrast is 3: give two numbers"),
        ({"status_line": "first row"}, "status_line is 'first row': choose one of 'none'"),
        ({"take_offs": 30}, "take_offs is 30, but only 24 particles land"),
        ({"margin_px": 40.0}, "margin_px 40.0 leaves no room in 72 x 72 px"),
    ],
)
def test_values_outside_their_limits_are_refused(values, message):
    with pytest.raises(BadValueError, match=message):
        RecordingSettings(**values)


def test_a_recording_too_short_for_its_landings_is_refused():
    with pytest.raises(TooFewFramesError, match="more than 1000 frames"):
        RecordingSettings(frames=1000)
    assert RecordingSettings(frames=1, landings=0).file_shape == (1, 72, 72)


def test_numpy_numbers_are_numbers():
    assert RecordingSettings(seed=np.int64(3), electrons=np.float32(1e4)).seed == 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_share_all_but_the_background(name):
    settings = scenario(name, 11)
    assert settings.file_shape == (6000, 72, 72)
    assert (settings.batch_size, settings.electrons, settings.landings) == (500, 30_000, 24)
    assert (settings.seed, settings.hot_pixels) == (11, 4)
    drift = {"still": 0, "drift-0.05": 0.05, "drift-0.2": 0.2}
    assert settings.drift_px == drift.get(name, 0.03)


def test_an_unknown_scenario_names_those_that_there_are():
    with pytest.raises(BadValueError, match=r"choose one of still, drift-0\.05"):
        scenario("storm")

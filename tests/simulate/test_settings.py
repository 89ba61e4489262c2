from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from napari_uai.errors import BadValueError, RecipeError, TooFewFramesError
from napari_uai.parameters import with_texts
from napari_uai.simulate.iscat.scenarios import SCENARIOS, scenario
from napari_uai.simulate.settings import RecordingSettings, TrailSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, r"batch_size must be a whole number, at least 1 \(frames\), got 0"),
        ({"electrons": 0.0}, "electrons must be a number, above 0 .*, got 0"),
        ({"electrons": float("nan")}, "electrons must be a number, .*got nan"),
        ({"frames": 10.5}, "frames must be a whole number, .*got 10.5"),
        ({"rows": True}, "rows must be a whole number, .*got True"),
        ({"dark_fraction": 1.5}, "dark_fraction must be a number, .*at most 1, got 1.5"),
        ({"speckle_contrast": 0.9}, "speckle_contrast must be .*below 0.7, got 0.9"),
        (
            {"landing_snr": (9, 3)},
            r"landing_snr must be 2 numbers, each at least 0, in ascending order, got \(9, 3\)",
        ),
        ({"landing_snr": (-1, 3)}, "landing_snr must be"),
        ({"landing_contrast": 3}, "landing_contrast must be 2 numbers, .*, or none, got 3"),
        ({"status_line": "first row"}, "status_line must be one of none, last row, last column"),
        ({"take_offs": 30}, r"take_offs must be at most landings \(24\), got 30"),
        ({"margin_px": 40.0}, r"margin_px must be below 35\.5 for 72 x 72 px, got 40"),
    ],
)
def test_values_outside_their_limits_are_refused(values, message):
    with pytest.raises(BadValueError, match=message):
        RecordingSettings(**values)


def test_a_recording_too_short_for_its_landings_is_refused():
    with pytest.raises(TooFewFramesError, match="frames must be more than 1000 "):
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
    with pytest.raises(BadValueError, match=r"choose from still, drift-0\.05"):
        scenario("storm")


def test_ranges_may_be_a_single_value_and_come_from_json():
    assert RecordingSettings(landing_snr=[5, 5]).landing_snr == (5.0, 5.0)
    with pytest.raises(BadValueError, match=r"rates_hz must be 2 numbers, each at least 0\.1"):
        TrailSettings(rates_hz=(0.05, 2.0))
    settings = scenario("living", 3)
    assert RecordingSettings(**json.loads(json.dumps(asdict(settings)))) == settings


def test_texts_change_settings_and_what_depends_on_them_is_checked():
    changed = with_texts(RecordingSettings(), ["landing_snr=[2, 4]", "status_line=last row"])
    assert (changed.landing_snr, changed.status_line) == ((2.0, 4.0), "last row")
    with pytest.raises(RecipeError, match="simulation has no parameter 'frame'; did you mean 'fra"):
        with_texts(RecordingSettings(), ["frame=3"], label="simulation")
    with pytest.raises(RecipeError, match="written as NAME=VALUE"):
        with_texts(RecordingSettings(), ["frames"])
    with pytest.raises(TooFewFramesError):
        with_texts(RecordingSettings(), ["frames=10"])

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis import scene_scores
from napari_uai.trails.analysis.model_file import read_model, write_model
from napari_uai.trails.analysis.periods import periods_of
from napari_uai.trails.analysis.scene_model import fit_scene, update_scene
from napari_uai.trails.analysis.scene_scores import notes_on, score_against
from napari_uai.trails.io.writing import write_trails

WIDTH = {"painted_width_px": 3}
MONDAY_S = datetime(2024, 5, 6, tzinfo=UTC).timestamp()
HOUR_S = 3600


def at(trails, begins_s):
    """Return trails that begin at other times."""
    shift = np.broadcast_to(begins_s, len(trails)) - trails.table["start"].to_numpy()
    table = trails.table.assign(
        start=trails.table["start"] + shift, end=trails.table["end"] + shift
    )
    return replace(trails, time=trails.time + np.repeat(shift, trails.n_samples), table=table)


@pytest.fixture(scope="module")
def trails():
    settings = TrailSettings(seed=8, trails=500, anomalous_fraction=0.05)
    return simulate_trails(settings).trails


@pytest.fixture(scope="module")
def days(trails):
    """Trails of 8 h, 9 h and, a few, 23 h of a Monday."""
    hour = np.repeat([8, 9, 23], [240, 240, 20])
    return at(trails, MONDAY_S + HOUR_S * hour + 60)


def test_periods_are_those_in_which_trails_begin(trails):
    rng = np.random.default_rng(1)
    begins = rng.uniform(1e9, 2e9, len(trails)).round(3)
    dates = [datetime.fromtimestamp(second, UTC) for second in begins]
    shifted = at(trails, begins)
    assert periods_of(shifted, "hour").tolist() == [f"{date:%H} h" for date in dates]
    assert periods_of(shifted, "weekday").tolist() == [f"{date:%a}" for date in dates]
    assert periods_of(shifted, "both").tolist() == [f"{date:%a %H} h" for date in dates]
    east = replace(shifted, table=shifted.table.assign(utc_offset_s=7200.0))
    local = [datetime.fromtimestamp(second + 7200, UTC) for second in begins]
    assert periods_of(east, "both").tolist() == [f"{date:%a %H} h" for date in local]


def test_trails_are_scored_with_the_model_of_their_hour_where_it_has_enough(days, monkeypatch):
    model = fit_scene(days, settings=WIDTH, by="hour")
    assert list(model.periods) == ["08 h", "09 h", "23 h"]
    counts = model.periods["08 h"].traffic.n_trails
    kind = max(counts, key=counts.get)
    monkeypatch.setattr(scene_scores, "ENOUGH", counts[kind])
    table = score_against(model, days).set_index("trail")
    table["begins"] = periods_of(days, "hour")[
        days.table.reset_index().set_index("trail").loc[table.index, "index"]
    ]
    of_kind = table["class"] == kind
    assert (table["model"][of_kind & (table["begins"] == "08 h")] == "08 h").all()
    assert (table["model"][table["begins"] == "23 h"] == "all").all()
    rare = ~of_kind & (table["begins"] == "08 h")
    assert (table["model"][rare] == "all").all()
    # Each as if the chosen model were the only one.
    eight = days.select(np.arange(240))
    alone = score_against(fit_scene(eight, settings=WIDTH), eight).set_index("trail")
    mine = table.index[of_kind & (table["begins"] == "08 h")]
    np.testing.assert_array_equal(table.loc[mine, "anomaly"], alone.loc[mine, "anomaly"])
    plain = score_against(fit_scene(days, settings=WIDTH), days).set_index("trail")
    mine = table.index[table["model"] == "all"]
    np.testing.assert_array_equal(table.loc[mine, "p_value"], plain.loc[mine, "p_value"])


def test_models_of_periods_add_up_and_survive_the_file(days, tmp_path):
    joint = fit_scene(days, settings=WIDTH, by="both")
    some = np.arange(0, 500, 3)
    others = np.setdiff1d(np.arange(500), some)
    daily = fit_scene(days.select(some), settings=WIDTH, by="both")
    daily = read_model(write_model(daily, tmp_path / "scene.model"))
    daily = read_model(write_model(update_scene(daily, days.select(others)), tmp_path / "b.model"))
    assert daily.by == "both"
    assert list(daily.periods) == list(joint.periods) == ["Mon 08 h", "Mon 09 h", "Mon 23 h"]
    for name, period in joint.periods.items():
        reference = daily.periods[name].reference
        np.testing.assert_array_equal(reference.total, period.reference.total)
        np.testing.assert_array_equal(daily.periods[name].traffic.keys, period.traffic.keys)
    np.testing.assert_array_equal(daily.reference.total, joint.reference.total)


def test_times_without_a_date_are_said(days):
    dateless = at(days, 5.0)
    with pytest.raises(BadValueError, match="need times with a date"):
        fit_scene(dateless, settings=WIDTH, by="weekday")
    model = fit_scene(days, settings=WIDTH, by="weekday")
    with pytest.raises(BadValueError, match="need times with a date"):
        update_scene(model, dateless)
    assert any("times have no date" in note for note in notes_on(model, dateless))
    assert (score_against(model, dateless)["model"] == "all").all()
    assert "model" not in score_against(fit_scene(days, settings=WIDTH), days)


def test_the_command_line_says_which_models_were_used(days, tmp_path, capsys):
    write_trails(days, tmp_path / "mon.csv")
    write_trails(at(days.select([0, 1, 499]), MONDAY_S), tmp_path / "night.csv")
    scene, model = ["--scene", "1280x720"], str(tmp_path / "scene.model")
    fit = ["trails", "fit", str(tmp_path / "mon.csv"), "--out", model, *scene]
    assert main([*fit, "--by", "hour"]) == 0
    assert "model of 500 trails, with 3 models by hour of the day" in capsys.readouterr().out
    night = ["trails", str(tmp_path / "night.csv"), "--model", model, *scene]
    assert main([*night, "--out", str(tmp_path / "results")]) == 0
    shown = capsys.readouterr().out
    assert "(0 with the model of their period, 3 with that of all trails)" in shown
    assert main([*fit, "--by", "month"]) == 2
    assert "hour, weekday, both" in capsys.readouterr().err

"""``napari-uai rate``."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.iscat.recipes.outputs import write_results
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.sample_data import sample_path
from napari_uai.videos.recording import open_recording


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    recording = open_recording(sample_path("landings.bin"))
    result = run_recipe(recording, "classical", settings=["dra.batch_size=200"])
    for name in ("low", "high"):
        write_results(result, folder / name)
    return folder


def test_rates_of_runs_are_written(runs, tmp_path, capsys):
    words = ["rate", str(runs / "low"), str(runs / "high"), "--out", str(tmp_path / "out")]
    assert main([*words, "--bins", "4", "--concentrations", "1,2"]) == 0
    text = capsys.readouterr().out
    landings = pd.read_csv(runs / "low" / "landings.csv")
    inside = landings["raw_frame"].between(200, 999).sum()
    assert f"low: {inside} landings" in text
    series = pd.read_csv(tmp_path / "out" / "series.csv")
    assert series["concentration"].tolist() == [1, 2]
    np.testing.assert_allclose(series["rate_per_s"], inside / 2.0)
    rates = pd.read_csv(tmp_path / "out" / "rates.csv")
    assert rates.groupby("recording")["landings"].sum().tolist() == [inside] * 2
    record = json.loads((tmp_path / "out" / "rates.json").read_text())
    assert set(record["fit"]) >= {"slope", "slope_error", "background"}
    assert (tmp_path / "out" / "rates.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--concentrations", "a"], "numbers such as 1,2,5"),
        (["--concentrations", "-1"], "at least 0"),
        (["--concentrations", "1,2"], "give one for each"),
        (["--concentrations", "1"], "two different"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(runs, tmp_path, one_line_error, words, message):
    assert main(["rate", str(runs / "low"), "--out", str(tmp_path / "out"), *words]) == 2
    one_line_error(message)


def test_what_is_no_run_is_said(tmp_path, one_line_error):
    assert main(["rate", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    one_line_error("no run.json")

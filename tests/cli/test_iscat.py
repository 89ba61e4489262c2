"""The command line: what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_uai.cli.app import main
from napari_uai.sample_data import sample_path

SAMPLE = str(sample_path("landings.bin"))
QUICK = ["--recipe", "classical", "--set", "dra.batch_size=200"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "results"
    assert main(["iscat", SAMPLE, "--out", str(out), *QUICK]) == 0
    return out


def test_the_former_name_of_a_recipe_is_accepted_with_a_note(capsys):
    assert main(["recipes", "network"]) == 0
    former = capsys.readouterr()
    assert main(["recipes", "rescored"]) == 0
    assert capsys.readouterr().out == former.out
    assert former.err == "note: recipe network is now rescored\n"


def test_iscat_writes_every_file(results):
    names = {p.name for p in results.iterdir()}
    assert names == {
        "landings.csv", "localizations.csv", "traces.csv", "recipe.toml", "run.json", "summary.png",
    }  # fmt: skip


def test_a_region_is_analysed_and_recorded_and_places_are_those_of_the_file(tmp_path):
    out = tmp_path / "part"
    assert main(["iscat", SAMPLE, "--out", str(out), *QUICK, "--region", "5:41,9:38"]) == 0
    table = pd.read_csv(out / "landings.csv")
    truth = json.loads(sample_path("landings_truth.json").read_text())["landings"]
    inside = [t for t in truth if 12 < t["y"] < 33 and 16 < t["x"] < 31]
    assert inside
    for landing in inside:
        assert np.hypot(table["y"] - landing["y"], table["x"] - landing["x"]).min() < 1
    first = json.loads((out / "run.json").read_text())["stages"][0]
    assert first["use"] == "crop"
    assert first["parameters"] == {"region": [5, 41, 9, 38]}
    assert first["origin"] == [0, 5, 9]


@pytest.mark.parametrize(
    "region", ["5:41", "5:41,9", "a:b,c:d", "5:5,9:38", "5:41,38:9", "5:41:9,38"]
)
def test_a_region_that_is_none_is_refused(region, tmp_path, capsys):
    assert main(["iscat", SAMPLE, "--out", str(tmp_path / "x"), "--region", region]) == 2
    assert "--region" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_landings_are_ranked_and_in_the_frames_of_the_file(results):
    table = pd.read_csv(results / "landings.csv")
    assert list(table.columns[:8]) == [
        "landing", "frame", "raw_frame", "y", "x", "contrast", "score", "n_localizations",
    ]  # fmt: skip
    assert table["score"].is_monotonic_decreasing
    assert (table["raw_frame"] - table["frame"] == 200).all()
    truth = json.loads(sample_path("landings_truth.json").read_text())["landings"]
    for landing in truth:
        near = (table["raw_frame"] - landing["raw_frame"]).abs() < 100
        near &= np.hypot(table["y"] - landing["y"], table["x"] - landing["x"]) < 2
        near &= table["contrast"] * landing["contrast"] > 0
        assert near.sum() == 1


def test_run_says_where_it_comes_from(results):
    record = json.loads((results / "run.json").read_text())
    assert record["input"]["name"] == "landings.bin"
    assert len(record["input"]["sha256"]) == 64
    assert record["status_line"]["n_dropped"] == 2
    assert record["recipe"]["name"] == "classical"


def test_evaluate_prints_found_missed_and_false(results, capsys):
    truth = str(sample_path("landings_truth.json"))
    assert main(["evaluate", str(results / "landings.csv"), truth]) == 0
    assert "5 found, 0 missed" in capsys.readouterr().out


@pytest.mark.slow
def test_written_recipe_and_range_of_frames_are_taken(results, tmp_path):
    arguments = ["--recipe", str(results / "recipe.toml"), "--frames", "100:"]
    assert main(["iscat", SAMPLE, "--out", str(tmp_path), *arguments]) == 0
    table = pd.read_csv(tmp_path / "landings.csv")
    assert (table["raw_frame"] - table["frame"] == 300).all()


def test_nothing_found_gives_headers_and_success(tmp_path):
    found = ["--set", "spots.threshold=50"]
    assert main(["iscat", SAMPLE, "--out", str(tmp_path), *QUICK, *found]) == 0
    assert len(pd.read_csv(tmp_path / "landings.csv")) == 0
    assert "y" in pd.read_csv(tmp_path / "localizations.csv").columns


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--recipe", "clasical"], ["did you mean 'classical'"]),
        (["--set", "dra.batchsize=200"], ["batchsize", "did you mean 'batch_size'"]),
        (["--set", "dar.batch_size=200"], ["'dar'", "did you mean 'dra'"]),
        (["--set", "dra.batch_size=0"], ["dra.batch_size", "at least 1"]),
        (["--set", "dra.batch_size=700"], ["stage dra", "1200"]),
        (["--set", "dra.batch_size=many"], ["a whole number"]),
        (["--frames", "10"], ["START:STOP"]),
        (["--frames", "5000:"], ["1200 frames"]),
        (["--heigth", "41"], ["--heigth"]),
        (["--height", "x"], ["--height"]),
        (["--dtype", "nonsense"], ["nonsense"]),
    ],
)
def test_bad_input_is_one_line_and_exit_2(change, words, tmp_path, one_line_error):
    out = tmp_path / "out"
    assert main(["iscat", SAMPLE, "--out", str(out), *QUICK, *change]) == 2
    one_line_error(*words)
    assert not out.exists()


def test_missing_and_empty_files_are_named(tmp_path, one_line_error):
    out = ["--out", str(tmp_path / "out"), *QUICK]
    assert main(["iscat", str(tmp_path / "no.bin"), *out]) == 2
    one_line_error("no.bin", "does not exist")
    (tmp_path / "empty.bin").touch()
    shape = ["--height", "4", "--width", "4", "--dtype", "<u2"]
    assert main(["iscat", str(tmp_path / "empty.bin"), *out, *shape]) == 2
    one_line_error("empty.bin")
    assert not (tmp_path / "out").exists()


def test_file_in_place_of_the_folder_is_an_error(tmp_path, one_line_error):
    (tmp_path / "out").write_text("mine")
    assert main(["iscat", SAMPLE, "--out", str(tmp_path / "out"), *QUICK]) == 2
    one_line_error("cannot write to", "choose another folder")
    assert (tmp_path / "out").read_text() == "mine"


def write_float_recording(path, change):
    video = np.random.default_rng(1).normal(3000, 50, (500, 20, 18)).astype("<f4")
    change(video)
    video.tofile(path)
    layout = {"height": 20, "width": 18, "dtype": "<f4"}
    path.with_suffix(".json").write_text(json.dumps(layout))
    return str(path)


@pytest.mark.parametrize("recipe", ["matched", "classical"])
@pytest.mark.parametrize("value", [0, -9])
def test_frames_without_light_are_left_out_and_said(recipe, value, tmp_path, capsys):
    def spoil(video):
        video[320:330] = value

    path = write_float_recording(tmp_path / "spoilt.bin", spoil)
    out = tmp_path / "out"
    arguments = ["--recipe", recipe, "--set", "dra.batch_size=100", "--out", str(out)]
    assert main(["iscat", path, *arguments]) == 0
    assert "note: frames 320-329: no light; left out" in capsys.readouterr().err
    record = json.loads((out / "run.json").read_text())["disturbances"]
    assert record["frames_left_out"] == [{"kind": "no light", "first": 320, "last": 329}]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "100 has no light"), (-9, "100 has counts below zero")],
)
def test_mostly_dark_recordings_are_refused(value, words, tmp_path, one_line_error):
    def spoil(video):
        video[100:400] = value

    path = write_float_recording(tmp_path / "spoilt.bin", spoil)
    out = tmp_path / "out"
    assert main(["iscat", path, "--set", "dra.batch_size=100", "--out", str(out)]) == 2
    one_line_error("spoilt.bin", words)
    assert not out.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frames_with_nan_or_infinity_are_left_out_and_said(value, tmp_path, capsys):
    def spoil(video):
        video[320:322, 3, 4] = value

    def copy(video):
        video[320:322] = video[319]

    landings = []
    for change in (spoil, copy):
        (tmp_path / change.__name__).mkdir()
        path = write_float_recording(tmp_path / change.__name__ / "a.bin", change)
        out = tmp_path / change.__name__ / "out"
        arguments = ["--recipe", "classical", "--set", "dra.batch_size=100", "--out", str(out)]
        assert main(["iscat", path, *arguments]) == 0
        landings.append(pd.read_csv(out / "landings.csv"))
        said = capsys.readouterr().err
        assert ("2 frames contain NaN or infinity (320, 321): left out" in said) == (
            change is spoil
        )
    pd.testing.assert_frame_equal(*landings)


def test_a_recording_with_nan_everywhere_is_refused(tmp_path, one_line_error):
    def spoil(video):
        video[:, 0] = np.nan

    path = write_float_recording(tmp_path / "a.bin", spoil)
    assert main(["iscat", path, "--out", str(tmp_path / "out"), *QUICK]) == 2
    one_line_error("a.bin", "frames contain NaN or infinity (frame 0 is the first): check the")


def test_dead_columns_and_saturated_frames_are_noted(tmp_path, capsys):
    video = np.random.default_rng(1).poisson(3000, (500, 20, 18)).astype("<u2")
    video[300:303, :5] = 65535
    video[:, :, 7] = 0
    video.tofile(tmp_path / "type_uint16_shape(500, 20, 18).raw")
    path = str(tmp_path / "type_uint16_shape(500, 20, 18).raw")
    assert main(["iscat", path, "--out", str(tmp_path / "out"), *QUICK]) == 0
    said = capsys.readouterr().err
    assert "frames 300-302: saturated; left out" in said
    assert "column 7" in said
    assert "dra.batch_size=50 suggested" in said
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(record["problems"]) == 3


def test_a_shape_that_contradicts_the_sidecar_is_an_error_with_the_right_one(
    tmp_path, one_line_error
):
    shape = ["--height", "17", "--width", "3"]
    assert main(["iscat", SAMPLE, "--out", str(tmp_path / "out"), *shape]) == 2
    one_line_error("height 17", "41", "landings.json", "41 x 40 '<u2' (1200 frames)")


@pytest.mark.slow
def test_libraries_do_not_write_beside_the_one_line(tmp_path, capsys):
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, np.zeros((40, 30, 30), np.uint16) + 7)
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[:30000])
    run = [sys.executable, "-m", "napari_uai.cli", "iscat", str(tmp_path / "cut.tif")]
    done = subprocess.run(
        [*run, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cut.tif is truncated" in done.stderr


@pytest.mark.slow
def test_folder_of_recordings_goes_on_after_a_bad_one(tmp_path, capsys, one_line_error):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("good.bin", "bad.bin"):
        data = sample_path("landings.bin").read_bytes()
        (source / name).write_bytes(data if name == "good.bin" else b"1")
    shape = ["--height", "41", "--width", "40", "--dtype", "<u2"]
    assert main(["iscat", str(source), "--out", str(out), *QUICK, *shape]) == 0
    assert (out / "good" / "landings.csv").exists()
    assert not (out / "bad").exists()
    assert "bad.bin,yes," in (out / "problems.csv").read_text()
    assert "1 of 2 failed" in capsys.readouterr().err
    (source / "good.bin").unlink()
    assert main(["iscat", str(source), "--out", str(out), *QUICK, *shape]) == 2
    one_line_error("1 of 1 recording failed", "problems.csv")


@pytest.mark.slow
def test_demo_finds_the_landings_of_the_sample_with_each_recipe(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    told = {line[0]: line[1:3] for line in lines if len(line) == 5}
    for recipe in ("matched", "rescored", "handcrafted", "classical"):
        assert told[recipe] == ["5", "0"]
        assert (tmp_path / "demo" / recipe / "summary.png").stat().st_size > 10_000


@pytest.mark.slow
def test_same_recipe_and_data_give_the_same_bytes(tmp_path):
    settings = ["--set", "dra.batch_size=200"]
    for name in ("a", "b"):
        assert main(["iscat", SAMPLE, "--out", str(tmp_path / name), *settings]) == 0
    for table in ("landings.csv", "localizations.csv", "traces.csv", "drift.csv", "recipe.toml"):
        assert (tmp_path / "a" / table).read_bytes() == (tmp_path / "b" / table).read_bytes()


@pytest.mark.slow
def test_candidates_hold_the_landings_and_weaker_events(tmp_path):
    assert main(["iscat", SAMPLE, "--out", str(tmp_path), "--set", "dra.batch_size=200"]) == 0
    landings, candidates = (
        pd.read_csv(tmp_path / f"{name}.csv") for name in ("landings", "candidates")
    )
    columns = ["frame", "raw_frame", "y", "x", "contrast", "score"]
    pd.testing.assert_frame_equal(
        landings[columns], candidates[columns].head(len(landings)), check_exact=True
    )
    assert len(candidates) > len(landings)
    assert candidates["score"].is_monotonic_decreasing


def test_info_tells_shape_and_status_line(capsys):
    assert main(["info", SAMPLE]) == 0
    text = capsys.readouterr().out
    assert "1200 frames of 41 x 40 px, <u2" in text
    assert "2 images dropped" in text


def test_simulated_recording_opens_by_its_sidecar(tmp_path, capsys):
    settings = ["--set", "frames=60", "--set", "batch_size=20", "--set", "landings=1"]
    sizes = ["--set", "rows=24", "--set", "columns=20", "--seed", "3"]
    assert main(["simulate", "iscat", "--out", str(tmp_path), *settings, *sizes]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["info", str(tmp_path / "recording.bin")]) == 0
    assert "60 frames of 24 x 20 px" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "drift-0"], ["drift-0"]),
        (["--set", "frame=60"], ["did you mean 'frames'"]),
        (["--set", "frames"], ["NAME=VALUE"]),
        (["--set", "frames=0"], ["frames"]),
    ],
)
def test_bad_simulation_is_one_line_and_exit_2(arguments, words, tmp_path, one_line_error):
    assert main(["simulate", "iscat", "--out", str(tmp_path / "out"), *arguments]) == 2
    one_line_error(*words)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_table_that_is_no_table_of_landings_is_an_error(content, tmp_path, one_line_error):
    (tmp_path / "landings.csv").write_text(content)
    truth = str(sample_path("landings_truth.json"))
    assert main(["evaluate", str(tmp_path / "landings.csv"), truth]) == 2
    one_line_error()


def test_lists_name_what_there_is(capsys):
    assert main(["recipes"]) == 0
    assert "classical" in capsys.readouterr().out
    assert main(["recipes", "classical"]) == 0
    assert 'name = "dra"' in capsys.readouterr().out
    assert main(["stages"]) == 0
    assert "differential_rolling_average" in capsys.readouterr().out
    assert main(["stages", "detect_spots"]) == 0
    assert "sigma_px: a number, above 0 (px); default 1.7" in capsys.readouterr().out


def test_no_arguments_show_the_help(capsys):
    assert main([]) == 0
    assert "iscat" in capsys.readouterr().out


def test_bug_is_one_line_without_a_traceback(monkeypatch, one_line_error):
    def broken():
        raise KeyError("oh")

    monkeypatch.setattr("napari_uai.iscat.recipes.recipe.recipe_names", broken)
    assert main(["recipes"]) == 1
    one_line_error("a bug", "--debug")
    with pytest.raises(KeyError):
        main(["--debug", "recipes"])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_to_stop_cancel_and_leave_nothing(name, tmp_path):
    # whoever runs the tests in the background has it ignored, and so would this process
    start = f"import runpy, signal; signal.signal(signal.{name}, signal.SIG_DFL); "
    start += "runpy.run_module('napari_uai.cli', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", start, "simulate", "iscat", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--set", "frames=400000"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.partial")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130
    assert text == "napari-uai: cancelled; no incomplete results were written\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("out", "said"), [("", "empty"), ("n" * 300, "cannot write to")])
def test_a_folder_that_cannot_be_is_one_clear_line(out, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["iscat", str(sample_path("landings.bin")), "--out", out, *QUICK]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())

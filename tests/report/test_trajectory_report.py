"""Pages about particles that move hold what their tables hold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_uai as uai
from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.displacements import free_diffusion, mean_over_particles
from napari_uai.report.trajectory_page import N_ROWS
from napari_uai.simulate.files import write_recording
from napari_uai.simulate.iscat.scenarios import scenario


@pytest.fixture(scope="module")
def tracked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tracked")
    settings = replace(scenario("diffusing", seed=4), frames=250, movers=5, rows=48, columns=56)
    write_recording(settings, folder / "moving.bin")
    uai.analyse_recording(folder / "moving.bin", folder / "results", "tracking")
    return folder / "results"


@pytest.fixture
def results(tracked, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(tracked, tmp_path / "results"))


def page_of(folder, parse):
    uai.write_report(folder)
    return parse((folder / "report.html").read_text("utf-8"))


def test_the_table_has_the_numbers_of_the_longest_trajectories(results, parse, printed):
    section = page_of(results, parse).section("Trajectories")
    head, *rows = section.all("table")[0].rows()
    own = pd.read_csv(results / "trajectories.csv")
    own = own.nlargest(N_ROWS, "n_spots", keep="first")
    assert [float(row[0]) for row in rows] == own["particle"].tolist()
    columns = {"D (µm²/s)": "diffusion{}_um2_per_s", "diameter (nm)": "diameter{}_nm",
               "contrast": "contrast{}"}  # fmt: skip
    for title, column in columns.items():
        for row, (_, value) in zip(rows, own.iterrows(), strict=True):
            shown = row[head.index(title)]
            if "±" not in shown:
                continue
            number, error = printed(shown)
            true, true_error = value[column.format("")], value[column.format("_error")]
            assert abs(number - true) < 0.1 * true_error
            assert error == pytest.approx(true_error, rel=0.06)


def test_the_population_and_the_methods_have_its_diffusion_constant(results, parse):
    page = page_of(results, parse)
    row = pd.read_csv(results / "population.csv").iloc[0]
    ends = [float(f"{row[f'diffusion{e}_um2_per_s']:.3g}") for e in ("", "_low", "_high")]
    value, low, high = (f"{each:g}" for each in ends)
    assert f"{value} ({low} to {high}) µm²/s" in page.section("Trajectories").text
    text = page.by_id("methods-text").text
    assert "Particles were tracked in the recording moving.bin" in text
    assert f"was {value} µm²/s (95 % interval {low} to {high})" in text
    parts = [p.text for p in page.by_id("methods-text").all("p")]
    assert "\n\n".join(parts) + "\n" == (results / "methods.txt").read_text("utf-8")
    for step in uai.load_recipe("tracking").steps:
        assert step.stage.methods in text


def test_charts_show_every_path_and_lag(results, parse):
    charts = page_of(results, parse).section("Trajectories").all("svg")
    titles = [chart.attributes["aria-label"] for chart in charts]
    assert [title.split(" o")[0] for title in titles[:2]] == ["Paths", "Mean squared displacement"]
    trajectories = pd.read_csv(results / "trajectories.csv")
    paths = [e for e in charts[0].all("path") if e.attributes["class"].startswith("line")]
    assert len(paths) == len(trajectories)
    displacements = pd.read_csv(results / "displacements.csv")
    assert len(charts[1].all("circle")) == displacements["lag_frames"].nunique()
    marks = [*charts[3].all("circle"), *(r for r in charts[3].all("rect") if r.all("title"))]
    assert len(marks) == len(trajectories)


def test_all_sections_are_there_with_problems_and_checksums(results, parse):
    page = page_of(results, parse)
    titles = [s.all("h2")[0].text for s in page.all("section")]
    assert titles == ["Recording", "Problems", "Trajectories", "Limits", "Methods", "Parameters",
                      "Origin"]  # fmt: skip
    [problem] = json.loads((results / "run.json").read_text("utf-8"))["problems"]
    assert problem in page.section("Problems").text
    for name in ("trajectories.csv", "tracks.csv", "displacements.csv", "population.csv"):
        assert name in page.section("Origin").text
    assert "search_range_px" in page.section("Parameters").text


def test_without_a_scale_the_page_is_in_pixels_and_frames(tracked, tmp_path, parse):
    video = uai.open_video(tracked.parent / "moving.bin")
    uai.write_results(uai.run_recipe(video, "tracking"), tmp_path / "results")
    section = page_of(tmp_path / "results", parse).section("Trajectories")
    assert "D (px²/frame)" in section.all("table")[0].rows()[0]
    assert "diameter" not in section.text.lower()


def test_a_recording_without_trajectories_has_a_page(results, parse):
    for name in ("trajectories", "displacements", "population", "distribution", "tracks"):
        path = results / f"{name}.csv"
        pd.read_csv(path).head(0).to_csv(path, index=False)
    page = page_of(results, parse)
    assert "No trajectories were found." in page.section("Trajectories").text
    assert "No trajectories were found." in page.by_id("methods-text").text
    assert "trajectories.csv has 0 rows, the run recorded" in page.section("Trajectories").text


def test_a_folder_has_one_page_with_every_recording(tracked, tmp_path, parse):
    for name in ("a", "day 2/b"):
        shutil.copytree(tracked, tmp_path / "all" / name)
    (tmp_path / "all" / "problems.csv").write_text("recording,failed,problem\nx,yes,no frames\n")
    page = page_of(tmp_path / "all", parse)
    assert "x failed: no frames" in page.section("Problems").text
    rows = page.section("Recordings").all("table")[0].rows()[1:]
    assert [row[0] for row in rows] == ["a", "day 2/b"]
    for link in page.section("Recordings").all("a"):
        assert link.text in page.by_id(link.attributes["href"][1:]).all("summary")[0].text
    assert "Particles were tracked in 2 recordings" in page.by_id("methods-text").text


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e300, 0.0, 1e-300])
def test_values_that_are_no_measurements_leave_a_page(results, parse, value):
    for name in ("trajectories", "displacements", "population", "distribution"):
        table = pd.read_csv(results / f"{name}.csv")
        for column in table.columns.difference(["particle"]):
            table[column] = value
        table.to_csv(results / f"{name}.csv", index=False)
    page = page_of(results, parse)
    for chart in page.all("svg"):
        drawn = " ".join(str(v) for e in chart.every() for v in e.attributes.values())
        assert "nan" not in drawn
        assert "inf" not in drawn


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("trajectories", "particle\n1\n", "has no column"),
        ("tracks", "particle,raw_frame,y,x\n1,a,2,3\n", "column raw_frame is not numbers"),
        ("displacements", None, "displacements.csv not found"),
    ],
)
def test_damaged_tables_are_one_line(results, name, content, words):
    path = results / f"{name}.csv"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(BadValueError, match=words):
        uai.write_report(results)


def test_the_mean_over_particles_is_weighted_by_pairs():
    table = pd.DataFrame(
        {"particle": [0, 0, 1], "lag_frames": [1, 2, 1], "msd_px2": [4.0, 9.0, 1.0],
         "msd_error_px2": [0.3, 1.0, 0.4], "pairs": [10, 5, 30]}
    )  # fmt: skip
    mean = mean_over_particles(table)
    assert mean["lag"].tolist() == [1, 2]
    np.testing.assert_allclose(mean["msd"], [(40 + 30) / 40, 9])
    np.testing.assert_allclose(mean["error"], [np.hypot(3, 12) / 40, 1])
    line = free_diffusion(mean, 0.5)
    assert line[1] - line[0] == pytest.approx(2.0)
    weights = 1 / mean["error"] ** 2
    assert np.average(mean["msd"] - line, weights=weights) == pytest.approx(0, abs=1e-12)

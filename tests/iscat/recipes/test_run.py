"""Running a recipe: values, coordinates, progress, problems."""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.monitor import Monitor
from napari_uai.videos.recording import Recording

pytestmark = pytest.mark.usefixtures("toys")


def test_results_are_in_coordinates_of_the_file(steps_video):
    result = run_recipe(Recording(steps_video, first_frame=100), "toy")
    landings = result.landings
    assert list(landings.columns[:8]) == [
        "landing", "frame", "raw_frame", "y", "x", "contrast", "score", "n_localizations",
    ]  # fmt: skip
    assert landings["landing"].tolist() == [1, 2]
    assert landings["contrast"].tolist() == [9, 5]
    assert landings["raw_frame"].tolist() == [120, 111]
    assert landings["frame"].tolist() == [17, 8]
    assert landings[["y", "x"]].to_numpy().tolist() == [[3, 6], [7, 4]]


def test_localizations_share_the_coordinates_of_the_landings(steps_video):
    table = run_recipe(steps_video, "toy").localizations
    assert table["frame"].tolist() == [8, 9, 10, 17, 18, 19]
    assert (table["raw_frame"] - table["frame"]).unique().tolist() == [3]
    assert table["y"].tolist() == [7] * 3 + [3] * 3
    assert (table["Fit_X-Center"] - table["x"]).unique().tolist() == [0.25]


def test_table_can_be_had_in_the_coordinates_of_any_video(steps_video):
    result = run_recipe(steps_video, "toy")
    in_dra = result.table_in("landings", "dra")
    assert in_dra[["frame", "y", "x"]].to_numpy().tolist() == [[17, 1, 6], [8, 5, 4]]


def test_numpy_dask_and_lazy_videos_give_the_same(steps_video):
    lazy = run_recipe(steps_video, "toy").landings
    eager = run_recipe(np.asarray(steps_video), "toy").landings
    assert lazy.equals(eager)


def test_nothing_found_gives_empty_tables_with_their_columns(steps_video):
    result = run_recipe(steps_video, "toy", settings=["spots.threshold=100"])
    assert result.landings.empty
    assert list(result.landings.columns[:3]) == ["landing", "frame", "raw_frame"]
    assert result.localizations.empty
    assert "landing" in result.localizations


def test_error_names_the_stage(steps_video):
    with pytest.raises(BadValueError, match=r"\(stage dra\): too short"):
        run_recipe(steps_video, "toy", settings=["dra.batch_size=30"])


def test_warnings_become_problems_of_one_line(steps_video):
    result = run_recipe(steps_video, "toy", settings=["dra.shift=1"])
    assert result.problems == ("a shift of 1 is odd indeed",)


def test_progress_rises_to_one(steps_video):
    seen = []
    run_recipe(steps_video, "toy", monitor=Monitor(lambda f, m: seen.append(f)))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_cancelling_stops_inside_a_stage(steps_video):
    seen = []
    monitor = Monitor(lambda f, m: seen.append(m), cancelled=lambda: len(seen) > 5)
    with pytest.raises(CancelledError):
        run_recipe(steps_video, "toy", monitor=monitor)
    assert seen[-1] == "Peaks"


def test_counts_and_timings_tell_of_every_step(steps_video):
    result = run_recipe(steps_video, "toy")
    assert result.counts == {"recording": 30, "cut": 30, "dra": 27, "spots": 6, "landings": 2}
    assert list(result.timings_s) == ["cut", "dra", "spots", "landings"]

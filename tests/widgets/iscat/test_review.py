from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import OutputError
from napari_uai.results import write_table
from napari_uai.widgets.iscat.review import Review, half_batch
from napari_uai.widgets.kit.layers import Place
from napari_uai.widgets.kit.plots import tick_text, ticks


@pytest.fixture
def landings():
    return pd.DataFrame(
        {
            "landing": [1, 2, 3, 4],
            "frame": [200, 50, 300, 120],
            "raw_frame": [300, 150, 400, 220],
            "y": [10.0, 5.2, 15.0, 3.0],
            "x": [8.0, 12.4, 4.0, 16.0],
            "contrast": [0.02, -0.011, 0.004, -0.003],
            "score": [30.0, 12.0, 6.0, 5.5],
            "n_localizations": [80, 40, 12, 9],
        }
    )


@pytest.fixture
def review(landings):
    rng = np.random.default_rng(0)
    frames = np.arange(100, 500)
    traces = pd.DataFrame(
        {
            "landing": np.repeat(landings["landing"], len(frames)),
            "raw_frame": np.tile(frames, 4),
            "contrast": np.concatenate(
                [c * np.clip(1 - abs(frames - f) / 100, 0, 1) for c, f in
                 zip(landings["contrast"], landings["raw_frame"], strict=True)]
            ),
        }
    )  # fmt: skip
    video = rng.normal(0, 0.002, (401, 24, 20)).astype(np.float32)
    place = Place(scale=(1.0, 0.5, 0.5), translate=(100.0, 0.0, 0.0))
    return Review(landings, landings.copy(), place, traces, video)


def test_half_a_batch_is_that_of_the_run_or_what_the_table_tells(landings):
    assert half_batch(landings, 250) == 125
    assert half_batch(landings) == 50  # raw_frame lies one batch of 100 after frame
    assert half_batch(landings.drop(columns="frame")) == half_batch(landings.iloc[:0])


def test_without_a_verdict_the_export_is_what_a_run_writes(review, landings, tmp_path):
    review.export(tmp_path / "exported.csv")
    write_table(landings, tmp_path / "landings.csv")
    assert (tmp_path / "exported.csv").read_bytes() == (tmp_path / "landings.csv").read_bytes()


def test_verdicts_are_a_column_of_the_export(review, tmp_path):
    review.judge([0, 2], "yes")
    review.judge([1], "no")
    review.export(tmp_path / "landings.csv")
    read = pd.read_csv(tmp_path / "landings.csv", keep_default_na=False)
    assert list(read["accepted"]) == ["yes", "no", "yes", ""]
    assert (review.count("yes"), review.count("no"), review.count("")) == (2, 1, 1)


def test_an_export_that_fails_names_the_path_and_what_to_do(review, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file.*choose another folder"):
        review.export(tmp_path / "file" / "landings.csv")


def test_a_landing_is_found_in_the_world_of_the_viewer(review):
    np.testing.assert_allclose(review.world(0), (300, 5, 4))
    assert review.file_frame(310) == 310
    assert review.world_frame(290) == 290


def test_the_trace_of_a_landing_peaks_at_its_frame(review):
    frames, contrasts = review.trace(1)
    assert frames[np.abs(contrasts).argmax()] == 150
    assert contrasts.min() == pytest.approx(-0.011)


def test_a_cut_out_is_cut_at_the_edge_and_knows_its_centre(review):
    cut = review.cut_out(3)
    np.testing.assert_array_equal(cut.image, review.video[120, 0:14, 6:20])
    assert cut.centre == (3.0, 10.0)


def test_bars_count_each_landing_once_and_have_an_edge_at_zero(review):
    edges, counts = review.histogram()
    assert counts.sum() == 4
    assert np.isclose(edges, 0).any()
    for row in range(4):
        bar = review.bar_of(row)
        assert row in review.rows_in_bar(bar)
        assert edges[bar] <= review.table["contrast"][row] <= edges[bar + 1]


def test_what_was_judged_last_is_undone_first(review):
    review.judge([0, 1], "yes")
    review.judge([1], "no")
    assert review.undo() == [1]
    assert review.verdicts == ["yes", "yes", "", ""]
    assert review.undo() == [0, 1]
    assert review.verdicts == [""] * 4
    assert not review.can_undo
    assert review.undo() == []


def test_rejected_landings_are_not_counted(review):
    review.judge([0], "no")
    assert review.histogram()[1].sum() == 3
    assert review.bar_of(0) == -1


def test_verdicts_go_over_to_the_same_landings_of_another_run(review, landings):
    review.judge([0], "yes")
    review.judge([3], "no")
    other = landings.iloc[[3, 0, 1]].reset_index(drop=True)
    other["raw_frame"] += 4
    other["landing"] = [1, 2, 3]
    again = Review(other, other, review.place)
    assert again.copy_verdicts(review) == 2
    assert again.verdicts == ["no", "yes", ""]


@pytest.mark.parametrize(("low", "high"), [(-0.011, 0.02), (0, 7), (123456, 123999), (-1e-5, 1e-5)])
def test_ticks_are_round_and_distinct(low, high):
    found = ticks(low, high, 5)
    assert 2 <= len(found) <= 12
    assert (found >= low - 1e-12).all()
    assert (found <= high * (1 + 1e-9)).all()
    assert len({tick_text(t, found) for t in found}) == len(found)


def test_limits_and_bins_are_those_of_numpy(review):
    values = review.table["contrast"].to_numpy()
    weakest, strongest = int(np.abs(values).argmin()), int(np.abs(values).argmax())
    limit = 1.25 * abs(values[weakest])
    binning = ("contrast", 10, (-limit, limit))
    edges, counts = review.histogram(*binning)
    inside = values[np.abs(values) <= limit]
    assert counts.tolist() == np.histogram(inside, edges)[0].tolist()
    assert 0 < counts.sum() == len(inside) < len(values)
    assert np.allclose(np.diff(edges), limit / 5)
    assert weakest in review.rows_in_bar(review.bar_of(weakest, *binning), *binning)
    assert review.bar_of(strongest, *binning) == -1

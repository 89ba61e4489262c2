from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from napari_uai.errors import BadValueError, OutputError
from napari_uai.evaluate.evaluation import evaluate_landings
from napari_uai.evaluate.report import (
    comparison_picture,
    comparison_table,
    comparison_text,
    write_comparison,
)
from napari_uai.evaluate.truth import Truth

LANDINGS = pd.DataFrame(
    {
        "raw_frame": [1000, 2000, 3000, 4000],
        "y": [10.0, 20.0, 30.0, 40.0],
        "x": [40.0, 30.0, 20.0, 10.0],
        "contrast": [1e-3, -8e-4, 6e-4, 4e-4],
        "snr": [8.0, 6.4, 4.8, 3.2],
    }
)
KNOWN = Truth(LANDINGS, n_frames=6000, batch_size=500, sigma_px=1.7)
FALSE = pd.DataFrame({"raw_frame": [5000], "y": [5.0], "x": [5.0], "contrast": [1e-3]})
FOUND = pd.concat([LANDINGS[:2], FALSE, LANDINGS[2:3]]).assign(score=[9, 7, 5, 4])
GOOD, BAD = evaluate_landings(FOUND, KNOWN), evaluate_landings(FOUND.iloc[:0], KNOWN)
RESULTS = {
    "matched": {"still": [GOOD, GOOD], "living": [GOOD]},
    "classical": {"still": [GOOD, BAD]},
}


def test_table_has_a_row_for_each_scenario_and_recipe_that_ran():
    table = comparison_table(RESULTS)
    assert list(zip(table["scenario"], table["recipe"], strict=True)) == [
        ("still", "matched"),
        ("still", "classical"),
        ("living", "matched"),
    ]
    still = table.set_index(["scenario", "recipe"]).loc["still"]
    precision = GOOD.average_precision
    assert still["average_precision"].tolist() == pytest.approx([precision, precision / 2])
    # two values 0 and p: standard deviation p / sqrt(2), error of the mean p / 2
    assert still["standard_error"].tolist() == pytest.approx([0, precision / 2])
    assert still["false_per_10000_frames"].tolist() == pytest.approx([1 / 0.6, 1 / 1.2])
    assert np.isnan(table["standard_error"].iloc[2])


def test_text_shows_unknown_figures_as_dashes():
    text = comparison_text(comparison_table(RESULTS))
    assert len(text.splitlines()) == 4
    assert " 0.688 " in text
    assert " - " in text


@pytest.mark.slow
def test_files_are_written_and_the_picture_is_not_blank(tmp_path):
    table = write_comparison(RESULTS, tmp_path / "new")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "comparison.csv"), table)
    assert imread(tmp_path / "new" / "comparison.png").std() > 0.05


def test_picture_has_a_row_of_panels_for_each_scenario():
    assert len(comparison_picture(RESULTS).axes) == 6


def test_nothing_to_compare_and_nowhere_to_write_are_refused(tmp_path):
    for nothing in ({}, {"matched": {"still": []}}):
        with pytest.raises(BadValueError, match="nothing to compare"):
            comparison_table(nothing)
        with pytest.raises(BadValueError, match="nothing to compare"):
            comparison_picture(nothing)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write to"):
        write_comparison(RESULTS, tmp_path / "file")

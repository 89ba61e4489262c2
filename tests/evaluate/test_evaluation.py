from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.evaluate.evaluation import evaluate_landings, pool
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

FOUND = pd.DataFrame(
    {
        "raw_frame": [3005, 1000, 5000, 1995],
        "y": [30.3, 10.0, 5.0, 20.0],
        "x": [20.0, 40.4, 5.0, 30.0],
        "contrast": [7e-4, 1e-3, 5e-4, -8e-4],
        "score": [4.0, 9.0, 5.0, 7.0],
    }
)


def test_figures_of_a_hand_made_list():
    result = evaluate_landings(FOUND, KNOWN)
    assert result.found["is_true"].tolist() == [True, True, False, True]
    assert (result.n_found, result.n_missed, result.n_false) == (3, 1, 1)
    assert result.precision == 0.75
    assert result.recall == 0.75
    assert result.average_precision == pytest.approx((1 + 1 + 3 / 4) / 4)
    assert result.detection_limit.threshold == 7  # in 6000 frames no false one is allowed


def test_errors_are_compared_with_the_bounds_of_the_same_landings():
    errors = evaluate_landings(FOUND, KNOWN).errors
    assert errors.landings == 3
    assert errors.position_px == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 6))
    assert errors.contrast == pytest.approx(1e-4 / np.sqrt(3))
    assert errors.time_frames == pytest.approx(np.sqrt(50 / 3))
    snr = np.array([8.0, 6.4, 4.8])
    assert errors.position_bound_batch_px == pytest.approx(
        np.sqrt(np.mean((np.sqrt(2) * 1.7 / snr) ** 2))
    )
    assert errors.contrast_bound_batch == pytest.approx(1.25e-4)
    assert errors.contrast_bound_whole < errors.contrast_bound_batch


def test_a_bare_table_gives_all_but_limit_and_position_bound():
    result = evaluate_landings(FOUND, LANDINGS, max_frames=250)
    assert result.average_precision == evaluate_landings(FOUND, KNOWN).average_precision
    assert np.isnan(result.detection_limit.contrast_50)
    assert np.isnan(result.errors.position_bound_batch_px)
    assert "detection limit" not in result.as_text()
    with pytest.raises(BadValueError, match="max_frames is required"):
        evaluate_landings(FOUND, LANDINGS)


def test_a_list_without_contrasts_has_no_contrast_error():
    result = evaluate_landings(FOUND.drop(columns="contrast"), KNOWN)
    assert np.isnan(result.errors.contrast)
    assert "contrast error" not in result.as_text()


def test_text_names_found_missed_and_false():
    text = evaluate_landings(FOUND, KNOWN).as_text()
    assert text.startswith("3 found, 1 missed, 1 false\naverage precision    0.688\n")
    assert "position error       0.204 px; bound of one batch 0.401 px" in text
    assert "at one false landing per 10 000 frames" in text


def test_finding_nothing_and_having_nothing_to_find_are_evaluated():
    nothing = evaluate_landings(FOUND.iloc[:0], KNOWN)
    assert (nothing.average_precision, nothing.recall) == (0, 0)
    assert nothing.as_text().startswith("0 found, 4 missed, 0 false")
    assert "above 1.0e-03 (50 % recall)" in nothing.as_text()
    empty = evaluate_landings(FOUND, Truth(LANDINGS.iloc[:0], 6000, 500, 1.7))
    assert empty.n_false == 4
    assert np.isnan(empty.average_precision)
    assert empty.as_text().startswith("0 found, 0 missed, 4 false")


def test_recall_by_snr_is_of_what_was_reported():
    table = evaluate_landings(FOUND, KNOWN).recall_by_snr().query("landings > 0")
    assert table["recall"].tolist() == [0, 1, 1, 1]
    bare = evaluate_landings(FOUND, Truth(LANDINGS.drop(columns="snr"), batch_size=500))
    with pytest.raises(BadValueError, match="no column 'snr'"):
        bare.recall_by_snr()


def test_pooling_averages_the_precision_and_adds_all_else():
    good, bad = evaluate_landings(FOUND, KNOWN), evaluate_landings(FOUND.iloc[:0], KNOWN)
    both = pool([good, bad])
    assert both.average_precision == pytest.approx(good.average_precision / 2)
    assert (both.n_found, both.n_missed, both.n_false) == (3, 5, 1)
    assert both.n_frames == 12_000
    assert both.detection_limit.threshold == 4
    with pytest.raises(BadValueError, match="nothing to pool"):
        pool([])

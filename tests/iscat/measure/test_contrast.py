import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.contrast import (
    CONTRAST_COLUMNS,
    contrast_histogram,
    measure_contrasts,
)
from napari_uai.iscat.tables import empty_landings

BATCH = 200


def triangle_trace(contrast, *, peak=1000, noise=0.0, offset=0, landing=0, seed=0):
    frame = np.arange(peak - 300, peak + 301)
    course = contrast * np.maximum(0, 1 - np.abs(frame - peak - offset) / BATCH)
    course += np.random.default_rng(seed).normal(0, noise, frame.size)
    return pd.DataFrame({"landing": landing, "frame": frame, "contrast": course})


def landing(contrast, peak=1000):
    return pd.DataFrame({"landing": [0], "frame": [peak], "contrast": [contrast]})


@pytest.mark.parametrize("contrast", [2e-3, -2e-3])
def test_all_three_agree_on_a_clean_triangle(contrast):
    (row,) = measure_contrasts(landing(contrast), triangle_trace(contrast), batch_size=BATCH)[
        list(CONTRAST_COLUMNS)
    ].to_numpy()
    assert row[1] == pytest.approx(contrast, rel=1e-6)
    # smoothing rounds the tip off
    assert row[0] == pytest.approx(contrast, rel=0.04)
    assert row[2] == pytest.approx(contrast, rel=0.04)


def test_lines_meet_at_the_contrast_in_noise():
    traces = [triangle_trace(1e-3, noise=1e-4, seed=s) for s in range(40)]
    found = [
        measure_contrasts(landing(1e-3), t, batch_size=BATCH)["intersection_contrast"][0]
        for t in traces
    ]
    assert np.mean(found) == pytest.approx(1e-3, rel=0.02)


def test_a_background_counts_for_the_peak_and_not_for_the_prominence():
    trace = triangle_trace(1e-3)
    trace["contrast"] += 5e-4
    row = measure_contrasts(landing(1e-3), trace, batch_size=BATCH).iloc[0]
    assert row["peak_contrast"] == pytest.approx(1.5e-3, rel=0.03)
    assert row["prominence_contrast"] == pytest.approx(1e-3, rel=0.04)


def test_what_a_trace_does_not_show_is_nan():
    rising = triangle_trace(1e-3).query("frame < 950")
    row = measure_contrasts(landing(1e-3), rising, batch_size=BATCH).iloc[0]
    assert np.isnan(row["intersection_contrast"])
    assert np.isnan(row["prominence_contrast"])
    other = triangle_trace(1e-3, landing=5)
    lost = measure_contrasts(landing(1e-3), other, batch_size=BATCH)
    assert lost[list(CONTRAST_COLUMNS)].isna().all(axis=None)


def test_pixels_that_are_not_finite_are_skipped():
    trace = triangle_trace(1e-3)
    trace.loc[::7, "contrast"] = np.nan
    row = measure_contrasts(landing(1e-3), trace, batch_size=BATCH).iloc[0]
    assert row["intersection_contrast"] == pytest.approx(1e-3)


def test_histogram_counts_by_size_and_sign():
    table = pd.DataFrame({"contrast": [1e-3, -1.5e-3, 2.5e-3, -3e-3, 9e-3, np.nan]})
    counts = contrast_histogram(table, bins=3, largest=3e-3)
    assert counts["bright"].tolist() == [0, 1, 1]
    assert counts["dark"].tolist() == [0, 1, 1]
    assert counts["all"].tolist() == [0, 2, 2]
    np.testing.assert_allclose(counts["high"], [1e-3, 2e-3, 3e-3])


def test_no_landings_give_empty_columns_and_zero_counts():
    none = measure_contrasts(empty_landings(), triangle_trace(1e-3)[:0], batch_size=BATCH)
    assert len(none) == 0
    assert set(CONTRAST_COLUMNS) <= set(none.columns)
    assert contrast_histogram(none)["all"].sum() == 0


def test_bad_values_are_named():
    with pytest.raises(BadValueError, match="batch_size"):
        measure_contrasts(landing(1e-3), triangle_trace(1e-3), batch_size=0)
    with pytest.raises(BadValueError, match="bins"):
        contrast_histogram(landing(1e-3), bins=0)
    with pytest.raises(BadValueError, match="peak_contrast"):
        contrast_histogram(landing(1e-3), column="peak_contrast")

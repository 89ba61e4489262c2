import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.measure.gaussian_fits import empty_fits
from napari_uai.iscat.measure.linking import link_spots, spot_places
from napari_uai.monitor import Monitor


def walks(gap=None, seed=0):
    """Three particles that jitter by 0.3 px for 60 frames; one may pause."""
    rng = np.random.default_rng(seed)
    rows = [
        (y + rng.normal(0, 0.3), x + rng.normal(0, 0.3), t, particle)
        for particle, (y, x) in enumerate([(10, 10), (10, 18), (30, 40)])
        for t in range(100, 160)
        if gap is None or particle > 0 or t not in gap
    ]
    table = pd.DataFrame(rows, columns=["y", "x", "frame", "truth"])
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def test_spots_of_one_particle_get_one_number():
    linked = link_spots(walks())
    assert linked["particle"].nunique() == 3
    assert len(linked[["truth", "particle"]].drop_duplicates()) == 3
    assert linked.drop(columns="particle").equals(walks())


def test_memory_bridges_gaps_of_its_length_and_not_longer():
    table = walks(gap=range(120, 130))
    assert link_spots(table, memory=10)["particle"].nunique() == 3
    assert link_spots(table, memory=9)["particle"].nunique() == 4


def test_frames_without_any_spot_count_as_missing():
    table = pd.DataFrame({"y": 5.0, "x": 5.0, "frame": [0, 20, 21]})
    assert link_spots(table, memory=10)["particle"].tolist() == [0, 1, 1]


def test_fitted_centres_are_used_where_the_fit_is_ok_and_near():
    table = pd.DataFrame(
        {
            "y": [5.0, 5.0, 5.0],
            "x": [5.0, 5.0, 5.0],
            "frame": [0, 1, 2],
            "sigma": 1.7,
            "Fit_Y-Center": [5.4, np.nan, 15.0],
            "Fit_X-Center": [4.8, np.nan, 5.0],
            "status": ["ok", "not converged", "ok"],
        }
    )
    np.testing.assert_array_equal(spot_places(table), [[5.4, 4.8], [5, 5], [5, 5]])


def test_an_empty_table_keeps_its_header():
    linked = link_spots(empty_fits())
    assert linked.columns.tolist() == [*empty_fits().columns, "particle"]
    assert linked["particle"].dtype == np.int64


def test_bad_values_are_refused():
    with pytest.raises(BadValueError, match="search_range_px"):
        link_spots(walks(), search_range_px=0)
    with pytest.raises(BadValueError, match="memory"):
        link_spots(walks(), memory=-1)
    with pytest.raises(BadValueError, match="lacks the column frame"):
        link_spots(walks().drop(columns="frame"))


def test_a_search_range_that_joins_everything_is_refused():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": rng.uniform(0, 9, 400), "x": rng.uniform(0, 9, 400)})
    table["frame"] = np.arange(400) // 200
    with pytest.raises(BadValueError, match="search_range_px"):
        link_spots(table, search_range_px=8.0)


def test_cancelling_stops_the_linking():
    with pytest.raises(CancelledError):
        link_spots(walks(), monitor=Monitor(cancelled=lambda: True))

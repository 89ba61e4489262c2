"""Temporal medians: over spans of frames, and away from spots."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.temporal_median import masked_temporal_median, temporal_median


@pytest.fixture
def counts():
    return np.random.default_rng(0).normal(1000, 10, (60, 20, 22))


@pytest.fixture
def spots():
    rng = np.random.default_rng(1)
    frame = np.repeat(np.arange(60), 2)
    y, x = rng.uniform(2, 17, (2, 120))
    return pd.DataFrame({"frame": frame, "y": y, "x": x, "sigma": 1.0})


def test_the_masked_median_is_that_of_what_is_no_spot(counts, spots):
    rest = counts.astype(np.float32)
    rows, columns = np.ogrid[:20, :22]
    for spot in spots.itertuples():
        inside = (rows - spot.y) ** 2 + (columns - spot.x) ** 2 <= 2.5**2
        rest[spot.frame, inside] = np.nan
    wanted = counts / np.nanmedian(rest, axis=0) - 1
    found = masked_temporal_median(counts, spots.sample(frac=1, random_state=0), radius=2.5)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_without_spots_it_is_the_plain_median(counts, spots):
    found = masked_temporal_median(counts, spots.iloc[:0])
    np.testing.assert_allclose(found, temporal_median(counts), atol=1e-6)


def test_pixels_that_are_never_free_have_the_median_of_all_frames(counts):
    always = pd.DataFrame({"frame": np.arange(60), "y": 5.0, "x": 6.0, "sigma": 1.0})
    found = masked_temporal_median(counts, always, radius=1.5)
    np.testing.assert_allclose(found[:, 5, 6], temporal_median(counts)[:, 5, 6], atol=1e-6)


def test_medians_of_spans_follow_a_background_that_changes():
    t = np.arange(400.0)
    video = np.broadcast_to((1000 + t)[:, None, None], (400, 4, 5))
    found = temporal_median(video, window=50)
    np.testing.assert_allclose(found[25:375], 0, atol=1e-6)  # linear between middles of spans
    assert np.abs(temporal_median(video)).max() > 0.1
    single = temporal_median(video, window=1000)
    np.testing.assert_array_equal(single, temporal_median(video))


def test_dask_stays_lazy_and_gives_the_same(counts, spots):
    lazy = da.from_array(counts, chunks=(7, -1, -1))
    for found, wanted in (
        (temporal_median(lazy, window=20), temporal_median(counts, window=20)),
        (masked_temporal_median(lazy, spots), masked_temporal_median(counts, spots)),
    ):
        assert isinstance(found, da.Array)
        np.testing.assert_array_equal(found.compute(), wanted)


def test_bad_spots_are_an_error_in_one_line(counts, spots):
    with pytest.raises(BadValueError, match="lacks the column sigma"):
        masked_temporal_median(counts, spots.drop(columns="sigma"))
    with pytest.raises(BadValueError, match="finite"):
        masked_temporal_median(counts, spots.assign(y=np.nan))
    with pytest.raises(BadValueError, match="window"):
        temporal_median(counts, window=0)

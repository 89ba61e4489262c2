import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.localization import localize_landings, summarize_landings
from napari_uai.iscat.tables import FIT_COLUMNS, LANDING_COLUMNS, SPOT_COLUMNS, empty_landings

SIGMA, BATCH = 1.7, 200
SHAPE = (40, 44)
EVENTS = pd.DataFrame(
    {
        "frame": [300, 300, 40],
        "y": [10.2, 30.0, 20.7],
        "x": [12.3, 30.4, 33.0],
        "contrast": [1e-3, -8e-4, 6e-4],
        "score": [20.0, 16.0, 12.0],
    }
)


def triangles(events=EVENTS, n=620, noise=1e-4, seed=0):
    """A rolling average made of Gaussian spots with triangular courses, and white noise."""
    video = np.random.default_rng(seed).normal(0, noise, (n, *SHAPE))
    yy, xx = np.indices(SHAPE)
    for e in events.itertuples():
        course = np.maximum(0, 1 - np.abs(np.arange(n) - e.frame) / BATCH)
        spot = np.exp(-((yy - e.y) ** 2 + (xx - e.x) ** 2) / (2 * SIGMA**2))
        video += e.contrast * course[:, None, None] * spot
    return video.astype(np.float32)


@pytest.fixture(scope="module")
def video():
    return triangles()


def test_frames_above_half_of_the_peak_are_fitted_and_no_others(video):
    fits = localize_landings(EVENTS, video, batch_size=BATCH, every=25)
    assert fits.loc[fits["landing"] == 0, "frame"].tolist() == list(range(225, 376, 25))
    assert fits.loc[fits["landing"] == 2, "frame"].tolist() == [0, 25, 50, 75, 100, 125]


def test_localizations_are_spots_with_fits_and_their_landing(video):
    fits = localize_landings(EVENTS, video, batch_size=BATCH)
    assert tuple(fits.columns) == (*SPOT_COLUMNS, *FIT_COLUMNS, "status", "R2", "landing")
    rows = fits["frame"], fits["y"].astype(int), fits["x"].astype(int)
    np.testing.assert_allclose(fits["center_intensity"], video[rows])


def test_numbers_of_the_events_are_kept(video):
    named = EVENTS.assign(landing=[7, 3, 5])
    fits = localize_landings(named, video, batch_size=BATCH)
    assert fits["landing"].drop_duplicates().tolist() == [7, 3, 5]
    landings = summarize_landings(named, fits, batch_size=BATCH)
    assert landings["landing"].tolist() == [7, 3, 5]


def test_fits_of_something_else_are_marked(video):
    wrong = EVENTS.assign(contrast=-EVENTS["contrast"])
    fits = localize_landings(wrong, video, batch_size=BATCH)
    near_peak = (fits["frame"] - 300).abs() < 30
    assert (fits.loc[near_peak & (fits["landing"] < 2), "status"] == "opposite sign").all()
    aside = EVENTS[:1].assign(x=EVENTS["x"] + 6)
    fits = localize_landings(aside, video, batch_size=BATCH)
    assert (fits["status"] == "far from the landing").any()
    assert not (fits["status"] == "ok").any()


def test_summary_improves_rounded_places_and_keeps_the_rest(video):
    rounded = EVENTS.assign(y=EVENTS["y"].round(), x=EVENTS["x"].round(), scale=[1, 2, 3])
    fits = localize_landings(rounded, video, batch_size=BATCH)
    landings = summarize_landings(rounded, fits, batch_size=BATCH)
    assert tuple(landings.columns) == (*LANDING_COLUMNS, "scale")
    for name in ("frame", "contrast", "score", "scale"):
        assert landings[name].tolist() == rounded[name].tolist()
    assert np.all(np.abs(landings["y"] - EVENTS["y"]) < 0.15)
    assert np.all(np.abs(landings["x"] - EVENTS["x"]) < 0.15)
    counted = fits[fits["status"] == "ok"].groupby("landing").size()
    assert landings["n_localizations"].tolist() == counted.tolist()


def test_events_in_pure_noise_keep_their_places():
    noise = triangles(EVENTS[:0])
    events = EVENTS.assign(score=5.0)
    fits = localize_landings(events, noise, batch_size=BATCH)
    landings = summarize_landings(events, fits, batch_size=BATCH).sort_values("landing")
    shift = np.hypot(landings["y"] - EVENTS["y"].to_numpy(), landings["x"] - EVENTS["x"].to_numpy())
    assert (shift < 2 * np.sqrt(2) * SIGMA).all()
    assert landings["n_localizations"].max() < len(fits) / 3


def test_a_peak_just_outside_the_video_is_fitted_where_it_is_seen(video):
    events = EVENTS[:1].assign(frame=-30)
    fits = localize_landings(events, video, batch_size=BATCH, every=25)
    assert fits["frame"].tolist() == [0, 25, 50]
    gone = EVENTS[:1].assign(frame=-150)
    fits = localize_landings(gone, video, batch_size=BATCH)
    assert len(fits) == 0
    (row,) = summarize_landings(gone, fits, batch_size=BATCH).itertuples()
    assert (row.frame, row.y, row.n_localizations) == (-150, 10.2, 0)


def test_no_events_give_tables_without_rows(video):
    events = empty_landings()[["frame", "y", "x", "contrast", "score"]]
    fits = localize_landings(events, video, batch_size=BATCH)
    assert fits.dtypes.equals(localize_landings(EVENTS, video, batch_size=BATCH).dtypes)
    assert len(fits) == 0
    landings = summarize_landings(events, fits, batch_size=BATCH)
    assert landings.dtypes.equals(empty_landings().dtypes)


def test_bad_values_are_named(video):
    with pytest.raises(BadValueError, match="every"):
        localize_landings(EVENTS, video, every=0)
    with pytest.raises(BadValueError, match="sigma_px"):
        localize_landings(EVENTS, video, sigma_px=0)
    with pytest.raises(BadValueError, match="outside the video"):
        localize_landings(EVENTS.assign(y=99.0), video, batch_size=BATCH)
    with pytest.raises(BadValueError, match="lacks the column contrast"):
        localize_landings(EVENTS.drop(columns="contrast"), video)

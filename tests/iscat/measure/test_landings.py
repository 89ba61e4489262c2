import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.detect.spots import detect_spots
from napari_uai.iscat.measure.amplitudes import amplitude_noise, contrast_traces
from napari_uai.iscat.measure.gaussian_fits import empty_fits, fit_spots
from napari_uai.iscat.measure.landings import assign_spots, combine_places, landings_from_tracks
from napari_uai.iscat.measure.linking import link_spots
from napari_uai.iscat.tables import LANDING_COLUMNS, empty_landings
from napari_uai.monitor import Monitor

SIGMA, BATCH, NOISE = 1.7, 100, 2e-3
THREE = ((200, 10.3, 12.2, 1.5e-3), (480, 28.6, 30.1, -1.2e-3), (700, 12.0, 31.7, 1.0e-3))


def rolling_average(landings=THREE, *, n=1100, shape=(40, 44), noise=NOISE, seed=0):
    """Difference of mean raw frames that hold white noise and Gaussian steps.

    ``landings`` are frame of the V's peak, y, x, contrast.
    """
    raw = (
        np.random.default_rng(seed).normal(0, noise, (n, *shape))
        if noise
        else np.zeros((n, *shape))
    )
    yy, xx = np.indices(shape)
    for frame, y, x, contrast in landings:
        spot = np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * SIGMA**2))
        raw[frame + BATCH :] += contrast * spot
    sums = np.concatenate([np.zeros((1, *shape)), raw.cumsum(0)])
    means = (sums[BATCH:] - sums[:-BATCH]) / BATCH
    return (means[BATCH:] - means[:-BATCH]).astype(np.float32)


def tracks(video, threshold=5.0):
    return link_spots(fit_spots(detect_spots(video, threshold=threshold), video))


def as_events(landings=THREE):
    return pd.DataFrame(landings, columns=["frame", "y", "x", "contrast"])


@pytest.fixture(scope="module")
def video():
    return rolling_average()


@pytest.fixture(scope="module")
def linked(video):
    return tracks(video)


def test_every_landing_is_found_once_with_time_place_and_contrast(video, linked):
    found = landings_from_tracks(linked, video, batch_size=BATCH)
    assert tuple(found.columns) == LANDING_COLUMNS
    assert len(found) == 3
    for frame, y, x, contrast in THREE:
        row = found.iloc[np.argmin(np.abs(found["frame"] - frame))]
        assert abs(row["frame"] - frame) < 4 * row["frame_error"] < BATCH / 2
        assert abs(row["y"] - y) < 4 * row["y_error"] < 2
        assert abs(row["x"] - x) < 4 * row["x_error"] < 2
        assert abs(row["contrast"] - contrast) < 4 * row["contrast_error"]
    assert (found["score"].diff()[1:] <= 0).all()
    np.testing.assert_allclose(found["score"], found["contrast"].abs() / found["contrast_error"])


def test_without_noise_the_trace_is_the_triangle():
    landing = ((300, 20.2, 21.7, 1e-3),)
    video = rolling_average(landing, n=900, noise=0)
    traces = contrast_traces(as_events(landing).assign(landing=7), video, batch_size=BATCH)
    assert (traces["landing"] == 7).all()
    expected = 1e-3 * np.maximum(0, 1 - np.abs(traces["frame"] - 300) / BATCH)
    np.testing.assert_allclose(traces["contrast"], expected, atol=1e-9)
    assert traces["frame"].tolist() == list(range(150, 451))


def test_trace_is_the_least_squares_amplitude_with_a_background(video):
    traces = contrast_traces(as_events().assign(landing=0)[:1], video, batch_size=BATCH)
    yy, xx = np.mgrid[10 - 6 : 10 + 7, 12 - 6 : 12 + 7]
    spot = np.exp(-((yy - 10.3) ** 2 + (xx - 12.2) ** 2) / (2 * SIGMA**2)).ravel()
    design = np.column_stack([spot, np.ones_like(spot)])
    for frame in (60, 200, 333):
        patch = video[frame, yy, xx].ravel().astype(float)
        amplitude = np.linalg.lstsq(design, patch, rcond=None)[0][0]
        ours = traces.loc[traces["frame"] == frame, "contrast"].item()
        assert ours == pytest.approx(amplitude, rel=1e-6)


def test_traces_end_with_the_video_and_skip_what_is_outside(video):
    events = pd.DataFrame({"landing": [0, 1], "frame": [10, -60], "y": 9.0, "x": 9.0})
    traces = contrast_traces(events, video, batch_size=BATCH, margin=0)
    assert traces.loc[traces["landing"] == 0, "frame"].tolist() == list(range(111))
    assert traces.loc[traces["landing"] == 1, "frame"].tolist() == list(range(41))


@pytest.mark.slow
def test_errors_state_the_true_scatter():
    landings = tuple(
        (250 + 20 * (k % 3), 8 + 12.3 * (k // 9), 8 + 12.7 * (k % 9), 1.2e-3) for k in range(72)
    )
    video = rolling_average(landings, n=800, shape=(104, 118))
    found = landings_from_tracks(tracks(video), video, batch_size=BATCH, min_length=5)
    pulls = {"frame": [], "y": [], "x": [], "contrast": []}
    for frame, y, x, contrast in landings:
        distance = np.hypot(found["y"] - y, found["x"] - x)
        row = found.iloc[int(np.argmin(distance))]
        assert distance.min() < 1.5
        for name, true in (("frame", frame), ("y", y), ("x", x), ("contrast", contrast)):
            pulls[name].append((row[name] - true) / row[f"{name}_error"])
    for name, values in pulls.items():
        assert 0.6 < np.std(values) < 1.4, name
        assert abs(np.mean(values)) < 0.5, name


def test_time_and_amplitude_are_those_of_a_triangle_fit(video, linked):
    found = landings_from_tracks(linked, video, batch_size=BATCH)
    traces = contrast_traces(found, video, batch_size=BATCH)

    def triangle(t, peak, amplitude):
        return amplitude * np.maximum(0, 1 - np.abs(t - peak) / BATCH)

    for row in found.itertuples():
        trace = traces[traces["landing"] == row.landing]
        start = (row.frame + 5, row.contrast)
        (peak, amplitude), _ = curve_fit(triangle, trace["frame"], trace["contrast"], p0=start)
        assert abs(row.frame - peak) < 3
        assert row.contrast == pytest.approx(amplitude, rel=0.06)


def test_pieces_of_one_track_are_one_landing(video, linked):
    pieces = linked.assign(particle=linked["particle"] * 10 + linked["frame"] // 20 % 10)
    found = landings_from_tracks(pieces, video, batch_size=BATCH, min_length=3)
    assert len(found) == 3
    whole = landings_from_tracks(linked, video, batch_size=BATCH, min_length=3)
    assert found["n_localizations"].tolist() == whole["n_localizations"].tolist()


def test_short_tracks_are_left_out(video, linked):
    assert len(landings_from_tracks(linked, video, batch_size=BATCH, min_length=10**4)) == 0


def test_spots_know_their_landing(video, linked):
    found = landings_from_tracks(linked, video, batch_size=BATCH)
    spots = assign_spots(linked, found, batch_size=BATCH)
    assert len(spots) == len(linked)
    for row in found.itertuples():
        own = spots[spots["landing"] == row.landing]
        assert np.all(np.hypot(own["y"] - row.y, own["x"] - row.x) < 2 * 2.83 * SIGMA)
        assert np.all(own["center_intensity"] * row.contrast > 0)
        assert np.all(np.abs(own["frame"] - row.frame) < BATCH)
        assert 0 < row.n_localizations <= (own["status"] == "ok").sum()
    far = linked.assign(y=1.0, x=1.0, status="not converged")
    assert (assign_spots(far, found, batch_size=BATCH)["landing"] == -1).all()


def test_noise_of_the_amplitude_is_that_of_least_squares():
    video = rolling_average((), n=900)
    spot = np.exp(-(np.arange(-6, 7) ** 2) / (2 * SIGMA**2))
    patch = np.outer(spot, spot)
    per_pixel = NOISE * np.sqrt(2 / BATCH)
    expected = per_pixel / np.sqrt(((patch - patch.mean()) ** 2).sum())
    assert amplitude_noise(video, sigma_px=SIGMA) == pytest.approx(expected, rel=0.08)


def fits_of(places, frames, errors, landing=0):
    """Localisations with given centres and errors along x; y as the event's."""
    n = len(places)
    return pd.DataFrame(
        {
            "landing": landing,
            "frame": frames,
            "status": "ok",
            "Fit_Y-Center": np.full(n, 20.0),
            "Fit_X-Center": places,
            "Fit_errors_Y-Center": np.full(n, 1e9),
            "Fit_errors_X-Center": errors,
        }
    )


def test_places_are_averaged_by_inverse_variance():
    event = pd.DataFrame(
        {"frame": [500], "y": [20.0], "x": [20.0], "contrast": [1e-3], "score": [9.0]}
    ).assign(y_error=0.3, x_error=0.2)
    fits = fits_of([21.0], [500], [0.1])
    (row,) = combine_places(event, fits, batch_size=BATCH).itertuples()
    assert row.x == pytest.approx((20 / 0.04 + 21 / 0.01) / (1 / 0.04 + 1 / 0.01))
    assert row.x_error == pytest.approx(0.1)
    assert (row.y, row.y_error, row.n_localizations) == (20.0, 0.3, 1)


def test_frames_that_share_their_noise_do_not_average_it_away():
    event = pd.DataFrame(
        {"frame": [500], "y": [20.0], "x": [20.0], "contrast": [1e-3], "score": [1e-3]}
    )
    same = fits_of([20.0] * 4, [500] * 4, [0.1] * 4)
    apart = fits_of([20.0] * 2, [500, 700], [0.1] * 2)
    assert combine_places(event, same, batch_size=100)["x_error"][0] == pytest.approx(0.1)
    independent = combine_places(event, apart, batch_size=100)["x_error"][0]
    assert independent == pytest.approx(0.1 / np.sqrt(2))


def test_a_landing_without_fits_keeps_its_place():
    event = pd.DataFrame(
        {"frame": [500], "y": [20.4], "x": [20.1], "contrast": [-1e-3], "score": [8.0]}
    )
    failed = fits_of([25.0], [500], [0.1]).assign(status="not converged")
    far = fits_of([27.0], [500], [0.01])
    for fits in (failed, far, empty_fits().assign(landing=np.empty(0, np.int64))):
        (row,) = combine_places(event, fits, batch_size=BATCH).itertuples()
        assert (row.y, row.x, row.n_localizations) == (20.4, 20.1, 0)
        assert row.x_error == pytest.approx(np.sqrt(2) * 1.7 / 8)
        assert row.contrast_error == pytest.approx(1e-3 / 8)


def test_nothing_found_gives_tables_without_rows(video):
    none = link_spots(empty_fits())
    found = landings_from_tracks(none, video, batch_size=BATCH)
    assert found.dtypes.equals(empty_landings().dtypes)
    assert len(found) == 0
    traces = contrast_traces(found, video, batch_size=BATCH)
    assert traces.columns.tolist() == ["landing", "frame", "contrast"]
    assert len(assign_spots(none, found)) == 0
    assert len(combine_places(found, none.assign(landing=0))) == 0


def test_dask_and_numpy_videos_give_the_same_landings(video, linked):
    lazy = da.from_array(video, chunks=(300, -1, -1))
    first = landings_from_tracks(linked, lazy, batch_size=BATCH)
    assert first.equals(landings_from_tracks(linked, video, batch_size=BATCH))


def test_bad_values_are_named(video, linked):
    with pytest.raises(BadValueError, match="batch_size"):
        landings_from_tracks(linked, video, batch_size=0)
    with pytest.raises(BadValueError, match="min_length"):
        landings_from_tracks(linked, video, min_length=0)
    with pytest.raises(BadValueError, match="particle"):
        landings_from_tracks(linked.drop(columns="particle"), video)
    with pytest.raises(BadValueError, match="outside the video"):
        landings_from_tracks(linked, video[:50], batch_size=BATCH)
    with pytest.raises(BadValueError, match="no noise"):
        amplitude_noise(np.zeros((5, 20, 20)))


def test_cancelling_stops_the_traces(video, linked):
    stop = Monitor(cancelled=lambda: True)
    with pytest.raises(CancelledError):
        landings_from_tracks(linked, video, batch_size=BATCH, monitor=stop)

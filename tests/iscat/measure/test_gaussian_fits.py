import warnings

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.spots import empty_spots
from napari_uai.iscat.measure.gaussian_fits import empty_fits, fit_spots
from napari_uai.iscat.tables import FIT_COLUMNS, SPOT_COLUMNS

SHAPE = (60, 66)


def model(places, a, xc, yc, sx, sy, b):
    y, x = places
    return b + a * np.exp(-((x - xc) ** 2) / (2 * sx**2) - (y - yc) ** 2 / (2 * sy**2))


def simulated(n=40, noise=1.5e-4, seed=0):
    """One elliptic spot per frame, with its true parameters and a coarse table."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack(
        [
            rng.choice([-1, 1], n) * rng.uniform(5e-4, 2e-3, n),
            rng.uniform(3, SHAPE[1] - 4, n),
            rng.uniform(3, SHAPE[0] - 4, n),
            rng.uniform(1.4, 2.2, n),
            rng.uniform(1.4, 2.2, n),
            rng.normal(0, 1e-4, n),
        ]
    )
    yx = np.indices(SHAPE)
    video = np.stack([model(yx, *p) for p in truth]) + rng.normal(0, noise, (n, *SHAPE))
    y, x = np.rint(truth[:, 2]), np.rint(truth[:, 1])
    frame = np.arange(n)
    intensity = video[frame, y.astype(int), x.astype(int)]
    table = pd.DataFrame(
        {"y": y, "x": x, "frame": frame, "center_intensity": intensity, "sigma": 1.7}
    )
    return table, video, truth


def scipy_fit(video, row, window, sigma):
    (y0, y1, x0, x1), unit = window, 1e3
    yx = np.mgrid[y0:y1, x0:x1].reshape(2, -1)
    data = video[int(row.frame), y0:y1, x0:x1].ravel() * unit
    start = [row.center_intensity * unit, row.x, row.y, sigma, sigma, 0.0]
    p, covariance = curve_fit(model, yx, data, p0=start, xtol=1e-10, ftol=1e-10)
    p[3:5] = np.abs(p[3:5])
    scale = np.array([1 / unit, 1, 1, 1, 1, 1 / unit])
    residual = data - model(yx, *p)
    return p * scale, np.sqrt(np.diag(covariance)) * scale, 1 - residual.var() / data.var()


def test_fits_and_errors_are_those_of_scipy():
    table, video, _ = simulated()
    fits = fit_spots(table, video, scale=5)
    assert (fits["status"] == "ok").all()
    for row in fits.itertuples():
        y, x, h = int(row.y), int(row.x), 12
        window = max(y - h, 0), min(y + h + 1, SHAPE[0]), max(x - h, 0), min(x + h + 1, SHAPE[1])
        p, errors, r2 = scipy_fit(video, row, window, 1.7)
        fit = fits.loc[row.Index, list(FIT_COLUMNS[1:])].to_numpy(float)
        assert np.all(np.abs(fit[:6] - p) <= 1e-3 * errors)
        np.testing.assert_allclose(fit[6:], errors, rtol=1e-4)
        assert abs(row.R2 - r2) < 1e-6
        assert abs(row.Sigma_ratio - min(p[3:5]) / max(p[3:5])) < 1e-3


def test_a_spot_without_noise_gives_its_parameters_back():
    p = np.array([-3e-4, 20.3, 31.8, 1.5, 1.9, 2e-5])
    video = model(np.indices(SHAPE), *p)[None]
    table = pd.DataFrame(
        {"y": [32.0], "x": [20.0], "frame": [0], "center_intensity": [-3e-4], "sigma": [1.7]}
    )
    fit = fit_spots(table, video).iloc[0]
    np.testing.assert_allclose(fit[list(FIT_COLUMNS[1:7])].astype(float), p, rtol=1e-6)
    assert fit["R2"] == pytest.approx(1)


def test_errors_state_the_true_scatter():
    rng = np.random.default_rng(5)
    p = np.array([1e-3, 30.2, 29.7, 1.7, 1.7, 0.0])
    video = model(np.indices(SHAPE), *p) + rng.normal(0, 1e-4, (400, *SHAPE))
    table = pd.DataFrame(
        {"y": 30.0, "x": 30.0, "frame": np.arange(400), "center_intensity": 1e-3, "sigma": 1.7}
    )
    fits = fit_spots(table, video)
    pulls = (fits["Fit_X-Center"] - p[1]) / fits["Fit_errors_X-Center"]
    assert pulls.mean() == pytest.approx(0, abs=0.2)
    assert pulls.std() == pytest.approx(1, abs=0.15)


def test_legacy_window_and_widths_are_those_of_the_reference():
    table, video, _ = simulated(n=20, seed=1)
    fits = fit_spots(table, video, scale=5, legacy=True)
    for row in fits.itertuples():
        y, x, reach = int(row.y), int(row.x), 5 * np.sqrt(2) * 1.7
        sides = y - max(y - reach, 0), min(y + reach, SHAPE[0] - 1) - y
        sides += x - max(x - reach, 0), min(x + reach, SHAPE[1] - 1) - x
        h = round(min(sides))
        if 2 * h < 4:
            assert row.status == "too close to the edge"
            continue
        if row.status != "ok":
            continue
        p, errors, _ = scipy_fit(video, row, (y - h, y + h, x - h, x + h), 1.7)
        fit = fits.loc[row.Index, list(FIT_COLUMNS[1:])].to_numpy(float)
        p[3:5] *= np.sqrt(2)
        errors[3:5] *= np.sqrt(2)
        assert np.all(np.abs(fit[:6] - p) <= 2e-3 * errors)
    assert (fits["status"] == "ok").mean() > 0.8


def test_legacy_width_is_root_two_times_the_standard_deviation():
    video = model(np.indices(SHAPE), 1e-3, 30, 30, 1.7, 1.7, 0)[None]
    table = pd.DataFrame(
        {"y": [30.0], "x": [30.0], "frame": [0], "center_intensity": [1e-3], "sigma": [1.7]}
    )
    assert fit_spots(table, video)["Fit_X-Sigma"][0] == pytest.approx(1.7, rel=1e-6)
    assert fit_spots(table, video, legacy=True)["Fit_X-Sigma"][0] == pytest.approx(2.404, rel=1e-3)


def test_failed_fits_say_why_and_hold_no_figures():
    rng = np.random.default_rng(6)
    video = rng.normal(0, 1e-4, (40, *SHAPE))
    video[0] = 0.0
    video[1, 30, 30] = np.nan
    table = pd.DataFrame(
        {"y": 30.0, "x": 30.0, "frame": np.arange(40), "center_intensity": 0.0, "sigma": 1.7}
    )
    fits = fit_spots(table, video)
    assert fits["status"][0] == "flat window"
    assert fits["status"][1] == "pixels not finite"
    failed = fits[fits["status"] != "ok"]
    assert failed[[*FIT_COLUMNS, "R2"]].isna().all(axis=None)
    fine = fits[fits["status"] == "ok"]
    assert fine[[*FIT_COLUMNS, "R2"]].notna().all(axis=None)
    assert fine["Fit_X-Center"].between(30 - 12.5, 30 + 12.5).all()


def test_columns_are_the_18_then_status_r2_and_the_tables_own():
    table, video, _ = simulated(n=3)
    table["particle"] = [4, 5, 6]
    fits = fit_spots(table, video)
    assert tuple(fits.columns) == (*SPOT_COLUMNS, *FIT_COLUMNS, "status", "R2", "particle")
    assert len(SPOT_COLUMNS) + len(FIT_COLUMNS) == 18
    assert fit_spots(fits, video).equals(fits)


def test_rows_keep_their_order_whatever_the_frames_order():
    table, video, _ = simulated(n=12)
    shuffled = table.sample(frac=1, random_state=0)
    fits = fit_spots(shuffled, da.from_array(video, chunks=(5, -1, -1)))
    assert fits["frame"].tolist() == shuffled["frame"].tolist()
    again = fits.sort_values("frame", ignore_index=True)
    assert again.equals(fit_spots(table, video))


def test_an_empty_table_keeps_its_header_and_types():
    table, video, _ = simulated(n=2)
    fits = fit_spots(empty_spots(), video)
    assert len(fits) == 0
    assert fits.dtypes.equals(fit_spots(table, video).dtypes)
    assert fits.dtypes.equals(empty_fits().dtypes)


def test_wrong_tables_are_refused():
    table, video, _ = simulated(n=3)
    with pytest.raises(BadValueError, match="lacks the column sigma"):
        fit_spots(table.drop(columns="sigma"), video)
    with pytest.raises(BadValueError, match="outside the video"):
        fit_spots(table, video[:2])
    with pytest.raises(BadValueError, match="scale"):
        fit_spots(table, video, scale=0)
    with pytest.raises(BadValueError, match="sigma"):
        fit_spots(table.assign(sigma=0.0), video)


def test_no_warning_is_raised_by_noise():
    video = np.random.default_rng(7).normal(0, 1e-4, (50, 30, 30)).astype(np.float32)
    table = pd.DataFrame(
        {"y": 15.0, "x": 15.0, "frame": np.arange(50), "center_intensity": 0.0, "sigma": 1.7}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_spots(table, video)

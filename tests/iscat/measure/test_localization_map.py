"""Maps of localizations against histograms and Gaussians of numpy and scipy."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.localization_map import localization_map
from napari_uai.videos import Frames, frames_of

RNG = np.random.default_rng(11)
N = 400
VIDEO = np.zeros((100, 20, 30), np.uint16)
LANDINGS = pd.DataFrame(
    {
        "frame": RNG.uniform(-3, 103, N),
        "y": RNG.uniform(-1.5, 21, N),
        "x": RNG.uniform(-1.5, 31, N),
        "contrast": RNG.normal(0, 0.01, N),
        "y_error": RNG.uniform(0.01, 0.8, N),
        "x_error": RNG.uniform(0.01, 0.8, N),
    }
)


def edges(n, pixel):
    return np.arange(int(np.ceil(n / pixel)) + 1) * pixel - 0.5


def histogram(table, pixel, weights=None):
    bins = [edges(20, pixel), edges(30, pixel)]
    return np.histogram2d(table["y"], table["x"], bins, weights=weights)[0]


@pytest.mark.parametrize("pixel", [0.25, 0.3, 1, 2.5])
def test_a_histogram_is_that_of_numpy(pixel):
    out = localization_map(LANDINGS, VIDEO, pixel_px=pixel)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[0], histogram(LANDINGS, pixel))
    weights = LANDINGS["contrast"].abs()
    out = localization_map(LANDINGS, VIDEO, pixel_px=pixel, weight="contrast")
    np.testing.assert_allclose(out[0], histogram(LANDINGS, pixel, weights), rtol=1e-6)


def test_gaussians_are_integrals_over_pixels_with_the_stated_errors():
    out = localization_map(LANDINGS, VIDEO, pixel_px=0.5, drawing="gaussian")
    expected = np.zeros(out.shape[1:])
    for row in LANDINGS.itertuples():
        along_y, along_x = (
            np.diff(norm.cdf(edges(n, 0.5), place, error))
            for n, place, error in ((20, row.y, row.y_error), (30, row.x, row.x_error))
        )
        expected += np.outer(along_y, along_x)
    np.testing.assert_allclose(out[0], expected, atol=1e-5)


def test_signs_are_drawn_apart():
    bright, dark, both = (
        localization_map(LANDINGS, VIDEO, sign=sign, drawing="gaussian")
        for sign in ("bright", "dark", "both")
    )
    np.testing.assert_allclose(bright + dark, both, atol=1e-5)
    own = LANDINGS[LANDINGS["contrast"] > 0]
    np.testing.assert_array_equal(
        localization_map(LANDINGS, VIDEO, sign="bright")[0], histogram(own, 0.25)
    )


def test_maps_over_time_have_the_localizations_of_their_frames():
    maps = localization_map(LANDINGS, VIDEO, frames_per_map=30)
    assert maps.shape[0] == 4
    for n, picture in enumerate(maps):
        inside = LANDINGS["frame"].between(30 * n, 30 * (n + 1), inclusive="left")
        np.testing.assert_array_equal(picture, histogram(LANDINGS[inside], 0.25))


def test_fitted_centres_and_their_errors_are_taken_of_spots():
    spots = pd.DataFrame(
        {"frame": [0, 1], "y": [5, 5], "x": [7, 7], "sigma": [1.7, 1.7], "center_intensity": 0.01,
         "Fit_Y-Center": [5.4, np.nan], "Fit_X-Center": [6.7, np.nan],
         "Fit_Amplitude": [0.02, np.nan],
         "Fit_errors_Y-Center": [0.1, np.nan], "Fit_errors_X-Center": [0.1, np.nan],
         "status": ["ok", "not converged"]}
    )  # fmt: skip
    counts = localization_map(spots, VIDEO, pixel_px=0.5)[0]
    assert np.argwhere(counts).tolist() == [[11, 14], [11, 15]]
    drawn = localization_map(spots, VIDEO, pixel_px=0.05, drawing="gaussian", weight="contrast")[0]
    assert drawn.sum() == pytest.approx(0.02, rel=1e-4)
    rows, columns = (np.arange(n) * 0.05 - 0.475 for n in drawn.shape)
    assert (drawn.sum(1) @ rows) / drawn.sum() == pytest.approx(5.4, abs=1e-4)
    assert (drawn.sum(0) @ columns) / drawn.sum() == pytest.approx(6.7, abs=1e-4)


def test_it_stays_lazy_and_is_empty_without_localizations():
    lazy = localization_map(LANDINGS, da.from_array(VIDEO), frames_per_map=10)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(
        lazy.compute(), localization_map(LANDINGS, VIDEO, frames_per_map=10)
    )
    none = localization_map(LANDINGS[:0], frames_of(VIDEO))
    assert isinstance(none, Frames)
    assert not none[0].any()


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (LANDINGS.drop(columns="x"), {}, "lacks the column x"),
        (LANDINGS[["frame", "y", "x"]], {"weight": "contrast"}, "no contrast"),
        (LANDINGS[["frame", "y", "x"]], {"drawing": "gaussian"}, "standard errors"),
        (LANDINGS, {"pixel_px": 1e-3}, "too large"),
        (LANDINGS, {"pixel_px": 0}, "pixel_px"),
    ],
)
def test_bad_values_are_errors(table, values, words):
    with pytest.raises(BadValueError, match=words):
        localization_map(table, VIDEO, **values)

"""Spots from masks: groups, strength, places."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.anomalies.maps import anomaly_mask
from napari_uai.iscat.detect.anomalies.mask_spots import locate_spots, spots_from_mask
from napari_uai.iscat.measure.gaussian_fits import fit_spots


def scored(groups, shape=(1, 30, 40), lowest=0.4):
    """Mask and scores from (frame, rows, columns, score) of rectangles."""
    scores = np.full(shape, lowest, np.float32)
    for frame, rows, columns, score in groups:
        scores[frame, rows, columns] = score
    return (scores > lowest).astype(np.uint8), scores


def spots_video(places, sigma=1.7, amplitude=1e-3, noise=5e-5, shape=(40, 44)):
    rng = np.random.default_rng(0)
    y, x = np.indices(shape)
    video = [amplitude * np.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * sigma**2)) for v, u in places]
    return np.stack(video) + rng.normal(0, noise, (len(places), *shape))


def coarse(places, sigma=1.7):
    y, x = np.rint(np.array(places)).T
    return pd.DataFrame(
        {
            "y": y + 1,
            "x": x - 1,
            "frame": np.arange(len(places)),
            "center_intensity": np.nan,
            "sigma": sigma,
        }
    )


def test_groups_are_those_of_scipy_with_corners_touching():
    rng = np.random.default_rng(0)
    scores = ndimage.gaussian_filter(rng.normal(size=(4, 50, 60)), (0, 1, 1)).astype(np.float32)
    mask = scores > 0.35
    found = spots_from_mask(mask, scores, min_area=3, min_distance=0)
    expected = []
    for t in range(4):
        labels, n = ndimage.label(mask[t], np.ones((3, 3)))
        weights = scores[t] - scores[t].min()
        for label in range(1, n + 1):
            inside = labels == label
            if inside.sum() >= 3:
                center = ndimage.center_of_mass(weights * inside)
                expected.append((t, *center, scores[t][inside].max(), inside.sum()))
    assert len(expected) > 40
    columns = ["frame", "y", "x", "score", "area"]
    expected = pd.DataFrame(expected, columns=columns).sort_values(["frame", "score"])
    found = found.sort_values(["frame", "score"])
    np.testing.assert_allclose(found[columns], expected, rtol=1e-4, atol=1e-4)


def test_groups_below_the_area_vanish_and_a_diagonal_is_one_group():
    diagonal = [(0, 5 + k, 5 + k, 0.7) for k in range(4)]
    row = [(0, 20, slice(5, 8), 0.7)]
    mask, scores = scored(diagonal + row)
    assert spots_from_mask(mask, scores, min_area=4)[["y", "x"]].to_numpy().tolist() == [[6.5, 6.5]]
    assert len(spots_from_mask(mask, scores, min_area=3)) == 2


def test_strongest_of_neighbours_stays_even_in_a_chain():
    groups = [
        (0, slice(10, 12), slice(5 + 4 * k, 7 + 4 * k), score)
        for k, score in enumerate((0.5, 0.6, 0.7))
    ]
    mask, scores = scored(groups)
    found = spots_from_mask(mask, scores)
    # the middle one loses against the strongest; the weakest is then far enough from any
    assert found["x"].tolist() == [5.5, 13.5]
    assert found["score"].tolist() == pytest.approx([0.5, 0.7])


def test_place_is_weighted_by_the_scores():
    mask, scores = scored([(0, 10, slice(10, 14), 0.5)])
    scores[0, 10, 13] = 0.8
    found = spots_from_mask(mask, scores)
    weights = np.array([0.1, 0.1, 0.1, 0.4])
    assert found["x"][0] == pytest.approx((weights * range(10, 14)).sum() / weights.sum())
    assert found["y"][0] == 10


def test_only_every_so_many_frames_are_looked_at():
    mask, scores = scored([(t, slice(3, 6), slice(3, 6), 0.9) for t in range(25)], (25, 12, 12))
    found = spots_from_mask(*map(da.from_array, (mask, scores)), every=10)
    assert found["frame"].tolist() == [0, 10, 20]


def test_nothing_marked_gives_no_row():
    found = spots_from_mask(np.zeros((3, 8, 8)), np.ones((3, 8, 8)))
    assert found.empty
    assert found["frame"].dtype == np.int64


def test_mask_of_scores_gives_the_same_spots_lazily():
    rng = np.random.default_rng(1)
    scores = ndimage.gaussian_filter(rng.normal(size=(40, 30, 30)), (0, 1, 1)).astype(np.float32)
    lazy = da.from_array(scores, chunks=(9, -1, -1))
    mask = anomaly_mask(lazy, threshold=5)
    eager = spots_from_mask(np.asarray(mask), scores)
    pd.testing.assert_frame_equal(spots_from_mask(mask, lazy), eager)
    assert len(eager) > 10


def test_bad_masks_are_errors():
    mask, scores = scored([(0, slice(3, 6), slice(3, 6), 0.9)])
    with pytest.raises(BadValueError, match="same frames, rows and columns"):
        spots_from_mask(mask, scores[:, 1:])
    with pytest.raises(BadValueError, match="min_area must be a whole number, at least 1"):
        spots_from_mask(mask, scores, min_area=0)
    scores[0, 4, 4] = np.nan
    with pytest.raises(BadValueError, match="frame 0 is marked at a pixel without a score"):
        spots_from_mask(mask, scores)


PLACES = [(20.3, 18.6), (11.75, 30.1), (25.0, 25.5), (15.5, 12.2)]


@pytest.mark.parametrize(
    ("method", "within"),
    [("radial_symmetry", 0.15), ("difference_of_gaussians", 0.3), ("extremum", 1.5)],
)
@pytest.mark.parametrize("amplitude", [1e-3, -1e-3])
def test_each_method_finds_the_spot_in_its_window(method, within, amplitude):
    video = spots_video(PLACES, amplitude=amplitude)
    found = locate_spots(coarse(PLACES), video, method=method)
    assert found["located"].all()
    error = np.hypot(*(found[["y", "x"]].to_numpy() - PLACES).T)
    assert error.max() < within
    assert (found["center_intensity"] * np.sign(amplitude)).min() > 5e-4


@pytest.mark.parametrize("amplitude", [1e-3, -1e-3])
@pytest.mark.parametrize("shift", [0, 1])
def test_places_have_no_bias_wherever_between_pixels_a_spot_lies(amplitude, shift):
    inside = (np.arange(10) + 0.5) / 10 - 0.5
    places = [(20 + v, 22 + u) for v in inside for u in inside]
    video = spots_video(places, amplitude=amplitude, noise=0)
    y, x = np.rint(np.array(places)).T
    table = coarse(places).assign(y=y + shift, x=x - shift)
    largest = {"radial_symmetry": 0.002, "difference_of_gaussians": 0.015, "extremum": 0.5}
    for method, limit in largest.items():
        found = locate_spots(table, video, method=method)
        error = found[["y", "x"]].to_numpy() - places
        assert np.abs(error).max() < limit, method
        assert np.abs(error.mean(axis=0)).max() < 0.001, method
    fits = fit_spots(table, video)
    np.testing.assert_allclose(fits[["Fit_Y-Center", "Fit_X-Center"]], places, atol=1e-5)


def test_weighted_centroids_have_no_bias():
    inside = (np.arange(10) + 0.5) / 10 - 0.5
    places = [(20 + v, 22 + u) for v in inside for u in inside]
    scores = spots_video(places, noise=0).astype(np.float32)
    found = spots_from_mask(scores > 2e-4, scores)
    error = found[["y", "x"]].to_numpy() - places
    assert np.abs(error).max() < 0.1
    assert np.abs(error.mean(axis=0)).max() < 0.005


def test_extremum_is_the_pixel_of_numpy():
    video = spots_video(PLACES, noise=3e-4)
    table = coarse(PLACES)
    found = locate_spots(table, video, method="extremum", scale=1)
    for frame, (y, x) in enumerate(table[["y", "x"]].to_numpy(int)):
        window = video[frame, y - 2 : y + 3, x - 2 : x + 3]
        far = np.abs(window - np.median(window))
        v, u = np.unravel_index(far.argmax(), far.shape)
        assert found.loc[frame, ["y", "x"]].tolist() == [y - 2 + v, x - 2 + u]
        assert found["center_intensity"][frame] == pytest.approx(window[v, u])


@pytest.mark.parametrize("method", ["radial_symmetry", "extremum", "difference_of_gaussians"])
def test_spots_of_different_width_are_located_as_each_alone(method):
    video = spots_video(PLACES, noise=2e-4)
    table = coarse(PLACES).assign(sigma=[1.2, 1.7, 2.5, 1.7])
    together = locate_spots(table, video, method=method)
    alone = [locate_spots(table[i : i + 1], video, method=method) for i in range(len(table))]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))


def test_order_and_other_columns_stay():
    video = spots_video(PLACES)
    table = coarse(PLACES).assign(name=list("abcd")).iloc[[2, 0, 3, 1]]
    found = locate_spots(table, da.from_array(video, chunks=(2, -1, -1)))
    assert found["name"].tolist() == list("cadb")
    assert found["frame"].tolist() == [2, 0, 3, 1]
    assert np.hypot(*(found[["y", "x"]].to_numpy() - np.array(PLACES)[[2, 0, 3, 1]]).T).max() < 0.15


@pytest.mark.parametrize("method", ["radial_symmetry", "extremum", "difference_of_gaussians"])
def test_spots_that_cannot_be_located_keep_their_place(method):
    video = np.zeros((2, 20, 20))
    video[1, 10, 10] = np.nan
    table = coarse([(10, 10), (10, 10)])
    found = locate_spots(table, video, method=method)
    assert not found["located"].any()
    assert found[["y", "x"]].equals(table[["y", "x"]])


def test_spots_at_the_edge_stay_inside():
    places = [(1.2, 20.0), (38.4, 42.5)]
    found = locate_spots(coarse(places), spots_video(places), scale=2)
    assert np.hypot(*(found[["y", "x"]].to_numpy() - places).T).max() < 1


def test_spots_of_masks_can_be_fitted():
    video = spots_video(PLACES)
    scores = np.abs(video).astype(np.float32)
    mask = anomaly_mask(scores, threshold=5e-4, threshold_unit="score")
    fits = fit_spots(spots_from_mask(mask, scores), video)
    assert (fits["status"] == "ok").all()
    error = fits[["Fit_Y-Center", "Fit_X-Center"]].to_numpy() - PLACES
    assert np.abs(error).max() < 0.1
    assert (fits["center_intensity"] > 5e-4).all()


def test_bad_parameters_and_tables_are_errors():
    video = spots_video(PLACES)
    with pytest.raises(BadValueError, match="method must be one of"):
        locate_spots(coarse(PLACES), video, method="guess")
    with pytest.raises(BadValueError, match="scale must be a number, above 0"):
        locate_spots(coarse(PLACES), video, scale=0)
    with pytest.raises(BadValueError, match="outside the video"):
        locate_spots(coarse(PLACES), video[:, :10])
    with pytest.raises(BadValueError, match="lacks the column sigma"):
        locate_spots(coarse(PLACES).drop(columns="sigma"), video)

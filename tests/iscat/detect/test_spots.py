import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.detect.spots import detect_spots, response_noise
from napari_uai.iscat.kernels.blobs import DETECTORS, blob_filter, blob_response
from napari_uai.iscat.tables import SPOT_COLUMNS
from napari_uai.monitor import Monitor

SIGMA = 1.7


def gaussian(shape, y, x, contrast, sigma=SIGMA):
    yy, xx = np.indices(shape)
    return contrast * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * sigma**2))


def noisy_spots(n=30, shape=(40, 50), contrast=2e-3, noise=1e-4, seed=0):
    """One bright and one dark spot per frame, at whole pixels."""
    rng = np.random.default_rng(seed)
    video = rng.normal(0, noise, (n, *shape))
    truth = []
    for t in range(n):
        y, x = rng.integers(6, shape[0] - 6), rng.integers(6, shape[1] // 2 - 6)
        video[t] += gaussian(shape, y, x, contrast)
        video[t] += gaussian(shape, y, x + 22, -contrast)
        truth += [(t, y, x), (t, y, x + 22)]
    return video, truth


def places(table):
    return list(zip(table["frame"], table["y"], table["x"], strict=True))


def referenceblob_response(video, sigma=SIGMA):
    """Difference of Gaussians in plain float64, scaled by its answer to a spot."""

    def dog(block):
        def blur(s):
            return ndimage.gaussian_filter(block, (0, s, s), mode="reflect", truncate=4)

        return blur(sigma) - blur(1.6 * sigma)

    spot = gaussian((61, 61), 30, 30, 1.0, sigma)[None]
    return dog(video) / dog(spot)[0, 30, 30]


def test_all_clear_spots_of_both_signs_are_found_and_nothing_else():
    video, truth = noisy_spots()
    table = detect_spots(video, sigma_px=SIGMA, threshold=6)
    assert tuple(table.columns) == SPOT_COLUMNS
    missed = [
        (t, y, x)
        for t, y, x in truth
        if not ((table.frame == t) & (abs(table.y - y) <= 1) & (abs(table.x - x) <= 1)).any()
    ]
    assert missed == []
    assert len(table) == len(truth)


def test_threshold_in_contrast_units_is_the_peak_contrast_of_a_gaussian_spot():
    video = gaussian((60, 60), 30, 30, 1e-3)[None]
    options = {"sigma_px": SIGMA, "threshold_unit": "contrast"}
    assert len(detect_spots(video, threshold=0.98e-3, **options)) == 1
    assert len(detect_spots(video, threshold=1.02e-3, **options)) == 0


def test_polarity_chooses_the_sign():
    video, _ = noisy_spots()
    bright = detect_spots(video, polarity="bright", threshold=6)
    dark = detect_spots(video, polarity="dark", threshold=6)
    assert (bright["center_intensity"] > 0).all()
    assert (dark["center_intensity"] < 0).all()
    both = places(detect_spots(video, threshold=6))
    assert sorted(places(bright) + places(dark)) == sorted(both)


@pytest.mark.parametrize(
    "detector", ["difference_of_gaussians", "determinant_of_hessian", "radial_variance"]
)
def test_the_ring_of_a_strong_spot_is_not_a_spot(detector):
    rng = np.random.default_rng(1)
    video = rng.normal(0, 1e-5, (20, 60, 60)) + gaussian((60, 60), 30, 30, 1e-2)
    table = detect_spots(video, threshold=6, detector=detector)
    assert len(table) == 20
    assert set(places(table)) == {(t, 30.0, 30.0) for t in range(20)}


def test_of_two_near_spots_the_stronger_stays():
    video = gaussian((40, 40), 20, 15, 1e-3) + gaussian((40, 40), 20, 24, 2e-3)
    video = video[None]
    options = {"threshold": 2e-4, "threshold_unit": "contrast"}
    assert len(detect_spots(video, **options)) == 2
    (row,) = places(detect_spots(video, min_distance=6, **options))
    assert row == (0, 20, 24)


def test_spots_are_the_extrema_of_the_difference_of_gaussians():
    video = np.random.default_rng(2).normal(0, 1e-4, (5, 30, 34))
    response = referenceblob_response(video)
    limit = 1.5e-4
    peaks = np.abs(response) == ndimage.maximum_filter(np.abs(response), (0, 3, 3))
    peaks &= np.abs(response) == np.where(
        response > 0,
        ndimage.maximum_filter(response, (0, 3, 3)),
        -ndimage.minimum_filter(response, (0, 3, 3)),
    )
    expected = np.argwhere(peaks & (np.abs(response) >= limit))
    table = detect_spots(
        video, threshold=limit, threshold_unit="contrast", min_distance=0, border=0
    )
    found = {(t, y, x) for t, y, x in places(table)}
    assert found <= {tuple(row) for row in expected}
    strongest = [tuple(row) for row in expected if abs(response[tuple(row)]) > 2 * limit]
    assert set(strongest) <= found


def test_noise_of_the_response_is_measured_robustly():
    video, _ = noisy_spots(n=50, shape=(90, 100))
    white = np.random.default_rng(3).normal(0, 1e-4, video.shape)
    assert response_noise(video) == pytest.approx(referenceblob_response(white).std(), rel=0.1)


def test_dask_and_numpy_videos_give_the_same_table():
    video, _ = noisy_spots(n=12)
    lazy = da.from_array(video, chunks=(5, -1, -1))
    assert detect_spots(video).equals(detect_spots(lazy))


def test_border_is_left_out():
    video = gaussian((30, 30), 2, 15, 1e-3)[None]
    options = {"threshold": 5e-4, "threshold_unit": "contrast"}
    assert len(detect_spots(video, border=2, **options)) == 1
    assert len(detect_spots(video, border=3, **options)) == 0


def test_a_pixel_that_is_not_finite_hides_only_its_surroundings():
    video, truth = noisy_spots(n=4)
    video[0, 0, 0] = np.nan
    table = detect_spots(video, threshold=6)
    assert (table["frame"] > 0).sum() == len(truth) - 2
    assert np.isfinite(table["center_intensity"]).all()


def test_a_video_without_spots_gives_a_table_without_rows():
    video = np.random.default_rng(4).normal(0, 1e-4, (10, 30, 30))
    table = detect_spots(video, threshold=12)
    assert len(table) == 0
    assert tuple(table.columns) == SPOT_COLUMNS
    assert table.dtypes.equals(detect_spots(noisy_spots(n=2)[0]).dtypes)


def test_a_constant_video_is_refused_when_the_threshold_counts_noise():
    with pytest.raises(BadValueError, match="no noise"):
        detect_spots(np.full((5, 20, 20), 0.3))
    assert len(detect_spots(np.zeros((5, 20, 20)), threshold=1e-4, threshold_unit="contrast")) == 0


def test_a_video_of_nan_is_refused():
    with pytest.raises(BadValueError, match="no finite pixels"):
        detect_spots(np.full((5, 20, 20), np.nan))


@pytest.mark.parametrize(
    "options",
    [
        {"sigma_px": 0},
        {"threshold": -1},
        {"threshold": np.nan},
        {"polarity": "Bright"},
        {"threshold_unit": "sigma"},
        {"border": -1},
    ],
)
def test_parameters_out_of_range_are_named(options):
    with pytest.raises(BadValueError, match=next(iter(options))):
        detect_spots(np.zeros((2, 20, 20)), **options)


def test_cancelling_stops_the_detection():
    with pytest.raises(CancelledError):
        detect_spots(noisy_spots()[0], monitor=Monitor(cancelled=lambda: True))


def curvatures(video, sigma=SIGMA):
    """Second differences of the smoothed frames, along rows, columns and both."""
    smooth = ndimage.gaussian_filter(video, (0, sigma, sigma), mode="reflect", truncate=4)
    second, first = [1, -2, 1], [-0.5, 0, 0.5]
    yy, xx = (ndimage.correlate1d(smooth, second, axis, mode="nearest") for axis in (1, 2))
    mixed = ndimage.correlate1d(smooth, first, 1, mode="nearest")
    return yy, ndimage.correlate1d(mixed, first, 2, mode="nearest"), xx


@pytest.mark.parametrize("detector", ["laplacian_of_gaussian", "determinant_of_hessian"])
def test_curvature_filters_are_those_of_scipy_in_units_of_contrast(detector):
    def plain(video):
        yy, yx, xx = curvatures(video)
        if detector == "laplacian_of_gaussian":
            return -(yy + xx)
        return -np.sign(yy + xx) * np.sqrt(np.maximum(yy * xx - yx**2, 0))

    video = noisy_spots(3)[0]
    spot = gaussian((61, 61), 30, 30, 1.0)[None]
    expected = plain(video) / plain(spot)[0, 30, 30]
    made = blob_response(video.astype(np.float32), blob_filter(SIGMA, detector))
    np.testing.assert_allclose(made, expected, atol=2e-5 * np.abs(expected).max() + 1e-7)


@pytest.mark.parametrize("detector", list(DETECTORS))
@pytest.mark.parametrize("sigma", [1.0, 1.7, 4.0])
def test_threshold_in_contrast_is_the_contrast_of_a_spot_for_every_detector(detector, sigma):
    video = gaussian((61, 61), 30, 30, -1e-3, sigma)[None] + 0.01
    given = {"sigma_px": sigma, "detector": detector, "threshold_unit": "contrast"}
    assert places(detect_spots(video, threshold=0.98e-3, **given)) == [(0, 30, 30)]
    assert detect_spots(video, threshold=1.02e-3, **given).empty


@pytest.mark.parametrize("detector", list(DETECTORS))
def test_every_detector_finds_the_clear_spots_of_both_signs(detector):
    video, truth = noisy_spots()
    table = detect_spots(video, detector=detector, threshold=8)
    found = {(t, y + v, x + u) for t, y, x in places(table) for v in (-1, 0, 1) for u in (-1, 0, 1)}
    assert set(truth) <= found
    assert len(table) <= len(truth) + 2


def test_determinant_of_hessian_is_blind_to_edges():
    video = np.zeros((1, 40, 40), np.float32)
    video[:, :, 20:] = 1e-3
    blind, seeing = (
        blob_response(video, blob_filter(SIGMA, name))
        for name in ("determinant_of_hessian", "laplacian_of_gaussian")
    )
    assert np.abs(blind).max() < 1e-5
    assert np.abs(seeing).max() > 3e-4


@pytest.mark.parametrize("detector", ["radial_variance", "fast_radial_symmetry"])
def test_radial_detectors_tell_bright_from_dark_and_find_little_in_noise(detector):
    video, _ = noisy_spots()
    bright, dark = (
        detect_spots(video, detector=detector, polarity=sign) for sign in ("bright", "dark")
    )
    assert (bright["x"] < 25).all()
    assert (dark["x"] >= 25).all()
    noise = np.random.default_rng(6).normal(0, 1e-4, (30, 60, 60))
    assert len(detect_spots(noise, detector=detector)) < 10


def test_radii_belong_to_radial_detectors():
    video, truth = noisy_spots(n=3)
    wider = {"radii": (1, 7), "detector": "radial_variance"}
    assert len(detect_spots(video, **wider)) == len(truth)
    assert response_noise(video, **wider) != response_noise(video, detector="radial_variance")
    for detector, radii, message in (
        ("laplacian_of_gaussian", (1, 3), "has no radii"),
        ("fast_radial_symmetry", (0, 3), "at least 1 px"),
        ("radial_variance", (3, 3), "at least two rings"),
    ):
        with pytest.raises(BadValueError, match=message):
            detect_spots(video, detector=detector, radii=radii)


def test_unknown_detector_is_an_error():
    with pytest.raises(BadValueError, match="detector must be one of difference_of_gaussians"):
        detect_spots(np.zeros((1, 20, 20)), detector="watershed")

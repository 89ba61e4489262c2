import numpy as np
import pytest
import tifffile

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.point_spread_function import (
    PointSpreadFunction,
    gaussian_psf,
    radial_psf,
    read_psf,
    read_psf_bank,
    stacked_image,
)
from napari_uai.simulate.iscat.optics import particle_image

SIGMA = 1.7


def gaussian(shape, y, x, sigma=SIGMA):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def test_the_image_has_unit_norm_and_the_closed_forms_of_a_gaussian():
    psf = gaussian_psf(SIGMA)
    assert np.sum(psf.image**2) == pytest.approx(1)
    assert psf.peak == pytest.approx(1 / np.sqrt(np.pi * SIGMA**2), rel=1e-4)
    # The sum of the squared derivative of a unit-norm Gaussian is 1 / (2 sigma^2).
    assert psf.gradient_norm[0] == pytest.approx(1 / np.sqrt(2) / SIGMA, rel=0.1)
    assert psf.correlation_area == pytest.approx(2 * np.pi * SIGMA**2, rel=1e-3)


def test_a_point_is_put_at_its_sub_pixel_place():
    psf = gaussian_psf(SIGMA)
    (rows, columns), image = psf.at(20.3, 15.8, (40, 36))
    expected = gaussian((40, 36), 20.3, 15.8)[rows, columns] * psf.peak
    np.testing.assert_allclose(image, expected, atol=2e-3 * psf.peak)


def test_a_point_near_the_border_is_cut_off():
    psf = gaussian_psf(SIGMA)
    (rows, columns), image = psf.at(-0.4, 34.9, (40, 36))
    assert (rows.start, columns.stop) == (0, 36)
    expected = gaussian((40, 36), -0.4, 34.9)[rows, columns] * psf.peak
    np.testing.assert_allclose(image, expected, atol=2e-3 * psf.peak)


def test_the_autocorrelation_of_a_gaussian_is_a_gaussian_of_twice_the_variance():
    psf = gaussian_psf(SIGMA)
    dy, dx = np.array([0.0, 0.5, 2.3, -3.0]), np.array([0.0, 1.2, -0.7, 4.0])
    expected = np.exp(-(dy**2 + dx**2) / (4 * SIGMA**2))
    np.testing.assert_allclose(psf.correlation_between(dy, dx), expected, atol=3e-3)
    assert psf.correlation_between(100.0, 0.0) == 0


def test_a_ringed_function_is_measured_on_noisy_images_of_points():
    rng = np.random.default_rng(3)
    shape, radius = (48, 48), 8
    places = [tuple(p) for p in rng.uniform(10, 38, (12, 2))]
    amplitudes = rng.uniform(0.5, 2, 12) * rng.choice([-1, 1], 12)
    true = [
        a * particle_image(shape, *p, sigma_px=SIGMA, ringing=0.8)
        for p, a in zip(places, amplitudes, strict=True)
    ]
    images = [t + 0.05 * rng.normal(size=shape) for t in true]
    image, weight = stacked_image(images, np.ones(shape), places, amplitudes, np.ones(12), radius)
    psf = radial_psf(image, weight)
    side = 2 * radius + 1
    expected = particle_image((side, side), radius, radius, sigma_px=SIGMA, ringing=0.8)
    expected /= np.sqrt(np.sum(expected**2))
    assert np.sum(psf.image * expected) > 0.99
    assert np.sum(gaussian_psf(SIGMA).image * expected) < 0.94


def test_a_function_is_read_from_a_file(tmp_path):
    np.save(tmp_path / "psf.npy", gaussian((9, 9), 4, 4))
    np.testing.assert_allclose(
        read_psf(tmp_path / "psf.npy").image, PointSpreadFunction(gaussian((9, 9), 4, 4)).image
    )


@pytest.mark.parametrize("image", [np.ones((4, 4)), np.ones((3, 5)), np.zeros((3, 3))])
def test_what_is_no_point_spread_function_is_refused(image, tmp_path):
    np.save(tmp_path / "bad.npy", image)
    with pytest.raises(BadValueError, match=r"bad\.npy"):
        read_psf(tmp_path / "bad.npy")


def test_a_missing_file_is_named():
    with pytest.raises(BadValueError, match=r"nothing\.npy.*'fitted'"):
        read_psf("nothing.npy")


def test_several_images_are_read_from_one_file(tmp_path):
    images = np.stack([gaussian((9, 9), 4, 4), -gaussian((9, 9), 4, 4)])
    np.save(tmp_path / "bank.npy", images)
    bank = read_psf_bank(tmp_path / "bank.npy")
    assert [psf.peak > 0 for psf in bank] == [True, False]
    with pytest.raises(BadValueError, match=r"bank\.npy contains 2 images"):
        read_psf(tmp_path / "bank.npy")


def test_an_image_of_floats_is_read_from_tiff(tmp_path):
    image = gaussian((9, 9), 4, 4) - 0.3
    tifffile.imwrite(tmp_path / "psf.tif", image.astype(np.float32))
    expected = PointSpreadFunction(image).image
    np.testing.assert_allclose(read_psf(tmp_path / "psf.tif").image, expected, atol=1e-6)


def test_the_contrast_of_a_ring_is_that_of_the_ring():
    rows, columns = np.ogrid[-8:9, -8:9]
    distance = np.hypot(rows, columns)
    ring = PointSpreadFunction(0.2 * np.exp(-(distance**2)) - np.exp(-((distance - 5) ** 2)))
    assert ring.contrast_between(5.0, 0.0) == pytest.approx(1, abs=0.02)
    assert ring.contrast_between(0.0, 0.0) == pytest.approx(-0.2, abs=0.02)

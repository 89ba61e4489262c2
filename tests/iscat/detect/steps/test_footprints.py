"""Images of points, of single pixels and of wide things, simulated with point-spread functions of
1 to 3 px.
"""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.detect.steps.footprints import points_alike
from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.iscat.detect.steps.pursuit import Step

BINS, SIZE, K = 40, 48, 19
STATISTICS = StepStatistics.of(np.eye(BINS))


def told(image, psf, snr, *, rng, at=(24.0, 24.0)):
    """Whether a step with this image, of that signal-to-noise ratio for a point, is one."""
    residual = rng.standard_normal((BINS, SIZE, SIZE))
    point = psf.contrast_between(*np.mgrid[:SIZE, :SIZE] - np.reshape(at, (2, 1, 1))) * psf.peak
    response = STATISTICS.response[K]
    seen = np.sum(point * image)
    height = snr / response
    residual[K + 1 :] += height / seen * image
    step = Step(K, 0.0, *at, snr, height)
    gain = np.ones((SIZE, SIZE))
    weights = np.ones((SIZE, SIZE))
    return bool(points_alike([step], residual, weights, STATISTICS, 1.0, psf, gain)[0])


def share(make, psf, snr, n=60):
    rng = np.random.default_rng(7)
    return np.mean([told(make(rng), psf, snr, rng=rng) for _ in range(n)])


def image_of(y, x, sigma):
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def block(side):
    image = np.zeros((SIZE, SIZE))
    image[24 : 24 + side, 24 : 24 + side] = 1
    return image


@pytest.mark.parametrize("sigma", [1.0, 1.7, 3.0])
@pytest.mark.parametrize("snr", [4.5, 8.0, 40.0])
def test_points_at_any_place_in_their_pixel_are_points(sigma, snr):
    def make(rng):
        return image_of(*(24 + rng.uniform(-0.5, 0.5, 2)), sigma)

    assert share(make, gaussian_psf(sigma), snr) >= 0.98


@pytest.mark.parametrize("sigma", [1.0, 1.7, 3.0])
def test_single_pixels_are_none(sigma):
    assert share(lambda _: block(1), gaussian_psf(sigma), 5.0) <= 0.02


@pytest.mark.parametrize("sigma", [1.7, 3.0])
def test_two_by_two_pixels_are_none(sigma):
    assert share(lambda _: block(2), gaussian_psf(sigma), 6.0) <= 0.05


def test_wide_things_are_none_but_images_somewhat_wider_than_assumed_are():
    psf = gaussian_psf(1.7)
    assert share(lambda _: image_of(24, 24, 6.0), psf, 8.0) <= 0.02
    assert share(lambda _: image_of(24, 24, 2.4), psf, 8.0) >= 0.98
    assert share(lambda _: image_of(24, 24, 2.4), psf, 40.0) >= 0.98


def test_fragments_of_a_pixel_are_none_and_its_neighbour_in_time_is():
    psf = gaussian_psf(1.7)
    residual = np.random.default_rng(1).standard_normal((BINS, SIZE, SIZE))
    residual[K + 1 :, 24, 24] += 12.0
    residual[31:] += 6 * image_of(24, 24, 1.7)
    height = 12 * psf.peak
    steps = [
        Step(K, 0.0, 24.0, 24.0, height * STATISTICS.response[K], height),
        Step(K + 1, 0.0, 26.0, 24.0, -4.5, -4.5 / STATISTICS.response[K + 1]),
        Step(30, 0.0, 24.0, 24.0, 40.0, 6 / psf.peak),
    ]
    weights = np.ones((SIZE, SIZE))
    alike = points_alike(steps, residual, weights, STATISTICS, 1.0, psf, weights)
    assert alike.tolist() == [False, False, True]


def told_beside(change, at, *, rng):
    """Whether a weak step with this image is an event, where a particle landed 15 bins earlier."""
    psf, early, late = gaussian_psf(1.7), 12, 30
    residual = rng.standard_normal((BINS, SIZE, SIZE))
    residual[early + 1 :] += 12 * image_of(24, 24, 1.7)
    residual[late + 1 :] += change
    point = image_of(*at, 1.7)
    heights = 12 / psf.peak, np.sum(point * change) / np.sum(point**2) / psf.peak
    steps = [
        Step(k, 0.0, *place, height * STATISTICS.response[k], height)
        for k, place, height in zip((early, late), ((24.0, 24.0), at), heights, strict=True)
    ]
    ones = np.ones((SIZE, SIZE))
    return points_alike(steps, residual, ones, STATISTICS, 1.0, psf, ones).tolist()


def test_a_particle_that_moves_is_no_second_event_and_one_that_lands_beside_it_is():
    rng = np.random.default_rng(5)
    moved = 12 * (image_of(24, 24.35, 1.7) - image_of(24, 24, 1.7))
    landed = 3 * image_of(24, 26, 1.7)
    of_moved = [told_beside(moved, (24.0, 26.0), rng=rng) for _ in range(40)]
    of_landed = [told_beside(landed, (24.0, 26.0), rng=rng) for _ in range(40)]
    assert np.mean(of_moved, axis=0)[0] == 1
    assert np.mean(of_moved, axis=0)[1] <= 0.05
    assert np.mean(of_landed, axis=0).min() >= 0.95

"""The image of a point is 1 at the centre, and that of pupils unless landings say otherwise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import j1

from napari_uai.iscat.detect.point_profile import RADIUS_SIGMAS, PointProfile

STRETCHES = [(0.0, 0.0), (0.3, 0.0), (-0.1, 0.25)]


def airy(distance, sigma):
    v = np.maximum(2 * distance / sigma, 1e-9)
    return 2 * j1(v) / v


def offsets(radius=10):
    return (
        np.mgrid[-radius : radius + 1, -radius : radius + 1] + np.array([0.3, -0.2])[:, None, None]
    )


def stretched(stretch, sigma=1.7):
    return replace(PointProfile.expected(sigma), stretch=np.array(stretch))


@pytest.mark.parametrize("sigma", [0.9, 1.7, 3.0])
def test_the_profile_is_one_at_the_centre_and_ends_smoothly(sigma):
    point = PointProfile.expected(sigma)
    distance = np.linspace(0, 1.2 * RADIUS_SIGMAS * sigma, 500)
    values = point.at(distance)
    assert values[0] == 1
    assert (values[distance > point.radius] == 0).all()
    assert abs(point.at(np.array(0.999 * point.radius))) < 1e-3


@pytest.mark.parametrize("stretch", STRETCHES)
def test_an_image_is_the_profile_in_axes_that_a_matrix_exponential_stretches(stretch):
    point = stretched(stretch)
    dy, dx = offsets()
    along, across = stretch
    round_again = expm(-np.array([[along, across], [across, -along]]))
    y, x = np.einsum("ij,jab->iab", round_again, np.stack([dy, dx]))
    np.testing.assert_allclose(point.image(dy, dx), point.at(np.hypot(y, x)), atol=1e-12)
    assert np.linalg.det(round_again) == pytest.approx(1)
    far = np.hypot(dy, dx) > point.radius
    assert (point.image(dy, dx)[far] == 0).all()


@pytest.mark.parametrize("stretch", STRETCHES)
def test_derivatives_are_those_of_finite_differences(stretch):
    point, (dy, dx), h = stretched(stretch), offsets(8), 0.05
    by_y, by_x = point.place_derivatives(dy, dx)
    for exact, moved in ((by_y, (h, 0)), (by_x, (0, h))):
        ahead, behind = (point.image(dy - s * moved[0], dx - s * moved[1]) for s in (1, -1))
        np.testing.assert_allclose(exact, (ahead - behind) / (2 * h), atol=5e-3)
    parameters = point.parameter_derivatives(dy, dx)
    n = len(point.coefficients)
    for i in range(2):
        step = 0.02 * np.eye(2)[i]
        ahead, behind = (
            replace(point, stretch=point.stretch + s * step).image(dy, dx) for s in (1, -1)
        )
        np.testing.assert_allclose(parameters[n + i], (ahead - behind) / 0.04, atol=5e-3)
    for i in (0, n - 1):
        step = 0.01 * np.eye(n)[i]
        more = replace(point, coefficients=point.coefficients + step).image(dy, dx)
        np.testing.assert_allclose(parameters[i], (more - point.image(dy, dx)) / 0.01, atol=1e-3)


@pytest.mark.parametrize("width", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("stretch", [(0.0, 0.0), (0.2, -0.28)])
def test_noiseless_images_give_profile_and_stretch_back(width, stretch):
    """Weighted least squares on the derivatives, as images on a grid would ask for."""
    sigma = 1.7
    point, (dy, dx) = PointProfile.expected(sigma), offsets()
    along, across = stretch
    round_again = expm(-np.array([[along, across], [across, -along]]))
    distance = np.hypot(*np.einsum("ij,jab->iab", round_again, np.stack([dy, dx])))
    truth = airy(distance, width * sigma)
    for _ in range(6):
        changes = point.parameter_derivatives(dy, dx).reshape(len(point.covariance), -1)
        off = (truth - point.image(dy, dx)).ravel()
        point = point.learnt(1e6 * changes @ changes.T, 1e6 * changes @ off)
    np.testing.assert_allclose(point.stretch, stretch, atol=0.01)
    within = distance < 4 * sigma  # it has to end at six
    np.testing.assert_allclose(point.image(dy, dx)[within], truth[within], atol=0.02)


def test_the_update_is_that_of_a_gaussian_prior():
    point = PointProfile.expected(1.7)
    rng = np.random.default_rng(0)
    now = np.concatenate([point.coefficients, point.stretch])
    n = len(now)
    design = rng.normal(size=(30, n))
    data = rng.normal(size=30)
    design[:, -2:] *= 0.01  # so that the stretch stays within its limits
    learnt = point.learnt(design.T @ design, design.T @ (data - design @ now))
    prior = np.linalg.inv(point.covariance)
    covariance = np.linalg.inv(design.T @ design + prior)
    np.testing.assert_allclose(learnt.covariance, covariance)
    expected = covariance @ (design.T @ data + prior @ now)
    np.testing.assert_allclose(np.append(learnt.coefficients, learnt.stretch), expected)


def test_no_image_is_stretched_beyond_what_optics_do():
    point = PointProfile.expected(1.7)
    n = len(point.covariance)
    information = np.diag([0.0] * (n - 2) + [1e9, 1e9])
    learnt = point.learnt(information, information @ np.full(n, 2.0))
    assert np.hypot(*learnt.stretch) == pytest.approx(0.5)

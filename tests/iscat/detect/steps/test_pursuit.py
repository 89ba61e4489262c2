import numpy as np
import pytest

from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.detect.steps.models import StepStatistics
from napari_uai.iscat.detect.steps.pursuit import Pursuit, Step

T, H, W = 60, 40, 36
PSF = gaussian_psf(1.7)
STATISTICS = StepStatistics.of(np.eye(T))


def field_of(steps):
    """Statistics of noise-free steps, from the definition: filter each frame, test each pixel."""
    filtered = np.zeros((T, H, W))
    for step in steps:
        (rows, columns), image = PSF.correlation_at(step.y, step.x, (H, W))
        filtered[:, rows, columns] += step.height * step.course(T)[:, None, None] * image
    flat = STATISTICS.weights @ filtered.reshape(T, -1)
    return np.ascontiguousarray(flat.T.reshape(H, W, -1), dtype=np.float32)


def test_overlapping_steps_are_taken_apart():
    true = [
        Step(20, 0.25, 15.3, 12.6, 0, 6.0),
        Step(26, 0.0, 17.0, 15.4, 0, -3.0),
        Step(45, 0.0, 30.0, 30.0, 0, 2.0),
    ]
    found = Pursuit(field_of(true), STATISTICS, PSF).run(stop=2.0, again=3.0)
    found = sorted(found, key=lambda step: -abs(step.height))
    for step, expected in zip(found, true, strict=True):
        assert step.k == expected.k
        assert np.hypot(step.y - expected.y, step.x - expected.x) < 0.2
        assert step.height == pytest.approx(expected.height, rel=0.08)


def test_a_single_step_leaves_nothing():
    pursuit = Pursuit(field_of([Step(20, 0.0, 18.0, 14.0, 0, 5.0)]), STATISTICS, PSF)
    before = float(pursuit.strongest.max())
    (step,) = pursuit.run(stop=1.0, again=3.0)
    assert (step.k, step.fraction, step.y, step.x) == (20, 0.0, 18.0, 14.0)
    assert abs(step.statistic) == pytest.approx(before, rel=1e-5)
    assert float(np.abs(pursuit.field).max()) < 1e-3 * before


def test_adding_and_removing_a_footprint_cancel():
    field = np.random.default_rng(0).normal(size=(H, W, T - 1)).astype(np.float32)
    pursuit = Pursuit(field.copy(), STATISTICS, PSF)
    step = Step(7, 0.5, 3.2, 34.1, 5.0, 2.0)
    pursuit.add(step, 1)
    assert np.abs(pursuit.field - field).max() > 1
    pursuit.add(step, -1)
    np.testing.assert_allclose(pursuit.field, field, atol=1e-5)
    np.testing.assert_allclose(pursuit.strongest, np.abs(field).max(axis=2), atol=1e-5)


def test_noise_below_the_limit_gives_no_step():
    field = np.random.default_rng(1).normal(size=(H, W, T - 1)).astype(np.float32)
    assert Pursuit(field, STATISTICS, PSF).run(stop=7.0, again=7.0) == []

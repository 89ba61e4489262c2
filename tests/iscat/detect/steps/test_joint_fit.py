"""The joint fit against plain least squares with every column written out, and against truths."""

import numpy as np
import pytest

from napari_uai.iscat.correct.moving_background import MovingBackground, gradient_images
from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.detect.steps.joint_fit import (
    APART,
    APART_IF_WEAK,
    SEARCH_EXCESS,
    JointFit,
)
from napari_uai.iscat.detect.steps.models import SlowNoise
from napari_uai.iscat.detect.steps.times import step_course

BINS = 100
NOISE = 1e-3


def scene(rng, shape, events, *, sigma=1.7):
    """Return relative frames with camera lines, drift and events, and their background."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    mean = 1 + 0.07 * np.sin(0.5 * y + 0.2) * np.cos(0.6 * x)
    gradients = gradient_images(mean, 2)
    frames = NOISE * rng.normal(size=(BINS, *shape))
    frames += 2e-3 * rng.normal(size=(BINS, shape[0], 1)) + 2e-3 * rng.normal(
        size=(BINS, 1, shape[1])
    )
    drift = np.cumsum(0.003 * rng.normal(size=(BINS, 2)), axis=0)
    frames += np.einsum("td,dyx->tyx", drift, gradients[:2])
    for row, column, time, contrast in events:
        spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
        frames += contrast * step_course(time, BINS)[:, None, None] * spot
    return frames, MovingBackground(gradients, np.full(shape, NOISE**-2))


def measured(frames, background, events, image, rng, scatter=0.2, weak=()):
    events = np.array(events)
    places = events[:, :2] + scatter * rng.normal(size=(len(events), 2))
    noise = SlowNoise.over(np.eye(BINS), 1.0, slow_share=1e-6)
    joint = JointFit(frames, background, image)
    certain = np.ones(len(events), bool)
    is_weak = np.isin(np.arange(len(events)), weak)
    return joint.measure(places, events[:, 2].round(), 0.8 * events[:, 3], certain, is_weak, noise)


@pytest.mark.parametrize("side", [32, 48, 96])
@pytest.mark.parametrize("learnt", [False, True])
def test_contrasts_are_not_lost_to_camera_lines_in_fields_of_any_size(side, learnt):
    """Taken off beforehand, means of lines would take a fifth of them in 32 px."""
    rng = np.random.default_rng(side)
    ratios = []
    for _ in range(4):
        places = rng.uniform(8, side - 9, (5, 2))
        events = [
            (y, x, rng.uniform(25, 75), c) for (y, x), c in zip(places, [8e-3] * 5, strict=True)
        ]
        frames, background = scene(rng, (side, side), events)
        image = PointProfile.expected(1.7) if learnt else gaussian_psf(1.7)
        found = measured(frames, background, events, image, rng)
        ratios += list(found.contrasts / 8e-3)
    assert abs(np.mean(ratios) - 1) < 0.01


def test_errors_are_as_large_as_the_differences():
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(12):
        places = rng.uniform(8, 40, (6, 2))
        events = [(y, x, rng.uniform(25, 75), 2.5e-3) for y, x in places]
        frames, background = scene(rng, (48, 48), events)
        found = measured(frames, background, events, gaussian_psf(1.7), rng)
        true = np.array(events)
        time = np.array([t.time for t in found.times])
        time_error = np.array([t.error for t in found.times])
        pulls.append(
            np.stack(
                [
                    (found.contrasts - true[:, 3]) / found.contrast_errors,
                    *((found.places - true[:, :2]) / found.place_errors).T,
                    (time - true[:, 2]) / time_error,
                ]
            )
        )
    spread = np.concatenate(pulls, axis=1).std(axis=1)
    spread[:3] *= SEARCH_EXCESS  # here the events are known
    assert ((spread > 0.8) & (spread < 1.25)).all(), spread


def test_events_that_overlap_are_told_apart():
    rng = np.random.default_rng(8)
    events = [(20.0, 20.0, 40.0, 6e-3), (20.0, 23.5, 60.0, -4e-3), (23.0, 21.0, 50.0, 5e-3)]
    frames, background = scene(rng, (48, 48), events)
    found = measured(frames, background, events, gaussian_psf(1.7), rng, scatter=0.1)
    errors = np.abs(found.contrasts - [6e-3, -4e-3, 5e-3]) / found.contrast_errors
    assert (errors < 3.5).all()


def test_an_event_that_is_part_of_another_is_not_significant_and_takes_nothing_of_it():
    rng = np.random.default_rng(9)
    frames, background = scene(rng, (48, 48), [(20.0, 20.0, 40.0, 8e-3)])
    supposed = [(20.0, 20.0, 40.0, 8e-3), (21.5, 18.8, 42.0, 2e-3)]
    found = measured(frames, background, supposed, gaussian_psf(1.7), rng, scatter=0.0)
    assert found.significance[0] > 50
    assert found.significance[1] < 3
    assert abs(found.contrasts[0] - 8e-3) < 3.5 * found.contrast_errors[0]


def test_a_weak_event_beside_another_is_fitted_alone_in_what_that_leaves():
    """Fitted together, noise that was taken for an event would move its neighbour."""
    rng = np.random.default_rng(12)
    frames, background = scene(
        rng, (48, 48), [(20.0, 20.0, 40.0, 8e-3), (20.0, 23.0, 60.0, 2.5e-4)]
    )
    supposed = [(20.0, 20.0, 40.0, 8e-3), (20.0, 23.0, 60.0, 2.5e-4)]
    alone = measured(frames, background, supposed[:1], gaussian_psf(1.7), rng, scatter=0.0)
    weak = measured(frames, background, supposed, gaussian_psf(1.7), rng, scatter=0.0, weak=[1])
    assert APART < weak.significance[1] < APART_IF_WEAK
    np.testing.assert_allclose(weak.contrasts[0], alone.contrasts[0], rtol=1e-9)
    np.testing.assert_allclose(weak.places[0], alone.places[0], rtol=1e-9)
    np.testing.assert_allclose(weak.places[1], supposed[1][:2])


def test_what_is_known_is_learnt_and_its_frames_are_those_of_the_scene():
    events = [(20.0, 20.0, 40.25, 8e-3), (30.0, 11.0, 60.0, -5e-3)]
    frames, background = scene(np.random.default_rng(10), (40, 40), events)
    joint = JointFit(frames, background, gaussian_psf(1.7))
    supposed = np.array([*events, (9.0, 31.0, 30.0, 1e-4)])
    known = joint.learn(supposed[:, :2], supposed[:, 2].round(), 0.8 * supposed[:, 3], 5.0)
    places, times, _ = known
    assert len(places) == 2
    np.testing.assert_allclose(places, [e[:2] for e in events], atol=0.05)
    np.testing.assert_allclose(times, [e[2] for e in events], atol=0.5)
    y, x = np.mgrid[:40, :40]
    spots = [np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * 1.7**2)) for a, b, *_ in events]
    truth = sum(
        c * step_course(t, BINS)[:, None, None] * spot
        for (_, _, t, c), spot in zip(events, spots, strict=True)
    )
    assert np.abs(joint.frames(*known) - truth)[[10, 50, 80]].max() < 3e-4


def test_the_fit_is_that_of_all_columns_at_once():
    """Contrast and its error by ordinary least squares on lines, gradients, images and steps."""
    rng = np.random.default_rng(4)
    events = [(12.0, 11.0, 50.0, 5e-3)]
    frames, background = scene(rng, (24, 24), events)
    joint = JointFit(frames, background, gaussian_psf(1.7))
    images = joint._images(np.array([[12.0, 11.0]]))
    y, x = np.mgrid[:24, :24]
    spot = np.exp(-((y - 12) ** 2 + (x - 11) ** 2) / (2 * 1.7**2)).ravel()
    gradients = background.gradients.reshape(len(background.gradients), -1)
    rows, columns = np.kron(np.eye(24), np.ones(24)), np.kron(np.ones(24), np.eye(24))
    lines = np.concatenate([rows, columns, gradients])
    design = np.concatenate([spot[None], lines]).T
    fitted, *_ = np.linalg.lstsq(design, frames.reshape(BINS, -1).T, rcond=None)
    # The image reaches 8 px; beyond, the Gaussian is below 2e-5.
    own = images.products(images)[0, 0]
    np.testing.assert_allclose(images.on(joint._data)[:, 0] / own, fitted[0], atol=2e-6)


def test_two_particles_that_land_at_one_place_are_told_apart():
    """The search has seen one step between them, of both contrasts."""
    rng = np.random.default_rng(6)
    truth = np.array([(20.0, 20.0, 40.3, 4e-3), (21.2, 20.6, 52.0, 5e-3), (34.0, 12.0, 60.0, 5e-3)])
    frames, background = scene(rng, (48, 48), truth)
    joint = JointFit(frames, background, gaussian_psf(1.7))
    seen = np.array([(20.5, 20.3), (34.0, 12.0)]), np.array([47.0, 60.0]), np.array([9e-3, 5e-3])
    places, times, contrasts = joint.learn(*seen, 5.0)
    order = np.argsort(times)
    np.testing.assert_allclose(places[order], truth[:, :2], atol=0.4)
    np.testing.assert_allclose(times[order], truth[:, 2], atol=1)
    np.testing.assert_allclose(contrasts[order], truth[:, 3], rtol=0.15)


def test_an_image_that_is_longer_in_one_direction_is_learnt():
    """Oblique, twice as long as wide; contrasts and places are those of the scene all the same."""
    rng = np.random.default_rng(4)
    shape, contrast = (64, 64), 8e-3
    frames, background = scene(rng, shape, [])
    y, x = np.mgrid[: shape[0], : shape[1]]
    events = [(a, b, rng.uniform(25, 75), contrast) for a in (16, 32, 48) for b in (16, 32, 48)]
    for row, column, time, _ in events:
        along, across = (y - row + x - column) / np.sqrt(2), (y - row - x + column) / np.sqrt(2)
        spot = np.exp(-(along**2 / 2 + across**2 * 2) / (2 * 1.7**2))
        frames += contrast * step_course(time, BINS)[:, None, None] * spot
    joint = JointFit(frames, background, PointProfile.expected(1.7))
    true = np.array(events)
    places, times, contrasts = joint.learn(true[:, :2], true[:, 2].round(), true[:, 3], 5.0)
    assert isinstance(joint.image, PointProfile)
    np.testing.assert_allclose(joint.image.stretch, [0, np.log(2) / 2], atol=0.03)
    np.testing.assert_allclose(places, true[:, :2], atol=0.15)
    np.testing.assert_allclose(times, true[:, 2], atol=0.5)
    np.testing.assert_allclose(contrasts.mean(), contrast, rtol=0.03)


def test_errors_cover_what_a_missed_neighbour_adds():
    """A neighbour that was not found moves contrasts by several errors of noise alone."""
    rng = np.random.default_rng(3)
    shifts, errors = [], []
    for _ in range(12):
        angle = rng.uniform(0, 2 * np.pi)
        events = [(14, 14, 40, 6e-3), (34, 34, 60, 6e-3)]
        neighbour = (14 + 2.5 * np.sin(angle), 14 + 2.5 * np.cos(angle), 46, 4e-3)
        frames, background = scene(rng, (48, 48), [*events, neighbour])
        found = measured(frames, background, events, gaussian_psf(1.7), rng)
        shifts.append(found.contrasts[0] - 6e-3)
        errors.append(found.contrast_errors)
    beside, alone = np.transpose(errors)
    assert np.median(np.abs(shifts) / alone) > 4.5
    assert np.median(np.abs(shifts) / beside) < 2.5
    assert beside.min() > 1.5 * alone.max()


def test_no_event_near_the_ends_of_a_recording_is_asked_for_what_is_beyond():
    rng = np.random.default_rng(4)
    events = [(14, 14, 3, 9e-3), (30, 30, BINS - 4, -9e-3)]
    frames, background = scene(rng, (44, 44), events)
    found = measured(frames, background, events, gaussian_psf(1.7), rng)
    assert np.isfinite(found.contrast_errors).all()
    assert (np.abs(found.contrasts - [9e-3, -9e-3]) < 4 * found.contrast_errors).all()

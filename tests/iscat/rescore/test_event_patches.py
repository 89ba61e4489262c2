import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from napari_uai.iscat.detect.steps.detector import detect_steps
from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.iscat.rescore.event_patches import FIGURES, HALF, REACH, event_views
from napari_uai.simulate.iscat.optics import particle_image
from napari_uai.videos.frames import frames_of

BATCH, BIN, SHAPE, NOISE = 100, 5, (1000, 48, 48), 0.003
PLACES = {"frame": [400, 700], "y": [20.0, 30.3], "x": [22.0, 14.6], "contrast": [0.02, -0.02]}


def textured(random, shape):
    """Noise on a still background, without which no drift can be told."""
    speckle = gaussian_filter(random.normal(size=shape[1:]), 1.7)
    return 1 + 0.05 * speckle / speckle.std() + NOISE * random.normal(size=shape)


@pytest.fixture(scope="module")
def recording():
    random = np.random.default_rng(0)
    video = textured(random, SHAPE)
    for frame, y, x, contrast in zip(*PLACES.values(), strict=True):
        video[frame:] += contrast * particle_image(SHAPE[1:], y, x, sigma_px=1.7, ringing=0)
    video = video.astype(np.float32)
    return video, detect_steps(video, batch_size=BATCH)


def views_of(events, video, **changes):
    values = {"batch_size": BATCH, "sigma_px": 1.7, "drift_order": 2, "tile_px": 96} | changes
    return event_views(events, frames_of(video), **values)


def nearest(events, i):
    apart = np.hypot(events["y"] - PLACES["y"][i], events["x"] - PLACES["x"][i])
    return int(np.argmin(apart + 9 * (np.abs(events["frame"] - PLACES["frame"][i]) > 50)))


def test_a_landing_is_a_spot_that_was_not_there_before_whatever_its_sign(recording):
    video, events = recording
    views = views_of(events, video)
    noise = NOISE / np.sqrt(BIN)
    for i in range(2):
        image = views.images[nearest(events, i)]
        before, after = image[8], image[9]  # 8 to 16 bins from the step
        assert np.unravel_index(after.argmax(), after.shape) == (HALF, HALF)
        height = (after - before)[HALF, HALF] / np.sqrt(8)
        assert height == pytest.approx(0.02 / noise, rel=0.1)
        corners = np.r_[image[9, :2].ravel(), image[8, :2].ravel()]
        assert corners.std() == pytest.approx(0.8, abs=0.2)


def test_courses_step_at_their_middle_and_the_move_stays_flat(recording):
    video, events = recording
    course = views_of(events, video).courses[nearest(events, 0)]
    there = course[5] == 1
    assert there.sum() == 128 - max(REACH - 80, 0)
    late, early = course[:, REACH + 2 : REACH + 30], course[:, REACH - 30 : REACH - 2]
    step = late.mean(axis=1) - early.mean(axis=1)
    assert step[0] > 20
    assert np.abs(step[1:5]).max() < 0.1 * step[0]


@pytest.mark.slow
def test_other_sure_events_are_taken_out(recording):
    video, _ = recording
    other = particle_image(SHAPE[1:], 24.0, 27.0, sigma_px=1.7, ringing=0)
    both = video.copy()
    both[405:] += (0.02 * other).astype(np.float32)
    events = detect_steps(both, batch_size=BATCH)
    after = views_of(events, both).images[nearest(events, 0), 9]
    alone = particle_image(after.shape, HALF, HALF, sigma_px=1.7, ringing=0)
    fitted = alone * np.sum(alone * after) / np.sum(alone**2)
    assert np.abs(after - fitted).max() < 0.35 * after.max()


@pytest.mark.slow
def test_a_field_cut_into_tiles_gives_nearly_the_same_views():
    random = np.random.default_rng(2)
    video = textured(random, (600, 40, 100))
    video[300:] += 0.01 * particle_image((40, 100), 20, 50, sigma_px=1.7, ringing=0)
    events = detect_steps(video.astype(np.float32), batch_size=BATCH).head(1)
    assert events["score"].iloc[0] > 8
    whole, tiled = (views_of(events, video, tile_px=t) for t in (128, 48))
    assert np.corrcoef(whole.images.ravel(), tiled.images.ravel())[0, 1] > 0.98


def test_figures_tell_of_the_company_that_an_event_has(recording):
    _, events = recording
    row = events.iloc[[nearest(events, 0)]]
    company = pd.concat([row, row.assign(y=row["y"] + 2, frame=row["frame"] + 10, score=5.0)])
    views = views_of(company, recording[0])
    figures = dict(zip(FIGURES, views.figures[0], strict=True))
    assert figures["score"] == pytest.approx(float(row["score"].iloc[0]), rel=1e-5)
    assert figures["sure events here"] == pytest.approx(np.log(2))
    assert figures["strongest here"] == 5
    assert views.figures.shape == (2, len(FIGURES))


def test_no_events_have_no_views(recording):
    video, events = recording
    assert len(views_of(events.head(0), video)) == 0


def test_frames_that_are_left_out_change_nothing_elsewhere(recording):
    video, events = recording
    whole = views_of(events, video)
    dark = np.insert(video, 550, np.zeros((60, *SHAPE[1:]), np.float32), axis=0)
    later = events.assign(frame=events["frame"] + 60 * (events["frame"] > 550))
    left_out = Disturbances(len(dark), SHAPE[1:], (Span("no light", 550, 609),))
    views = views_of(later, dark, disturbances=left_out)
    np.testing.assert_allclose(views.images, whole.images, atol=1e-4)
    np.testing.assert_allclose(views.courses, whole.courses, atol=1e-4)

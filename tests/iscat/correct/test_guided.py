"""The guided filter against the formula of the paper, window by window."""

import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.guided import guided_filter
from napari_uai.videos import Frames, frames_of

RNG = np.random.default_rng(8)
VIDEO = RNG.normal(1e-3, 2e-3, (3, 17, 14)).astype(np.float32)
GUIDE = RNG.normal(5, 2, (3, 17, 14))


def guided_slowly(frame, guide, radius, edge):
    """Equations 5 to 8 of He, Sun & Tang, in loops over windows and pixels."""
    frame, guide = (
        np.pad(np.asarray(i, float), 2 * radius, mode="symmetric") for i in (frame, guide)
    )
    slope, intercept = np.full(frame.shape, np.nan), np.full(frame.shape, np.nan)
    rows, columns = frame.shape
    for r in range(radius, rows - radius):
        for c in range(radius, columns - radius):
            window = np.s_[r - radius : r + radius + 1, c - radius : c + radius + 1]
            i, p = guide[window].ravel(), frame[window].ravel()
            slope[r, c] = (np.mean(i * p) - i.mean() * p.mean()) / (i.var() + edge**2)
            intercept[r, c] = p.mean() - slope[r, c] * i.mean()
    out = np.empty((rows - 4 * radius, columns - 4 * radius))
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            window = np.s_[r + radius : r + 3 * radius + 1, c + radius : c + 3 * radius + 1]
            at = guide[r + 2 * radius, c + 2 * radius]
            out[r, c] = slope[window].mean() * at + intercept[window].mean()
    return out


@pytest.mark.parametrize(("radius", "edge"), [(1, 1e-3), (2, 3e-3), (5, 0.1), (20, 2e-3)])
def test_a_frame_guides_itself_as_in_the_paper(radius, edge):
    out = guided_filter(VIDEO, radius_px=radius, edge=edge)
    assert out.dtype == np.float32
    expected = [guided_slowly(frame, frame, radius, edge) for frame in VIDEO]
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-9)


def test_another_video_guides_each_frame_and_one_frame_guides_all():
    expected = [guided_slowly(f, g, 2, 1.5) for f, g in zip(VIDEO, GUIDE, strict=True)]
    np.testing.assert_allclose(guided_filter(VIDEO, GUIDE, radius_px=2, edge=1.5), expected, 1e-5)
    expected = [guided_slowly(f, GUIDE[0], 2, 1.5) for f in VIDEO]
    out = guided_filter(VIDEO, GUIDE[:1], radius_px=2, edge=1.5)
    np.testing.assert_allclose(out, expected, 1e-5)


def test_without_an_edge_it_is_the_deviation_of_each_frame():
    for frame in VIDEO:
        np.testing.assert_allclose(
            guided_filter(frame[None]),
            guided_filter(frame[None], edge=float(frame.std())),
            1e-5,
            1e-9,
        )


def test_a_step_stays_where_a_mean_would_blur_it():
    step = np.where(np.arange(40) < 20, 0.0, 1.0) + np.zeros((1, 40, 40))
    noisy = step + RNG.normal(0, 0.05, step.shape)
    out = guided_filter(noisy, edge=0.2)
    blurred = ndimage.uniform_filter(noisy, (1, 9, 9))
    near = np.s_[:, :, 17:23]
    assert np.abs(out - step)[near].mean() < 0.4 * np.abs(blurred - step)[near].mean()
    assert (out - step).std() < 0.7 * (noisy - step).std()


def test_digits_are_kept_beside_a_large_offset_and_constants_stay():
    np.testing.assert_allclose(
        guided_filter(VIDEO.astype(np.float64) + 1e4, edge=2e-3) - 1e4,
        guided_filter(VIDEO, edge=2e-3),
        atol=1e-3,  # float32 of 10000
    )
    counts = np.full((2, 9, 8), 40_000, np.uint16)
    np.testing.assert_array_equal(guided_filter(counts), counts)


def test_it_stays_lazy():
    lazy = guided_filter(da.from_array(VIDEO, chunks=(1, 17, 14)), radius_px=2)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), guided_filter(VIDEO, radius_px=2))
    frames = guided_filter(frames_of(VIDEO), frames_of(GUIDE), radius_px=2)
    assert isinstance(frames, Frames)
    np.testing.assert_array_equal(frames[1:2], guided_filter(VIDEO, GUIDE, radius_px=2)[1:2])


@pytest.mark.parametrize(
    ("guide", "values", "words"),
    [
        (None, {"radius_px": 0}, "radius_px"),
        (None, {"edge": 0}, "edge"),
        (np.zeros((3, 5, 5)), {}, "guide"),
        (np.zeros((2, 17, 14)), {}, "guide has 2 frames: give one, or as many as the video"),
    ],
)
def test_bad_values_are_errors(guide, values, words):
    with pytest.raises(BadValueError, match=words):
        guided_filter(VIDEO, guide, **values)

"""Counts without light: stated, estimated, or recorded."""

from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.camera_offset import estimated_offset
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.transfer_line import own_variance, transfer_line
from napari_uai.videos.frames import frames_of

RNG = np.random.default_rng(5)
LIGHT = 2000 * (1 + 0.2 * np.sin(np.arange(40) / 3)) * np.ones((30, 1))
VIDEO = (RNG.poisson(LIGHT, (600, 30, 40)) + 350).astype(np.uint16)


def test_the_line_of_noise_against_brightness_meets_zero_at_the_offset():
    line = transfer_line(VIDEO.mean(axis=0).ravel(), VIDEO.var(axis=0).ravel(), whole_counts=True)
    assert abs(line.offset - 350) < 4 * line.offset_error < 200
    assert abs(estimated_offset(frames_of(VIDEO)) - 350) < 150


def test_read_noise_moves_the_offset_down_by_its_variance():
    mean = np.linspace(1000, 3000, 400)
    line = transfer_line(mean, mean + 50.0, whole_counts=False)
    assert line.offset == pytest.approx(-50)
    assert line.at(0) == pytest.approx(50)


def test_variance_is_that_of_the_pixels_although_rows_were_centred():
    noise = RNG.standard_normal((4000, 3, 16)) * np.linspace(1, 2, 16)
    left = noise - noise.mean(axis=2, keepdims=True)
    expected = np.linspace(1, 2, 16) ** 2
    own = own_variance(left.var(axis=0)).mean(axis=0)
    np.testing.assert_allclose(own, expected, rtol=0.06)


@pytest.mark.parametrize("offset", [350, 350.0, "350", "dark.npy"])
def test_power_is_that_of_the_light(offset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("dark.npy", np.full((3, 30, 40), 350, np.uint16))
    out = power_normalization(VIDEO, offset=offset)
    expected = power_normalization(VIDEO.astype(np.float32) - 350)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_an_estimate_makes_contrasts_right():
    video = VIDEO.astype(np.float64)
    video[300:] = 350 + 1.02 * (video[300:] - 350)
    video[300:, :, 20:] = VIDEO[300:, :, 20:]
    out = power_normalization(video.round(), offset="estimated")
    left, right = (
        half[300:].mean() / half[:300].mean() for half in (out[:, :, :20], out[:, :, 20:])
    )
    assert left - right == pytest.approx(0.02, rel=0.08)


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        ("-3", "0 or more counts"),
        ("none.tif", "must be a number of counts, estimated, or the path"),
    ],
)
def test_bad_offsets_are_refused(offset, message):
    with pytest.raises(BadValueError, match=message):
        power_normalization(VIDEO, offset=offset)


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(TooFewFramesError, match="from 10 frames"):
        estimated_offset(frames_of(VIDEO[:10]))
    with pytest.raises(BadValueError, match="differ too little in brightness"):
        estimated_offset(frames_of(RNG.poisson(900, (60, 20, 20))))

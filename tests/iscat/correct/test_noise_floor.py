from __future__ import annotations

import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError
from napari_uai.iscat.correct.noise_floor import noise_floor
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.monitor import Monitor

RNG = np.random.default_rng(9)
ELECTRONS = RNG.uniform(2000, 6000, (16, 16))
SHOT_NOISE = RNG.poisson(ELECTRONS, (1500, 16, 16)).astype(np.uint16)
SIZES = (5, 10, 20)


@pytest.mark.parametrize("mode", ["temporal", "spatial"])
def test_shot_noise_follows_its_closed_form(mode):
    table = noise_floor(
        SHOT_NOISE, batch_sizes=SIZES, mode=mode, fixed_pattern="none", electrons_per_count=1.0
    )
    assert list(table.columns) == [
        "batch_size",
        "noise",
        "shot_noise",
        "photon_limit",
        "over_limit",
    ]
    assert table.batch_size.tolist() == list(SIZES)
    np.testing.assert_allclose(table.noise, table.photon_limit, rtol=0.05)
    np.testing.assert_allclose(table.shot_noise, table.photon_limit, rtol=0.05)
    expected = np.sqrt(2 / np.array(SIZES)) * np.mean(ELECTRONS**-0.5)
    np.testing.assert_allclose(table.photon_limit, expected, rtol=1e-3)


def test_the_shot_noise_line_begins_at_the_first_measurement():
    table = noise_floor(SHOT_NOISE, batch_sizes=(20, 5, 10))
    assert table.shot_noise[0] == table.noise[0]
    np.testing.assert_allclose(table.shot_noise, table.noise[0] * np.sqrt(20 / table.batch_size))


def test_noise_is_the_standard_deviation_of_the_rolling_average():
    contrast = differential_rolling_average(SHOT_NOISE, batch_size=10).astype(np.float64)
    temporal = noise_floor(SHOT_NOISE, batch_sizes=(10,))
    spatial = noise_floor(SHOT_NOISE, batch_sizes=(10,), mode="spatial")
    assert temporal.noise[0] == pytest.approx(contrast.std(axis=0).mean(), rel=1e-6)
    assert spatial.noise[0] == pytest.approx(contrast.std(axis=(1, 2)).mean(), rel=1e-6)


def test_the_limit_is_unknown_without_the_gain_and_scales_with_it():
    assert noise_floor(SHOT_NOISE, batch_sizes=SIZES).photon_limit.isna().all()
    one = noise_floor(SHOT_NOISE, batch_sizes=SIZES, electrons_per_count=1.0)
    four = noise_floor(SHOT_NOISE, batch_sizes=SIZES, electrons_per_count=4.0)
    np.testing.assert_allclose(one.photon_limit, 2 * four.photon_limit)


def test_power_normalisation_lowers_what_the_laser_adds():
    laser = 1 + 0.01 * RNG.normal(size=(1500, 1, 1))
    video = RNG.poisson(ELECTRONS * laser).astype(np.uint16)
    raw = noise_floor(video, batch_sizes=SIZES, fixed_pattern="none")
    normalised = noise_floor(
        power_normalization(video), batch_sizes=SIZES, fixed_pattern="none", electrons_per_count=1.0
    )
    assert (normalised.noise < 0.97 * raw.noise).all()
    np.testing.assert_allclose(normalised.noise, normalised.photon_limit, rtol=0.05)


def test_what_the_camera_adds_without_light_counts_neither_as_signal_nor_as_electrons():
    video = (SHOT_NOISE + 800).astype(np.uint16)
    plain, corrected, blind = (
        noise_floor(v, batch_sizes=SIZES, fixed_pattern="none", electrons_per_count=1, offset=o)
        for v, o in ((SHOT_NOISE, 0), (video, 800), (video, 0))
    )
    np.testing.assert_allclose(corrected, plain, rtol=1e-5)
    np.testing.assert_allclose(plain.over_limit, 1, rtol=0.05)
    assert (blind.noise < 0.9 * plain.noise).all()


def test_wrong_values_are_refused():
    with pytest.raises(TooFewFramesError, match="two batches of 800 frames"):
        noise_floor(SHOT_NOISE, batch_sizes=(5, 800))
    for wrong in (
        {"batch_sizes": ()},
        {"batch_sizes": (0,)},
        {"mode": "both"},
        {"electrons_per_count": 0},
        {"fixed_pattern": "x"},
        {"axes": "x"},
    ):
        with pytest.raises(BadValueError):
            noise_floor(SHOT_NOISE, **wrong)


def test_progress_reaches_the_end_and_cancelling_stops():
    seen = []
    noise_floor(SHOT_NOISE[:50], batch_sizes=SIZES, monitor=Monitor(lambda f, _: seen.append(f)))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)
    with pytest.raises(CancelledError):
        noise_floor(SHOT_NOISE, monitor=Monitor(cancelled=lambda: True))

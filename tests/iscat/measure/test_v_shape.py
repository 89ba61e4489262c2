from __future__ import annotations

import numpy as np
import pytest

from napari_uai.iscat import differential_rolling_average
from napari_uai.iscat.measure.v_shape import v_shape, v_shape_error

BATCH, LANDING, CONTRAST = 40, 130, -0.02


def test_v_is_the_rolling_average_of_a_step() -> None:
    step = np.ones((300, 2, 2))
    step[LANDING:] += CONTRAST
    average = differential_rolling_average(step, batch_size=BATCH, fixed_pattern="none")
    frames = np.arange(len(average)) + BATCH
    before = frames <= LANDING  # later, the first batch contains the particle
    v = v_shape(frames, LANDING, CONTRAST, BATCH)
    assert v[before] == pytest.approx(average[before, 0, 0], abs=1e-6)
    difference = [step[f : f + BATCH].mean() - step[f - BATCH : f].mean() for f in frames]
    assert v == pytest.approx(np.array(difference), abs=1e-12)


def test_error_is_the_spread_of_many_vs() -> None:
    rng = np.random.default_rng(0)
    frames = np.array([60.0, 100.0, 110.0, 145.0, 160.0, 200.0])
    vs = [
        v_shape(frames, LANDING + 1.5 * a, CONTRAST + 0.002 * b, BATCH)
        for a, b in rng.normal(size=(20_000, 2))
    ]
    error = v_shape_error(frames, LANDING, CONTRAST, BATCH, frame_error=1.5, contrast_error=0.002)
    assert error == pytest.approx(np.std(vs, axis=0), rel=0.03)

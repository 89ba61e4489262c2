from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError, RecipeError
from napari_uai.monitor import Monitor
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.analysis.session import Question, TrailSession


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(trails=120, seed=3)).trails


@pytest.fixture(scope="module")
def session(trails):
    return TrailSession(trails)


def left_half(trails):
    inside = np.zeros((trails.scene.height, trails.scene.width), bool)
    inside[:, : trails.scene.width // 2] = True
    return inside


def questions(trails):
    half = left_half(trails)
    return [
        Question(),
        Question(settings=("heat_lower=20", "heat_scale=sqrt")),
        Question(settings=("upper=0.2", "scale=linear", "window=0.4")),
        Question(settings=("lower=1", "upper=9", "unit=trails", "region_threshold=0.3")),
        Question(masks={"": half}),
        Question(masks={"": half, "car": ~half}, settings=("mask_threshold=0.2",), top=4),
        Question(settings=("n_directions=8", "painted_width_px=5")),
        Question(preset="reference", settings=("min_trails=5",)),
        Question(),
    ]


def assert_same(result, wanted):
    pd.testing.assert_frame_equal(result.scores, wanted.scores)
    pd.testing.assert_frame_equal(result.problems, wanted.problems)
    np.testing.assert_array_equal(result.at_samples, wanted.at_samples)
    np.testing.assert_array_equal(result.rows, wanted.rows)
    np.testing.assert_array_equal(result.stretches, wanted.stretches)
    assert result.parameters == wanted.parameters
    assert result.mask_records == wanted.mask_records
    assert result.n_masked_out == wanted.n_masked_out
    assert list(result.heat) == list(wanted.heat)
    for kind, heat in wanted.heat.items():
        np.testing.assert_array_equal(result.heat[kind].shade, heat.shade)
        np.testing.assert_array_equal(result.heat[kind].counts, heat.counts)
    assert [r.area_px for r in result.regions] == [r.area_px for r in wanted.regions]


@pytest.mark.parametrize("number", range(9))
def test_answers_are_those_of_a_run_from_the_start(trails, session, number):
    question = questions(trails)[number]
    wanted = analyse_trails(
        trails,
        preset=question.preset,
        masks=question.masks,
        top=question.top,
        settings=question.settings,
    )
    assert_same(session.answer(question), wanted)


def test_a_change_of_limits_is_quick_and_one_of_the_mask_is_not(trails):
    session = TrailSession(trails)
    assert not session.is_quick(Question())
    session.answer(Question())
    assert session.is_quick(Question(settings=("heat_lower=9", "upper=0.3", "region_threshold=.4")))
    assert not session.is_quick(Question(settings=("n_directions=8",)))
    assert not session.is_quick(Question(masks={"": left_half(trails)}))
    assert not session.is_quick(Question(preset="reference"))


def test_a_mask_painted_anew_in_the_same_array_is_another_question(trails):
    painted = left_half(trails)
    first = Question(masks={"": painted.copy()})
    painted[:10] = False
    assert not first.like(Question(masks={"": painted}))
    assert first.like(replace(first, settings=()))


def test_errors_name_what_is_wrong_and_the_session_goes_on(trails, session):
    nowhere = np.zeros((trails.scene.height, trails.scene.width), bool)
    nowhere[0, 0] = True
    with pytest.raises(BadValueError, match="inside the mask"):
        session.answer(Question(masks={"": nowhere}))
    with pytest.raises(RecipeError, match="n_direction"):
        session.answer(Question(settings=("n_direction=8",)))
    with pytest.raises(BadValueError, match="limits"):
        session.answer(Question(settings=("heat_lower=9", "heat_upper=3")))
    assert len(session.answer(Question()).scores) == len(trails)


def test_a_cancelled_question_leaves_nothing_half_done(trails):
    session = TrailSession(trails)
    with pytest.raises(CancelledError):
        session.answer(Question(), monitor=Monitor(cancelled=lambda: True))
    assert_same(session.answer(Question()), analyse_trails(trails))

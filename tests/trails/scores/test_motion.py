import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.scores.motion import dwell_scores, measure_pace, speed_scores
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(400, 300)


def ride(speed, stops=(), y=150.0, rate=5.0, length=380.0, first=10.0):
    """Samples of an object that goes along x at a speed, and stops at x for some seconds."""
    at, time, rows = first, 0.0, []
    left = dict(stops)
    while at < length:
        rows.append((time, y, at))
        waiting = [x for x, seconds in left.items() if x <= at and seconds > 0]
        if waiting:
            left[waiting[0]] -= 1 / rate
        else:
            at += speed / rate
        time += 1 / rate
    return np.array(rows)


def make_trails(rides, classes=None):
    classes = classes or ["car"] * len(rides)
    frames = [
        pd.DataFrame({"trail": i, "class": kind, "time": r[:, 0], "y": r[:, 1], "x": r[:, 2]})
        for i, (r, kind) in enumerate(zip(rides, classes, strict=True))
    ]
    return trails_of(pd.concat(frames), SCENE)


def ordinary(n=40, seed=0, **how):
    rng = np.random.default_rng(seed)
    return [
        ride(30 * np.exp(rng.normal(0, 0.1)), y=150 + rng.normal(0, 2), **how) for _ in range(n)
    ]


def test_steps_take_distance_over_speed():
    pace = measure_pace(make_trails([ride(30), ride(20)]), step_px=15)
    owner = pace.paths.owner
    np.testing.assert_allclose(pace.times_s[pace.whole & (owner == 0)], 0.5, rtol=1e-4)
    np.testing.assert_allclose(pace.times_s[pace.whole & (owner == 1)], 0.75, rtol=1e-4)
    total = [pace.times_s[owner == i].sum() for i in (0, 1)]
    np.testing.assert_allclose(total, [ride(30)[-1, 0], ride(20)[-1, 0]])


def test_who_stops_where_nobody_does_dwells_most():
    rides = [*ordinary(), ride(30, stops=[(200, 20.0)])]
    scores = dwell_scores(measure_pace(make_trails(rides)))
    assert scores[-1] > 3 * scores[:-1].max()


def test_who_stops_where_many_do_dwells_less():
    rng = np.random.default_rng(5)
    rides = [
        ride(30, stops=[(100, rng.exponential(20))] if k % 2 else [], y=150 + rng.normal())
        for k in range(60)
    ]
    rides += [ride(30, stops=[(100, 20)]), ride(30, stops=[(250, 20)])]
    scores = dwell_scores(measure_pace(make_trails(rides)))
    assert scores[-1] > 3 * scores[-2]


def test_who_stays_at_the_end_dwells():
    rides = [*ordinary(), ride(30, stops=[(360, 30.0)], length=366)]
    scores = dwell_scores(measure_pace(make_trails(rides)))
    assert scores[-1] > 3 * scores[:-1].max()


@pytest.mark.parametrize("speed", [10, 90])
def test_slow_and_fast_stand_out_alike(speed):
    scores = speed_scores(measure_pace(make_trails([*ordinary(), ride(speed)])))
    assert scores[-1] > 2 * scores[:-1].max()


def test_speed_is_that_of_the_class():
    walkers = [ride(5, y=150 + k / 10) for k in range(30)]
    rides = [*ordinary(), *walkers, ride(5)]
    kinds = ["car"] * 40 + ["person"] * 30
    as_person = speed_scores(measure_pace(make_trails(rides, [*kinds, "person"])))[-1]
    as_car = speed_scores(measure_pace(make_trails(rides, [*kinds, "car"])))[-1]
    assert as_person < 1 < 5 < as_car


def test_speed_is_that_of_the_place():
    late = np.array([[7.0, 0, 0]])
    slow_there = [np.vstack([ride(30, length=200), ride(10, first=200) + late])] * 30
    # As fast at the end as at the start: ordinary at the start only.
    pace = measure_pace(make_trails([*slow_there, ride(30)]))
    own = (pace.paths.owner == 30) & pace.whole
    x = pace.paths.x[own]
    assert abs(pace.excess[own][x < 170]).max() < 1.1
    assert pace.excess[own][x > 230].max() < -3


def test_a_trail_that_never_moves_has_no_speed_but_its_stay():
    still = np.column_stack([np.arange(0, 60, 5.0), np.full(12, 150.0), np.full(12, 200.0)])
    pace = measure_pace(make_trails([*ordinary(), still]))
    assert speed_scores(pace)[-1] == 0
    assert dwell_scores(pace)[-1] > 10
    alone = measure_pace(make_trails([still]))
    assert speed_scores(alone)[0] == 0
    assert np.isfinite(dwell_scores(alone)[0])


def test_equal_times_are_no_error():
    frozen = ride(30)
    frozen[:, 0] = 0
    pace = measure_pace(make_trails([*ordinary(), frozen]))
    assert np.isfinite(pace.excess).all()
    assert speed_scores(pace)[-1] > 10


def test_no_trails_have_no_scores():
    pace = measure_pace(make_trails(ordinary(2)).select([]))
    assert len(dwell_scores(pace)) == len(speed_scores(pace)) == 0


def test_unusable_values_are_refused():
    bad = ride(30)
    bad[3, 0] = np.nan
    with pytest.raises(BadValueError, match="time must be finite"):
        measure_pace(make_trails([bad]))
    with pytest.raises(BadValueError, match="step_px"):
        measure_pace(make_trails([ride(30)]), step_px=-1)

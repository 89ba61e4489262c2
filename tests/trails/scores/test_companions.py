import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.scores import companion_index, companions
from napari_uai.trails.scores.companions import find_companions
from napari_uai.trails.scores.walks import HEADING, MAX_POINTS
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(400, 300)  # its diagonal is 500 px


def make_trails(ways, classes=None):
    classes = classes or ["car"] * len(ways)
    frames = [
        pd.DataFrame(
            {"trail": i, "class": kind, "time": np.arange(len(w)), "y": w[:, 0], "x": w[:, 1]}
        )
        for i, (w, kind) in enumerate(
            zip((np.asarray(way, float) for way in ways), classes, strict=True)
        )
    ]
    samples = pd.concat(frames, ignore_index=True)
    return trails_of(samples.assign(time=samples.index), SCENE)


def line(start, stop, n=12):
    return np.linspace(start, stop, n)


def features(found, heading_px):
    """Places and headings of each trail, anew, in plain numpy."""
    paths, every = found.paths, []
    for i in range(len(paths.offsets) - 1):
        own = slice(paths.offsets[i], paths.offsets[i + 1])
        place = np.column_stack([paths.y[own], paths.x[own]]).astype(float)
        padded = np.vstack([place[:1], place, place[-1:]])
        ahead = padded[2:] - padded[:-2]
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        every.append(np.hstack([place, heading_px * ahead / np.where(length > 0, length, 1)]))
    return every


def worst_mean(apart):
    """Largest mean over a window, by brute force."""
    length = min(companions.WORST, len(apart))
    return max(apart[k : k + length].mean() for k in range(len(apart) - length + 1))


def exhaustive(found, groups, heading_px):
    every = features(found, heading_px)
    distances = np.full((len(every), companions.MOST), np.nan)
    for i, mine in enumerate(every):
        apart = sorted(
            worst_mean(np.linalg.norm(mine[:, None] - other[None], axis=2).min(1))
            for j, other in enumerate(every)
            if j != i and groups[j] == groups[i]
        )
        distances[i, : len(apart[: companions.MOST])] = apart[: companions.MOST]
    return distances


@pytest.fixture(scope="module")
def crowd():
    """Two streets that cross, both ways, and a few who wander."""
    rng = np.random.default_rng(3)
    ways = []
    for k in range(120):
        street = line((150, 10), (150, 390)) if k % 3 else line((10, 200), (290, 200))
        way = (street if k % 2 else street[::-1]) + rng.normal(0, 6, (12, 2))
        ways.append(way[: rng.integers(6, 13)])
    ways += [rng.uniform(20, 280, (8, 2)) for _ in range(6)]
    return make_trails(ways)


def test_few_trails_are_compared_exhaustively():
    rng = np.random.default_rng(0)
    ways = [rng.uniform(0, 300, (rng.integers(1, 6), 2)) for _ in range(20)]
    kinds = [str(kind) for kind in rng.integers(0, 2, 20)]
    found = find_companions(make_trails(ways, kinds), step_px=10, heading_px=25)
    np.testing.assert_allclose(found.distances, exhaustive(found, kinds, 25), rtol=1e-5)


@pytest.mark.slow
def test_candidates_of_a_crowd_are_hardly_worse_than_all(crowd):
    found = find_companions(crowd, step_px=12)
    best = exhaustive(found, ["car"] * len(crowd), 0.06 * 500)
    assert np.all(found.distances >= best * (1 - 1e-5))
    assert np.mean(found.distances > best * 1.1 + 0.5) < 0.06
    wanderers = found.distances[-6:].mean(1)
    assert wanderers.min() > np.quantile(found.distances[:-6].mean(1), 0.98)


def test_similar_trails_are_tried_too(crowd, monkeypatch):
    monkeypatch.setattr(companion_index, "CELL", 1e-3)  # too small to find anybody by the way
    rows = np.tile(np.arange(10), (len(crowd), 1))
    rows[:, -1] = -1
    few = find_companions(crowd, similar=rows)
    assert np.all(np.isfinite(few.distances))


def test_a_part_of_a_trail_is_in_company_but_not_the_whole_of_a_part():
    whole, part = line((150, 20), (150, 380), 40), line((151, 120), (151, 220), 11)
    found = find_companions(make_trails([whole, part]))
    assert found.distances[1, 0] < 5
    assert found.distances[0, 0] > 50
    np.testing.assert_array_equal(found.rows[:, :2], [[1, -1], [0, -1]])
    assert np.isnan(found.distances[:, 1]).all()


def test_the_way_back_is_twice_the_weight_of_a_heading_away():
    there = line((150, 20), (150, 380))
    found = find_companions(make_trails([there, there[::-1]]), heading_px=30, step_px=3)
    np.testing.assert_allclose(found.distances[:, 0], 60, atol=0.5)
    found = find_companions(make_trails([there, there[::-1]]), heading_px=0, step_px=3)
    np.testing.assert_allclose(found.distances[:, 0], 0, atol=1.6)


def test_points_say_where_the_companion_was_left():
    straight = line((150, 20), (150, 380), 40)
    leaving = straight.copy()
    leaving[20:, 0] += np.arange(20) * 5
    found = find_companions(make_trails([straight, leaving, straight + 2]))
    own = slice(found.paths.offsets[1], found.paths.offsets[2])
    apart, x = found.apart[own], found.paths.x[own]
    assert apart[x < 180].max() < 5
    assert apart[-1] > 60
    straight_on, mine, beside = features(found, HEADING * 500)
    means = [
        np.linalg.norm(mine[:, None] - other[None], axis=2).min(1).mean()
        for other in (straight_on, beside)
    ]
    np.testing.assert_allclose(apart.mean(), min(means), rtol=1e-5)


def test_a_trail_without_others_has_no_companion():
    found = find_companions(make_trails([line((0, 0), (9, 90)), [[5, 5]]], ["a", "b"]))
    assert np.isnan(found.distances).all()
    assert (found.rows == -1).all()
    assert np.isnan(found.apart).all()
    everybody = np.zeros(2, object)
    found = find_companions(
        make_trails([line((0, 0), (9, 90)), [[5, 5]]], ["a", "b"]), groups=everybody
    )
    np.testing.assert_array_equal(found.rows[:, :2], [[1, -1], [0, -1]])


def test_long_trails_keep_points_at_equal_distances():
    rng = np.random.default_rng(1)
    long = rng.uniform(0, 300, (400, 2))
    found = find_companions(make_trails([long, long[:4]]), step_px=5)
    counts = np.diff(found.paths.offsets)
    assert counts[0] == MAX_POINTS > counts[1] > 50
    assert found.paths.sample[0] == 0
    gaps = np.diff(found.paths.sample[: counts[0]])
    assert gaps.max() < 400 / MAX_POINTS * 3


def test_no_trails_have_no_companions(crowd):
    found = find_companions(crowd.select([]))
    assert found.distances.shape == (0, companions.MOST)


def test_crowded_cells_still_know_trails_that_go_along(crowd, monkeypatch):
    monkeypatch.setattr(companion_index, "MAX_PER_CELL", 4)
    found = find_companions(crowd)
    assert np.all(np.isfinite(found.distances[:, 0]))
    assert found.distances[-6:, 0].min() > np.quantile(found.distances[:-6, 0], 0.9)


def test_values_out_of_range_and_a_stop_are_heard(crowd):
    with pytest.raises(BadValueError, match="heading_px"):
        find_companions(crowd, heading_px=-1)
    with pytest.raises(BadValueError, match="step_px"):
        find_companions(crowd, step_px=0)
    with pytest.raises(CancelledError):
        find_companions(crowd, monitor=Monitor(cancelled=lambda: True))

import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.scores.companions import find_companions
from napari_uai.trails.scores.explanations import departing_stretches, score_samples
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(400, 300)


def make_trails(ways):
    frames = [
        pd.DataFrame({"trail": i, "time": np.arange(len(w)), "y": w[:, 0], "x": w[:, 1]})
        for i, w in enumerate(np.asarray(way, float) for way in ways)
    ]
    return trails_of(pd.concat(frames), SCENE)


def best_stretch(weights, scores, threshold):
    """Every stretch, one by one."""
    n = len(scores)
    gain = weights * (scores - threshold)
    sums = {(a, b): gain[a:b].sum() for a in range(n) for b in range(a + 1, n + 1)}
    return max(sums, key=sums.get)


def test_stretch_is_the_best_of_all():
    rng = np.random.default_rng(0)
    ways = [rng.uniform(0, 300, (n, 2)) for n in (2, 5, 17, 30)]
    trails = make_trails(ways)
    scores = rng.uniform(0, 1, trails.offsets[-1]).astype(np.float32)
    found = departing_stretches(trails, scores, np.full(4, 0.5))
    for i, way in enumerate(ways):
        length = np.hypot(*np.diff(way, axis=0).T)
        half = np.concatenate([[0], length]) + np.concatenate([length, [0]])
        time = np.concatenate([[0], np.ones(len(length))]) + np.concatenate(
            [np.ones(len(length)), [0]]
        )
        weights = half / length.sum() + time / len(length)
        expected = best_stretch(weights, scores[trails.trail(i)].astype(float), 0.5)
        assert tuple(found[i]) == expected


def test_without_a_departure_the_highest_sample_is_the_stretch():
    trails = make_trails([[[0, 0], [0, 9], [0, 20]], [[5, 5]]])
    scores = np.array([0.1, 0.3, 0.2, 0.4], np.float32)
    found = departing_stretches(trails, scores, np.full(2, 0.9))
    np.testing.assert_array_equal(found, [[1, 2], [0, 1]])


def test_an_object_that_rests_departs_for_as_long_as_it_does():
    way = np.array([[50.0, x] for x in (0, 10, 20, 20, 20, 20, 30, 40)])
    scores = np.array([0, 0, 0, 1, 1, 1, 0, 0], np.float32)
    found = departing_stretches(make_trails([way]), scores, np.array([0.5]))
    np.testing.assert_array_equal(found, [[3, 6]])


def test_samples_are_scored_by_place_and_by_distance_from_the_companion():
    straight = np.column_stack([np.full(76, 150.0), np.arange(10.0, 390, 5)])
    leaving = straight.copy()
    leaving[40:, 0] += np.arange(36) * 3
    trails = make_trails([straight, leaving, straight + 1])
    footprints = paint_footprints(trails, longest_side_px=200, n_directions=4)
    companions = find_companions(trails)
    rng = np.random.default_rng(0)
    ordinary = rng.uniform(0, 1, len(footprints.cells)).astype(np.float32)
    scores = score_samples(trails, companions, footprints, ordinary, np.full(3, 12.0))
    paths = companions.paths
    for i in range(3):
        own = slice(paths.offsets[i], paths.offsets[i + 1])
        samples = np.arange(trails.offsets[i], trails.offsets[i + 1])
        apart = np.interp(samples, paths.sample[own], companions.apart[own])
        place = 1 - ordinary[footprints.point_of_sample[samples]]
        np.testing.assert_allclose(scores[samples], 0.5 * (place + apart / (apart + 12)), atol=1e-5)


def test_without_a_companion_the_place_alone_counts():
    trails = make_trails([[[10, 10], [10, 50]]])
    footprints = paint_footprints(trails, longest_side_px=200, n_directions=4)
    ordinary = np.full(len(footprints.cells), 0.3, np.float32)
    scores = score_samples(trails, find_companions(trails), footprints, ordinary, np.ones(1))
    np.testing.assert_allclose(scores, 0.7, rtol=1e-6)


@pytest.mark.parametrize("rows", [[], [0]])
def test_few_trails_are_no_error(rows):
    trails = make_trails([[[10, 10]]]).select(rows)
    scores = np.ones(len(rows), np.float32)
    assert departing_stretches(trails, scores, np.zeros(len(rows))).shape == (len(rows), 2)

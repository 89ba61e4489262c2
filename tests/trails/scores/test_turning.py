import numpy as np

from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.turning import turning_scores
from napari_uai.trails.table import offsets_of


def paths_of(ways):
    offsets = offsets_of(np.array([len(way) for way in ways]))
    y, x = np.concatenate(ways).astype(np.float32).T
    return Paths(offsets, np.ascontiguousarray(y), np.ascontiguousarray(x), np.arange(len(y), 0.0))


def bend(radius_px, kink=0.0):
    angle = np.linspace(0, np.pi, 200)
    way = np.column_stack([radius_px * np.sin(angle), radius_px * np.cos(angle)])
    way[100:106, 0] += kink
    return way


def test_what_similar_trails_turn_as_well_does_not_count():
    ways = [bend(200 + i) for i in range(8)] + [bend(204, kink=12)]
    similar = np.array([[j for j in range(8) if j != i][:6] for i in range(9)])
    scores = turning_scores(paths_of(ways), similar)
    assert scores.argmax() == 8
    assert scores[:8].max() < 0.02
    assert scores[8] > 0.3


def test_without_similar_trails_the_turning_itself_counts():
    paths = paths_of([bend(200)])
    step = np.pi / 63
    for similar in (np.full((1, 3), -1), np.empty((1, 0), np.int64)):
        np.testing.assert_allclose(turning_scores(paths, similar), step, rtol=0.02)


def test_a_trail_that_stays_does_not_turn():
    paths = paths_of([np.array([[5.0, 5.0]]), bend(50)])
    assert turning_scores(paths, np.array([[-1], [-1]]))[0] == 0

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.scores.passers import (
    EVERY,
    PASSER,
    REACH,
    STRETCHES,
    passage_index,
    passer_distances,
)
from napari_uai.trails.scores.walks import HEADING, STEP, companion_paths
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(400, 300)  # its diagonal is 500 px
DIAGONAL = 500


def paths_of(ways):
    frames = [
        pd.DataFrame({"trail": i, "class": "car", "time": np.arange(len(w)), "y": w[:, 0],
                      "x": w[:, 1]})
        for i, w in enumerate(ways)
    ]  # fmt: skip
    return companion_paths(trails_of(pd.concat(frames), SCENE), STEP * DIAGONAL)


def distances(ways, codes=None):
    paths = paths_of(ways)
    codes = np.zeros(len(ways), np.int64) if codes is None else np.asarray(codes)
    return passer_distances(passage_index(paths, codes, SCENE), paths, codes, themselves=True)


def line(start, stop, n=40):
    return np.linspace(start, stop, n)


def lanes(n, y=150.0, apart=1.0):
    return [line((y + apart * i, 20), (y + apart * i, 380)) for i in range(n)]


def exhaustive(paths, i):
    """Distance from the sixth closest trail at each fourth point, along its stretches, worst mean.

    Stretches of other trails are sampled finely instead of measured as segments.
    """
    weight, reach = HEADING * DIAGONAL, REACH * DIAGONAL
    features = []
    for a, b in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        points = np.stack([paths.y[a:b], paths.x[a:b]], axis=1).astype(float)
        ahead = np.array([points[min(j + 1, b - a - 1)] - points[max(j - 1, 0)]
                          for j in range(b - a)])  # fmt: skip
        length = np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        features.append((points[::EVERY], (ahead / length)[::EVERY], length[::EVERY]))
    along = []
    for point, heading, _ in zip(*features[i], strict=True):
        apart = []
        for u, (middles, headings, lengths) in enumerate(features):
            if u == i:
                continue
            inner = np.r_[False, np.full(len(middles) - 1, True)]
            step = lengths[:, 0] / np.where(inner, 2, 1)
            fine = np.linspace(-EVERY / 2, EVERY / 2, 401)[None, :, None]
            places = middles[:, None] + fine * step[:, None, None] * headings[:, None]
            turned = weight * np.linalg.norm(headings - heading, axis=1)
            nearest = np.linalg.norm(places - point, axis=2).min(axis=1)
            apart.append(np.hypot(nearest, turned).min())
        along.append(min(np.sort(apart)[PASSER - 1], reach))
    along = np.array(along)
    length = min(STRETCHES, len(along))
    return max(along[k : k + length].mean() for k in range(len(along) - length + 1))


def test_distances_are_those_of_an_exhaustive_search():
    rng = np.random.default_rng(4)
    ways = []
    for _ in range(14):
        bend = rng.uniform(-25, 25) * np.sin(np.linspace(0, np.pi, 60))
        ways.append(line((150 + rng.normal(0, 8), 20), (150, 380), 60) + np.c_[bend, 0 * bend])
    paths = paths_of(ways)
    expected = [exhaustive(paths, i) for i in range(len(ways))]
    np.testing.assert_allclose(distances(ways), expected, atol=0.05)


def test_a_rare_route_of_up_to_six_has_no_sixth_passer():
    rare = [way + np.array([90, 0]) for way in lanes(6)]
    found = distances([*lanes(40), *rare])
    assert found[:40].max() < 8
    np.testing.assert_allclose(found[40:], REACH * DIAGONAL, rtol=1e-6)
    seventh = distances([*lanes(40), *rare, rare[0] + 0.5])
    assert seventh[40:].max() < 8


def test_trails_in_the_opposite_direction_are_no_passers():
    against = [way[::-1] for way in lanes(3)]
    found = distances([*lanes(40), *against])
    np.testing.assert_allclose(found[40:], REACH * DIAGONAL, rtol=1e-6)


def test_trails_that_the_tracker_lost_are_ordinary():
    lost = [way[: len(way) // 2] for way in lanes(3)]
    assert distances([*lanes(40), *lost])[40:].max() < 8


def test_a_crowd_that_crosses_does_not_crowd_out_those_along_a_place():
    across = [line((20, 200 + 0.05 * i), (280, 200 + 0.05 * i)) for i in range(400)]
    alone = distances(lanes(8))
    crossed = distances([*lanes(8), *across])
    np.testing.assert_allclose(crossed[:8], alone, rtol=1e-5)


def test_groups_are_compared_with_themselves_and_small_ones_by_their_last():
    ways = [*lanes(8), *[way + np.array([60, 0]) for way in lanes(3, apart=2.0)], lanes(1)[0]]
    found = distances(ways, [0] * 8 + [1] * 3 + [2])
    np.testing.assert_allclose(found[:8], distances(lanes(8)), rtol=1e-5)
    np.testing.assert_allclose(found[8:11], [4, 2, 4], rtol=1e-4)
    assert np.isnan(found[11])


def test_new_trails_are_compared_with_all_of_the_reference():
    reference, codes = paths_of(lanes(12)), np.zeros(12, np.int64)
    index = passage_index(reference, codes, SCENE)
    again = passer_distances(index, reference, codes)
    assert np.all(again <= passer_distances(index, reference, codes, themselves=True))
    unknown = passer_distances(index, reference, codes + 1)
    assert np.isnan(unknown).all()


def test_trails_that_do_not_move_and_no_trails_are_measured():
    parked = [np.full((5, 2), 150.0) + i for i in range(9)]
    expected = [np.sqrt(2) * np.sort(abs(np.arange(9) - i))[PASSER] for i in range(9)]
    np.testing.assert_allclose(distances(parked), expected, rtol=1e-5)
    assert len(distances([*lanes(2)])) == 2
    none = paths_of(lanes(2))
    index = passage_index(none, np.zeros(2, np.int64), SCENE)
    empty = companion_paths(trails_of(pd.DataFrame(
        {"trail": [], "class": [], "time": [], "y": [], "x": []}), SCENE), 5.0)  # fmt: skip
    assert len(passer_distances(index, empty, np.zeros(0, np.int64))) == 0


def test_it_can_be_cancelled():
    paths, codes = paths_of(lanes(9)), np.zeros(9, np.int64)
    index = passage_index(paths, codes, SCENE)
    with pytest.raises(CancelledError):
        passer_distances(index, paths, codes, monitor=Monitor(cancelled=lambda: True))

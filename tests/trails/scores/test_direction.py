import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.along_trails import mean_over_trails
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import measure_heat
from napari_uai.trails.scores.direction import against_the_stream
from napari_uai.trails.table import Scene, trails_of


def heat_of(ways, included=None, n_directions=8):
    frames = [
        pd.DataFrame({"trail": i, "time": np.arange(len(w)), "y": w[:, 0], "x": w[:, 1]})
        for i, w in enumerate(np.asarray(way, float) for way in ways)
    ]
    trails = trails_of(pd.concat(frames), Scene(200, 100))
    footprints = paint_footprints(trails, longest_side_px=200, n_directions=n_directions)
    return measure_heat(footprints, blur_px=5, included=included)


def along(n, y=50.0):
    rng = np.random.default_rng(0)
    return [np.linspace((y, 5), (y, 195), 20) + rng.normal(0, 0.5, (20, 2)) for _ in range(n)]


def means(heat):
    return mean_over_trails(heat.footprints, against_the_stream(heat), weigh="arc")


def test_only_who_goes_against_the_stream_is_rare():
    rare = means(heat_of([*along(30), along(1)[0][::-1]]))
    assert rare[:-1].max() < 0.1
    assert rare[-1] > 0.85


def test_where_nobody_else_goes_nothing_is_said():
    rare = means(heat_of([*along(30), np.array([[10.0, 5], [10, 195]])]))
    assert rare[-1] < 0.05


def test_both_ways_of_a_street_are_ordinary():
    rare = means(heat_of(along(20) + [way[::-1] for way in along(20)]))
    assert rare.max() < 0.3


def test_values_follow_from_counts():
    straight = np.array([[50.0, 5], [50, 195]])
    heat = heat_of([straight] * 4 + [straight[::-1]], included=[True] * 4 + [False])
    rare = against_the_stream(heat)
    last = slice(heat.footprints.offsets[-2], heat.footprints.offsets[-1])
    middle = rare[last][60:130]
    # The others' blurred heat in their direction, nobody's in the other.
    most = heat.blurred[0, 0, 50, 100]
    np.testing.assert_allclose(middle, 1 - 1 / (most + 1), rtol=1e-5)
    first = slice(0, heat.footprints.offsets[1])
    np.testing.assert_allclose(rare[first][60:130], 0, atol=1e-6)


def test_one_direction_is_none():
    with pytest.raises(BadValueError, match="n_directions"):
        against_the_stream(heat_of(along(3), n_directions=1))

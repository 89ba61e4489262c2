import inspect
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.scores.nearest import nearest_distances
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import comparison_groups, score_trails
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(640, 360)
ODD = {"back": 200, "astray": 201, "late": 202, "loiterer": 203}


def crossroads(n=200, seed=0, kind="car"):
    """A street along x, one along y, right turns; trails that are lost or found on their way."""
    rng = np.random.default_rng(seed)
    along, down = [(180, 10), (180, 630)], [(10, 330), (350, 330)]
    turn = [(180, 10), (180, 330), (350, 330)]
    rows = [way_of(rng, (along, down, turn)[k % 3], lost=k % 5 == 0) for k in range(n)]
    rows += [
        way_of(rng, down[::-1]),
        way_of(rng, [(180, 10), (180, 200), (40, 300), (40, 600)]),
        way_of(rng, [(10, 330), (180, 330), (180, 630)]),
        way_of(rng, [(180, 10), *rng.normal((180, 200), 12, (9, 2)), (180, 630)]),
    ]
    return [(kind, row) for row in rows]


def way_of(rng, corners, lost=False, speed=20.0, spread=4.0):
    corners = np.asarray(corners, float) + rng.normal(0, spread, 2)
    arc = np.concatenate([[0], np.hypot(*np.diff(corners, axis=0).T).cumsum()])
    at = np.arange(0, arc[-1], speed * np.exp(rng.normal(0, 0.1)))
    way = np.column_stack([np.interp(at, arc, corners[:, k]) for k in (0, 1)])
    way += rng.normal(0, 0.8, way.shape)
    cut = rng.integers(5, len(way) - 2) if lost else len(way)
    return way[cut - 5 :] if lost and rng.random() < 0.5 else way[:cut]


def make_trails(rows):
    frames = [
        pd.DataFrame(
            {
                "trail": f"t{i}",
                "class": kind,
                "time": 0.2 * np.arange(len(w)),
                "y": w[:, 0],
                "x": w[:, 1],
            }
        )
        for i, (kind, w) in enumerate(rows)
    ]
    return trails_of(pd.concat(frames), SCENE)


@pytest.fixture(scope="module")
def scene():
    return make_trails(crossroads())


@pytest.fixture(scope="module")
def scored(scene):
    return score_trails(scene)


def test_every_trail_has_a_row_the_most_anomalous_first(scene, scored):
    table = scored.table
    assert list(table)[:6] == ["trail", "class", "n_samples", "rank", "anomaly", "p_value"]
    assert set(SCORES) <= set(table)
    assert sorted(table["trail"]) == sorted(scene.table["trail"])
    assert table["rank"].tolist() == list(range(1, len(scene) + 1))
    assert table["anomaly"].is_monotonic_decreasing
    np.testing.assert_array_equal(table["trail"], scene.table["trail"].to_numpy()[scored.rows])
    np.testing.assert_array_equal(table["n_samples"], scene.n_samples[scored.rows])


def test_all_scores_lie_between_0_and_1(scored):
    for name in ("anomaly", "p_value", *SCORES):
        assert scored.table[name].between(0, 1).all(), name
    assert np.all((scored.at_samples >= 0) & (scored.at_samples <= 1))


def test_what_nobody_else_does_ranks_first(scored):
    assert set(scored.rows[:4]) == set(ODD.values())


def test_trails_lost_on_their_way_are_ordinary(scene, scored):
    lost = np.arange(0, 200, 5)
    place = np.empty(len(scene), int)
    place[scored.rows] = np.arange(len(scene))
    assert np.mean(place[lost] < 20) < 0.25


def test_stretches_are_where_trails_depart(scene, scored):
    found = dict(zip(scored.rows.tolist(), scored.stretches.tolist(), strict=True))
    start, stop = found[ODD["astray"]]
    own = scene.trail(ODD["astray"])
    x = scene.x[own]
    assert x[start] > 120
    assert stop == len(x)
    start, stop = found[ODD["late"]]
    own = scene.trail(ODD["late"])
    turn = np.flatnonzero(scene.x[own] > 345)[0]
    assert min(abs(start - turn), abs(stop - turn)) <= 2
    start, stop = found[ODD["loiterer"]]
    own = scene.trail(ODD["loiterer"])
    assert abs(scene.x[own][start:stop] - 200).max() < 60


def test_stretches_have_the_times_of_their_samples(scene, scored):
    table = scored.table
    first = scene.offsets[scored.rows]
    assert np.all(scored.stretches[:, 0] < scored.stretches[:, 1])
    assert np.all(scored.stretches[:, 1] <= table["n_samples"])
    np.testing.assert_array_equal(table["departs_from"], scene.time[first + scored.stretches[:, 0]])
    np.testing.assert_array_equal(
        table["departs_to"], scene.time[first + scored.stretches[:, 1] - 1]
    )


def test_nearest_keeps_the_order_of_the_distances(scene, scored):
    distances = nearest_distances(scene, k=3)[score_trails(scene, k=3).rows]
    shown = score_trails(scene, k=3).table["nearest"].to_numpy()
    np.testing.assert_allclose(shown, distances / (distances + np.median(distances)), rtol=1e-5)
    assert not np.allclose(shown, scored.table["nearest"])


def test_the_same_trails_give_the_same_scores(scene, scored):
    again = score_trails(scene)
    pd.testing.assert_frame_equal(again.table, scored.table)
    np.testing.assert_array_equal(again.at_samples, scored.at_samples)


def test_the_order_of_trails_does_not_matter(scene, scored):
    turned = score_trails(scene.select(np.arange(len(scene))[::-1]))
    before = scored.table.set_index("trail")["anomaly"]
    after = turned.table.set_index("trail")["anomaly"]
    assert np.corrcoef(before, after[before.index])[0, 1] > 0.98


def test_a_class_is_compared_with_itself():
    rng = np.random.default_rng(4)
    walkers = [("person", way_of(rng, [(300, 10), (300, 630)], speed=5)) for _ in range(60)]
    on_the_road = ("person", way_of(rng, [(180, 10), (180, 630)], speed=5))
    scored = score_trails(make_trails([*crossroads(), *walkers, on_the_road]))
    assert 264 in scored.rows[:8]
    assert len(scored.problems) == 0
    people = scored.table[scored.table["class"] == "person"]
    assert people["p_value"].iloc[0] == 1 / 61


def test_small_classes_are_compared_together_and_told(scene):
    rng = np.random.default_rng(4)
    few = [("bus", way_of(rng, [(180, 10), (180, 630)])) for _ in range(6)]
    fewer = [("tram", way_of(rng, [(180, 10), (180, 630)])) for _ in range(5)]
    trails = make_trails([*crossroads(), *few, *fewer])
    groups, problems = comparison_groups(trails, 10)
    assert len(set(groups[-11:])) == 1
    assert groups[-1] != groups[0] == "car"
    assert [text for _, _, text in problems] == [
        "class bus has only 6 trails: also compared with tram",
        "class tram has only 5 trails: also compared with bus",
    ]
    assert len(score_trails(trails).problems) == 2


def test_a_handful_of_strangers_is_compared_with_the_most_frequent_class():
    rng = np.random.default_rng(4)
    trails = make_trails([*crossroads(), ("bus", way_of(rng, [(180, 10), (180, 630)]))])
    groups, problems = comparison_groups(trails, 10)
    assert set(groups) == {"car"}
    assert problems[0][2] == "class bus has only 1 trail: also compared with car"
    assert score_trails(trails).table["anomaly"].between(0, 1).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_scene_of_few_trails_is_scored(n):
    scored = score_trails(make_trails(crossroads()[:n]))
    assert len(scored.table) == n
    assert scored.table[["anomaly", *SCORES]].notna().all(axis=None)
    assert len(scored.problems) == 1


def test_trails_of_one_sample_and_outside_of_the_scene_are_scored():
    rows = [
        *crossroads(),
        ("car", np.array([[20.0, 20]])),
        ("car", np.array([[-5e3, 9], [9, 1e30]])),
    ]
    scored = score_trails(make_trails(rows))
    assert scored.rows[0] == 205
    assert scored.table["anomaly"].notna().all()


def test_parameters_are_annotated_and_keyword_only():
    hints = get_type_hints(score_trails, include_extras=True)
    for name, parameter in inspect.signature(score_trails).parameters.items():
        assert name in hints
        if name != "trails":
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert f"\n    {name}" in (score_trails.__doc__ or "") or name in ("monitor", "upper")


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_trails", 1), ("n_directions", 1), ("k", 0), ("n_points", 1), ("window", 0.0)],
)
def test_values_out_of_range_are_refused(scene, name, value):
    with pytest.raises(BadValueError):
        score_trails(scene, **{name: value})


def test_a_stop_is_heard(scene):
    with pytest.raises(CancelledError):
        score_trails(scene, monitor=Monitor(cancelled=lambda: True))

import numpy as np
import pandas as pd
import pytest

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.scores.jumps import find_jumps, split_at_jumps
from napari_uai.trails.scores.scores import score_trails
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(400, 300)  # its diagonal is 500 px


def make_trails(**xs):
    frames = [
        pd.DataFrame({"trail": name, "time": 0.2 * np.arange(len(x)), "x": x, "y": 50.0})
        for name, x in xs.items()
    ]
    return trails_of(pd.concat(frames), SCENE)


def test_a_jump_is_long_and_fast():
    steady = np.arange(0, 200, 5.0)
    trails = make_trails(
        steady=steady,
        switched=np.concatenate([steady[:20], steady[:20] + 250]),
        jittering=steady + np.tile([0, 4], 20),
        jumping_little=np.concatenate([steady[:20], steady[:20] + 110]),
    )
    jumps = find_jumps(trails)
    assert jumps.rows.tolist() == [1]
    assert jumps.sample.tolist() == [trails.offsets[1] + 20]
    assert jumps.length_px[0] == pytest.approx(155)
    assert jumps.texts() == {1: "jump of 155 px in 0.2 s: two objects?"}


def test_a_gap_is_no_jump():
    x = np.arange(0, 300, 5.0)
    seen = np.ones(60, bool)
    seen[20:45] = False
    samples = pd.DataFrame({"trail": "a", "time": 0.2 * np.arange(60), "x": x, "y": 50.0})
    assert not len(find_jumps(trails_of(samples[seen], SCENE)).rows)


def test_split_trails_are_the_parts_between_jumps():
    steady = np.arange(0, 200, 5.0)
    trails = make_trails(
        steady=steady, a=np.concatenate([steady[:20], steady[:20] + 250, steady[:9]])
    )
    parts = split_at_jumps(trails)
    assert parts.table["trail"].tolist() == ["steady", "a", "a part 2", "a part 3"]
    assert parts.n_samples.tolist() == [40, 20, 20, 9]
    np.testing.assert_array_equal(parts.x, trails.x)
    assert parts.table["start"].tolist() == pytest.approx([0, 0, 4, 8])
    assert not len(find_jumps(parts).rows)
    assert split_at_jumps(trails.select([0])).offsets.tolist() == [0, 40]


@pytest.mark.slow
def test_most_simulated_identity_switches_and_nothing_else_are_told_as_jumps():
    settings = TrailSettings(seed=12, trails=300, anomalous_fraction=0.1, scene="lanes",
                             anomalies="movements", rates_hz=(5, 10))  # fmt: skip
    simulated = simulate_trails(settings)
    jumping = simulated.truth["anomaly"].to_numpy()[np.unique(find_jumps(simulated.trails).rows)]
    assert set(jumping) == {"jump"}
    assert len(jumping) >= 4
    table = score_trails(simulated.trails).table
    told = table["reason"].str.startswith("jump of ")
    assert told.sum() == len(jumping)
    assert table["rank"][told].max() < 60

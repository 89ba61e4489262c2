"""The painted width that foretells best where trails go."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.painted_width import choose_painted_width
from napari_uai.trails.table import Scene, trails_of

EXAMPLE = Path(__file__).parents[3] / "../shared/data/trails/example_data_for_heatmap.zip"


def parallel_trails(n, spread_px, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (f"t{i}", t, 100 + y, 10 + 8.0 * t)
        for i, y in enumerate(rng.normal(0, spread_px, n))
        for t in range(40)
    ]
    return trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x"]), Scene(360, 202))


def test_wider_traffic_is_painted_wider():
    widths = [choose_painted_width(parallel_trails(40, s)).painted_width_px for s in (0.3, 4, 20)]
    assert widths == sorted(widths)
    assert widths[0] <= 3
    assert widths[2] >= 2 * widths[0] + 1


def test_more_trails_are_painted_thinner():
    widths = [choose_painted_width(parallel_trails(n, 10)).painted_width_px for n in (10, 1000)]
    assert widths[1] < widths[0]


def test_the_likelihood_is_the_density_that_the_others_leave():
    trails = parallel_trails(6, 2.0)
    found = choose_painted_width(trails, ladder=[5])
    radius2 = (5 / 2 - 0.25) ** 2
    row, column = np.mgrid[:202, :360]
    painted, paths = [], []
    for i in range(6):
        own = trails.trail(i)
        y = int(np.floor(trails.y[own][0] + 0.5))
        xs = np.arange(10, 10 + 8 * 39 + 1)
        paths.append((np.full(len(xs), y), xs))
        near = np.clip(column, xs[0], xs[-1])
        painted.append((row - y) ** 2 + (column - near) ** 2 <= radius2)
    expected = []
    for i in range(6):
        others = np.sum([p for j, p in enumerate(painted) if j != i], axis=0)
        density = others / others.sum() * others.size
        expected.append(np.log(0.02 + 0.98 * density[paths[i]]).mean())
    assert found.log_likelihood[0] == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_ladder_ends_when_wider_is_no_better():
    found = choose_painted_width(parallel_trails(200, 1.0))
    assert len(found.ladder) < 8
    assert found.painted_width_px == found.ladder[int(np.argmax(found.log_likelihood))]


def test_many_trails_are_tried_in_part():
    trails = parallel_trails(300, 4.0)
    part = choose_painted_width(trails, max_trails=50)
    picked = trails.select(np.linspace(0, 299, 50).round())
    assert part.log_likelihood == choose_painted_width(picked).log_likelihood


def test_single_trails_of_a_class_take_the_first_width():
    assert choose_painted_width(parallel_trails(1, 1.0), ladder=[3, 5]).painted_width_px == 3


@pytest.mark.parametrize(
    "wrong", [{"ladder": []}, {"ladder": [5, 3]}, {"ladder": [2]}, {"max_trails": 1}]
)
def test_wrong_ladders_are_refused(wrong):
    with pytest.raises(BadValueError):
        choose_painted_width(parallel_trails(2, 1.0), **wrong)


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the example recording is not here")
@pytest.mark.parametrize("weigh", ["time", "arc"])
def test_the_example_is_painted_as_its_author_does(weigh):
    with zipfile.ZipFile(EXAMPLE) as archive:
        records = json.loads(archive.read(archive.namelist()[0]))
    frames = []
    for name, record in records.items():
        x, y = np.array(record["tracking"]["xy_center"]).T * [[639], [359]]
        frames.append(pd.DataFrame({"trail": name, "time": np.arange(len(x)), "y": y, "x": x}))
    trails = trails_of(pd.concat(frames), Scene(640, 360))
    assert choose_painted_width(trails, weigh=weigh).painted_width_px == 3

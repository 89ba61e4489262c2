"""The reference's scores: its published figures and a plain re-implementation of its text."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.scores.reference import reference_scores
from napari_uai.trails.table import Scene, trails_of

EXAMPLE = Path(__file__).parents[3] / "../shared/data/trails/example_data_for_heatmap.zip"
TOP = ("20231181552009", "20231181550013", "20231181544008", "20231181435017")


@pytest.fixture(scope="module")
def example():
    if not EXAMPLE.exists():
        pytest.skip("the example recording is not here")
    with zipfile.ZipFile(EXAMPLE) as archive:
        records = json.loads(archive.read(archive.namelist()[0]))
    frames = []
    for name, record in records.items():
        x, y = np.array(record["tracking"]["xy_center"]).T * [[1279], [719]]
        frames.append(pd.DataFrame({"trail": name, "time": np.arange(len(x)), "y": y, "x": x}))
    return trails_of(pd.concat(frames), Scene(1280, 720))


def plain_scores(trails, blurred=False, lower=3, upper=50):
    """Sections 2.4 to 2.6 of the reference's description, trail by trail."""
    rows = round(360 * trails.scene.height / trails.scene.width)
    scale = np.array([359, rows - 1]) / (trails.scene.width - 1, trails.scene.height - 1)
    xy = np.stack([trails.x, trails.y], axis=1).astype(float)
    cells = np.rint(xy * scale).astype(np.int32)
    heat = np.zeros((rows, 360), np.float32)
    for i in range(len(trails)):
        own = np.zeros_like(heat)
        cv2.polylines(own, [cells[trails.trail(i)]], isClosed=False, color=1, thickness=2)
        heat += cv2.blur(own, (7, 7)) if blurred else own
    level = np.log(np.clip(heat, lower, upper) - lower + 1)
    ordinary = level / level.max()
    return np.array(
        [1 - ordinary[tuple(cells[trails.trail(i)].T[::-1])].mean() for i in range(len(trails))]
    )


@pytest.mark.parametrize(
    ("blurred", "figures"),
    [(False, (0.852, 0.776, 0.715, 0.641)), (True, (0.888, 0.792, 0.750, 0.623))],
)
def test_the_example_has_the_published_scores(example, blurred, figures):
    found = reference_scores(example, np.ones((720, 1280)), blurred=blurred).anomaly
    named = dict(zip(example.table["trail"], found, strict=True))
    assert tuple(named[name] for name in TOP) == pytest.approx(figures, abs=0.001)
    if not blurred:
        assert sorted(named, key=named.__getitem__)[-4:][::-1] == list(TOP)
        assert (found.min(), found.max()) == pytest.approx((0.049, 0.852), abs=0.001)


@pytest.mark.parametrize("blurred", [False, True])
def test_the_example_scores_as_a_plain_loop_does(example, blurred):
    found = reference_scores(example, blurred=blurred).anomaly
    expected = plain_scores(example, blurred)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert set(np.argsort(found)[-20:]) == set(np.argsort(expected)[-20:])


def test_blurring_does_not_change_which_are_the_top_twenty(example):
    found = [reference_scores(example, blurred=b).anomaly for b in (False, True)]
    assert set(np.argsort(found[0])[-20:]) == set(np.argsort(found[1])[-20:])


def traffic(n, kinds=None):
    rng = np.random.default_rng(0)
    rows = [
        (f"t{i}", t, y + rng.normal(), 10 + 6.0 * t, "a" if kinds is None else kinds[i])
        for i, y in enumerate(rng.normal(100, 15, n))
        for t in range(50)
    ]
    table = pd.DataFrame(rows, columns=["trail", "time", "y", "x", "class"])
    return trails_of(table, Scene(640, 360))


def test_scores_at_samples_average_to_the_score():
    trails = traffic(60)
    found = reference_scores(trails)
    means = np.add.reduceat(found.at_samples, trails.offsets[:-1]) / trails.n_samples
    np.testing.assert_allclose(found.anomaly, 1 - means, atol=1e-5)
    np.testing.assert_allclose(found.anomaly, plain_scores(trails), atol=1e-5)


def test_classes_of_few_trails_are_left_out():
    trails = traffic(70, ["car"] * 60 + ["van"] * 10)
    found = reference_scores(trails)
    assert np.isnan(found.anomaly[60:]).all()
    assert list(found.maps) == ["car"]
    np.testing.assert_allclose(
        found.anomaly[:60], reference_scores(trails.select(np.arange(60))).anomaly
    )


def test_trails_outside_the_mask_neither_count_nor_score():
    trails = traffic(60)
    mask = np.zeros((360, 640), bool)
    mask[:100] = True
    found = reference_scores(trails, mask, lower=1, upper=10)
    rows = np.rint(trails.y * 201 / 359)
    above = np.add.reduceat(rows * 360 // 202 < 100, trails.offsets[:-1], dtype=int) > 25
    np.testing.assert_array_equal(~np.isnan(found.anomaly), above)
    alone = reference_scores(trails.select(above), lower=1, upper=10, min_trails=1)
    np.testing.assert_allclose(found.anomaly[above], alone.anomaly)


def test_fewer_trails_than_the_lower_limit_are_all_anomalous():
    np.testing.assert_array_equal(reference_scores(traffic(2), min_trails=1).anomaly, 1)


def test_limits_out_of_order_are_refused():
    with pytest.raises(BadValueError, match="lower must be less than upper"):
        reference_scores(traffic(2), lower=50, upper=3)

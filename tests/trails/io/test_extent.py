import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.io.extent import in_scene

SIZE = (320, 180)


def told(trails):
    return "; ".join(trails.problems["problem"])


@pytest.fixture
def table(scene):
    return scene[["trail", "frame", "x", "y", "class"]].copy()


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("value", [25_000, 1e9, -25_000, 900])
def test_a_sample_far_from_all_others_does_not_make_the_scene(table, reading, axis, value):
    whole = reading(table)
    table.loc[20, axis] = value
    trails = reading(table)
    assert (trails.scene.width, trails.scene.height) == (whole.scene.width, whole.scene.height)
    assert len(trails.x) == len(whole.x) - 1
    assert "1 sample " in told(trails)


@pytest.mark.parametrize("value", [-3, -0.7, -40])
def test_a_sample_below_zero_does_not_change_the_unit(table, reading, value):
    whole = reading(table)
    table.loc[20, "x"] = value
    trails = reading(table)
    assert (trails.scene.width, trails.scene.height) == (whole.scene.width, whole.scene.height)
    assert "1 sample " in told(trails)


@pytest.mark.parametrize("value", [1.012, 25, -0.01, -8])
def test_a_few_samples_outside_leave_fractions_fractions(
    table, reading, is_the_scene, value, scene
):
    table["x"], table["y"] = scene.x / 319, scene.y / 179
    is_the_scene(reading(table, scene_size=SIZE))
    table.loc[[20, 60], "x"] = value
    trails = reading(table, scene_size=SIZE)
    assert len(trails.x) == len(table) - 2
    assert "2 of" in trails.problems["problem"][0]
    assert "almost all positions between 0 and 1" in told(trails)
    np.testing.assert_allclose(trails.x[:5], scene.x[:5], atol=0.01)


@pytest.mark.parametrize(
    ("x0", "y0"), [(900, 900), (500_000, 5_400_000), (-40, 30_000), (0, 5_400_000), (0, 0)]
)
def test_the_extent_of_metres_is_that_of_the_data(table, reading, is_the_scene, scene, x0, y0):
    table["x"], table["y"] = x0 + scene.x / 12, y0 + scene.y / 12
    trails = is_the_scene(reading(table), pixels=False, tolerance=0.1)
    assert trails.scene.width == 640
    assert "positions not in pixels" in told(trails)


def test_longitude_and_latitude_become_a_map_with_north_up(table, reading, scene):
    table["lon"], table["lat"] = 8 + scene.x / 1e5, 48 - scene.y / 1e5
    trails = reading(table.drop(columns=["x", "y"]))
    stretch = np.ptp(trails.x) / np.ptp(trails.y)
    assert stretch == pytest.approx(
        np.ptp(scene.x) / np.ptp(scene.y) * np.cos(np.radians(48)), 1e-3
    )
    assert np.corrcoef(trails.y, scene.y)[0, 1] > 0.999


def test_positions_in_another_unit_than_the_scene_raise_a_doubt(table, reading, scene):
    table["x"], table["y"] = scene.x / 30, scene.y / 30
    assert "in another unit? leave out scene_size" in told(reading(table, scene_size=SIZE))


def test_samples_outside_of_a_given_scene_come_first(table, reading):
    trails = reading(table, scene_size=(160, 180))
    first = trails.problems["problem"][0]
    assert "outside the picture (160 x 180 px)" in first
    assert "%" in first


def test_a_trail_that_goes_where_no_other_does_is_kept(table, reading, scene):
    away = scene[scene.trail == 3].head(8).assign(trail=99, x=np.linspace(300, 900, 8))
    trails = reading(np.round(pd.concat([scene, away])[["trail", "frame", "x", "y"]], 2))
    assert trails.scene.width == 901
    assert "99" in trails.table["trail"].tolist()


def test_few_samples_are_all_taken():
    x, y = np.array([0.0, 9000.0, 5.0]), np.array([1.0, 2.0, 3.0])
    extent = in_scene(y, x, np.zeros(3, np.int32), scene_size=None, normalized=None, unit="")
    assert extent.size == (9001, 4)
    assert extent.far is None

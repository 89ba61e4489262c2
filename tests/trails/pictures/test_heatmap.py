import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.pictures.canvas import COLOURS, DEPARTING, aspect_problem, write_picture
from napari_uai.trails.pictures.heatmap import heatmap_picture, round_ticks
from napari_uai.trails.pictures.labels import place_labels, seconds_text, when
from napari_uai.trails.pictures.tiles import moments, tile_sheet
from napari_uai.trails.pictures.top import top_picture
from napari_uai.trails.table import Scene, trails_of

SINCE_1970 = 1_700_000_000.0  # 22:13:20 UTC


def trails_at(scene, *, n=6, start=0.0, samples=40):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "trail": np.repeat([f"t{i}" for i in range(n)], samples),
            "class": "person",
            "time": start
            + np.tile(np.arange(samples), n)
            + 100.0 * np.repeat(np.arange(n), samples),
            "y": (np.repeat(rng.random(n), samples) * scene.height * 0.9).clip(1),
            "x": np.tile(np.linspace(1, scene.width - 2, samples), n),
        }
    )
    return trails_of(table, scene)


def snapshots_in(folder, times, shape=(90, 160)):
    paths = []
    for i, _ in enumerate(times):
        path = folder / f"{i}.png"
        cv2.imwrite(str(path), np.full((*shape, 3), 20 * (i + 1), np.uint8))
        paths.append(path)
    return pd.DataFrame({"time": np.array(times, float), "path": paths})


@pytest.mark.parametrize("size", [(640, 360), (3840, 2160), (360, 640), (2000, 20), (5, 3)])
@pytest.mark.parametrize("has_image", [True, False])
def test_top_trails_fit_scenes_of_any_size(size, has_image):
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8) if has_image else None
    trails = trails_at(Scene(width, height, image))
    picture = top_picture(trails, [3, 1], [0.97, 0.5], stretches=[(5, 10), None], title="person")
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert max(picture.shape[1], picture.shape[0]) >= 1280


def test_top_trails_have_a_colour_each_and_the_stretch_is_thicker():
    trails = trails_at(Scene(640, 360))
    plain = top_picture(trails, [0, 1], [0.9, 0.8])
    thicker = top_picture(trails, [0, 1], [0.9, 0.8], stretches=[(10, 30), None])

    def painted(picture, colour):
        return int(np.all(picture == colour, axis=2).sum())

    assert painted(plain, COLOURS[1]) > 500
    assert painted(thicker, COLOURS[0]) > painted(plain, COLOURS[0]) + 500


def test_trails_out_of_the_scene_and_of_one_sample_are_drawn():
    scene = Scene(64, 48)
    table = pd.DataFrame(
        {
            "trail": ["a", "b", "b"],
            "time": [0.0, 0, 1],
            "y": [5.0, -1e6, 1e6],
            "x": [5.0, 1e6, -1e6],
        }
    )
    trails = trails_of(table, scene)
    assert top_picture(trails, [0, 1], [1, 0.5], stretches=[(0, 1), (0, 2)]).size
    assert tile_sheet(trails, moments(trails, [0, 1]), [1, 0.5]).size


def test_more_trails_than_can_be_listed_are_drawn():
    trails = trails_at(Scene(640, 360), n=40)
    assert top_picture(trails, range(40), np.linspace(1, 0, 40)).size


def test_labels_neither_leave_the_picture_nor_overlap():
    rng = np.random.default_rng(2)
    anchors = np.vstack([rng.random((20, 2)) * (300, 500), np.full((5, 2), 150), [[0, 0]]])
    sizes = np.tile([20.0, 70.0], (len(anchors), 1))
    places = place_labels(anchors, sizes, np.zeros((300, 500), bool), gap=12)
    boxes = [(y, x, y + 20, x + 70) for y, x in places]
    for i, (top, left, bottom, right) in enumerate(boxes):
        assert 0 <= top < bottom <= 300
        assert 0 <= left < right <= 500
        for other in boxes[:i]:
            apart = other[2] <= top or bottom <= other[0] or other[3] <= left or right <= other[1]
            assert apart


def test_labels_avoid_what_is_drawn_and_are_left_out_without_room():
    ink = np.zeros((200, 200), bool)
    ink[:, 100:] = True
    (place,) = place_labels(np.array([[100, 98]]), np.array([[20, 40]]), ink, gap=10)
    assert place is not None
    assert place[1] + 40 <= 100
    assert place_labels(np.array([[5, 5]]), np.array([[20, 400]]), ink, gap=10) == [None]


def test_heat_is_brightest_where_most_trails_pass():
    scene = Scene(640, 360, np.full((360, 640, 3), 60, np.uint8))
    heat = np.zeros((90, 160), np.float32)
    heat[40:50, 60:100] = 30
    heat[60:70, 60:100] = 10
    shade = heat / 30
    picture = heatmap_picture(scene, heat, shade).astype(float)
    at = {name: picture[row * 720 // 89, 640].sum() for name, row in
          {"busy": 45, "less": 65, "none": 15}.items()}  # fmt: skip
    assert at["busy"] > at["less"] > at["none"]
    assert np.ptp(picture[120, 640]) < 1  # no traffic: the grey scene


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_flat_heat_is_drawn(value):
    heat = np.full((9, 16), value, np.float32)
    assert heatmap_picture(Scene(160, 90), heat, np.zeros_like(heat), title="a" * 500).size


def test_heat_and_shade_of_other_shapes_are_refused():
    with pytest.raises(BadValueError, match="same shape"):
        heatmap_picture(Scene(10, 10), np.zeros((3, 3)), np.zeros((3, 4)))


def test_each_trail_has_one_anomaly():
    trails = trails_at(Scene(64, 48))
    with pytest.raises(BadValueError, match="one entry per"):
        top_picture(trails, [0, 1], [0.5])
    with pytest.raises(BadValueError, match="one entry per"):
        tile_sheet(trails, moments(trails, [0]), [0.5, 0.4])


def test_first_snapshot_after_the_end_is_taken(tmp_path):
    # Trails end at 39, 139, 239, ...; a snapshot up to 0.5 s before the end still counts.
    snapshots = snapshots_in(tmp_path, [30, 38.6, 138.4, 150, 240])
    trails = trails_at(Scene(160, 90, snapshots=snapshots), n=3)
    assert [m.time for m in moments(trails, [0, 1, 2])] == [38.6, 150, 240]
    assert all(m.problem == "" for m in moments(trails, [0, 1, 2]))


def test_without_a_later_snapshot_the_last_is_taken_and_said(tmp_path):
    trails = trails_at(Scene(160, 90, snapshots=snapshots_in(tmp_path, [10, 20])), n=1)
    (moment,) = moments(trails, [0])
    assert moment.time == 20
    assert "no snapshot" in moment.problem


def test_broken_missing_and_misshapen_snapshots_are_said(tmp_path):
    snapshots = snapshots_in(tmp_path, [50, 60, 160], shape=(90, 90))
    snapshots["path"][0].write_bytes(b"no picture")
    snapshots["path"][2].unlink()
    image = np.zeros((90, 160, 3), np.uint8)
    trails = trails_at(Scene(160, 90, image, snapshots=snapshots), n=2)
    first, second = moments(trails, [0, 1])
    assert first.time == 60
    assert "0.png cannot be read" in first.problem
    assert second.time is None
    assert second.picture is image
    assert "2.png cannot be read" in second.problem
    assert tile_sheet(trails, [first, second], [1, 0.9]).size
    snapshots["path"][0].unlink()
    del snapshots
    odd = trails_at(Scene(160, 90, snapshots=snapshots_in(tmp_path, [50], shape=(90, 90))), n=1)
    assert "ratio" in moments(odd, [0])[0].problem


def test_tiles_are_ordered_by_time(tmp_path):
    snapshots = snapshots_in(tmp_path, [39, 139], shape=(90, 160))  # the later one is brighter
    trails = trails_at(Scene(160, 90, snapshots=snapshots), n=2)
    shown = moments(trails, [1, 0])
    sheet = tile_sheet(trails, shown, [1, 0.9], tile_px=400)
    upper, lower = np.array_split(sheet, 2)
    assert np.median(upper) < np.median(lower)


def test_sheet_of_nothing_is_a_picture():
    trails = trails_at(Scene(160, 90))
    assert tile_sheet(trails, [], []).size


def test_time_of_day_only_where_times_count_from_1970():
    scene = Scene(64, 48)
    assert when(trails_at(scene, n=1), 0) == "39.0 s"
    trails = trails_at(scene, n=1, start=SINCE_1970)
    assert when(trails, 0) == "22:13:59"
    trails.table["utc_offset_s"] = -3600.0
    assert when(trails, 0) == "21:13:59"


def test_the_date_is_shown_where_trails_take_more_than_a_day():
    trails = trails_at(Scene(64, 48), n=2, start=SINCE_1970)
    trails.table["start"] -= [0, 90_000]
    assert when(trails, 0) == "2023-11-14 22:13:59"


def test_times_of_day_without_a_date_are_shown_as_such():
    trails = trails_at(Scene(64, 48), n=1)
    trails.table["time_of_day"] = True
    trails.table["end"] = 86_400 + 3_661.5
    assert when(trails, 0) == "01:01:01"


def test_picture_comes_back_from_its_file(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    write_picture(picture, tmp_path / "p.png")
    again = cv2.cvtColor(cv2.imread(str(tmp_path / "p.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(again, picture)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (39, "39.0 s"),
        (3599.4, "3599.4 s"),
        (3600, "1:00:00"),
        (-7325.4, "-2:02:05"),
        (2e9, "2000000000.0 s"),
    ],
)
def test_long_times_are_hours_minutes_and_seconds(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize("scaled", [np.sqrt, np.log, np.asarray])
def test_ticks_are_round_and_where_the_scale_puts_them(scaled):
    heat = np.linspace(0.9, 46, 4000)
    shade = (scaled(heat) - scaled(0.9)) / (scaled(46.0) - scaled(0.9))
    ticks = round_ticks(heat, np.clip(shade, 0, 1), 0.05)
    assert len(ticks) >= 4
    assert all(f"{value:g}"[1:].strip("0") == "" for value, _ in ticks)
    values, places = np.array(ticks).T
    wanted = (scaled(values) - scaled(0.9)) / (scaled(46.0) - scaled(0.9))
    np.testing.assert_allclose(places, wanted, atol=2e-3)
    assert np.diff(places).min() >= 0.05


def test_heat_that_is_everywhere_the_same_has_no_ticks():
    assert round_ticks(np.zeros((3, 4)), np.zeros((3, 4)), 0.1) == []


def test_scenes_out_of_proportion_are_told():
    assert aspect_problem(Scene(640, 360)) == ""
    assert "64 px high" in aspect_problem(Scene(2000, 20))
    assert "64 px wide" in aspect_problem(Scene(20, 2000))


def test_the_departing_stretch_of_a_tile_has_its_own_colour():
    trails = trails_at(Scene(640, 360))
    shown = moments(trails, [0])
    without = tile_sheet(trails, shown, [0.9])
    with_stretch = tile_sheet(trails, shown, [0.9], stretches=[(5, 20)])

    def orange(picture):
        return int(np.all(picture == DEPARTING, axis=2).sum())

    assert orange(without) == 0
    assert orange(with_stretch) > 200

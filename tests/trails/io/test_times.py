import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.io.times import seconds_of

START = pd.Timestamp("2024-06-12 08:00:25.2", tz="UTC")
STEPS = pd.Series(START + pd.to_timedelta(np.arange(5) * 1.7, unit="s"))
SECONDS = START.timestamp() + np.arange(5) * 1.7


def told(trails):
    return "; ".join(trails.problems["problem"])


@pytest.mark.parametrize("factor", [1, 1e3, 1e6, 1e9])
def test_the_unit_of_times_since_1970_is_told_by_their_size(factor):
    numbers = np.round(SECONDS * factor).astype(np.int64) if factor > 1 else SECONDS
    times = seconds_of(pd.Series(numbers))
    np.testing.assert_allclose(times.seconds, SECONDS, atol=1e-3)
    assert bool(times.notes) == (factor > 1)


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%fZ", "%Y/%m/%d %H:%M:%S.%f",
        "%Y%m%dT%H%M%S.%f", "%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y, %H:%M:%S,%f", "%d.%m.%y %H:%M:%S.%f",
        "%d-%m-%Y %H:%M:%S.%f", "%d %b %Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S.%f",
    ],
)  # fmt: skip
def test_dates_of_any_order_are_read(form):
    times = seconds_of(STEPS.dt.strftime(form))
    np.testing.assert_allclose(times.seconds, SECONDS, atol=1e-3)
    assert bool(times.notes) == ("/%Y" in form or "-%Y" in form)


def test_a_month_comes_first_where_no_day_can():
    later = STEPS + pd.Timedelta(days=10)
    times = seconds_of(later.dt.strftime("%m/%d/%Y %I:%M:%S.%f %p"))
    np.testing.assert_allclose(times.seconds, SECONDS + 864_000, atol=1e-3)
    assert not times.notes


def test_local_times_keep_their_offset():
    texts = STEPS.dt.tz_convert("Europe/Berlin").map(lambda time: time.isoformat())
    for column in (texts, STEPS.dt.tz_convert("Europe/Berlin")):
        times = seconds_of(column)
        np.testing.assert_allclose(times.seconds, SECONDS, atol=1e-3)
        np.testing.assert_array_equal(times.utc_offset_s, 7200)
    for column in (texts.str.replace("+02:00", "-0330"), texts.str.replace("+02:00", "-03:30")):
        np.testing.assert_array_equal(seconds_of(column).utc_offset_s, -12_600)
    assert seconds_of(STEPS.map(str)).utc_offset_s is None


def test_a_format_that_is_given_is_the_only_one():
    texts = STEPS.dt.strftime("%H-%M-%S_%f %d~%m~%Y")
    times = seconds_of(texts, time_format="%H-%M-%S_%f %d~%m~%Y")
    np.testing.assert_allclose(times.seconds, SECONDS, atol=1e-3)
    in_ms = seconds_of(pd.Series([0, 200]), time_format="ms")
    np.testing.assert_allclose(in_ms.seconds, [0, 0.2])
    with pytest.raises(BadValueError, match="no time has the time_format"):
        seconds_of(texts, time_format="%Y")


@pytest.mark.parametrize(("name", "factor"), [("time_ms", 1e3), ("t [us]", 1e6), ("TimeNs", 1e9)])
def test_the_unit_in_a_name_counts(scene, reading, is_the_scene, name, factor):
    table = scene[["trail", "x", "y", "class"]].assign(
        **{name: (scene.seconds * factor).round().astype("int64")}
    )
    is_the_scene(reading(table, scene_size=(320, 180)), seconds=0.2)


@pytest.mark.parametrize("form", ["%H:%M:%S.%f", "%H:%M:%S,%f"])
@pytest.mark.parametrize("start", ["2024-06-12 08:00", "2024-06-12 23:59:50"])
def test_times_of_day_go_on_after_midnight(scene, reading, is_the_scene, form, start):
    clock = pd.Timestamp(start) + pd.to_timedelta(scene.seconds, unit="s")
    table = scene[["trail", "x", "y", "class"]].assign(time=clock.dt.strftime(form))
    trails = is_the_scene(reading(table, scene_size=(320, 180)), seconds=0.2)
    assert "times of day" in told(trails)
    assert trails.time.min() == pytest.approx(
        (clock.min() - clock.min().normalize()).total_seconds(), abs=1e-3
    )


def test_date_and_time_of_day_in_two_columns_are_one_time(scene, reading, is_the_scene):
    clock = pd.Timestamp("2024-06-30 23:59:50") + pd.to_timedelta(scene.seconds, unit="s")
    table = scene[["trail", "x", "y", "class"]].assign(
        Date=clock.dt.strftime("%d.%m.%Y"), Time=clock.dt.strftime("%H:%M:%S.%f")
    )
    is_the_scene(reading(table, scene_size=(320, 180)), seconds=0.2)


def test_local_times_of_a_table_say_how_to_show_them(scene, reading, is_the_scene):
    clock = pd.Timestamp("2024-06-12 08:00", tz="Europe/Berlin") + pd.to_timedelta(
        scene.seconds, unit="s"
    )
    table = scene[["trail", "x", "y", "class"]].assign(time=[c.isoformat() for c in clock])
    trails = is_the_scene(reading(table, scene_size=(320, 180)), seconds=0.2)
    assert set(trails.table["utc_offset_s"]) == {7200.0}


def test_times_in_whole_seconds_give_way_to_frames(scene, reading, is_the_scene):
    table = scene[["trail", "frame", "x", "y", "class"]].assign(time=scene.seconds.astype(int))
    trails = is_the_scene(reading(table, scene_size=(320, 180), frame_rate_hz=5), seconds=0.2)
    assert "column 'time' repeats within trails" in told(trails)


def test_a_table_without_times_says_what_is_assumed(scene, reading):
    table = scene.sort_values("frame", kind="stable")[["trail", "x", "y"]]
    trails = reading(table, scene_size=(320, 180), frame_rate_hz=5)
    assert "no column of times: samples are 0.2 s apart" in told(trails)
    assert trails.time[trails.trail(0)][:3].tolist() == [0.0, 0.2, 0.4]


def test_a_frame_rate_beside_times_is_said_to_be_idle(scene, reading):
    table = scene[["trail", "x", "y"]].assign(time=scene.seconds)
    assert "frame_rate_hz is not used" in told(reading(table, frame_rate_hz=7))


def test_a_year_that_is_none_drops_its_sample_only():
    texts = STEPS.dt.strftime("%d.%m.%Y %H:%M:%S.%f")
    texts[2] = "12.06.124 08:00:00"
    seconds = seconds_of(texts).seconds
    assert np.isnan(seconds).tolist() == [False, False, True, False, False]

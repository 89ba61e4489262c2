import csv
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError, OutputError
from napari_uai.monitor import Monitor
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.writing import write_trails
from napari_uai.trails.table import Scene, trails_of


@pytest.fixture
def trails():
    rng = np.random.default_rng(3)
    samples = pd.DataFrame(
        {
            "trail": np.repeat(["20231181552009", "walker", "007"], 5),
            "class": np.repeat(["car", "person", "unclassified"], 5),
            "time": np.tile(np.arange(5) * 0.25, 3) + 1_684_858_000,
            "y": rng.uniform(0, 359, 15),
            "x": rng.uniform(0, 639, 15),
        }
    )
    hulls = [np.float32([[1, 2], [3, 4], [5, 6]]), None, np.float32([[7, 8], [9, 9]])]
    return trails_of(samples, Scene(640, 360), hulls=hulls)


@pytest.mark.parametrize(
    "ending", [".csv", ".csv.gz", ".json", ".json.gz", ".zip", ".geojson", ".parquet"]
)
def test_trails_that_were_written_are_read_again(tmp_path, trails, ending):
    path = write_trails(trails, tmp_path / "new" / f"trails{ending}")
    again = open_trails(path, scene_size=(640, 360))
    pd.testing.assert_frame_equal(again.table, trails.table, check_dtype=False)
    np.testing.assert_allclose(again.x, trails.x, atol=1e-3)
    np.testing.assert_allclose(again.y, trails.y, atol=1e-3)
    np.testing.assert_allclose(again.time, trails.time, rtol=0, atol=1e-6)
    assert again.problems.empty
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_export_keeps_outlines_and_the_size_of_the_picture(tmp_path, trails):
    again = open_trails(write_trails(trails, tmp_path / "trails.json"))
    assert (again.scene.width, again.scene.height) == (640, 360)
    np.testing.assert_allclose(again.hulls[0], trails.hulls[0], atol=1e-3)
    assert again.hulls[1] is None


def test_an_export_stores_identities_as_trackers_do(tmp_path, trails):
    content = json.loads(write_trails(trails, tmp_path / "trails.json").read_text())
    assert [record["_id"] for record in content.values()] == [20231181552009, "walker", "007"]
    assert "bdb_classifier" not in content["007"]
    assert content["walker"]["first_epoch_ms"] == 1_684_858_000_000


def test_equal_trails_make_equal_files(tmp_path, trails):
    one, two = (write_trails(trails, tmp_path / f"{i}.json.gz").read_bytes() for i in range(2))
    assert one == two
    assert gzip.decompress(one).startswith(b"{")


def test_an_existing_file_is_replaced_only_on_request(tmp_path, trails):
    path = tmp_path / "trails.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_trails(trails, path)
    write_trails(trails, path, overwrite=True)
    assert len(path.read_text().splitlines()) == 16


def test_what_cannot_be_written_is_told(tmp_path, trails):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="extension must be"):
        write_trails(trails, tmp_path / "trails.xlsx")
    with pytest.raises(OutputError, match="cannot write to"):
        write_trails(trails, tmp_path / "file" / "trails.csv")


def test_a_stop_leaves_no_file(tmp_path, trails):
    with pytest.raises(CancelledError):
        write_trails(trails, tmp_path / "t.json", monitor=Monitor(cancelled=lambda: True))
    assert list(tmp_path.iterdir()) == []


def test_geojson_is_a_line_per_trail(tmp_path, trails):
    document = json.loads(write_trails(trails, tmp_path / "trails.geojson").read_text())
    first = document["features"][0]
    assert first["properties"]["trail"] == "20231181552009"
    assert first["properties"]["times"] == trails.time[:5].tolist()
    np.testing.assert_allclose(
        first["geometry"]["coordinates"], np.column_stack([trails.x, trails.y])[:5], atol=1e-3
    )


def test_parquet_keeps_types(tmp_path, trails):
    table = pd.read_parquet(write_trails(trails, tmp_path / "trails.parquet"))
    np.testing.assert_array_equal(table["x"], trails.x)
    np.testing.assert_array_equal(table["time"], trails.time)


def with_times(trails, time):
    samples = trails.samples.assign(time=time)
    samples["class"] = trails.table["class"].to_numpy()[trails.owner]
    return trails_of(samples, trails.scene)


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
@pytest.mark.parametrize("rate", [1, 4, 25, 29.97, 1000])
@pytest.mark.parametrize("first", [0, 3, 1_684_858_000])
def test_mot_text_is_read_again(tmp_path, trails, rate, first, ending):
    frames = np.tile([0, 1, 2, 5, 9], 3) + 100 * trails.owner
    trails = with_times(
        trails, (frames + (first if first < 10 else 0)) / rate + first * (first > 9)
    )
    path = write_trails(trails, tmp_path / f"t{ending}")
    again = open_trails(path, scene_size=(640, 360), frame_rate_hz=rate)
    np.testing.assert_allclose(again.x, trails.x, atol=1e-3)
    np.testing.assert_allclose(again.y, trails.y, atol=1e-3)
    shift = again.time - trails.time
    np.testing.assert_allclose(shift, shift[0], atol=1e-6)
    if first == 3:
        np.testing.assert_allclose(shift, 0, atol=1e-9)
    assert (again.time * rate).min() >= 1 - 1e-6
    assert again.table["trail"].tolist() == ["1", "2", "3"]  # a name is no number


def test_mot_text_is_that_of_the_challenge(tmp_path):
    samples = pd.DataFrame({"trail": ["7", "7", "12"], "time": [1.0, 2.0, 2.0], "x": [5.5, 6.5, 9]})
    samples["y"], samples["class"] = [4.0, 4.0, 3.0], ["car", "car", "unclassified"]
    trails = trails_of(samples, Scene(20, 10))
    text = write_trails(trails, tmp_path / "gt.txt").read_text()
    assert text.splitlines() == ["1,7,5.0,3.5,1,1,1,3,1", "2,7,6.0,3.5,1,1,1,3,1",
                                 "2,12,8.5,2.5,1,1,1,-1,1"]  # fmt: skip
    samples["class"] = "tram"
    text = write_trails(trails_of(samples, Scene(20, 10)), tmp_path / "t.txt").read_text()
    assert text.splitlines()[2] == "2,12,8.5,2.5,1,1,1,-1,-1,-1"


def test_times_that_are_no_frames_ask_for_a_rate(tmp_path, trails):
    uneven = with_times(trails, trails.time + np.random.default_rng(0).uniform(0, 0.1, 15))
    with pytest.raises(BadValueError, match="not evenly spaced: frame_rate_hz is required"):
        write_trails(uneven, tmp_path / "t.txt")
    with pytest.raises(BadValueError, match="at 2 Hz a trail has two samples in a frame"):
        write_trails(trails, tmp_path / "t.txt", frame_rate_hz=2)
    assert not list(tmp_path.iterdir())


FORMULAS = ["=1+1", '=HYPERLINK("http://a.example","x")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)",
            "'=old", "''+a", "'s", "plain"]  # fmt: skip


def test_formulas_are_disarmed_in_csv_and_read_back(tmp_path):
    n = len(FORMULAS)
    samples = pd.DataFrame({"trail": np.repeat(FORMULAS, 2), "time": np.tile([0.0, 1.0], n)})
    samples = samples.assign(**{"class": np.repeat(FORMULAS[::-1], 2), "x": 5.0, "y": -0.25})
    trails = trails_of(samples, Scene(20, 10))
    path = write_trails(trails, tmp_path / "t.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["trail"][0] not in "=+-@\t\r"
        assert row["class"][0] not in "=+-@\t\r"
        assert row["y"] == "-0.25"  # numbers stay
    again = open_trails(path, scene_size=(20, 10))
    assert again.table["trail"].tolist() == FORMULAS
    assert again.table["class"].tolist() == FORMULAS[::-1]


def test_negative_numbers_as_names_are_no_formulas(tmp_path):
    samples = pd.DataFrame({"trail": ["-5", "-5", "+7", "+7"], "time": [0.0, 1.0, 0.0, 1.0],
                            "x": 5.0, "y": 5.0})  # fmt: skip
    path = write_trails(trails_of(samples, Scene(20, 10)), tmp_path / "t.csv")
    assert "'" not in path.read_text()
    assert open_trails(path, scene_size=(20, 10)).table["trail"].tolist() == ["-5", "+7"]

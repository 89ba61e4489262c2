import gzip
import json

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import CancelledError, OutputError
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

"""Files of a run."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import OutputError
from napari_uai.iscat.recipes.outputs import FILES, RECORD, write_results
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.iscat.recipes.summary_picture import label_places
from napari_uai.results import checksum_of, results_folder, write_record
from napari_uai.videos.recording import Recording

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def recording(steps_video, tmp_path):
    source = tmp_path / "steps.raw"
    source.write_bytes(np.asarray(steps_video).tobytes())
    return Recording(steps_video, source, first_frame=100, frame_rate_hz=50.0)


@pytest.mark.slow
def test_all_files_are_written_and_agree_with_the_result(recording, tmp_path):
    result = run_recipe(recording, "toy")
    written = write_results(result, tmp_path / "out" / "deep")
    assert sorted(written) == [
        "landings.csv", "localizations.csv", "recipe.toml", "run.json", "summary.png",
    ]  # fmt: skip
    assert [p.name for p in (tmp_path / "out" / "deep").iterdir() if p.name not in written] == []
    table = pd.read_csv(written["landings.csv"])
    assert table["raw_frame"].tolist() == [120, 111]
    assert len(pd.read_csv(written["localizations.csv"])) == 6


@pytest.mark.slow
def test_record_tells_input_recipe_counts_and_versions(recording, tmp_path):
    result = run_recipe(recording, "toy", settings=["dra.shift=1"])
    record = json.loads(write_results(result, tmp_path / "out")["run.json"].read_text())
    assert record["input"]["name"] == "steps.raw"
    assert record["input"]["bytes"] == recording.source.stat().st_size
    assert record["input"]["sha256"] == hashlib.sha256(recording.source.read_bytes()).hexdigest()
    assert record["input"]["shape"] == [30, 12, 10]
    stages = {stage["name"]: stage for stage in record["stages"]}
    assert stages["dra"]["parameters"] == {"batch_size": 3, "shift": 1.0}
    assert stages["landings"]["parameters"] == {"half_width": 3}
    assert (stages["dra"]["frames"], stages["spots"]["rows"]) == (27, 6)
    assert stages["dra"]["origin"] == [3, 2, 0]
    assert record["problems"] == ["a shift of 1 is odd indeed"]
    assert {"python", "numpy", "napari-uai"} <= record["versions"].keys()
    assert record["found"]["landings"] == len(result.landings)


@pytest.mark.slow
def test_written_recipe_gives_the_same_landings_to_the_byte(recording, tmp_path):
    first = write_results(
        run_recipe(recording, "toy", settings=["dra.batch_size=4"]), tmp_path / "a"
    )
    again = run_recipe(recording, load_recipe(first["recipe.toml"]))
    second = write_results(again, tmp_path / "b")
    assert first["landings.csv"].read_bytes() == second["landings.csv"].read_bytes()
    assert first["recipe.toml"].read_bytes() == second["recipe.toml"].read_bytes()


def test_nothing_found_still_writes_headers_and_a_picture(recording, tmp_path):
    result = run_recipe(recording, "toy", settings=["spots.threshold=100"])
    written = write_results(result, tmp_path / "out")
    header = written["landings.csv"].read_text()
    assert header.startswith("landing,frame,raw_frame,y,x,contrast,score,n_localizations")
    assert header.count("\n") == 1
    assert written["summary.png"].stat().st_size > 1000


@pytest.mark.slow
def test_files_of_an_earlier_run_do_not_stay_and_those_of_the_user_do(recording, tmp_path):
    out, result = tmp_path / "out", run_recipe(recording, "toy")
    write_results(result, out)
    with results_folder(out, replaces=FILES, record=RECORD) as partial:  # a run of another recipe
        (partial / "traces.csv").write_text("of this run")
        write_record({}, partial / RECORD)
    assert sorted(path.name for path in out.iterdir()) == [RECORD, "traces.csv"]
    (out / "notes.txt").write_text("mine")
    write_results(result, out)
    assert not (out / "traces.csv").exists()
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["candidates.csv", "landings.csv", "run.json"])
def test_files_of_the_user_are_neither_replaced_nor_removed(recording, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(OutputError, match=f"has {name}, which no run has written like that"):
        write_results(run_recipe(recording, "toy"), out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"


def test_a_hostile_record_is_no_record(recording, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text("[" * 100_000)
    with pytest.raises(OutputError, match=r"has run\.json, which no run has written like that"):
        write_results(run_recipe(recording, "toy"), out)


def test_results_that_were_changed_since_are_kept(recording, tmp_path):
    result = run_recipe(recording, "toy")
    landings = write_results(result, tmp_path)["landings.csv"]
    landings.write_text(landings.read_text() + "verdicts")
    with pytest.raises(OutputError, match=r"landings\.csv"):
        write_results(result, tmp_path)
    assert landings.read_text().endswith("verdicts")
    landings.rename(tmp_path / "judged.csv")
    write_results(result, tmp_path)
    assert landings.exists()
    assert (tmp_path / "judged.csv").exists()


def test_error_leaves_nothing_behind(tmp_path):
    out = tmp_path / "new" / "deep"

    def write_half():
        with results_folder(out) as partial:
            (partial / "landings.csv").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert not (tmp_path / "new").exists()


def test_file_in_place_of_the_folder_is_an_output_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with (
        pytest.raises(OutputError, match=r"cannot write to .*out"),
        results_folder(tmp_path / "out"),
    ):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_an_output_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="choose another folder"), results_folder(tmp_path / "a"):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_full_disk_is_an_output_error_and_leaves_nothing(recording, tmp_path, monkeypatch):
    def full(table, path):
        with open("/dev/full", "w") as device:  # noqa: PTH123
            device.write("x" * 100_000)

    monkeypatch.setattr("napari_uai.iscat.recipes.outputs.write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        write_results(run_recipe(recording, "toy"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_checksum_of_a_folder_covers_its_files_in_order(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "b").write_bytes(b"22")
    (folder / "a").write_bytes(b"1")
    assert checksum_of(folder) == (3, hashlib.sha256(b"122").hexdigest())


def test_labels_cover_neither_each_other_nor_points():
    rng = np.random.default_rng(3)
    points = rng.uniform(3, 68, (30, 2))
    places = label_places(points, (4, 5), (72, 72), 2.5)
    placed = [np.array(p) for p in places if p is not None]
    assert len(placed) > 20
    for i, one in enumerate(placed):
        assert np.all(np.abs(points - one).max(axis=1) > 0)
        for other in placed[:i]:
            gap = np.abs(one - other) - np.array([4, 5])
            assert gap.max() >= -1e-9

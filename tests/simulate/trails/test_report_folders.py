from __future__ import annotations

import gzip
import json

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, CancelledError, OutputError
from napari_uai.monitor import Monitor
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.report_folders import (
    object_records,
    simulate_to_folder,
    snapshot,
    write_report_folder,
)
from napari_uai.simulate.trails.scene_picture import background_picture
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.io.reading import open_trails

SETTINGS = TrailSettings(
    seed=3, trails=60, anomalous_fraction=0.1, duration_s=90, snapshot_every_s=45
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return simulate_to_folder(SETTINGS, tmp_path_factory.mktemp("made") / "scene")


@pytest.fixture(scope="module")
def simulated():
    return simulate_trails(SETTINGS)


def sorted_by_name(trails):
    return trails.select(np.argsort(trails.table["trail"].to_numpy()))


@pytest.mark.slow
def test_a_written_scene_reads_as_the_trails_that_were_simulated(written, simulated):
    read, made = sorted_by_name(open_trails(written.locations)), sorted_by_name(simulated.trails)
    assert read.problems.empty
    assert read.table["trail"].tolist() == made.table["trail"].tolist()
    assert read.table["class"].tolist() == made.table["class"].tolist()
    np.testing.assert_allclose(read.y, made.y, atol=0.01)
    np.testing.assert_allclose(read.x, made.x, atol=0.01)
    np.testing.assert_allclose(read.time, made.time, atol=2e-3)
    np.testing.assert_allclose(np.stack(read.hulls), np.stack(made.hulls), atol=0.1)
    assert (read.scene.height, read.scene.width) == (720, 1280)
    assert read.scene.image.shape == (720, 1280, 3)
    assert np.diff(read.scene.snapshots["time"]) == pytest.approx(45)
    assert read.scene.snapshots["time"].iloc[-1] >= read.table["end"].max()


def test_a_folder_of_samples_that_were_seen_lacks_the_extrapolated_ones(written, simulated):
    read = open_trails(written.locations, keep_extrapolated=False)
    assert len(read.y) == (~simulated.extrapolated).sum()


@pytest.mark.slow
def test_long_objects_are_written_as_a_chain_that_joins_to_the_same_trail(tmp_path, simulated):
    row = int(np.argmax(simulated.trails.n_samples))
    records = object_records(simulated, row, record_samples=40)
    assert len(records) > 2
    assert [r["descendant_id"] for r in records[:-1]] == [r["_id"] for r in records[1:]]
    assert [r["ancestor_id"] for r in records[1:]] == [r["_id"] for r in records[:-1]]
    assert all(2 <= r["num_samples"] <= 40 for r in records)
    assert all(r["_id"] < 2**53 for r in records)
    written = write_report_folder(simulated, tmp_path / "chained", record_samples=40)
    read, made = sorted_by_name(open_trails(written.locations)), sorted_by_name(simulated.trails)
    assert read.table["trail"].tolist() == made.table["trail"].tolist()
    np.testing.assert_array_equal(read.n_samples, made.n_samples)


def test_a_chain_of_too_many_records_is_refused(simulated):
    row = int(np.argmax(simulated.trails.n_samples))
    with pytest.raises(BadValueError, match="more than 100 records: increase it"):
        object_records(simulated, row, record_samples=2)


def test_records_hold_every_field_of_a_tracker(written, simulated):
    name = simulated.trails.table["trail"].iloc[0]
    report = written.locations / "site" / "gate" / "report"
    path = report / "metadata" / "objects" / f"{name}.json.gz"
    record = json.loads(gzip.decompress(path.read_bytes()))
    assert set(record) == {
        "_id", "bdb_classifier", "first_epoch_ms", "final_epoch_ms", "final_datetime_isoformat",
        "num_samples", "ancestor_id", "descendant_id", "is_final", "tracking",
    }  # fmt: skip
    n = record["num_samples"]
    tracking = record["tracking"]
    assert [len(tracking[key]) for key in ("xy_center", "hull", "track_status")] == [n] * 3
    assert len(list((report / "metadata" / "camera_info").glob("*.json.gz"))) == 1
    assert len(list((report / "metadata" / "config_info").glob("*.json.gz"))) == 1
    pictures = sorted(p.stem for p in (report / "images" / "snapshots").iterdir())
    assert pictures == sorted(p.stem for p in (report / "metadata" / "snapshots").iterdir())


def test_truth_and_settings_stand_beside(written, simulated):
    truth = pd.read_csv(written.truth, dtype={"trail": str}, keep_default_na=False)
    assert truth.columns.tolist() == ["trail", "class", "route", "anomaly", "start", "end"]
    assert truth["anomaly"].tolist() == simulated.truth["anomaly"].tolist()
    assert (truth["anomaly"] != "").sum() == 6
    settings = json.loads(written.settings.read_text())["settings"]
    assert TrailSettings(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}) == SETTINGS  # fmt: skip # noqa: E501


def test_the_same_settings_give_the_same_bytes(written, tmp_path):
    again = simulate_to_folder(SETTINGS, tmp_path)
    files = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    first = written.truth.parent
    assert files == sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert all((tmp_path / f).read_bytes() == (first / f).read_bytes() for f in files)
    assert not list(again.truth.parent.glob(".*"))


def test_a_snapshot_shows_objects_where_their_outlines_are_and_nothing_else(simulated):
    empty = background_picture(simulated.place, seed=SETTINGS.seed)
    table = simulated.trails.table
    moment = float(table["start"].iloc[30])
    rows = np.flatnonzero((table["start"] <= moment) & (table["end"] >= moment))
    changed = np.any(snapshot(simulated, empty, moment) != empty, axis=2)
    painted = np.zeros((720, 1280), np.uint8)
    for row in rows:
        time = simulated.trails.time[simulated.trails.trail(row)]
        sample = simulated.trails.offsets[row] + np.flatnonzero(time <= moment)[-1]
        corners = np.rint(simulated.outlines[sample][:, ::-1]).astype(np.int32)
        cv2.fillConvexPoly(painted, corners, 1)
    assert changed[painted == 1].mean() > 0.95
    near = cv2.dilate(painted, np.ones((9, 9), np.uint8)) == 1
    assert not changed[~near].any()


def test_the_background_has_the_colours_of_lawn_and_road(simulated):
    picture = background_picture(simulated.place, seed=1)
    assert picture.shape == (720, 1280, 3)
    y, x = np.rint(simulated.place.centre).astype(int)
    island, ring = picture[y + 35, x].astype(int), picture[y + 75, x].astype(int)
    assert island[1] > island[0] > island[2]
    assert np.ptp(ring) < 25


def test_existing_locations_are_not_overwritten(written):
    with pytest.raises(OutputError, match="locations exists; choose another folder"):
        simulate_to_folder(SETTINGS, written.truth.parent)


@pytest.mark.slow
@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_cancelled_scene_leaves_nothing_behind(tmp_path, calls):
    asked = iter(range(100))
    monitor = Monitor(cancelled=lambda: next(asked) >= calls)
    with pytest.raises(CancelledError):
        simulate_to_folder(SETTINGS, tmp_path / "scene", monitor=monitor)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path, simulated):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write to .*scene"):
        write_report_folder(simulated, tmp_path / "file" / "scene")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a:b"])
def test_names_that_are_no_folders_are_refused(tmp_path, simulated, name):
    with pytest.raises(BadValueError, match="not a valid folder name"):
        write_report_folder(simulated, tmp_path / "scene", camera=name)

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.sample_data import sample_path
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.folder import TrailSource
from napari_uai.trails.analysis.follow import TrailFollower, usual_gaps
from napari_uai.trails.analysis.model_file import write_model
from napari_uai.trails.analysis.scene_model import fit_scene
from napari_uai.trails.analysis.scene_scores import score_against
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.table_options import TableOptions
from napari_uai.trails.io.writing import write_trails

SIZE = (1280, 720)
P = 0.1
LONG_S = 1e6


@pytest.fixture(scope="module")
def trails():
    settings = TrailSettings(seed=8, trails=260, anomalous_fraction=0.05)
    return simulate_trails(settings).trails


@pytest.fixture(scope="module")
def model(trails):
    return fit_scene(trails.select(np.arange(200)), settings={"painted_width_px": 3})


@pytest.fixture(scope="module")
def rows(trails):
    """Lines of a table of new trails in the order in which a tracker writes them."""
    new = trails.select(np.arange(200, 260))
    frame = new.samples.assign(**{"class": new.table["class"].to_numpy()[new.owner]})
    frame = frame.sort_values("time", kind="stable")
    lines = frame.to_csv(index=False, float_format="%.6f").splitlines(keepends=True)
    return lines[0], lines[1:]


@pytest.fixture(scope="module")
def expected(model, rows, tmp_path_factory):
    """Odd trails, by name, if all are read at once."""
    path = tmp_path_factory.mktemp("day") / "day.csv"
    path.write_text(rows[0] + "".join(rows[1]))
    table = score_against(model, open_trails(path, scene_size=SIZE))
    odd = table[table["p_value"] <= P]
    assert 3 < len(odd) < 40
    return odd.set_index("trail")


def follower_of(path, model, **options):
    return TrailFollower(path, model, **{"threshold": P, "ended_after_s": 5.0, **options})


def check(records, expected):
    assert sorted(record["trail"] for record in records) == sorted(expected.index)
    for record in records:
        row = expected.loc[record["trail"]]
        assert record["p_value"] == pytest.approx(row["p_value"], abs=1e-6)
        assert record["anomaly"] == pytest.approx(row["anomaly"], abs=1e-3)
        assert record["class"] == row["class"]
        assert record["n_samples"] == row["n_samples"]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_table_that_grows_in_any_pieces_gives_the_odd_trails_of_the_whole(
    tmp_path, model, rows, expected, seed
):
    path = tmp_path / "today.csv"
    path.touch()
    follower, records = follower_of(path, model), []
    data = (rows[0] + "".join(rows[1])).encode()
    # The first pieces end within the header, and within the first row.
    cuts = np.random.default_rng(seed).integers(0, len(data), 60)
    cuts = np.unique([0, 3, len(rows[0]) + 4, *cuts, len(data)])
    with path.open("ab") as file:
        for a, b in pairwise(cuts):
            file.write(data[a:b])
            file.flush()
            records += follower.step()
    before = len(records)
    records += follower.step(idle_s=LONG_S)
    assert before  # most have ended while the file grew
    check(records, expected)
    assert follower.n_open == 0
    assert follower.n_odd == len(expected)
    assert follower.n_ended == 60
    assert follower.step(idle_s=LONG_S) == []


def test_records_say_what_is_odd_and_when(tmp_path, model, rows):
    path = tmp_path / "today.csv"
    path.write_text(rows[0] + "".join(rows[1]))
    record = follower_of(path, model).step(idle_s=LONG_S)[0]
    assert set(record) == {
        "trail", "class", "p_value", "anomaly", "reason", "explanation", "start", "end",
        "n_samples",
    }  # fmt: skip
    assert record["start"] < record["end"]
    assert record["start"].startswith("20")
    assert json.loads(json.dumps(record)) == record


def test_a_trail_ends_after_the_usual_gap_of_its_class(tmp_path, model):
    usual = usual_gaps(model)
    sample = model.traffic.sample
    for kind, gap in usual.items():
        members = np.flatnonzero(sample.table["class"] == kind)
        longest = [np.diff(sample.time[sample.trail(row)]).max() for row in members]
        assert gap == pytest.approx(max(2 * np.quantile(longest, 0.99), 1.0))
    path = tmp_path / "today.csv"
    lines = [f"a,car,{time},{300 + 9 * time},200\n" for time in range(5)]
    path.write_text("trail,class,time,x,y\n" + "".join(lines))
    follower = TrailFollower(path, model, threshold=1.0)
    assert follower.step(idle_s=0.9 * usual["car"]) == []
    assert len(follower.step(idle_s=1.1 * usual["car"])) == 1
    # What comes later under this name is another trail.
    with path.open("a") as file:
        file.writelines(f"a,car,{time},{300 + 9 * time},200\n" for time in (90, 91, 92))
    assert [record["n_samples"] for record in follower.step(idle_s=LONG_S)] == [3]


def test_a_gap_within_one_piece_divides_as_well(tmp_path, model):
    path = tmp_path / "today.csv"
    lines = [f"a,car,{t},{300 + 9 * (t % 40)},200\n" for t in (0, 1, 2, 40, 41, 42, 43)]
    path.write_text("trail,class,time,x,y\n" + "".join(lines))
    follower = follower_of(path, model, threshold=1.0)
    assert sorted(r["n_samples"] for r in follower.step(idle_s=LONG_S)) == [3, 4]


@pytest.mark.parametrize("header", [True, False])
def test_a_log_that_is_rotated_goes_on_in_the_next_file(tmp_path, model, rows, expected, header):
    path = tmp_path / "today.csv"
    first, second = rows[1][:4000], rows[1][4000:]
    path.write_text(rows[0] + "".join(first[:3000]))
    follower = follower_of(path, model)
    records = follower.step()
    with path.open("a") as file:
        file.write("".join(first[3000:]).rstrip("\n"))  # the last line without its end
    path.rename(tmp_path / "today.csv.1")
    records += follower.step()
    path.write_text((rows[0] if header else "") + "".join(second))
    records += follower.step() + follower.step() + follower.step(idle_s=LONG_S)
    check(records, expected)


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_that_is_written_anew_is_read_from_its_beginning(tmp_path, model, rows, longer):
    path = tmp_path / "today.csv"
    header, lines = "trail,class,time,x,y\n", [f"a,car,{t},{300 + 9 * t},200\n" for t in range(9)]
    path.write_text(header + "".join(lines))
    follower = follower_of(path, model, threshold=1.0)
    assert follower.step() == []
    n = 20 if longer else 4
    again = [f"b,car,{t}.5,{300 + 9 * t},210\n" for t in range(n)]
    with path.open("r+") as file:  # the same file, truncated
        file.truncate()
        file.write(header + "".join(again))
        file.truncate()
    records = follower.step() + follower.step(idle_s=LONG_S)
    counts = {record["trail"]: record["n_samples"] for record in records}
    assert counts == {"a": 9, "b": n}


def test_a_clock_that_begins_anew_ends_the_trails_before(tmp_path, model):
    path = tmp_path / "today.csv"
    header = "trail,class,time,x,y\n"
    path.write_text(header + "".join(f"1,car,{1000 + t},{300 + 9 * t},200\n" for t in range(9)))
    follower = follower_of(path, model, threshold=1.0)
    follower.step()
    path.unlink()
    path.write_text(header + "".join(f"1,car,{t},{300 + 9 * t},200\n" for t in range(6)))
    records = follower.step() + follower.step()
    assert [record["n_samples"] for record in records] == [9]
    assert [record["n_samples"] for record in follower.step(idle_s=LONG_S)] == [6]


def test_new_files_of_a_folder_are_followed(tmp_path, model):
    follower = follower_of(tmp_path, model, threshold=1.0)
    assert follower.step() == []
    for name in ("north", "south"):
        lines = [f"7,car,{t},{300 + 9 * t},200\n" for t in range(9)]
        (tmp_path / f"{name}.csv").write_text("trail,class,time,x,y\n" + "".join(lines))
        follower.step()
    records = follower.step(idle_s=LONG_S)
    assert sorted(record["trail"] for record in records) == ["north/7", "south/7"]


def test_other_formats_are_read_anew_when_they_change(tmp_path, trails, model):
    path = tmp_path / "today.json"
    follower_early = None
    for n in (20, 40, 60):
        write_trails(trails.select(np.arange(200, 200 + n)), path, overwrite=True)
        if follower_early is None:
            follower_early, records = follower_of(path, model, threshold=1.0), []
        records += follower_early.step()
        assert follower_early.step() == []
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # half written
    records += follower_early.step()
    path.write_bytes(whole)
    records += follower_early.step(idle_s=LONG_S)
    names = [record["trail"] for record in records]
    assert sorted(names) == sorted(trails.table["trail"][200:260])
    assert len(set(names)) == 60


def test_objects_that_appear_in_a_report_folder_are_reported_once(tmp_path):
    report = tmp_path / "report"
    shutil.copytree(sample_path("trails"), report)
    model = fit_scene(open_trails(report), settings={"painted_width_px": 3})
    objects = next(folder for folder in report.rglob("objects") if folder.is_dir())
    kept = {file: file.read_bytes() for file in sorted(objects.rglob("*.json*"))}
    files = list(kept)
    for file in files[100:]:
        file.unlink()
    follower = follower_of(report, model, threshold=1.0)
    records = follower.step()
    assert 90 < len(records) <= 100
    for file in files[100:]:
        file.write_bytes(kept[file])
    records += follower.step() + follower.step(idle_s=LONG_S)
    assert len({record["trail"] for record in records}) == len(records) == len(model) == 400


def test_rows_that_cannot_be_read_are_said_and_skipped(tmp_path, model):
    path = tmp_path / "today.csv"
    lines = [f"a,car,{t},{300 + 9 * t},200\n" for t in range(9)]
    path.write_text("trail,class,time,x,y\n" + "".join(lines[:5]))
    follower = follower_of(path, model, threshold=1.0)
    follower.step()
    follower.new_problems()
    with path.open("a") as file:
        file.write("".join((*lines[5:7], "a,car,nonsense,,\n", *lines[7:])))
    follower.step()
    assert any("without a trail, a valid time" in text for text in follower.new_problems())
    assert follower.new_problems() == []
    assert [record["n_samples"] for record in follower.step(idle_s=LONG_S)] == [9]


def test_reading_options_hold_for_all_parts(tmp_path, trails, model):
    path = tmp_path / "today.txt"
    lines = [f"{10 * t},7,{(300 + 9 * t) / 1279:.5f},{200 / 719:.5f}\n" for t in range(12)]
    path.write_text("".join(lines[:6]))
    table = TableOptions(columns="frame,trail,x,y", normalized=True)
    source = TrailSource(frame_rate_hz=10.0, table=table)
    follower = follower_of(path, model, threshold=1.0, source=source)
    follower.step()
    with path.open("a") as file:
        file.write("".join(lines[6:]))
    record = follower.step(idle_s=LONG_S)[0]
    assert (record["trail"], record["n_samples"], record["end"]) == ("7", 12, 11.0)


def test_what_cannot_be_followed_is_said(tmp_path, model, capsys):
    with pytest.raises(TrailFormatError, match="no such file or folder"):
        TrailFollower(tmp_path / "nothing.csv", model)
    with pytest.raises(BadValueError, match="threshold"):
        TrailFollower(tmp_path, model, threshold=0.0)
    assert main(["trails", str(tmp_path), "--watch"]) == 2
    assert "--watch needs --model" in capsys.readouterr().err
    assert main(["trails", str(tmp_path), "--threshold", "0.1", "--out", str(tmp_path)]) == 2
    assert "--threshold needs --watch" in capsys.readouterr().err
    watch = ["trails", str(tmp_path), "--watch", "--model", "scene.model", "--out", "results"]
    assert main(watch) == 2
    assert "--out cannot be combined with --watch" in capsys.readouterr().err
    assert main(["trails", str(tmp_path)]) == 2
    assert "--out FOLDER is missing" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_odd_trails_and_ends_when_asked(tmp_path, model, rows, expected, number):
    path = tmp_path / "today.csv"
    path.write_text(rows[0] + "".join(rows[1][:3000]))
    scene = write_model(model, tmp_path / "scene.model")
    words = ["trails", "--watch", str(path), "--model", str(scene), "--threshold", str(P),
             "--ended-after", "5"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_uai.cli", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Where these tests run in the background of a shell, it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    last = f"end,car,{2e9},10,10\nend,car,{2e9 + 1},12,10\nlast,car,{2.1e9},10,10\n"
    with path.open("a") as file:
        file.write("".join(rows[1][3000:]))
        # With this row, which is much later, all before it have ended.
        columns = rows[0].strip().split(",")
        for line in last.splitlines():
            values = dict(zip(("trail", "class", "time", "x", "y"), line.split(","), strict=True))
            file.write(",".join(values[name] for name in columns) + "\n")
    records = []
    for line in process.stdout:
        records.append(json.loads(line))
        if {record["trail"] for record in records} >= set(expected.index):
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "61 trails ended" in err
    assert "1 had not ended" in err
    assert "Traceback" not in err


def test_models_by_hour_say_which_was_used(tmp_path, trails):
    day = trails.select(np.arange(200))
    by_hour = fit_scene(day, settings={"painted_width_px": 3}, by="hour")
    later = replace(day, table=day.table.assign(trail=[f"n{i}" for i in range(200)]))
    write_trails(later.select([3, 4]), tmp_path / "today.csv")
    follower = follower_of(tmp_path / "today.csv", by_hour, threshold=1.0)
    records = follower.step(idle_s=LONG_S)
    table = score_against(by_hour, later.select([3, 4])).set_index("trail")
    assert {r["trail"]: r["model"] for r in records} == table["model"].to_dict()
    assert isinstance(table, pd.DataFrame)

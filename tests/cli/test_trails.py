"""The command line for trails: what it writes, and how it ends."""

from __future__ import annotations

import gzip
import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.cli.demo import _demo_trails
from napari_uai.sample_data import sample_path


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Simulate a small scene as a report folder."""
    folder = tmp_path_factory.mktemp("scene")
    sizes = ["--set", "trails=120", "--set", "anomalous_fraction=0.05"]
    sizes += ["--set", "duration_s=600"]
    assert main(["simulate", "trails", "--out", str(folder), "--seed", "2", *sizes]) == 0
    return folder


@pytest.fixture(scope="module")
def results(scene, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "results"
    assert main(["trails", str(scene / "locations"), "--out", str(out)]) == 0
    return out


def write_lanes(path, n=20):
    """Write a csv of trails along a lane."""
    rng = np.random.default_rng(0)
    x = np.linspace(5, 315, 30)
    rows = [
        pd.DataFrame(
            {
                "trail": i,
                "class": "car",
                "t": np.arange(30.0),
                "x": x,
                "y": 90 + rng.normal(0, 1, 30),
            }
        )
        for i in range(n)
    ]
    pd.concat(rows).to_csv(path, index=False)
    return str(path)


def test_trails_of_a_report_folder_give_every_file(scene, results):
    names = {p.name for p in results.iterdir()}
    truth = pd.read_csv(scene / "truth.csv", dtype={"trail": str})
    expected = {"scores.csv", "tiles.png", "regions.geojson", "problems.csv", "run.json"}
    for kind in truth["class"].unique():
        expected |= {f"heatmap_{kind}.png", f"heatmap_{kind}.tif", f"top_{kind}.png"}
    assert names == expected
    table = pd.read_csv(results / "scores.csv", dtype={"trail": str})
    assert set(table["trail"]) == set(truth["trail"])
    assert list(table.columns[:6]) == ["trail", "class", "n_samples", "rank", "anomaly", "p_value"]
    assert table["anomaly"].is_monotonic_decreasing


def test_evaluate_tells_how_well_the_anomalies_rank(scene, results, capsys):
    truth = scene / "truth.csv"
    assert main(["evaluate", str(results / "scores.csv"), str(truth)]) == 0
    text = capsys.readouterr().out
    assert "roc_auc" in text
    assert "anomaly" in text


def test_scores_of_a_packed_text_are_the_same(tmp_path):
    write_lanes(tmp_path / "lanes.csv")
    (tmp_path / "lanes.csv.gz").write_bytes(gzip.compress((tmp_path / "lanes.csv").read_bytes()))
    for name in ("lanes.csv", "lanes.csv.gz"):
        out = ["--out", str(tmp_path / f"of {name}"), "--scene", "320x180"]
        assert main(["trails", str(tmp_path / name), *out]) == 0
    first, second = ((tmp_path / f"of {name}" / "scores.csv").read_bytes()
                     for name in ("lanes.csv", "lanes.csv.gz"))  # fmt: skip
    assert first == second


def test_plain_columns_need_names_and_take_a_picture_of_the_scene(tmp_path):
    table = pd.read_csv(write_lanes(tmp_path / "lanes.csv"))[["t", "trail", "x", "y"]]
    table.to_csv(tmp_path / "plain.txt", sep=" ", header=False, index=False)
    cv2.imwrite(str(tmp_path / "scene.png"), np.full((180, 320, 3), 99, np.uint8))
    options = ["--columns", "frame,trail,x,y", "--frame-rate", "10"]
    options += ["--scene", str(tmp_path / "scene.png"), "--top", "3"]
    out = tmp_path / "out"
    assert main(["trails", str(tmp_path / "plain.txt"), "--out", str(out), *options]) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["input"]["scene"] == {"width": 320, "height": 180, "picture": "scene.png"}
    assert record["input"]["frame_rate_hz"] == 10
    assert len(record["top"]) == 3


@pytest.mark.slow
def test_an_earlier_run_is_repeated_to_the_last_byte(scene, tmp_path):
    mask = np.zeros((72, 128), np.uint8)
    mask[:, 30:] = 255
    cv2.imwrite(str(tmp_path / "street.png"), mask)
    first, again, changed = (tmp_path / name for name in ("first", "again", "changed"))
    how = ["--mask", str(tmp_path / "street.png"), "--set", "k=3", "--set", "min_trails=5"]
    assert main(["trails", str(scene), "--out", str(first), "--top", "3", *how]) == 0
    like = ["--like", str(first / "run.json")]
    assert main(["trails", str(scene), "--out", str(again), *like]) == 0
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in set(names) - {"run.json", "problems.csv"}:  # which name the mask's file
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
    assert main(["trails", str(scene), "--out", str(changed), *like, "--set", "k=1"]) == 0
    parameters = json.loads((changed / "run.json").read_text())["parameters"]["scores"]
    assert (parameters["k"], parameters["min_trails"]) == (1, 5)


@pytest.mark.slow
def test_masks_of_all_and_of_a_class(scene, tmp_path):
    left, whole = np.zeros((720, 1280), np.uint8), np.full((720, 1280), 255, np.uint8)
    left[:, :640] = 255
    cv2.imwrite(str(tmp_path / "left=half.png"), left)
    cv2.imwrite(str(tmp_path / "whole.png"), whole)
    out = tmp_path / "out"
    masks = ["--mask", str(tmp_path / "left=half.png"), "--mask", f"car={tmp_path / 'whole.png'}"]
    assert main(["trails", str(scene), "--out", str(out), *masks]) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["masks"]["default"]["name"] == "left=half.png"
    assert record["masks"]["car"]["name"] == "whole.png"
    truth = pd.read_csv(scene / "truth.csv")
    counts = pd.read_csv(out / "scores.csv")["class"].value_counts()
    assert counts["car"] == (truth["class"] == "car").sum()
    assert record["found"]["masked_out"] == len(truth) - counts.sum() > 0


@pytest.mark.slow
def test_several_cameras_must_be_chosen_from(scene, tmp_path, one_line_error):
    shutil.copytree(scene / "locations", tmp_path / "locations")
    site = tmp_path / "locations" / "site"
    shutil.copytree(site / "gate", site / "yard")
    out = ["--out", str(tmp_path / "out")]
    assert main(["trails", str(tmp_path), *out]) == 2
    one_line_error("2 cameras", "gate, yard")
    assert main(["trails", str(tmp_path), *out, "--camera", "door"]) == 2
    one_line_error("unknown camera 'door'", "gate, yard")
    assert not (tmp_path / "out").exists()
    assert main(["trails", str(tmp_path), *out, "--camera", "yard"]) == 0


@pytest.mark.slow
def test_broken_objects_are_listed_and_the_rest_goes_on(scene, tmp_path, capsys):
    shutil.copytree(scene / "locations", tmp_path / "locations")
    objects = sorted((tmp_path / "locations").rglob("objects/*.json.gz"))
    objects[0].write_bytes(b"no gzip")
    objects[1].write_bytes(objects[1].read_bytes()[:40])
    assert main(["trails", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    assert problems["file"].astype(str).str.contains(objects[0].name).any()
    assert problems["file"].astype(str).str.contains(objects[1].name).any()
    assert "note: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--preset", "referense"], ["preset must be one of default, reference"]),
        (["--set", "n_direction=12"], ["did you mean 'n_directions'"]),
        (["--set", "n_directions=many"], ["n_directions", "a whole number"]),
        (["--set", "n_directions"], ["NAME=VALUE"]),
        (["--mask", "no.png"], ["no.png"]),
        (["--mask", "car=no.png"], ["no.png"]),
        (["--like", "no.json"], ["no.json"]),
        (["--scene", "320"], ["scene", "WIDTHxHEIGHT"]),
        (["--columns", "a,b"], ["columns"]),
        (["--camera", "gate"], ["camera"]),
        (["--top", "0"], ["top"]),
        (["--sett", "k=1"], ["--sett"]),
    ],
)
def test_bad_input_is_one_line_and_exit_2(change, words, tmp_path, one_line_error):
    path = write_lanes(tmp_path / "lanes.csv")
    out = tmp_path / "out"
    assert main(["trails", path, "--out", str(out), *change]) == 2
    one_line_error(*words)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.csv", b""), ("broken.json", b'{"1": {"tracking":'), ("none.json", b"{}"),
     ("noise.zip", b"PK\x03\x04 not a zip")],
)  # fmt: skip
def test_file_in_which_nothing_is_usable_is_one_line_and_exit_2(
    name, content, tmp_path, one_line_error
):
    (tmp_path / name).write_bytes(content)
    assert main(["trails", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    one_line_error(name)
    assert not (tmp_path / "out").exists()


def test_missing_input_is_named(tmp_path, one_line_error):
    assert main(["trails", str(tmp_path / "no"), "--out", str(tmp_path / "out")]) == 2
    one_line_error("no such file or folder")
    (tmp_path / "folder").mkdir()
    assert main(["trails", str(tmp_path / "folder"), "--out", str(tmp_path / "out")]) == 2
    one_line_error("report")


@pytest.mark.slow
def test_demo_ranks_the_anomalies_of_the_sample_high(tmp_path, capsys):
    _demo_trails(tmp_path / "demo")
    text = capsys.readouterr().out
    truth = pd.read_csv(sample_path("trails") / "truth.csv", dtype={"trail": str})
    odd = truth.loc[truth["anomaly"].notna(), "trail"].tolist()
    assert f"{len(truth)} trails, {len(odd)} of them anomalous" in text
    assert all(name in text for name in odd)
    assert float(text.partition("ROC AUC ")[2].split()[0]) > 0.95
    assert (tmp_path / "demo" / "tiles.png").stat().st_size > 10_000


def test_parameters_are_listed_with_their_meaning(capsys):
    assert main(["trails", "--parameters"]) == 0
    text = capsys.readouterr().out
    assert "n_directions: a whole number, at least 2" in text
    assert "region_threshold: a number, above 0, below 1; default 0.1" in text


@pytest.mark.parametrize(
    ("setting", "words"), [("trail=60", "did you mean 'trails'"), ("trails=3", "trails")]
)
def test_bad_simulation_is_one_line_and_exit_2(setting, words, tmp_path, one_line_error):
    out = tmp_path / "out"
    assert main(["simulate", "trails", "--out", str(out), "--set", setting]) == 2
    one_line_error(words)


def test_a_table_of_another_program_is_read_with_options(tmp_path, capsys):
    table = pd.read_csv(write_lanes(tmp_path / "lanes.csv"))
    table["t"] = pd.Timestamp("2024-06-12") + pd.to_timedelta(
        table["t"] + 8000 * table["trail"], "s"
    )
    ours = table.rename(columns={"trail": "who", "t": "moment", "x": "cx", "y": "cy"})
    ours["moment"] = ours["moment"].dt.strftime("%d~%m~%Y %H:%M:%S")
    theirs = ours.assign(cam="B", cx=ours["cy"])
    pd.concat([ours.assign(cam="A"), theirs]).to_csv(tmp_path / "both.csv", index=False)
    out = tmp_path / "out"
    options = ["--columns", "trail=who,time=moment,x=cx,y=cy", "--scene", "320x180"]
    options += ["--time-format", "%d~%m~%Y %H:%M:%S", "--pixels"]
    assert main(["trails", str(tmp_path / "both.csv"), "--out", str(out), *options]) == 2
    assert "--camera A" in " ".join(capsys.readouterr().err.split())
    options += ["--where", "cam=A"]
    assert main(["trails", str(tmp_path / "both.csv"), "--out", str(out), *options]) == 0
    record = json.loads((out / "run.json").read_text())["input"]
    assert record["columns"] == "trail=who,time=moment,x=cx,y=cy"
    assert record["where"] == {"cam": "A"}
    assert record["normalized"] is False
    assert record["trails"] == 20
    assert pd.read_csv(out / "scores.csv")["ends_at"].str.startswith("2024-06-1").all()


def test_the_point_of_a_box_is_an_option(tmp_path):
    table = pd.read_csv(write_lanes(tmp_path / "lanes.csv"))
    boxes = table.assign(x1=table.x - 4, y1=table.y - 5, x2=table.x + 4, y2=table.y + 5)
    boxes.drop(columns=["x", "y"]).to_csv(tmp_path / "boxes.csv", index=False)
    run = ["trails", str(tmp_path / "boxes.csv"), "--scene", "320x180", "--out"]
    assert main([*run, str(tmp_path / "a"), "--box-point", "bottom"]) == 0
    record = json.loads((tmp_path / "a" / "run.json").read_text())["input"]
    assert record["box_point"] == "bottom"
    assert main([*run, str(tmp_path / "b"), "--box-point", "middle"]) == 2


def test_names_from_a_file_neither_control_the_terminal_nor_run_in_a_spreadsheet(tmp_path, capsys):
    table = pd.read_csv(write_lanes(tmp_path / "lanes.csv"))
    table["class"] = "=1+1\x1b[31m"
    table["trail"] = "@\x1b]0;title\x07" + table["trail"].astype(str)
    table.loc[[3, 40], "x"] = np.nan
    table.to_csv(tmp_path / "names.csv", index=False)
    out = tmp_path / "out"
    run = ["trails", str(tmp_path / "names.csv"), "--out", str(out), "--scene", "320x180"]
    assert main([*run, "--frame-rate", "1"]) == 0
    printed = "".join(capsys.readouterr())
    assert all(line.isprintable() for line in printed.splitlines())
    assert r"\x1b[31m" in printed
    scores = pd.read_csv(out / "scores.csv")
    assert scores["class"].unique().tolist() == ["'=1+1\x1b[31m"]
    assert scores["trail"].str.startswith("'@").all()
    assert not pd.read_csv(out / "problems.csv")["trail"].astype(str).str.startswith("@").any()


@pytest.mark.parametrize("name", ["t.txt", "t.csv.gz", "t.geojson"])
def test_trails_as_read_are_written_in_another_format(name, tmp_path, capsys):
    source, again = write_lanes(tmp_path / "lanes.csv"), tmp_path / name
    run = ["trails", "--scene", "320x180", "--frame-rate", "5"]
    assert main([*run, source, "--out", str(tmp_path / "a"), "--export", str(again)]) == 0
    assert f"trails written to {again}" in capsys.readouterr().out
    assert main([*run, str(again), "--out", str(tmp_path / "b")]) == 0
    one, two = (pd.read_csv(tmp_path / x / "scores.csv") for x in "ab")
    assert set(one["n_samples"]) == set(two["n_samples"]) == {30}
    assert len(one) == len(two) == 20


def test_a_file_that_cannot_be_exported_is_refused_before_the_work(tmp_path, one_line_error):
    run = ["trails", write_lanes(tmp_path / "lanes.csv"), "--out", str(tmp_path / "out")]
    assert main([*run, "--export", str(tmp_path / "lanes.csv")]) == 2
    one_line_error("lanes.csv already exists")
    assert main([*run, "--export", str(tmp_path / "lanes.doc")]) == 2
    one_line_error("the extension must be .csv")
    assert not (tmp_path / "out").exists()

"""From trails to a folder of results, on a scene of two lanes and one that crosses them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_uai import analyse_trails, open_trails, write_trail_results
from napari_uai.errors import BadValueError, OutputError, RecipeError
from napari_uai.trails.analysis.folder import TrailSource, rank_trails
from napari_uai.trails.analysis.outputs import class_stems, write_trail_files
from napari_uai.trails.analysis.result import PRESETS
from napari_uai.trails.analysis.settings import checked_settings, settable_parameters
from napari_uai.trails.table import Scene, trails_of

DATA = Path(__file__).parents[3] / "../shared/data/trails"
EXAMPLE = DATA / "example_data_for_heatmap.zip"
needs_data = pytest.mark.skipif(not EXAMPLE.exists(), reason="the recordings are not here")

SCORES = ["anomaly", "heat", "worst_window", "direction", "nearest", "dwell", "speed"]
FIRST = ["trail", "class", "n_samples", "rank", "anomaly", "p_value"]


def lanes(n=60, classes=("car", "truck"), crossing="car", scene=None):
    """Make a lane from left to right for each class, and one object that crosses them all."""
    rng = np.random.default_rng(5)
    parts = []
    for k, kind in enumerate(classes):
        for i in range(n):
            x = np.linspace(2, 317, 40)
            y = 50 + 60 * k + rng.normal(0, 0.5) + rng.normal(0, 0.3, 40)
            name = f"{kind}-{i}"
            parts.append(
                pd.DataFrame(
                    {
                        "trail": name,
                        "class": kind,
                        "time": 10.0 * i + np.arange(40) / 4,
                        "x": x,
                        "y": y,
                    }
                )
            )
    y = np.linspace(5, 175, 40)
    parts.append(
        pd.DataFrame(
            {"trail": "odd", "class": crossing, "time": np.arange(40) / 4, "x": 150.0, "y": y}
        )
    )
    return trails_of(pd.concat(parts), scene or Scene(320, 180))


@pytest.fixture(scope="module")
def trails():
    return lanes()


@pytest.fixture(scope="module", params=PRESETS)
def result(trails, request):
    return analyse_trails(trails, preset=request.param)


def test_who_crosses_the_lanes_comes_first(result):
    first = result.scores.iloc[0]
    assert (first["trail"], first["class"], first["rank"]) == ("odd", "car", 1)
    assert result.trails.table["trail"].iloc[result.rows[0]] == "odd"


def test_scores_are_ranked_and_between_0_and_1(result):
    table = result.scores
    assert list(table.columns[: len(FIRST)]) == FIRST
    assert set(SCORES) <= set(table.columns)
    assert table["anomaly"].is_monotonic_decreasing
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert len(table) == len(result.trails) == len(result.rows) == len(result.stretches)
    for name in [*SCORES, "p_value"]:
        assert table[name].between(0, 1).all(), name
    names = result.trails.table["trail"].to_numpy()[list(result.rows)]
    assert table["trail"].tolist() == names.tolist()


def test_stretches_lie_in_their_trails(result):
    counts = result.trails.n_samples[list(result.rows)]
    for stretch, n in zip(result.stretches, counts, strict=True):
        assert 0 <= stretch[0] < stretch[1] <= n


def test_where_it_departs_is_off_the_lane(trails):
    result = analyse_trails(trails)
    stretch = result.stretches[0]
    y = trails.y[trails.trail(result.rows[0])][stretch[0] : stretch[1]]
    assert np.mean(np.abs(y - 50) > 10) > 0.6


def test_heat_counts_trails_where_they_pass(result):
    heat = result.heat["truck"]
    assert heat.n_trails == 60
    assert heat.counts.shape == heat.shade.shape
    row = round(110 / 179 * (heat.counts.shape[0] - 1))
    assert heat.counts[row].max() > 5
    assert heat.counts[: row // 3].max() == 0
    assert 0 <= heat.shade.min() <= heat.shade.max() <= 1


def test_regions_cover_the_lanes(result):
    for kind, y in (("car", 50), ("truck", 110)):
        largest = next(region for region in result.regions if region.kind == kind)
        assert largest.corners[:, 0].min() < y < largest.corners[:, 0].max()
        assert np.ptp(largest.corners[:, 1]) > 250


def test_all_files_are_written_and_tell_of_each_other(result, tmp_path):
    written = write_trail_results(result, tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == set(written) == {
        "scores.csv", "problems.csv", "regions.geojson", "tiles.png", "run.json",
        "heatmap_car.png", "heatmap_car.tif", "top_car.png",
        "heatmap_truck.png", "heatmap_truck.tif", "top_truck.png",
    }  # fmt: skip
    table = pd.read_csv(written["scores.csv"])
    assert table["trail"].iloc[0] == "odd"
    image = tifffile.imread(written["heatmap_car.tif"])
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, result.heat["car"].counts)
    for name in names:
        if name.endswith(".png"):
            assert cv2.imread(str(written[name])) is not None
    features = json.loads(written["regions.geojson"].read_text())["features"]
    assert {f["properties"]["class"] for f in features} == {"car", "truck"}
    record = json.loads(written["run.json"].read_text())
    assert record["preset"] == result.preset
    assert record["top"][0] == "odd"
    assert record["files"] == sorted(names)
    assert record["classes"]["car"]["trails"] == 61
    assert str(tmp_path) not in written["run.json"].read_text()


def test_same_trails_give_the_same_bytes(trails, tmp_path):
    for name in ("a", "b"):
        write_trail_results(analyse_trails(trails), tmp_path / name)
    for name in ("scores.csv", "regions.geojson", "tiles.png", "heatmap_car.tif", "top_car.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_of_an_earlier_run_go_and_those_of_the_user_stay(trails, tmp_path):
    write_trail_results(analyse_trails(trails), tmp_path)
    (tmp_path / "top_secret.png").write_text("mine")
    cars = trails.select(trails.table["class"] == "car")
    write_trail_results(analyse_trails(cars), tmp_path)
    names = {p.name for p in tmp_path.iterdir()}
    assert "top_secret.png" in names
    assert "top_car.png" in names
    assert not any("truck" in name for name in names)


def test_results_that_cannot_be_written_leave_nothing(trails, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    result = analyse_trails(trails)
    monkeypatch.setattr("napari_uai.trails.analysis.outputs.write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        write_trail_results(result, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_classes_become_file_names_that_no_two_share():
    kinds = [
        "a/b",
        "a-b",
        "A-B",
        "a\\b",
        "../../etc",
        "",
        "a-b-2",
        "über",
        "x" * 300,
        "x" * 301,
        "a b",
    ]
    stems = class_stems(kinds)
    assert set(stems) == set(kinds)
    assert len({stem.casefold() for stem in stems.values()}) == len(kinds)
    assert stems["A-B"] == "A-B"
    assert stems["über"] == "über"
    for stem in stems.values():
        assert not set(stem) & set('/\\:*?"<>| ')
        assert stem.strip(".")
        assert len(f"heatmap_{stem}.png".encode()) < 255


def test_odd_class_names_are_written(tmp_path):
    result = analyse_trails(lanes(8, classes=("../x", "..\\x"), crossing="../x"))
    written = write_trail_results(result, tmp_path / "out")
    assert len([name for name in written if name.startswith("heatmap_")]) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    classes = json.loads(written["run.json"].read_text())["classes"]
    files = [name for of in classes.values() for name in of["files"]]
    assert len(files) == len(set(files)) == 6


@pytest.mark.slow
def test_of_very_many_classes_the_most_frequent_have_heatmaps():
    crowd = lanes(2, classes=tuple(f"c{i:03}" for i in range(105)), crossing="c104")
    result = analyse_trails(crowd)
    assert len(result.heat) == 100
    assert "c104" in result.heat
    assert result.problems["problem"].str.contains("105 classes").any()
    assert len(result.scores) == 211


def test_only_trails_within_the_mask_count(trails, tmp_path):
    mask = np.zeros((180, 320), np.uint8)
    mask[80:] = 255
    result = analyse_trails(trails, masks={"": mask})
    assert set(result.scores["class"]) == {"car", "truck"}  # the odd one spends half its way there
    assert result.scores["class"].value_counts()["truck"] == 60
    assert result.n_masked_out == 60
    (outline,) = result.mask_outlines("truck")
    assert outline[:, 0].min() == 80
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    again = analyse_trails(trails, masks={"": tmp_path / "m.png"})
    pd.testing.assert_frame_equal(again.scores, result.scores)
    assert again.mask_records[""]["name"] == "m.png"


def test_a_class_may_have_a_mask_of_its_own(trails):
    upper = np.zeros((180, 320), bool)
    upper[:80] = True
    result = analyse_trails(trails, masks={"truck": upper})
    assert set(result.scores["class"]) == {"car"}
    assert len(result.trails) == 61


def test_mask_of_another_size_is_noted(trails):
    result = analyse_trails(trails, masks={"": np.ones((90, 160), bool)})
    assert result.problems["problem"].str.contains("160 x 90").any()


def test_mask_in_which_no_trail_lies_is_an_error(trails):
    mask = np.zeros((180, 320), bool)
    mask[-2:, -2:] = True
    with pytest.raises(BadValueError, match="none of 121 trails lies inside"):
        analyse_trails(trails, masks={"": mask})


def test_mask_of_an_unknown_class_is_an_error(trails):
    with pytest.raises(BadValueError, match="did you mean 'truck'"):
        analyse_trails(trails, masks={"trucks": np.ones((180, 320), bool)})


def test_settings_change_what_they_name_in_every_part():
    plain = checked_settings("default", [])
    changed = checked_settings("default", ["longest_side_px=200", "heat_scale=sqrt"])
    assert plain["heat"]["longest_side_px"] == 360
    assert changed["heat"]["longest_side_px"] == 200
    assert changed["heat"]["heat_scale"] == "sqrt"
    for part, values in changed.items():
        for name, value in values.items():
            if name not in ("longest_side_px", "heat_scale"):
                assert plain[part][name] == value
            if name == "longest_side_px":
                assert value == 200


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("region_treshold=0.2", "did you mean 'region_threshold'"),
        ("region_threshold=2", "below 1"),
        ("region_threshold", "NAME=VALUE"),
        ("heat_scale=cubic", "one of linear"),
        ("kind=car", "trails has no parameter 'kind'"),
        ("monitor=1", "trails has no parameter 'monitor'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(setting, words):
    with pytest.raises(RecipeError, match=words):
        checked_settings("default", [setting])


def test_every_parameter_has_a_meaning():
    for preset in PRESETS:
        for parameter in settable_parameters(preset).values():
            assert parameter.description, parameter.name


def test_unknown_preset_is_refused(trails):
    with pytest.raises(BadValueError, match="one of default, reference"):
        analyse_trails(trails, preset="referense")


def test_few_trails_do_not_stop_the_analysis():
    one = lanes(1, classes=("car",))
    for rows in ([0], [0, 1]):
        result = analyse_trails(one.select(rows))
        assert len(result.scores) == len(rows)
    with pytest.raises(BadValueError, match="min_trails"):
        analyse_trails(one, preset="reference")


def test_classes_too_small_for_the_reference_are_listed(trails):
    small = trails.select([*range(60), 60, 61])
    result = analyse_trails(small, preset="reference")
    assert set(result.scores["class"]) == {"car"}
    assert result.problems["problem"].str.contains("class truck has 2 trails").any()


def test_trails_go_from_a_file_to_a_folder(trails, tmp_path):
    samples = trails.samples.assign(**{"class": trails.table["class"].to_numpy()[trails.owner]})
    samples.to_csv(tmp_path / "lanes.csv", index=False)
    result = rank_trails(
        tmp_path / "lanes.csv", tmp_path / "out", source=TrailSource(scene=(320, 180))
    )
    assert result.scores["trail"].iloc[0] == "odd"
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["input"]["name"] == "lanes.csv"
    assert len(record["input"]["sha256"]) == 64
    assert (record["input"]["scene"]["width"], record["input"]["scene"]["height"]) == (320, 180)


def test_a_picture_gives_the_scene(trails, tmp_path):
    trails.samples.to_csv(tmp_path / "lanes.csv", index=False)
    cv2.imwrite(str(tmp_path / "scene.png"), np.full((180, 320, 3), 99, np.uint8))
    opened = TrailSource(scene=tmp_path / "scene.png").open(tmp_path / "lanes.csv")
    assert (opened.scene.width, opened.scene.height) == (320, 180)
    assert opened.scene.image is not None
    (tmp_path / "scene.png").write_text("none")
    with pytest.raises(BadValueError, match=r"scene\.png is not a readable image"):
        TrailSource(scene=tmp_path / "scene.png").open(tmp_path / "lanes.csv")


@needs_data
def test_preset_reference_gives_the_figures_of_the_reference(tmp_path):
    result = analyse_trails(open_trails(EXAMPLE), preset="reference")
    anomaly = result.scores.set_index("trail")["anomaly"]
    expected = {
        "20231181552009": 0.852,
        "20231181550013": 0.776,
        "20231181544008": 0.715,
        "20231181435017": 0.641,
    }
    assert list(anomaly.index[:4]) == list(expected)
    np.testing.assert_allclose(anomaly[:4], list(expected.values()), atol=0.001)
    assert write_trail_files(result, tmp_path)

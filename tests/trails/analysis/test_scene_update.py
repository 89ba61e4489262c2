from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.model_file import read_model, write_model
from napari_uai.trails.analysis.scene_model import fit_scene, update_scene
from napari_uai.trails.analysis.scene_scores import score_against
from napari_uai.trails.analysis.scene_traffic import fingerprints_of
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import measure_heat
from napari_uai.trails.io.writing import write_trails
from napari_uai.trails.scores.scores import score_trails

WIDTH = {"painted_width_px": 3}


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(seed=8, trails=400, anomalous_fraction=0.05)).trails


def first(trails, n):
    return trails.select(np.arange(n))


def arrays_of(model, path):
    with np.load(write_model(model, path)) as file:
        return {name: file[name] for name in file.files if name != "about"}


@pytest.mark.parametrize("most", [5000, 100])
def test_days_add_up_to_the_model_of_all_trails(trails, tmp_path, most):
    joint = fit_scene(trails, settings=WIDTH, max_trails=most)
    daily = fit_scene(first(trails, 150), settings=WIDTH, max_trails=most)
    # In any order, and with trails that are there already.
    for rows in (np.arange(300, 400), np.arange(100, 310)):
        daily = update_scene(daily, trails.select(rows))
    assert len(daily) == len(joint) == 400
    assert daily.traffic.n_trails == joint.traffic.n_trails
    expected, shown = (arrays_of(m, tmp_path / "scene.model") for m in (joint, daily))
    assert expected.keys() == shown.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(shown[name], values, err_msg=name)
    few = trails.select(np.arange(0, 400, 7))
    pd.testing.assert_frame_equal(score_against(daily, few), score_against(joint, few))


def test_heat_is_that_of_all_trails_not_of_the_sample(trails):
    model = fit_scene(trails, settings=WIDTH, max_trails=100)
    assert len(model.traffic.sample) < len(model) == 400
    footprints = paint_footprints(trails, longest_side_px=240, painted_width_px=3, n_directions=12)
    heat = measure_heat(footprints, trails.table["class"])
    for kind, cells in model.traffic.cells.items():
        counts = heat.counts[heat.classes.index(kind)]
        np.testing.assert_array_equal(cells.on_map(counts.shape), counts)


def test_the_sample_is_the_smallest_fingerprints_of_each_class(trails):
    model = fit_scene(trails, settings=WIDTH, max_trails=100)
    prints, kinds = fingerprints_of(trails), trails.table["class"].to_numpy()
    for kind in np.unique(kinds):
        smallest = np.sort(prints[kinds == kind])[:100]
        mine = model.traffic.sample.table["class"].to_numpy() == kind
        np.testing.assert_array_equal(model.traffic.keys[mine], smallest)


def test_fingerprints_depend_on_class_positions_and_beginning_only(trails):
    prints = fingerprints_of(trails)
    assert len(np.unique(prints)) == len(trails)
    shuffled = np.random.default_rng(0).permutation(len(trails))
    np.testing.assert_array_equal(fingerprints_of(trails.select(shuffled)), prints[shuffled])
    later = trails.table.assign(start=trails.table["start"] + 1)
    assert not np.isin(fingerprints_of(replace(trails, table=later)), prints).any()
    others = trails.table.assign(**{"class": "tram"})
    assert not np.isin(fingerprints_of(replace(trails, table=others)), prints).any()
    moved = replace(trails, x=np.nextafter(trails.x, np.float32(1e4)))
    assert not np.isin(fingerprints_of(moved), prints).any()


def test_rare_classes_become_groups_once_they_have_enough_trails(trails):
    kinds = trails.table["class"].to_numpy().copy()
    kinds[[1, 2, 3, 200, 201, 202, 203, 204, 205, 206]] = "tram"
    known = replace(trails, table=trails.table.assign(**{"class": kinds}))
    model = fit_scene(first(known, 100), settings=WIDTH)
    assert "tram" not in model.reference.groups
    model = update_scene(model, known)
    assert "tram" in model.reference.groups
    joint = fit_scene(known, settings=WIDTH)
    np.testing.assert_array_equal(model.reference.total, joint.reference.total)


def test_trails_outside_the_sample_are_not_compared_with_themselves_either(trails):
    model = fit_scene(trails, max_trails=100, settings=WIDTH)
    outside = np.flatnonzero(model.traffic.rows_of(fingerprints_of(trails)) < 0)
    assert len(outside) > 50
    joint, alone = (
        table.set_index("trail").sort_index()
        for table in (
            score_trails(trails, **WIDTH).table,
            score_against(model, trails.select(outside)),
        )
    )
    # Heat is that of all other trails; only its limits are those of the sample.
    np.testing.assert_allclose(alone["direction"], joint.loc[alone.index, "direction"], atol=1e-6)
    np.testing.assert_allclose(alone["heat"], joint.loc[alone.index, "heat"], atol=0.03)


def test_the_same_day_twice_and_another_scene_are_refused(trails):
    model = fit_scene(first(trails, 100), settings=WIDTH)
    with pytest.raises(BadValueError, match="all 50 trails are in the model already"):
        update_scene(model, first(trails, 50))
    other = replace(trails, scene=replace(trails.scene, width=640, height=360))
    with pytest.raises(BadValueError, match="640 x 360 px, that of the model 1280 x 720"):
        update_scene(model, other)
    with pytest.raises(BadValueError, match="no trails to add"):
        update_scene(model, first(trails, 0))
    with pytest.raises(BadValueError, match="no trails to learn from"):
        fit_scene(first(trails, 0))
    far = replace(trails, y=trails.y * np.float32(0.01), x=trails.x * np.float32(0.01))
    with pytest.raises(BadValueError, match="another camera, or another unit of positions"):
        update_scene(model, far)


def test_the_command_line_updates_in_place_or_elsewhere(trails, tmp_path, capsys):
    write_trails(first(trails, 100), tmp_path / "mon.csv")
    write_trails(trails.select(np.arange(90, 200)), tmp_path / "tue.csv")
    scene, model = ["--scene", "1280x720"], str(tmp_path / "scene.model")
    assert main(["trails", "fit", str(tmp_path / "mon.csv"), "--out", model, *scene]) == 0
    update = ["trails", "update", model, str(tmp_path / "tue.csv"), *scene]
    assert main([*update, "--out", str(tmp_path / "other.model")]) == 0
    assert len(read_model(model)) == 100
    assert main(update) == 0
    shown = capsys.readouterr()
    assert "100 trails added: model of 200 trails written" in shown.out
    assert "10 trails in the model already: left out" in shown.err
    assert len(read_model(model)) == 200
    before = (tmp_path / "scene.model").read_bytes()
    assert main(update) == 2
    assert "tue.csv: all 110 trails are in the model already" in capsys.readouterr().err
    assert (tmp_path / "scene.model").read_bytes() == before
    (tmp_path / "empty.csv").write_text("trail,time,x,y\n")
    assert main(["trails", "update", model, str(tmp_path / "empty.csv")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1

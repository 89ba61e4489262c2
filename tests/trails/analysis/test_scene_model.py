import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.model_file import _checksum, read_model, write_model
from napari_uai.trails.analysis.scene_model import fit_scene
from napari_uai.trails.analysis.scene_scores import notes_on, score_against
from napari_uai.trails.io.writing import write_trails
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.scores.scores import measure_trails, score_trails


@pytest.fixture(scope="module")
def trails():
    settings = TrailSettings(seed=8, trails=160, anomalous_fraction=0.05)
    return simulate_trails(settings).trails


@pytest.fixture(scope="module")
def model(trails):
    return fit_scene(trails.select(np.arange(150)))


def by_trail(table):
    return table.set_index("trail").sort_index()


def test_trails_of_the_reference_have_the_scores_of_the_joint_analysis(trails, model):
    reference = trails.select(np.arange(150))
    joint, alone = (
        by_trail(score_trails(reference).table),
        by_trail(score_against(model, reference)),
    )
    for name in ("anomaly", "p_value", *SCORES):
        np.testing.assert_allclose(alone[name], joint[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert alone["reason"].tolist() == joint["reason"].tolist()


def test_a_new_trail_is_measured_as_if_it_had_been_there(trails, model):
    shown = by_trail(score_against(model, trails.select([155])))
    width = model.settings["painted_width_px"]
    joint = measure_trails(trails.select([*range(150), 155]), painted_width_px=width)
    code = model.reference.group_of_class[trails.table["class"][155]]
    for name in ("companion", "kink", "followers", "nearest", "turning"):
        typical = np.median(model.reference.raw[name][model.reference.codes == code])
        expected = joint.raw[name][150] / (joint.raw[name][150] + typical)
        np.testing.assert_allclose(shown[name], expected, rtol=1e-4, err_msg=name)
    assert 0 < shown["p_value"].iloc[0] <= 1


def test_new_trails_are_scored_each_alone(trails, model):
    together = by_trail(score_against(model, trails.select(np.arange(150, 160))))
    for row in (151, 158):
        alone = score_against(model, trails.select([row]))
        name = alone["trail"][0]
        pd.testing.assert_frame_equal(
            by_trail(alone).drop(columns="rank"), together.loc[[name]].drop(columns="rank")
        )


def test_classes_that_the_model_does_not_know_are_told(trails, model):
    few = trails.select(np.arange(150, 154))
    few = type(few)(
        **{**few.__dict__, "table": few.table.assign(**{"class": ["tram"] * 4}), "hulls": ()}
    )
    assert len(score_against(model, few)) == 4
    assert notes_on(model, few) == ["class tram is not in the model: 4 trails compared with car"]


def test_another_scene_is_refused(trails, model):
    few = trails.select([150])
    other = type(few)(**{**few.__dict__, "scene": type(few.scene)(640, 360)})
    with pytest.raises(BadValueError, match="640 x 360 px, that of the model 1280 x 720"):
        score_against(model, other)


def test_a_model_is_the_same_after_it_was_written(trails, model, tmp_path):
    read = read_model(write_model(model, tmp_path / "scene.model"))
    few = trails.select(np.arange(140, 160))
    pd.testing.assert_frame_equal(score_against(read, few), score_against(model, few))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("paths.offsets", lambda values: values * 1000),
        ("codes", lambda values: values + 99),
        ("points", lambda values: values[1:]),
        ("sample.offsets", lambda values: values[::-1]),
        ("raw.kink", lambda values: values[:3]),
    ],
)
def test_models_whose_arrays_do_not_fit_are_refused(model, tmp_path, name, change):
    path = write_model(model, tmp_path / "scene.model")
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    about = json.loads(arrays.pop("about").tobytes())
    del about["sha256"]
    about["sha256"] = _checksum(about, arrays)  # as somebody may do on purpose
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(TrailFormatError, match="a model of a scene"):
        read_model(path)


def test_models_of_another_version_are_refused(model, tmp_path):
    path = write_model(model, tmp_path / "scene.model")
    with np.load(path) as file:
        arrays = dict(file)
    text = arrays["about"].tobytes().replace(b"scene model 6", b"scene model 1")
    arrays["about"] = np.frombuffer(text, np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(TrailFormatError, match=r"scene model 1' is not .*: fit the model again"):
        read_model(path)


def test_damaged_models_are_refused(model, tmp_path):
    path = write_model(model, tmp_path / "scene.model")
    with np.load(path) as file:
        arrays = dict(file)
    for name in ("total", "about"):
        changed = dict(arrays)
        changed[name] = arrays[name] + 1
        if name == "about":  # the settings
            text = arrays[name].tobytes().replace(b'"blur_px": 7', b'"blur_px": 5')
            changed[name] = np.frombuffer(text, np.uint8)
        with path.open("wb") as file:
            np.savez(file, **changed)
        with pytest.raises(TrailFormatError, match="checksum"):
            read_model(path)
    path.write_bytes(b"no model")
    with pytest.raises(TrailFormatError, match="a model of a scene"):
        read_model(path)


def moved(trails, *, scale=1.0, slower=1.0):
    """Return trails at other places or times."""
    time = trails.time * slower
    ends = {"start": trails.table["start"] * slower, "end": trails.table["end"] * slower}
    return replace(
        trails, y=trails.y * np.float32(scale), x=trails.x * np.float32(scale), time=time,
        table=trails.table.assign(**ends),
    )  # fmt: skip


def test_positions_and_times_in_another_unit_are_refused(trails, model):
    new = trails.select(np.arange(120, 160))
    with pytest.raises(BadValueError, match=r"9\d\d times slower than those of the model"):
        score_against(model, moved(new, slower=1000))
    with pytest.raises(BadValueError, match="another camera, or another unit of positions"):
        score_against(model, moved(new, scale=0.01))


def test_the_command_line_fits_and_scores(trails, tmp_path, capsys):
    write_trails(trails.select(np.arange(120)), tmp_path / "yesterday.csv")
    write_trails(trails.select(np.arange(120, 160)), tmp_path / "today.csv")
    scene = ["--scene", "1280x720"]
    model, out = str(tmp_path / "scene.model"), tmp_path / "results"
    assert main(["trails", "fit", str(tmp_path / "yesterday.csv"), "--out", model, *scene]) == 0
    today = ["trails", str(tmp_path / "today.csv"), "--model", model, "--out", str(out), *scene]
    assert main(today) == 0
    assert "40 trails scored against scene.model" in capsys.readouterr().out
    assert len(pd.read_csv(out / "scores.csv")) == 40
    assert {file.name for file in out.iterdir()} == {"scores.csv", "problems.csv", "run.json"}
    assert main([*today, "--top", "3"]) == 2
    assert "--top cannot be combined with --model" in capsys.readouterr().err

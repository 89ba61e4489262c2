"""``napari-uai export``: files of other formats, and movies."""

import json

import av
import numpy as np
import pytest

from napari_uai.cli.app import main
from napari_uai.cli.terminal import FAILED
from napari_uai.iscat.recipes import run
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.sample_data import sample_path
from napari_uai.videos import open_recording, open_video, video_info
from napari_uai.videos.writing.writers import VIDEO_SUFFIXES

SAMPLE = str(sample_path("landings.bin"))
CLASSICAL = ["--recipe", "classical"]


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, ".ome.tif"])
def test_a_recording_is_converted_without_loss(tmp_path, suffix, capsys):
    out = tmp_path / f"a{suffix}"
    assert main(["export", SAMPLE, "--out", str(out), "--frames", "100:150"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    np.testing.assert_array_equal(open_video(out), open_video(SAMPLE)[100:150])
    info = video_info(out)
    assert info.pixel_size_um == pytest.approx(0.0437)
    assert info.frame_rate_hz == pytest.approx(400)


def test_the_type_can_be_chosen(tmp_path):
    out = tmp_path / "a.npy"
    assert main(["export", SAMPLE, "--out", str(out), "--set", "dtype=<f4"]) == 0
    assert video_info(out).dtype == "<f4"


def test_a_movie_has_the_settings(tmp_path):
    out = tmp_path / "a.avi"
    settings = ["--set", "step=100", "--set", "zoom=2", "--set", "time=false"]
    assert main(["export", SAMPLE, "--out", str(out), *settings]) == 0
    assert video_info(out).shape == (12, 82, 80)
    assert video_info(out).frame_rate_hz == pytest.approx(4)


@pytest.mark.slow
def test_a_step_of_a_recipe_is_exported(tmp_path):
    out = tmp_path / "average.h5"
    recipe = ["--recipe", "classical", "--step", "dra", "--set", "dra.batch_size=200"]
    assert main(["export", SAMPLE, "--out", str(out), *recipe]) == 0
    assert video_info(out).shape[0] == 1200 - 2 * 200 + 1
    assert video_info(out).dtype == "<f4"
    result = run_recipe(open_recording(SAMPLE), "classical", dra={"batch_size": 200})
    np.testing.assert_array_equal(open_video(out), result.videos["dra"])
    movie = ["--out", str(tmp_path / "average.avi"), "--set", "step=50", "--set", "low=-0.02"]
    assert main(["export", SAMPLE, *movie, *recipe]) == 0


def test_only_the_steps_that_a_step_needs_are_run(tmp_path, monkeypatch):
    names = []
    plain = run._run_step

    def noted(result, step, *others):
        names.append(step.name)
        plain(result, step, *others)

    monkeypatch.setattr(run, "_run_step", noted)
    out = tmp_path / "average.npy"
    options = ["--set", "dra.batch_size=200", "--frames", "0:600"]
    assert main(["export", SAMPLE, "--out", str(out), *CLASSICAL, "--step", "dra", *options]) == 0
    assert video_info(out).shape[0] == 201
    assert "dra" in names
    assert {load_recipe("classical").step(name).stage.output for name in names} == {"video"}


def test_the_recording_is_shown_with_the_landings_of_a_recipe(tmp_path):
    out = tmp_path / "a.avi"
    settings = ["--set", "dra.batch_size=200", "--set", "step=10", "--set", "mark=100"]
    assert (
        main(["export", SAMPLE, "--out", str(out), *CLASSICAL, "--step", "recording", *settings])
        == 0
    )
    with av.open(str(out)) as movie:
        first = next(movie.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert (np.ptp(first, axis=-1) > 0).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "a.xyz"], ["a.xyz", ".tif", ".mp4"]),
        (["--out", "a.avi", "--set", "stepp=3"], ["did you mean 'step'"]),
        (["--out", "a.avi", "--set", "step=0"], ["export.step", "at least 1"]),
        (["--out", "a.npy", "--set", "step=3"], ["dtype"]),
        (["--out", "a.npy", "--step", "dra"], ["--recipe and --step"]),
        (["--out", "a.npy", "--recipe", "classical", "--step", "dar"], ["did you mean 'dra'"]),
        (["--out", "a.avi", "--landings", "no.csv"], ["no.csv"]),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, words, tmp_path, one_line_error, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", SAMPLE, *arguments]) == FAILED
    one_line_error(*words)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_if_asked_to(tmp_path, one_line_error):
    out = tmp_path / "a.npy"
    out.write_text("mine")
    assert main(["export", SAMPLE, "--out", str(out)]) == FAILED
    one_line_error("a.npy already exists")
    assert main(["export", SAMPLE, "--out", str(out), "--overwrite"]) == 0


def test_a_table_of_results_is_exported_with_what_its_columns_mean(
    tmp_path, capsys, one_line_error
):
    table = tmp_path / "landings.csv"
    table.write_text("frame,y,x,contrast,ImgCnt\n1,2.5,3,-0.01,7\n2,4,5,0.02,\n")
    out = tmp_path / "landings.json"
    assert main(["export", str(table), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    document = json.loads(out.read_text())
    assert [row["ImgCnt"] for row in document["rows"]] == [7, None]
    assert '"ImgCnt":7}' in out.read_text()
    assert document["columns"]["contrast"]["unit"] == "relative"
    assert main(["export", str(table), "--out", str(out)]) == FAILED
    one_line_error("already exists", "--overwrite")
    assert main(["export", str(table), "--out", str(tmp_path / "a.tif")]) == FAILED
    one_line_error("a.tif", ".mat")
    arguments = ["--out", str(tmp_path / "a.mat"), "--frames", "0:5"]
    assert main(["export", str(table), *arguments]) == FAILED
    one_line_error("landings.csv is a table")

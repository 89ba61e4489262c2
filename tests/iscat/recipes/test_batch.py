"""From files to folders of results."""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError, NapariUaiError, OutputError
from napari_uai.iscat.recipes import catalogue
from napari_uai.iscat.recipes.batch import (
    analyse_folder,
    analyse_recording,
    is_folder_of_recordings,
)
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.monitor import Monitor
from napari_uai.videos.read_options import ReadOptions

pytestmark = pytest.mark.usefixtures("toys")

SHAPE = ReadOptions(height=12, width=10, dtype="<f4")


@pytest.fixture
def folder(steps_video, tmp_path):
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    video = np.asarray(steps_video)
    (source / "run10.bin").write_bytes(video.tobytes())
    (source / "run2.bin").write_bytes(video[:25].tobytes())
    (source / "sub" / "bad.bin").write_bytes(b"12")
    return source


def test_one_recording_ends_in_a_folder_of_results(folder, tmp_path):
    out = tmp_path / "out"
    outcome = analyse_recording(folder / "run10.bin", out, "toy", options=SHAPE)
    assert (outcome.n_landings, outcome.n_localizations) == (2, 6)
    assert (out / "landings.csv").read_text().splitlines()[1].startswith("1,17,20,3,6,9,9,")


def test_range_of_frames_keeps_frames_of_the_file(folder, tmp_path):
    shape = ReadOptions(height=12, width=10, dtype="<f4", frames=(5, None))
    analyse_recording(folder / "run10.bin", tmp_path / "out", "toy", options=shape)
    row = (tmp_path / "out" / "landings.csv").read_text().splitlines()[1]
    assert row.startswith("1,12,20,3,6,9,")


@pytest.mark.slow
def test_bad_recording_is_listed_and_does_not_stop_the_others(folder, tmp_path):
    out = tmp_path / "out"
    outcomes = analyse_folder(folder, out, "toy", options=SHAPE)
    assert [o.source.name for o in outcomes] == ["run2.bin", "run10.bin", "bad.bin"]
    assert [bool(o.error) for o in outcomes] == [False, False, True]
    assert sorted(p.name for p in out.iterdir()) == ["problems.csv", "run10", "run2"]
    rows = list(csv.DictReader((out / "problems.csv").open()))
    assert [(r["recording"], r["failed"]) for r in rows] == [("sub/bad.bin", "yes")]


@pytest.mark.slow
def test_bug_in_one_recording_does_not_stop_the_others(folder, tmp_path, monkeypatch):
    from napari_uai.iscat.recipes import batch

    def broken(path, shape):
        if path.name == "run2.bin":
            raise KeyError("oh")
        return original(path, shape)

    original = batch.read_recording
    monkeypatch.setattr(batch, "read_recording", broken)
    outcomes = analyse_folder(folder, tmp_path / "out", "toy", options=SHAPE)
    assert outcomes[0].error == "unexpected KeyError: 'oh'"
    assert not outcomes[1].error


@pytest.mark.slow
def test_recordings_that_share_a_stem_get_folders_of_their_own(folder, tmp_path):
    (folder / "run2.raw").write_bytes((folder / "run2.bin").read_bytes())
    outcomes = analyse_folder(folder, tmp_path / "out", "toy", options=SHAPE)
    names = [o.folder.name for o in outcomes if not o.error]
    assert sorted(names) == ["run10", "run2.bin", "run2.raw"]


@pytest.mark.slow
def test_results_within_the_folder_are_not_taken_for_recordings(folder):
    for _ in range(2):
        outcomes = analyse_folder(folder, folder / "out", "toy", options=SHAPE)
        assert len(outcomes) == 3


def test_cancelling_leaves_no_results_of_the_recording_under_way(folder, tmp_path):
    seen = []
    monitor = Monitor(lambda f, m: seen.append(m), cancelled=lambda: len(seen) > 5)
    with pytest.raises(CancelledError):
        analyse_folder(folder, tmp_path / "out", "toy", options=SHAPE, monitor=monitor)
    assert not (tmp_path / "out").exists()


def test_empty_folder_is_an_error(tmp_path):
    with pytest.raises(BadValueError, match="contains no recordings"):
        analyse_folder(tmp_path, tmp_path / "out", "toy")


def test_folder_of_recordings_is_told_from_a_file(folder):
    assert is_folder_of_recordings(folder)
    assert not is_folder_of_recordings(folder / "run2.bin")


@pytest.mark.slow
def test_scheduler_that_is_not_there_is_one_clear_error(folder, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("napari_uai.iscat.recipes.cluster.CONNECT_S", 1)
    nowhere = "tcp://127.0.0.1:9"
    with pytest.raises(NapariUaiError, match=r"no dask scheduler at tcp://127\.0\.0\.1:9"):
        analyse_folder(folder, tmp_path / "o", "toy", options=SHAPE, scheduler=nowhere)
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_cluster_gives_the_same_files(folder, tmp_path):
    distributed = pytest.importorskip("distributed")
    here, there = tmp_path / "here", tmp_path / "there"
    local = analyse_folder(folder, here, "toy", options=SHAPE)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        remote = analyse_folder(folder, there, "toy", options=SHAPE, scheduler=address)
        one = analyse_recording(
            folder / "run2.bin", tmp_path / "one", "toy", options=SHAPE, scheduler=address
        )
        with pytest.raises(NapariUaiError, match=r"bad\.bin"):
            analyse_recording(
                folder / "sub" / "bad.bin",
                tmp_path / "two",
                "toy",
                options=SHAPE,
                scheduler=address,
            )
    assert [(o.n_landings, o.error) for o in remote] == [(o.n_landings, o.error) for o in local]
    assert one.n_landings == remote[0].n_landings
    for name in ("run2/landings.csv", "run10/localizations.csv", "problems.csv"):
        assert (here / name).read_bytes() == (there / name).read_bytes()


def test_cancelling_reaches_the_workers(folder, tmp_path):
    distributed = pytest.importorskip("distributed")
    out = tmp_path / "out"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        monitor = Monitor(cancelled=lambda: True)
        address = cluster.scheduler_address
        with pytest.raises(CancelledError):
            analyse_folder(folder, out, "toy", options=SHAPE, scheduler=address, monitor=monitor)
        deadline = time.monotonic() + 10
        while list(out.rglob(".*")) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not list(out.rglob(".*"))
    assert not list(out.rglob("*.csv"))


def test_scheduler_without_the_package_says_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadValueError, match=r"napari-uai\[cluster\]"):
        analyse_folder(folder, tmp_path / "o", "toy", options=SHAPE, scheduler="tcp://127.0.0.1:9")


def test_a_recording_that_changes_meanwhile_is_an_error_and_leaves_nothing(folder, tmp_path):
    path = folder / "run10.bin"

    def touch(fraction, message):
        if "Peaks" in message:
            path.touch()

    with pytest.raises(NapariUaiError, match=r"run10\.bin changed while it was analysed"):
        analyse_recording(path, tmp_path / "out", "toy", options=SHAPE, monitor=Monitor(touch))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def _known_code(toys, monkeypatch):
    """Let the toys pass for stages of the package, of which it is known if they change."""
    for stage in catalogue.STAGES.values():
        monkeypatch.setattr(stage.function, "__module__", "napari_uai.toys")


@pytest.mark.usefixtures("_known_code")
def test_a_folder_that_was_killed_goes_on_after_the_last_complete_recording(
    folder, tmp_path, monkeypatch
):
    (folder / "sub" / "bad.bin").unlink()
    analyse_folder(folder, tmp_path / "whole", "toy", options=SHAPE)

    def kill(fraction, message):
        if message.startswith("run10.bin: Peaks"):
            raise SystemExit

    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        analyse_folder(folder, out, "toy", options=SHAPE, monitor=Monitor(kill))
    first = (out / "run2" / "run.json").stat()
    outcomes = analyse_folder(folder, out, "toy", options=SHAPE)
    assert [(o.source.name, o.earlier) for o in outcomes] == [
        ("run2.bin", True), ("run10.bin", False),
    ]  # fmt: skip
    assert (out / "run2" / "run.json").stat().st_mtime_ns == first.st_mtime_ns
    for name in ("landings.csv", "localizations.csv", "summary.png", "recipe.toml"):
        for each in ("run2", "run10"):
            one, other = (tmp_path / where / each / name for where in ("out", "whole"))
            assert one.read_bytes() == other.read_bytes()
    assert (out / "problems.csv").read_bytes() == (tmp_path / "whole/problems.csv").read_bytes()


def test_code_of_the_user_may_have_changed_and_runs_again(folder, tmp_path):
    for _ in range(2):
        outcomes = analyse_folder(folder, tmp_path / "out", "toy", options=SHAPE)
        assert not any(outcome.earlier for outcome in outcomes)


@pytest.mark.usefixtures("_known_code")
@pytest.mark.parametrize("changed", ["recording", "result", "recipe", "code", "options", "asked"])
def test_a_recording_is_analysed_again_if_anything_has_changed(
    changed, folder, tmp_path, monkeypatch
):
    for name in ("run10.bin", "sub/bad.bin"):
        (folder / name).unlink()
    out, options, more = tmp_path / "out", SHAPE, {}
    analyse_folder(folder, out, "toy", options=SHAPE)
    recipe = load_recipe("toy")
    if changed == "recording":
        content = bytearray((folder / "run2.bin").read_bytes())
        content[-1] ^= 1
        (folder / "run2.bin").write_bytes(content)
    elif changed == "result":
        (out / "run2" / "landings.csv").unlink()
    elif changed == "recipe":
        recipe = recipe.with_settings(["spots.threshold=1.5"])
    elif changed == "code":
        monkeypatch.setattr("napari_uai.iscat.recipes.outputs.code_digest", lambda: "other")
    elif changed == "options":
        options = replace(SHAPE, frames=(1, None))
    else:
        more = {"overwrite": True}
    (outcome,) = analyse_folder(folder, out, recipe, options=options, **more)
    assert not outcome.error
    assert not outcome.earlier


def test_a_list_of_problems_of_the_user_is_kept(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "problems.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"problems\.csv is not a list"):
        analyse_folder(folder, out, "toy", options=SHAPE)
    assert (out / "problems.csv").read_text() == "mine"
    analyse_folder(folder, out, "toy", options=SHAPE, overwrite=True)
    assert (out / "problems.csv").read_text() != "mine"

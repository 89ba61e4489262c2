"""Runs that go on from what earlier ones have computed."""

from __future__ import annotations

import json
import shutil

import pytest

from napari_uai.iscat.recipes import run as run_module
from napari_uai.iscat.recipes.batch import analyse_recording
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.monitor import Monitor
from napari_uai.sample_data import sample_path
from napari_uai.store.folder import default_store
from napari_uai.store.keeping import kept

RECIPE = load_recipe("matched").with_settings(["dra.batch_size=200"])


class Killed(BaseException):
    """Ends a run as nothing that it could handle."""


@pytest.fixture
def recording(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "1")
    for name in ("landings.bin", "landings.json"):
        shutil.copy(sample_path(name), tmp_path)
    return tmp_path / "landings.bin"


@pytest.fixture
def computed(monkeypatch):
    """Titles of the stages whose table is computed."""
    titles = {step.stage.title: step.name for step in RECIPE.steps}
    names = []

    def watched(what, depends_on, compute):
        def noted():
            names.extend([titles[what]] if what in titles else [])
            return compute()

        return kept(what, depends_on, noted)

    monkeypatch.setattr(run_module, "kept", watched)
    return names


def _contents(folder):
    """Files of results, without the times in the record."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("run.json"))
    for each in (record, *record["stages"]):
        each.pop("seconds")
    record.pop("written")
    return files, record


@pytest.mark.slow
def test_a_killed_run_goes_on_and_its_results_are_those_of_an_undisturbed_one(
    recording, tmp_path, monkeypatch, computed
):
    analyse_recording(recording, tmp_path / "whole", RECIPE)
    everything = list(computed)
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "other"))

    def kill(fraction, message):
        if "traces" in message.lower():
            raise Killed

    with pytest.raises(Killed):
        analyse_recording(recording, tmp_path / "out", RECIPE, monitor=Monitor(kill))
    assert not (tmp_path / "out").exists()
    computed.clear()
    analyse_recording(recording, tmp_path / "out", RECIPE)
    assert computed == ["traces", "landings"]
    assert len(everything) > 5
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")
    computed.clear()
    for piece in default_store().pieces():
        content = bytearray(piece.path.read_bytes())
        content[-20] ^= 1
        piece.path.write_bytes(content)
    analyse_recording(recording, tmp_path / "again", RECIPE)
    assert computed == everything
    assert _contents(tmp_path / "again") == _contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_parameter_repeats_what_depends_on_it_alone(recording, tmp_path, computed):
    analyse_recording(recording, tmp_path / "a", RECIPE)
    computed.clear()
    fewer = RECIPE.with_settings(["events.false_landings=1e-30"])
    analyse_recording(recording, tmp_path / "b", fewer)
    assert computed == ["events", "localizations", "summary", "traces", "landings"]
    computed.clear()
    same = RECIPE.with_settings(["events.false_landings=1.01"])
    analyse_recording(recording, tmp_path / "c", same)
    assert computed == ["events"]
    assert _contents(tmp_path / "c")[0].keys() == _contents(tmp_path / "a")[0].keys()
    computed.clear()
    with recording.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"\x01\x02")
    analyse_recording(recording, tmp_path / "d", RECIPE)
    assert "steps" in computed

"""One recording whose parts are computed by workers."""

from __future__ import annotations

import json
import os
import pickle
import signal
from operator import truediv

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.steps.detector import detect_steps
from napari_uai.iscat.recipes.batch import analyse_recording
from napari_uai.iscat.recipes.cluster import ClusterWorkers, cluster_of
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.sample_data import sample_path
from napari_uai.store.folder import Store
from napari_uai.store.keeping import keeping, pieces_of
from napari_uai.videos.frames import ArrayFrames, map_chunks
from napari_uai.workers import computed_by

SAMPLE = sample_path("landings.bin")
RECIPE = load_recipe("matched").with_settings(["dra.batch_size=40"])
"""Short batches, so that the sample has several segments."""


class Backwards:
    """Workers that get a copy of all they need, and are done in the opposite order."""

    def __init__(self, only=None):
        self.only, self.calls = only, []

    def size(self):
        return 2

    def each(self, function, calls, monitor, message):
        sent = pickle.dumps(function)
        for i in list(reversed(range(len(calls))))[: self.only]:
            self.calls.append((message, *calls[i]))
            yield i, pickle.loads(sent)(*calls[i])
            monitor.update(1.0, message)


def total(frames, start, stop):
    return int(frames.read(start, stop).sum())


class Total:
    def __init__(self, frames):
        self.frames = frames

    def __call__(self, start, stop):
        return total(self.frames, start, stop)


def test_chunks_of_workers_come_in_order():
    frames = ArrayFrames(np.random.default_rng(0).integers(0, 9, (95, 3, 4)))
    expected = [total(frames, i, min(i + 2, 95)) for i in range(0, 95, 2)]
    workers = Backwards()
    with computed_by(workers):
        assert list(map_chunks(Total(frames), 95, 2, anywhere=True)) == expected
        n_calls = len(workers.calls)
        assert list(map_chunks(Total(frames), 95, 2)) == expected
        assert list(map_chunks(Total(frames), 6, 2, anywhere=True)) == expected[:3]
    assert [call[1:] for call in reversed(workers.calls)] == [
        (0, 16), (16, 32), (32, 48), (48, 64), (64, 80), (80, 95)
    ]  # fmt: skip
    assert len(workers.calls) == n_calls


N_PARTS = 9
"""Segments times tiles of the following video."""


@pytest.fixture(scope="module")
def video():
    y, x = np.mgrid[:40, :70]
    spot = 0.005 * np.exp(-((y - 10) ** 2 + (x - 14) ** 2) / (2 * 1.7**2))
    video = np.random.default_rng(0).normal(1, 0.01, (900, 40, 70))
    video[220:] *= 1 + spot
    return video


def test_the_search_of_workers_finds_the_same(video):
    settings = {"batch_size": 40, "tile_px": 36}
    here = detect_steps(video, **settings)
    workers = Backwards()
    with computed_by(workers):
        there = detect_steps(video, **settings)
    pd.testing.assert_frame_equal(here, there)
    assert {call[0] for call in workers.calls} == {"parts of the search"}
    assert sorted(i for _, *call in workers.calls for i in range(*call)) == [*range(N_PARTS)]


def test_parts_are_kept_as_they_come(video, tmp_path):
    def search(workers):
        with keeping(Store(tmp_path)), pieces_of("video", "video"), computed_by(workers):
            return detect_steps(video, batch_size=40, tile_px=36)

    with pytest.raises(KeyError):  # as some parts are missing
        search(Backwards(only=N_PARTS - 2))
    workers = Backwards()
    found = search(workers)
    assert workers.calls == [("parts of the search", 1, 2), ("parts of the search", 0, 1)]
    pd.testing.assert_frame_equal(found, detect_steps(video, batch_size=40, tile_px=36))


@pytest.fixture(scope="module")
def client():
    pytest.importorskip("distributed")
    with cluster_of(None, 2) as client:
        yield client


def _contents(folder):
    """Files of results, without the times in the record."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("run.json"))
    for each in (record, *record["stages"]):
        each.pop("seconds")
    record.pop("written")
    return files, record


@pytest.mark.slow
def test_workers_of_one_recording_give_equal_bytes(client, tmp_path):
    address = client.scheduler_info()["address"]
    here, there = tmp_path / "here", tmp_path / "there"
    analyse_recording(SAMPLE, here, RECIPE)
    outcome = analyse_recording(SAMPLE, there, RECIPE, scheduler=address)
    assert outcome.n_landings > 0
    assert _contents(here) == _contents(there)


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(client):
    expected = run_recipe(SAMPLE, RECIPE)
    alive = list(client.run(os.getpid).values())
    seen = []

    def kill(_, message):
        if "1 of 4 parts of the search" in message and len(seen) == 0:
            seen.append(message)
            os.kill(alive[0], signal.SIGKILL)

    with computed_by(ClusterWorkers(client)):
        found = run_recipe(SAMPLE, RECIPE, monitor=Monitor(kill))
    assert seen
    assert alive[0] not in client.run(os.getpid).values()
    for name, table in expected.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)


@pytest.mark.slow
def test_a_part_that_fails_is_said_in_one_line(client):
    divide = ClusterWorkers(client).each(truediv, [(1, 0)], SILENT, "parts")
    with pytest.raises(BadValueError, match=r"^parts: no worker could do number 1: ZeroDivision"):
        list(divide)


@pytest.mark.slow
def test_workers_with_other_code_are_refused(client, monkeypatch):
    monkeypatch.setattr("napari_uai.iscat.recipes.cluster.code_digest", str)
    with pytest.raises(BadValueError, match="has other code, or other versions"):
        ClusterWorkers(client)

"""A detection limit that was killed goes on: every run of the recipe is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.iscat.limit import detection_limit
from napari_uai.iscat.limit import search as search_module
from napari_uai.store.folder import Store
from napari_uai.store.keeping import keeping
from napari_uai.videos.recording import open_recording

FEW = {"batch_sizes": [60], "injections": 12, "nulls": 1}


class Killed(BaseException):
    """Ends a run as nothing that it could handle."""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(0).poisson(10_000, (480, 24, 24)).astype(np.uint16))
    return path


@pytest.fixture
def computed(monkeypatch):
    """Stages that are run, and after how many of them the run is killed."""
    names, ends = [], []
    run = search_module._run

    def watched(step, *arguments):
        if len(names) in ends:
            raise Killed
        names.append(step.name)
        return run(step, *arguments)

    monkeypatch.setattr(search_module, "_run", watched)
    return names, ends


def _limit(path, store, **others):
    with keeping(store):
        return detection_limit(open_recording(path), **{**FEW, **others})


def _assert_equal(result, expected):
    for name in ("limits", "curves", "groups", "accuracy", "injections", "nulls"):
        pd.testing.assert_frame_equal(
            getattr(result, name), getattr(expected, name), check_exact=True
        )


@pytest.mark.slow
def test_a_killed_limit_goes_on_after_the_last_run_and_its_results_are_the_same(
    path, tmp_path, computed
):
    names, ends = computed
    expected = _limit(path, Store(tmp_path, limit_bytes=0))
    everything = list(names)
    assert len(everything) >= 10  # two stages: as it is, two rounds, two recordings without
    names.clear()
    ends.append(len(everything) - 4)
    with pytest.raises(Killed):
        _limit(path, Store(tmp_path / "store"))
    names.clear()
    ends.clear()
    result = _limit(path, Store(tmp_path / "store"))
    assert names == everything[-4:]
    _assert_equal(result, expected)


@pytest.mark.slow
def test_what_a_late_parameter_does_not_change_is_not_repeated(path, tmp_path, computed):
    names, _ = computed
    store = Store(tmp_path / "store")
    _limit(path, store)
    names.clear()
    settings = ["events.false_landings=0.5"]
    result = _limit(path, store, settings=settings)
    assert names[:2] == ["events", "events"]  # as it is, and the first round
    _assert_equal(result, _limit(path, Store(tmp_path, limit_bytes=0), settings=settings))


@pytest.mark.slow
def test_a_recording_that_changes_meanwhile_is_an_error(path, tmp_path, computed, monkeypatch):
    run = search_module._run

    def touched(*arguments):
        path.write_bytes(path.read_bytes())
        return run(*arguments)

    monkeypatch.setattr(search_module, "_run", touched)
    store = Store(tmp_path / "store")
    with pytest.raises(VideoFormatError, match="changed while it was analysed"):
        _limit(path, store)
    assert not [piece for piece in store.pieces() if piece.what.endswith("Detect steps")]

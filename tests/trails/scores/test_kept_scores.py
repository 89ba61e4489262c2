"""Ranking that was killed goes on: the comparisons of trails are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.store.folder import Store
from napari_uai.store.keeping import keeping
from napari_uai.trails.scores import scores as module
from napari_uai.trails.scores.scores import score_trails


class Killed(BaseException):
    """Ends a run as nothing that it could handle."""


@pytest.fixture
def compared(monkeypatch):
    """Comparisons that are computed."""
    names = []
    for name in ("nearest_of_points", "find_companions"):
        function = getattr(module, name)

        def watched(*values, name=name, function=function, **more):
            names.append(name)
            return function(*values, **more)

        monkeypatch.setattr(module, name, watched)
    return names


def test_comparisons_of_a_killed_ranking_are_not_repeated(tmp_path, monkeypatch, compared):
    trails = simulate_trails(TrailSettings(trails=60)).trails
    expected = score_trails(trails)
    compared.clear()
    with monkeypatch.context() as patched, keeping(Store(tmp_path)):
        patched.setattr(module, "shape_scores", _kill)
        with pytest.raises(Killed):
            score_trails(trails)
    assert compared == ["nearest_of_points", "find_companions"]
    compared.clear()
    with keeping(Store(tmp_path)):
        found = score_trails(trails)
        assert compared == []
        pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
        np.testing.assert_array_equal(found.at_samples, expected.at_samples)
        np.testing.assert_array_equal(found.stretches, expected.stretches)
        score_trails(trails, upper=0.4, painted_width_px=3)  # neither is of the comparisons
        assert compared == []
        score_trails(replace(trails, x=trails.x + np.float32(1)))
        assert compared == ["nearest_of_points", "find_companions"]


def _kill(*_, **__):
    raise Killed

"""Comparison of trajectories with simulated particles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.evaluate.trajectories import evaluate_trajectories
from napari_uai.evaluate.truth import Truth, truth_of


@pytest.fixture
def truth():
    frame = np.arange(100)
    parts = [
        pd.DataFrame(
            {"particle": i, "raw_frame": frame, "y": y, "x": 0.1 * frame, "contrast": 0.02,
             "diffusion_px2_per_frame": 0.5}
        )
        for i, y in enumerate((5.0, 30.0))
    ]  # fmt: skip
    landings = pd.DataFrame(columns=["raw_frame", "y", "x", "contrast"])
    return Truth(landings, 100, movers=pd.concat(parts), shape=(20, 40))


def found(**changes):
    row = {
        "first_frame": 20, "last_frame": 39, "n_spots": 18, "y": 5.5, "x": 2.95, "contrast": 0.022,
        "diffusion_px2_per_frame": 0.6, "diffusion_error_px2_per_frame": 0.1,
        "diffusion_low_px2_per_frame": 0.4, "diffusion_high_px2_per_frame": 0.9,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_a_trajectory_belongs_to_the_particle_that_was_there_then(truth):
    both = pd.concat([found(), found(y=29.0, x=3.0), found(x=9.0)], ignore_index=True)
    figures = evaluate_trajectories(both, truth)
    assert figures.found["true_particle"].tolist() == [0, 1, -1]
    assert figures.seen_frames == 100  # the second particle is below the field
    assert figures.diffusion_ratio == (pytest.approx(1.2), 0.0)
    assert figures.matched["within"].all()
    assert "3 trajectories, 2 true, 1 false" in figures.as_text()


def test_nothing_found_is_no_error(truth):
    assert (
        "0 trajectories, 0 true, 0 false"
        in evaluate_trajectories(found().iloc[:0], truth).as_text()
    )


def test_units_need_a_scale(truth):
    table = found().rename(columns=lambda name: name.replace("px2_per_frame", "um2_per_s"))
    with pytest.raises(BadValueError, match="no pixel size or frame rate"):
        evaluate_trajectories(table, truth)


def test_what_cannot_be_compared_is_said_in_one_line(truth):
    with pytest.raises(BadValueError, match="--scenario diffusing"):
        evaluate_trajectories(found(), Truth(truth.landings))
    with pytest.raises(BadValueError, match="no diffusion constants"):
        evaluate_trajectories(pd.DataFrame({"y": [1.0]}), truth)
    with pytest.raises(BadValueError, match="lists y and x"):
        truth_of({"landings": [], "movers": [{"y": [1.0], "x": []}]})
    with pytest.raises(BadValueError, match="list of objects"):
        truth_of({"landings": [], "movers": 3})

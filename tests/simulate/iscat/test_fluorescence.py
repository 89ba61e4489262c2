from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.simulate.iscat.fluorescence import (
    FluorescenceSettings,
    simulate_fluorescence,
    to_second,
)

LANDINGS = pd.DataFrame({"raw_frame": [0, 400], "y": [14.0, 20.0], "x": [9.0, 21.0]})
STILL = FluorescenceSettings(labelled_fraction=1.0, bleaching_frames=1e9, photons=3000.0)


def test_a_label_glows_from_its_landing_on_where_the_link_says():
    made = simulate_fluorescence(LANDINGS, STILL)
    assert made.truth["first_frame"].tolist() == [0, 15]  # (400 - 100) / 20
    assert made.truth["last_frame"].tolist() == [54, 54]
    before, after = made.video[:15].mean(axis=0), made.video[15:].mean(axis=0)
    change = after - before
    y, x = np.mgrid[: STILL.rows, : STILL.columns]
    weight = np.clip(change - 5, 0, None)
    centre = (weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()
    np.testing.assert_allclose(centre, made.truth[["y", "x"]].iloc[1], atol=0.1)
    assert change.sum() == pytest.approx(STILL.photons, rel=0.05)


def test_places_of_both_cameras_belong_together():
    settings = FluorescenceSettings(
        rotation_deg=90.0, magnification=2.0, shift_rows=1.0, shift_columns=3.0
    )
    # A row down in the second is two columns right in the first.
    np.testing.assert_allclose(
        to_second(np.array([[1.0, 5.0]]), settings), [[1.0, 0.0]], atol=1e-12
    )
    np.testing.assert_allclose(
        to_second(np.array([[-1.0, 3.0]]), settings), [[0.0, 1.0]], atol=1e-12
    )


def test_without_labels_there_is_background_alone():
    made = simulate_fluorescence(LANDINGS, FluorescenceSettings(labelled_fraction=0.0))
    assert made.truth.empty
    mean = made.settings.background + made.settings.offset_counts
    assert made.video.mean() == pytest.approx(mean, abs=0.1)


def test_settings_have_limits():
    with pytest.raises(BadValueError, match="labelled_fraction"):
        FluorescenceSettings(labelled_fraction=1.5)

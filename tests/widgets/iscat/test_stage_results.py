from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points, Tracks

from napari_uai import iscat
from napari_uai.widgets.iscat.linked_tracks import linked_tracks
from napari_uai.widgets.iscat.stage_call import NamedTable
from napari_uai.widgets.iscat.stage_plots import Lines, StageTable, plot_of
from napari_uai.widgets.kit.curve import Curve
from napari_uai.widgets.kit.layers import Place, points_layer
from napari_uai.widgets.kit.plots import Bars


@pytest.fixture
def spots():
    """Two particles over five frames, one of them twice as fast, and a spot of its own."""
    frames = np.arange(5)
    slow = pd.DataFrame({"frame": frames, "y": 5.0 + 0.5 * frames, "x": 5.0})
    fast = pd.DataFrame({"frame": frames, "y": 20.0, "x": 9.0 + frames})
    alone = pd.DataFrame({"frame": [3], "y": [30.0], "x": [30.0]})
    return pd.concat([fast, slow, alone], ignore_index=True)


def test_linked_spots_become_tracks_over_their_video(viewer, open_widget, run, spots):
    place = Place(name="raw", scale=(1.0, 0.5, 0.5), translate=(100.0, 1.0, 2.0))
    data, attributes, _ = points_layer(spots, place, name="spots")
    viewer.add_points(data, **attributes)
    form = open_widget(viewer, "Link spots")
    assert run(form) == "Done: 2 tracks of two or more spots"
    points, tracks = viewer.layers[-2:]
    assert isinstance(points, Points)
    assert isinstance(tracks, Tracks)
    assert tracks.name == "spots: tracks"
    for particle, wanted in ((0, spots[:5]), (1, spots[5:10])):
        track = tracks.data[tracks.data[:, 0] == particle]
        world = np.array([tracks.data_to_world(row) for row in track])[:, -3:]
        np.testing.assert_allclose(world, place.to_world(wanted[["frame", "y", "x"]]))


def test_tracks_are_sorted_and_hold_no_single_spots(spots):
    linked = iscat.link_spots(spots.sample(frac=1, random_state=1))
    tracks = linked_tracks(linked)
    assert len(tracks) == 10
    order = np.lexsort((tracks[:, 1], tracks[:, 0]))
    np.testing.assert_array_equal(order, np.arange(10))


def test_positions_are_layers_and_a_table_whose_rows_lead_there(
    viewer, open_widget, run, recording
):
    viewer.add_image(recording, name="raw")
    form = open_widget(viewer, "Detect spots")
    form.form.set_values({"threshold": 6.0})
    run(form)
    [shown] = [d for d in viewer.window.dock_widgets.values() if isinstance(d, StageTable)]
    found = viewer.layers[-1]
    assert len(shown.table.table) == len(found.data)
    shown.table.view.selectRow(0)
    first = shown.table.table.iloc[0]
    assert viewer.dims.point[0] == first["frame"]


def test_a_result_replaces_the_table_of_the_one_before(viewer, open_widget, run, recording):
    viewer.add_image(recording, name="raw")
    form = open_widget(viewer, "Noise floor")
    for sizes in ([10, 20], [10, 20, 40]):
        form.form.set_values({"batch_sizes": sizes})
        run(form)
    [shown] = [d for d in viewer.window.dock_widgets.values() if isinstance(d, StageTable)]
    assert len(shown.table.table) == 3
    assert isinstance(shown.plot, Lines)


def test_tables_have_the_plot_of_their_columns():
    noise = np.random.default_rng(0).poisson(1000, (400, 8, 8))
    table = iscat.noise_floor(noise, batch_sizes=(10, 40))
    values = plot_of(table).values()
    np.testing.assert_array_equal(values["batch size (frames)"], [10, 40])
    np.testing.assert_array_equal(values["measured"], table["noise"])
    assert "photon limit" not in values  # without the gain of the camera it is not known
    light = np.linspace(500, 1500, 400).reshape(20, 20)
    table = iscat.photon_transfer(np.random.default_rng(0).poisson(light, (200, 20, 20)))
    values = plot_of(table).values()
    np.testing.assert_array_equal(values["mean (counts)"], table["mean"])
    np.testing.assert_array_equal(values["shot noise"], table["line"])
    landings = pd.DataFrame({"contrast": [0.01, -0.01, 0.02]})
    bars = plot_of(iscat.contrast_histogram(landings, bins=4, largest=0.04))
    assert isinstance(bars, Bars)
    assert bars.values()["count"].sum() == 3
    assert plot_of(pd.DataFrame({"anything": [1]})) is None


def test_drift_and_dropped_images_are_curves():
    drift = pd.DataFrame({"frame": [0.0, 9.0], "y_px": [0.0, 1.0], "x_px": [0.0, -2.0]})
    np.testing.assert_array_equal(plot_of(drift).values()["x"], [0, -2])
    counters = pd.DataFrame({"frame": [0, 1, 2], "ImgCnt": pd.array([7, 8, 10], dtype="Int64")})
    np.testing.assert_array_equal(plot_of(counters).values()["ImgCnt"], [1, 2])


def test_the_trace_of_the_chosen_row_is_drawn(viewer):
    table = pd.DataFrame(
        {"landing": [1, 1, 2, 2], "frame": [0, 1, 5, 6], "contrast": [0.0, 0.1, 0.2, 0.3]}
    )
    shown = StageTable(NamedTable("traces", table), viewer)
    assert isinstance(shown.plot, Curve)
    np.testing.assert_array_equal(shown.plot.values()["contrast"], [0.0, 0.1])
    shown.table.view.selectRow(3)
    np.testing.assert_array_equal(shown.plot.values()["contrast"], [0.2, 0.3])
    shown.close()
    shown.deleteLater()

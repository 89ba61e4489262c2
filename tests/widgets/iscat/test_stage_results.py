from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points, Tracks

from napari_uai import iscat
from napari_uai.widgets.iscat.linked_tracks import linked_tracks, tracks_layer
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


@pytest.fixture
def walk():
    """Spots of one particle that diffuses, D = 0.5 px^2 per frame."""
    y, x = np.random.default_rng(0).normal(0, 1, (2, 400)).cumsum(axis=1)
    return pd.DataFrame({"frame": np.arange(400), "y": y, "x": x})


def test_stages_about_motion_take_tracks_and_the_scale_of_their_recording(
    viewer, open_widget, run, walk
):
    record = {"name": "raw", "pixel_size_um": 0.1, "frame_rate_hz": 100.0}
    place = Place(name="raw", scale=(1.0, 0.1, 0.1), record=record)
    data = linked_tracks(walk.assign(particle=7))
    data, attributes, _ = tracks_layer(data, place, name="tracks")
    viewer.add_tracks(data, **attributes)
    form = open_widget(viewer, "Diffusion constants")
    form.form.set_values({"exposure": 0.0})
    assert run(form) == "Done: 1 row"
    [shown] = [d for d in viewer.window.dock_widgets.values() if isinstance(d, StageTable)]
    row = shown.table.table.iloc[0]
    wanted = iscat.diffusion_constants(
        walk.assign(particle=7), pixel_size_um=0.1, frame_rate_hz=100.0, exposure=0.0
    ).iloc[0]
    assert row["particle"] == 7
    assert row["diffusion_um2_per_s"] == pytest.approx(wanted["diffusion_um2_per_s"], rel=1e-6)


def test_displacements_of_the_chosen_particle_are_a_curve(viewer, walk):
    table = iscat.mean_squared_displacement(walk.assign(particle=7), max_lag=3)
    shown = StageTable(NamedTable("displacements", table), viewer)
    assert isinstance(shown.plot, Curve)
    np.testing.assert_array_equal(shown.plot.values()["px²"], table["msd_px2"])
    shown.close()
    shown.deleteLater()


def test_shares_of_diffusion_constants_are_bars(walk):
    found = pd.DataFrame({"n_spots": [10, 30], "diffusion_px2_per_frame": [0.2, 0.5]})
    bars = plot_of(iscat.diffusion_histogram(found, bins_per_decade=2))
    assert isinstance(bars, Bars)
    assert bars.values()["count"].tolist() == [1, 1]


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("scale", [{}, {"frame_rate_hz": 10.0}])
def test_rates_of_landings_are_curves(scale):
    landings = pd.DataFrame({"frame": [3, 5, 150]})
    table = iscat.landing_rate(landings, bins=2, first_frame=0, last_frame=199, **scale)
    values = plot_of(table).values()
    np.testing.assert_allclose(
        values["rate"], np.array([0.02, 0.01]) * scale.get("frame_rate_hz", 1)
    )

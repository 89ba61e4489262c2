from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_uai.errors import BadValueError
from napari_uai.widgets.iscat.affine import Link, affine_of_pairs, with_time
from napari_uai.widgets.kit.layers import KEY

TITLE = "Link a second recording"


def test_three_pairs_give_the_map_exactly():
    true = Link(magnification=1.7, rotation_deg=12.0, shift=(4.0, -3.0)).plane()
    second = np.array([[2.0, 3.0], [40.0, 5.0], [11.0, 30.0]])
    first = second @ true[:2, :2].T + true[:2, 2]
    np.testing.assert_allclose(affine_of_pairs(first, second), true, atol=1e-12)


def test_more_pairs_are_fitted_by_least_squares():
    rng = np.random.default_rng(0)
    true = Link(magnification=0.5, rotation_deg=-40.0, shift=(1.0, 2.0)).plane()
    second = rng.uniform(0, 100, (200, 2))
    first = second @ true[:2, :2].T + true[:2, 2] + rng.normal(0, 0.1, (200, 2))
    np.testing.assert_allclose(affine_of_pairs(first, second), true, atol=0.05)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([[0, 0], [1, 1]], [[0, 0], [1, 1]], "three pairs"),
        ([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 0]], "mark each point in both"),
        ([[0, 0], [1, 1], [2, 2]], [[0, 0], [1, 0], [0, 1]], "collinear"),
    ],
)
def test_pairs_that_say_too_little_are_refused(first, second, message):
    with pytest.raises(BadValueError, match=message):
        affine_of_pairs(first, second)


def test_a_ratio_of_frame_rates_is_positive():
    with pytest.raises(BadValueError, match="must be positive"):
        with_time(np.eye(3), frames_per_frame=0.0, first_frame=0.0)


@pytest.fixture
def linked(viewer, open_widget, recording):
    first = viewer.add_image(recording, name="iscat", scale=(1, 0.5, 0.5), translate=(0, 2, 0))
    second = viewer.add_image(np.zeros((60, 12, 10), np.uint8), name="fluorescence")
    widget = open_widget(viewer, TITLE)
    widget.first.choose("iscat")
    widget.second.choose("fluorescence")
    return widget, first, second


def test_values_by_hand_lay_one_over_the_other_in_time_and_space(linked):
    widget, first, second = linked
    values = {"frames_per_frame": 10, "first_frame": 50, "magnification": 2, "shift_rows": 3}
    for name, value in values.items():
        widget.fields[name].setValue(value)
    widget.link()
    expected = first.data_to_world((50 + 10 * 7, 3 + 2 * 4, 2 * 5))
    np.testing.assert_allclose(second.data_to_world((7, 4, 5)), expected)
    widget.unlink()
    np.testing.assert_allclose(second.data_to_world((7, 4, 5)), (7, 4, 5))


def test_one_slider_moves_both(viewer, linked):
    widget, _, second = linked
    second.data = np.arange(60, dtype=np.uint8)[:, None, None] * np.ones((1, 12, 10), np.uint8)
    widget.fields["frames_per_frame"].setValue(10)
    widget.link()
    viewer.dims.set_point(0, 300)
    at = second.world_to_data(viewer.dims.point)
    assert round(at[0]) == 30


def test_pairs_of_points_link_in_space_also_when_marked_again(viewer, linked):
    widget, first, second = linked
    true = Link(magnification=1.9, rotation_deg=5.0, shift=(1.0, 2.0)).plane()
    places = np.array([[1.0, 1.0], [10.0, 2.0], [4.0, 8.0], [9.0, 9.0]])
    targets = places @ true[:2, :2].T + true[:2, 2]
    viewer.add_points([first.data_to_world((0, *p)) for p in targets], name="in first")
    marked = viewer.add_points(np.pad(places, ((0, 0), (1, 0))), name="in second")
    widget.first_points.choose("in first")
    widget.second_points.choose("in second")
    widget.link()
    assert "within 0.00 px" in widget.status.text()
    np.testing.assert_allclose(
        second.data_to_world((0, 10, 2)), first.data_to_world((0, *targets[1])), atol=1e-9
    )
    marked.data = np.array([second.data_to_world((0, *p)) for p in places])
    before = np.asarray(second.affine)
    widget.link()
    np.testing.assert_allclose(np.asarray(second.affine), before, atol=1e-9)


def test_rates_and_pixel_sizes_come_from_the_layers(linked):
    widget, first, second = linked
    widget.use_rates()
    assert "enter the ratios" in widget.status.text()
    first.metadata[KEY] = {"frame_rate_hz": 1000.0, "pixel_size_um": 0.05}
    second.metadata[KEY] = {"frame_rate_hz": 20.0, "pixel_size_um": 0.1}
    widget.use_rates()
    assert widget.fields["frames_per_frame"].value() == 50
    assert widget.fields["magnification"].value() == 2


def test_missing_inputs_are_reported(viewer, linked, notifications):
    widget, _, _ = linked
    widget.second.choose("iscat")
    widget.link()
    assert "two different recordings" in notifications[-1]
    widget.second.choose("fluorescence")
    viewer.add_points(np.zeros((2, 3)), name="alone")
    widget.first_points.choose("alone")
    widget.link()
    assert "for each of the two" in notifications[-1]


@pytest.mark.parametrize("opened_before", [True, False])
def test_the_recordings_that_are_preset_differ(viewer, open_widget, recording, opened_before):
    widget = open_widget(viewer, TITLE) if opened_before else None
    viewer.add_image(recording, name="iscat")
    viewer.add_image(np.zeros((60, 12, 10), np.uint8), name="fluorescence")
    widget = widget or open_widget(viewer, TITLE)
    assert (widget.first.currentText(), widget.second.currentText()) == ("iscat", "fluorescence")


def cells(viewer):
    """Row and column of each visible layer in the grid, by its name."""
    layers, grid = viewer.layers, viewer.canvas.grid
    return {layer.name: grid.position(i, layers) for i, layer in enumerate(layers)}


def test_side_by_side_is_beside_each_other_whatever_else_is_open(viewer, linked):
    widget, _, _ = linked
    for name in ("landings", "more"):
        viewer.add_points(np.zeros((1, 3)), name=name)
    order = [layer.name for layer in viewer.layers]
    widget.grid.setChecked(True)
    assert cells(viewer) == {
        "iscat": (0, 0), "landings": (0, 0), "more": (0, 0), "fluorescence": (0, 1),
    }  # fmt: skip
    viewer.add_points(np.zeros((1, 3)), name="new")
    assert cells(viewer)["new"] == (0, 0)
    widget.grid.setChecked(False)
    assert not viewer.canvas.grid.enabled
    assert [layer.name for layer in viewer.layers] == [*order, "new"]


def test_results_of_the_second_recording_are_in_its_column(viewer, linked):
    widget, _, second = linked
    second.metadata[KEY] = {"name": "fluorescence", "source": "f.tif"}
    viewer.add_points(np.zeros((1, 3)), name="spots", metadata={KEY: dict(second.metadata[KEY])})
    widget.grid.setChecked(True)
    at = cells(viewer)
    assert at["spots"] == at["fluorescence"] != at["iscat"]
    assert {row for row, _ in at.values()} == {0}


@pytest.mark.parametrize("end", ["unlink", "close"])
def test_the_grid_goes_when_the_link_goes(viewer, linked, drain, qtbot, end):
    widget, _, _ = linked
    viewer.canvas.grid.stride = 3
    widget.grid.setChecked(True)
    if end == "unlink":
        widget.unlink()
        assert not widget.grid.isChecked()
    else:
        with qtbot.waitSignal(widget.destroyed):
            viewer.window.remove_dock_widget(widget)
            widget.deleteLater()
    assert not viewer.canvas.grid.enabled
    assert viewer.canvas.grid.stride == 3


def test_an_error_goes_with_the_next_success(linked, notifications):
    widget, _, _ = linked
    widget.second.choose("iscat")
    widget.link()
    assert widget.status.styleSheet()
    widget.second.choose("fluorescence")
    widget.link()
    assert not widget.status.styleSheet()


def test_results_of_a_linked_recording_are_drawn_over_it(viewer, linked, open_widget, run, qtbot):
    widget, first, second = linked
    rng = np.random.default_rng(1)
    second.data = rng.normal(1000, 10, (60, 12, 10)) + 400 * (np.arange(60) >= 30)[:, None, None]
    for name, value in {"frames_per_frame": 10, "first_frame": 5, "rotation_deg": 9}.items():
        widget.fields[name].setValue(value)
    widget.fields["magnification"].setValue(1.5)
    widget.link()
    stage = open_widget(viewer, "Differential rolling average")
    stage.choices[0].choose("fluorescence")
    stage.form.set_values({"batch_size": 4})
    viewer.dims.set_point(0, first.data_to_world((5 + 10 * 30, 0, 0))[0])
    with qtbot.waitSignal(stage.preview.shown) as shown:
        stage.preview.tick.setChecked(True)
    seen = shown.args[0]
    assert seen.frame == 30 - 4
    preview = stage.preview.layer()
    np.testing.assert_allclose(
        preview.data_to_world((4, 5)), second.data_to_world((30, 4, 5))[1:], atol=1e-9
    )
    assert run(stage).startswith("Done")
    average = viewer.layers[-1]
    np.testing.assert_allclose(
        average.data_to_world((20, 4, 5)), second.data_to_world((24, 4, 5)), atol=1e-9
    )
    spots = open_widget(viewer, "Detect spots")
    spots.choices[0].choose(average.name)
    spots.form.set_values({"threshold": 1.0})
    assert "found" in run(spots)
    rings = viewer.layers[-1]
    np.testing.assert_allclose(
        rings.data_to_world(rings.data[0]), average.data_to_world(rings.data[0]), atol=1e-9
    )


@pytest.fixture
def sampled(viewer, open_widget):
    """The sample recordings, the true landings as a review, and the dock."""
    from napari_uai.evaluate import read_truth
    from napari_uai.sample_data import sample_path
    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.iscat.stage_call import landings_layer
    from napari_uai.widgets.kit.layers import place_of

    for name in ("landings.bin", "fluorescence.bin"):
        viewer.open(sample_path(name), plugin="napari-uai")
    first, second = viewer.layers
    truth = read_truth(sample_path("landings_truth.json")).landings
    table = truth.assign(landing=np.arange(1, 6), score=truth["snr"], frame=truth["raw_frame"])
    review = Review(table, table, place_of(first), around=100)
    data, attributes, _ = landings_layer(review, "landings")
    layer = viewer.add_points(data, **attributes)
    view = LandingsView(review, viewer, layer)
    viewer.window.add_dock_widget(view, name="landings", area="bottom")
    widget = open_widget(viewer, TITLE)
    widget.first.choose(first.name)
    widget.second.choose(second.name)
    widget.coincidences.landings.choose("landings")
    return widget, first, second, layer, view


def find(widget, qtbot):
    panel = widget.coincidences
    with qtbot.waitSignal(panel.task.ended):
        panel.run_bar.run_button.click()
    return panel.run_bar.status.text()


def test_the_second_recording_is_registered_by_the_landings(sampled, qtbot):
    widget, first, second, *_ = sampled
    widget.use_rates()
    widget.fields["first_frame"].setValue(100)
    text = find(widget, qtbot)
    assert text.startswith("Registered by 4 pairs of landing and spot (3 by chance), residual 0.2")
    assert widget.fields["rotation_deg"].value() == pytest.approx(6.0, abs=1.5)  # as simulated
    assert widget.fields["magnification"].value() == pytest.approx(2.0, rel=0.03)
    assert "Linked" in widget.status.text()
    link = Link(magnification=2.0, rotation_deg=6.0, shift=(-1.0, -3.0)).plane()
    for corner in ((0, 0), (0, 23), (23, 0), (23, 23)):
        expected = first.data_to_world((0, *(link @ (*corner, 1))[:2]))[1:]
        apart = np.subtract(second.data_to_world((0, *corner))[1:], expected)
        assert np.hypot(*apart) / first.scale[-1] < 1.5  # px of the first recording


def test_landings_have_columns_about_coincidences_and_the_figure_tells_chance(
    viewer, sampled, qtbot, keep_picture
):
    widget, _, _, layer, view = sampled
    assert "4 of 5 landings coincide with a spot within 2 px" in find(widget, qtbot)
    names = [view.view.model().headerData(i, Qt.Orientation.Horizontal) for i in range(20)]
    assert {"spot_distance_px", "coincides", "coincidence_chance"} <= set(names)
    assert layer.features["coincides"].tolist() == [1, 1, 1, 1, 0]  # four are labelled
    assert view.review.exported()["coincides"].sum() == 4
    values = widget.coincidences.plot.values()
    at = int(np.flatnonzero(values["tolerance (px)"] == 2.0)[0])
    assert values["landings"][at] == 4
    assert values["by chance"][at] < 1 < values["landings"][at]
    assert values["chance_low"][at] <= values["by chance"][at] <= values["chance_high"][at]
    assert keep_picture(viewer, "coincidences").size


def test_without_registration_the_present_link_counts(sampled, qtbot):
    widget, *_ = sampled
    widget.coincidences.register.setChecked(False)
    wrong = find(widget, qtbot)
    for name, value in {
        "magnification": 2.0, "rotation_deg": 6.0, "shift_rows": -1.0, "shift_columns": -3.0,
    }.items():  # fmt: skip
        widget.fields[name].setValue(value)
    widget.link()
    right = find(widget, qtbot)
    assert not wrong.startswith("4 of")
    assert right.startswith("4 of 5 landings coincide")


def test_a_layer_without_landings_is_refused_in_one_line(sampled, viewer):
    widget, *_ = sampled
    viewer.add_points(np.zeros((2, 3)), name="points")
    widget.coincidences.landings.choose("points")
    widget.coincidences.run_bar.run_button.click()
    assert "choose a layer of landings" in widget.coincidences.run_bar.status.text()

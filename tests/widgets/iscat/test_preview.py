from __future__ import annotations

import threading

import numpy as np
import pytest
from numba.core import event

from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.detect.spots import detect_spots
from napari_uai.videos.contrast import robust_limits
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.plugin_docks import STAGE_TITLE

DRA = "Differential rolling average"


@pytest.fixture
def shown(qtbot):
    """Wait for the next frame of a preview, which something asks for."""

    def wait(widget, ask):
        with qtbot.waitSignal(widget.preview.shown) as seen:
            ask()
        qtbot.waitUntil(lambda: not widget.preview.latest.busy)
        return seen.args[0]

    return wait


def average_with_preview(viewer, open_widget, shown, recording, batch_size=100):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    viewer.dims.set_point(0, 300)
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": batch_size})
    shown(widget, lambda: widget.preview.tick.setChecked(True))
    return widget


def test_a_preview_shows_the_frame_in_view_and_follows_the_slider(
    viewer, open_widget, shown, recording
):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    truth = differential_rolling_average(recording, batch_size=100)
    layer = widget.preview.layer()
    assert layer.metadata[KEY]["kind"] == "preview"
    assert tuple(layer.scale) == (0.5, 0.5)
    np.testing.assert_array_equal(layer.data, truth[200])
    low, high = layer.contrast_limits
    assert low == -high
    shown(widget, lambda: viewer.dims.set_point(0, 350))
    np.testing.assert_array_equal(widget.preview.layer().data, truth[250])
    assert "frame 250 of 401" in widget.preview.status.text()
    assert viewer.layers.selection.active.name == "raw"


def test_before_its_first_frame_a_preview_shows_the_first(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    shown(widget, lambda: viewer.dims.set_point(0, 20))
    truth = differential_rolling_average(recording, batch_size=100)
    np.testing.assert_array_equal(widget.preview.layer().data, truth[0])


def test_a_preview_follows_the_parameters(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    shown(widget, lambda: widget.form.set_values({"batch_size": 20}))
    truth = differential_rolling_average(recording, batch_size=20)
    np.testing.assert_array_equal(widget.preview.layer().data, truth[280])
    limits = robust_limits(truth[280:281])
    np.testing.assert_allclose(widget.preview.layer().contrast_limits, limits)
    assert len(viewer.layers) == 2


def test_contrast_limits_that_were_set_by_hand_stay(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    widget.preview.layer().contrast_limits = (-0.001, 0.002)
    shown(widget, lambda: widget.form.set_values({"batch_size": 20}))
    assert tuple(widget.preview.layer().contrast_limits) == (-0.001, 0.002)


def test_invalid_values_are_reported_next_to_the_tick_box(
    viewer, open_widget, shown, recording, qtbot, notifications
):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    widget.form.set_values({"batch_size": 301})
    qtbot.waitUntil(lambda: "300" in widget.preview.status.text())
    shown(widget, lambda: widget.form.set_values({"batch_size": 300}))
    assert "frame 0 of 1" in widget.preview.status.text()
    assert notifications == []


def test_a_preview_is_removed_with_its_tick_and_is_not_an_input(
    viewer, open_widget, shown, recording
):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    assert [widget.choices[0].itemText(i) for i in range(widget.choices[0].count())] == ["raw"]
    widget.preview.tick.setChecked(False)
    assert [layer.name for layer in viewer.layers] == ["raw"]


def test_deleting_the_layer_of_a_preview_switches_it_off(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    viewer.layers.remove(widget.preview.layer())
    assert not widget.preview.tick.isChecked()
    shown(widget, lambda: widget.preview.tick.setChecked(True))
    assert len(viewer.layers) == 2


def test_deleting_the_recording_leaves_a_line_and_no_preview(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    viewer.layers.remove("raw")
    assert len(viewer.layers) == 0
    assert "needs an Image layer" in widget.preview.status.text()
    viewer.add_image(recording, name="other")
    assert widget.preview.tick.isChecked()


def test_a_renamed_recording_stays_chosen(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    viewer.add_image(recording[:400], name="newer")
    viewer.layers["raw"].name = "renamed"
    assert widget.choices[0].layer().name == "renamed"
    shown(widget, lambda: viewer.dims.set_point(0, 310))
    assert "of 401" in widget.preview.status.text()


def test_new_data_in_the_layer_are_shown(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    changed = recording.copy()
    changed[300:, 3, 3] += 5000
    shown(widget, lambda: setattr(viewer.layers["raw"], "data", changed))
    truth = differential_rolling_average(changed, batch_size=100)
    np.testing.assert_array_equal(widget.preview.layer().data, truth[200])


def test_closing_the_widget_takes_the_preview_away(viewer, open_widget, shown, recording, qtbot):
    average_with_preview(viewer, open_widget, shown, recording)
    dock = open_widget(viewer, STAGE_TITLE)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    viewer.dims.set_point(0, 310)


def test_spots_in_view_are_those_that_a_run_finds_in_that_frame(
    viewer, open_widget, shown, recording
):
    average = differential_rolling_average(recording, batch_size=100)
    viewer.add_image(average, name="dra", translate=(100, 0, 0))
    viewer.dims.set_point(0, 300)
    widget = open_widget(viewer, "Detect spots")
    widget.form.set_values({"threshold": 4.0})
    shown(widget, lambda: widget.preview.tick.setChecked(True))
    truth = detect_spots(average, threshold=4.0)
    truth = truth[truth["frame"] == 200]
    assert len(truth) > 0
    np.testing.assert_allclose(
        np.sort(widget.preview.layer().data, axis=0), np.sort(truth[["y", "x"]], axis=0)
    )


def test_a_preview_needs_no_slider_for_a_single_image(viewer, open_widget, shown, recording):
    viewer.add_image(recording[0], name="one")
    widget = open_widget(viewer, "Gaussian filter")
    shown(widget, lambda: widget.preview.tick.setChecked(True))
    assert widget.preview.layer().data.shape == (24, 20)


def test_the_3d_view_is_reported_as_unsupported_by_a_preview(viewer, open_widget, shown, recording):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    viewer.dims.ndisplay = 3
    assert "2-D view" in widget.preview.status.text()
    shown(widget, lambda: setattr(viewer.dims, "ndisplay", 2))


def test_only_the_latest_request_counts(qtbot, drain):
    from qtpy.QtCore import QObject

    latest, seen, may_go = LatestRequest(owner := QObject()), [], threading.Event()
    latest.done.connect(seen.append)
    latest.ask(lambda monitor: may_go.wait(10) and 1)
    for number in (2, 3, 4):
        latest.ask(lambda monitor, number=number: number)
    may_go.set()
    qtbot.waitUntil(lambda: seen == [1, 4])
    may_go.clear()
    latest.ask(lambda monitor: may_go.wait(10) and 5)
    latest.forget()
    may_go.set()
    qtbot.waitUntil(lambda: not latest.busy)
    drain()
    assert seen == [1, 4]
    owner.deleteLater()


def test_a_preview_announces_a_first_compilation(viewer, open_widget, shown, recording, qtbot):
    widget = average_with_preview(viewer, open_widget, shown, recording)
    go_on = threading.Event()

    def work(_monitor):
        with event.trigger_event("numba:compile"):
            go_on.wait(30)

    widget.preview.latest.ask(work)
    qtbot.waitUntil(lambda: "compiling takes up to half a minute" in widget.preview.status.text())
    widget.preview.latest.forget()
    go_on.set()


def test_a_drawn_polygon_becomes_the_mask(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5), translate=(0, 1, 1))
    viewer.add_shapes(
        [np.array([[2, 2], [2, 6], [8, 6], [8, 2]])], shape_type="polygon", name="mask"
    )
    widget = open_widget(viewer, "Polygonal mask")
    widget.shape.button.click()
    assert widget.form.values()["vertices"] == [[2.0, 2.0], [2.0, 10.0], [14.0, 10.0], [14.0, 2.0]]
    assert widget.call().parameters["vertices"][2] == (14.0, 10.0)


def test_a_drawn_ellipse_becomes_a_circle(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw")
    viewer.add_shapes(
        [np.array([[0, 2, 2], [0, 2, 10], [0, 12, 10], [0, 12, 2]])], shape_type="ellipse"
    )
    widget = open_widget(viewer, "Circular mask")
    widget.shape.button.click()
    assert widget.form.values() == {"radius_px": 4.5, "center": [7.0, 6.0], "fill": "median"}


def test_draw_makes_a_layer_in_which_the_mouse_draws_the_mask(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5), translate=(0, 1, 1))
    widget = open_widget(viewer, "Polygonal mask")
    widget.shape.draw_button.click()
    shapes = viewer.layers[-1]
    assert viewer.layers.selection.active.name == shapes.name
    assert str(shapes.mode) == "add_polygon"
    assert widget.shape.choice.layer().name == shapes.name
    shapes.add_polygons(np.array([[2, 2], [2, 10], [14, 10]]))  # in px of the video
    assert widget.form.values()["vertices"] == [[2.0, 2.0], [2.0, 10.0], [14.0, 10.0]]


def test_a_circle_is_drawn_as_an_ellipse(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Circular mask")
    widget.shape.draw_button.click()
    assert str(viewer.layers[-1].mode) == "add_ellipse"
    viewer.layers[-1].add_ellipses(np.array([[2, 2], [2, 10], [10, 10], [10, 2]]))
    assert widget.form.values()["center"] == [6.0, 6.0]
    assert widget.form.values()["radius_px"] == 4.0


def test_nothing_is_drawn_without_a_video(viewer, open_widget, notifications):
    widget = open_widget(viewer, "Polygonal mask")
    widget.shape.draw_button.click()
    assert "choose the video first" in notifications[-1]
    assert len(viewer.layers) == 0


def test_a_missing_shape_is_reported(viewer, open_widget, recording, notifications):
    viewer.add_image(recording, name="raw")
    widget = open_widget(viewer, "Circular mask")
    widget.shape.button.click()
    assert "draw a shape" in notifications[0]


def test_a_stage_is_copied_as_a_recipe_has_it(viewer, open_widget, recording):
    from qtpy.QtWidgets import QApplication

    from napari_uai.iscat.recipes.recipe import parse_recipe

    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": 77})
    widget.copy_as_recipe()
    recipe = parse_recipe(QApplication.clipboard().text(), name="pasted")
    assert recipe.values("dra")["batch_size"] == 77
    widget.form.reset()
    assert widget.form.values()["batch_size"] == 500

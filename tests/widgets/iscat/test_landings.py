from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.iscat.stage_call import landings_layer
from napari_uai.widgets.kit.layers import Place


@pytest.fixture
def shown(viewer, review, recording):
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    data, attributes, _ = landings_layer(review, "landings")
    layer = viewer.add_points(data, **attributes)
    view = LandingsView(review, viewer, layer)
    viewer.window.add_dock_widget(view, name="landings", area="bottom")
    return view, layer


def test_a_row_moves_viewer_point_trace_and_bar(viewer, shown):
    view, layer = shown
    view.view.selectRow(1)
    assert viewer.dims.point[0] == 150
    assert set(layer.selected_data) == {1}
    assert "landing 2" in view.trace.title
    assert view.bars.marked == view.review.bar_of(1)


def test_a_point_that_is_selected_chooses_its_row(viewer, shown):
    view, layer = shown
    layer.selected_data = {2}
    assert view.row == 2
    assert view.chosen_rows() == [2]
    assert "landing 3" in view.trace.title


def test_a_bar_chooses_its_landings(viewer, shown, qtbot):
    view, layer = shown
    bar = view.review.bar_of(1)
    x = float(np.mean(view.review.histogram()[0][bar : bar + 2]))
    at_x, at_y = view.bars.to_pixels(x, 0.1)
    qtbot.mouseClick(view.bars, Qt.MouseButton.LeftButton, pos=QPoint(round(at_x), round(at_y)))
    assert view.row == 1
    assert set(layer.selected_data) == {1}
    assert viewer.dims.point[0] == 150


def test_a_click_in_the_trace_moves_the_slider(viewer, shown):
    view, _ = shown
    view.choose(0)
    view.trace.clicked.emit(321.0, 0.0)
    assert viewer.dims.point[0] == 321


def test_a_tick_of_the_timeline_chooses_its_landing_and_moves_the_viewer(viewer, shown, qtbot):
    view, layer = shown
    view.timeline.resize(600, 56)
    at = QPoint(round(float(view.timeline.to_pixels(150))), 20)
    qtbot.mouseClick(view.timeline, Qt.MouseButton.LeftButton, pos=at)
    assert view.row == 1
    assert view.chosen_rows() == [1]
    assert set(layer.selected_data) == {1}
    assert viewer.dims.point[0] == 150
    view.view.selectRow(2)
    assert view.timeline.marked == 2


def test_a_click_in_the_timeline_jumps_and_a_range_chooses_its_landings(viewer, shown):
    view, _ = shown
    assert view.timeline.whole == (0, 599)
    view.timeline.jumped.emit(222.0)
    assert viewer.dims.point[0] == 222
    view.timeline.range_selected.emit(140, 310)
    assert view.chosen_rows() == [0, 1]


def test_the_cut_out_shows_the_spot(shown, qtbot):
    view, _ = shown
    view.choose(2)
    qtbot.waitUntil(lambda: "frame 300" in view.picture.title)


def test_keys_judge_and_go_on_to_the_next_undecided(shown, qtbot):
    view, layer = shown
    view.view.selectRow(0)
    view.view.setFocus()
    view.judge("yes")
    assert view.row == 1
    view.judge("no")
    assert view.row == 2
    assert list(layer.features["accepted"]) == ["yes", "no", ""]
    assert list(layer.text.string(layer.features)) == ["1 ✓", "2 ✗", "3"]
    assert "1 accepted · 1 rejected" in view.count.text()
    view.choose(0)
    view.judge("")
    assert list(layer.features["accepted"]) == ["", "no", ""]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_verdicts_and_signs_can_be_read_in_the_table(viewer, shown, theme):
    view, _ = shown
    viewer.theme = theme
    view.review.judge([0], "yes")
    view.review.judge([1], "no")
    model = view.view.model()
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    column = names.index("contrast")
    fonts = [model.index(row, column).data(Qt.ItemDataRole.FontRole) for row in range(3)]
    assert fonts[0].bold()
    assert fonts[1].strikeOut()
    assert fonts[2] is None
    inks = [model.index(row, column).data(Qt.ItemDataRole.ForegroundRole) for row in range(3)]
    assert inks[0] == inks[2] != inks[1]
    assert model.index(0, names.index("score")).data(Qt.ItemDataRole.ForegroundRole) is None
    ground = view.view.palette().base().color()
    assert min(contrast_ratio(ink, ground) for ink in inks) > 4.5


@pytest.fixture
def window(make_napari_viewer_proxy, review, recording):
    """A visible window with the dock, and its layer of landings."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    data, attributes, _ = landings_layer(review, "landings")
    layer = viewer.add_points(data, **attributes)
    view = LandingsView(review, viewer, layer)
    dock = viewer.window.add_dock_widget(view, name="landings", area="bottom")
    return viewer, view, layer, dock


def press(view, key):
    """Press a key in the window of a dock, which hands it to the canvas."""
    from qtpy.QtTest import QTest

    QTest.keyClick(view.window(), key)


@pytest.mark.parametrize("active", ["landings", "raw"])
def test_keys_judge_with_the_focus_in_the_canvas(window, active):
    viewer, view, layer, _ = window
    viewer.layers.selection.active = viewer.layers[active]
    view.choose(0)
    press(view, Qt.Key.Key_A)
    assert list(layer.features["accepted"]) == ["yes", "", ""]
    assert len(layer.selected_data) == 1  # and not all points
    press(view, Qt.Key.Key_R)
    assert list(layer.features["accepted"]) == ["yes", "no", ""]
    view.choose(0)
    press(view, Qt.Key.Key_U)
    assert list(layer.features["accepted"]) == ["", "no", ""]


def test_keys_are_those_of_napari_again_while_the_dock_is_hidden(window):
    viewer, view, layer, dock = window
    viewer.dims.set_point(0, 300)
    dock.hide()
    viewer.layers.selection.active = layer
    layer.mode = "select"
    press(view, Qt.Key.Key_A)
    assert view.review.verdicts == ["", "", ""]
    assert layer.selected_data == {0, 2}
    dock.show()
    press(view, Qt.Key.Key_A)
    assert "yes" in view.review.verdicts


def press_with_control(widget, key, qtbot):
    qtbot.keyClick(widget, key, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(widget, Qt.Key.Key_F20)  # Qt would take the next selection to be with Control


def focus(widget, qtbot):
    """Give a widget the focus of its window."""
    widget.window().activateWindow()
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)


def test_keys_judge_with_the_focus_anywhere_in_the_dock(window, qtbot):
    _, view, _, _ = window
    view.choose(0)
    for widget, key in ((view.view, Qt.Key.Key_A), (view.column, Qt.Key.Key_R)):
        focus(widget, qtbot)
        qtbot.keyClick(widget, key)
    assert view.review.verdicts == ["yes", "no", ""]


def test_the_last_verdict_is_taken_back_by_key_and_button(window, qtbot):
    _, view, layer, _ = window
    assert not view.undo_button.isEnabled()
    view.choose(0)
    view.judge("yes")
    view.judge("no")
    focus(view.view, qtbot)
    press_with_control(view.view, Qt.Key.Key_Z, qtbot)
    assert list(layer.features["accepted"]) == ["yes", "", ""]
    assert view.row == 1
    qtbot.mouseClick(view.undo_button, Qt.MouseButton.LeftButton)
    assert list(layer.features["accepted"]) == ["", "", ""]
    assert view.row == 0
    assert not view.undo_button.isEnabled()


def test_the_dock_leaves_room_for_the_canvas_of_a_small_window(shown):
    view, _ = shown
    assert view.minimumSizeHint().height() <= 260
    assert view.minimumHeight() <= 260


def test_headers_say_what_their_columns_mean(shown):
    model = shown[0].view.model()
    told = {
        model.headerData(i, Qt.Orientation.Horizontal): model.headerData(
            i, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole
        )
        for i in range(model.columnCount())
    }
    assert all(told.values())
    assert "negative for a particle darker" in told["contrast"].replace("\n", " ")


def rows_shown(view):
    model = view.view.model()
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    column = names.index("landing")
    return [int(model.index(row, column).data()) for row in range(model.rowCount())]


def test_the_table_is_filtered_by_score_sign_and_verdict(shown):
    view, _ = shown
    fields = view.view.fields
    fields.score.setValue(10)
    assert rows_shown(view) == [1, 2]
    assert "2 of 3 landings" in view.count.text()
    fields.sign.setCurrentText("dark")
    assert rows_shown(view) == [2]
    fields.score.setValue(0)
    fields.sign.setCurrentText("any sign")
    fields.verdict.setCurrentText("undecided")
    view.choose(0)
    view.judge("yes")
    assert rows_shown(view) == [2, 3]
    assert view.row == 1
    view.undo()
    assert rows_shown(view) == [1, 2, 3]
    fields.verdict.setCurrentText("accepted")
    assert rows_shown(view) == []


def test_the_table_is_filtered_by_kind_where_there_are_several(shown, viewer, review):
    assert shown[0].view.fields.kind.isHidden()
    both = Review(
        review.table.assign(kind=["landing", "takeoff", "landing"]), review.placed, Place()
    )
    view = LandingsView(both, viewer)
    viewer.window.add_dock_widget(view, name="kinds", area="bottom")
    assert not view.view.fields.kind.isHidden()
    view.view.fields.kind.setCurrentText("takeoff")
    assert rows_shown(view) == [2]


def test_a_landing_that_is_filtered_out_can_still_be_judged_where_it_is_seen(shown):
    view, layer = shown
    view.view.fields.sign.setCurrentText("bright")
    layer.selected_data = {1}
    assert view.row == 1
    view.judge("no")
    assert view.review.verdicts == ["", "no", ""]


def test_selected_rows_are_copied_as_text(shown, qtbot):
    from qtpy.QtGui import QGuiApplication

    view, _ = shown
    view.view.show_rows([0, 2])
    press_with_control(view.view, Qt.Key.Key_C, qtbot)
    names, *lines = (line.split("\t") for line in QGuiApplication.clipboard().text().split("\n"))
    assert [dict(zip(names, line, strict=True))["landing"] for line in lines] == ["1", "3"]


def contrast_ratio(one, other):
    """Return the contrast of two colours, 1 to 21 (WCAG 2)."""
    lights = []
    for colour in (one, other):
        parts = np.array(colour.getRgbF()[:3])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ (0.2126, 0.7152, 0.0722)))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_sorting_the_table_keeps_rows_and_landings_together(viewer, shown):
    view, layer = shown
    names = [view.view.model().headerData(i, Qt.Orientation.Horizontal) for i in range(6)]
    view.view.sortByColumn(names.index("contrast"), Qt.SortOrder.AscendingOrder)
    view.view.selectRow(0)
    assert view.row == 1
    assert set(layer.selected_data) == {1}


def test_deleted_points_and_a_deleted_layer_do_not_mislead(viewer, shown):
    view, layer = shown
    layer.selected_data = {0}
    layer.remove_selected()
    view.view.selectRow(2)
    assert layer.features["landing"].iloc[next(iter(layer.selected_data))] == 3
    viewer.layers.remove(layer)
    view.view.selectRow(1)
    assert viewer.dims.point[0] == 150
    view.judge("yes")
    assert view.review.verdicts[1] == "yes"


def test_verdicts_outlive_the_dock(viewer, shown):
    view, layer = shown
    view.judge("yes")
    viewer.window.remove_dock_widget(view)
    view.deleteLater()
    viewer.dims.set_point(0, 200)
    again = LandingsView(Review.of_layer(layer), viewer, layer)
    viewer.window.add_dock_widget(again, name="again", area="bottom")
    assert again.review.verdicts[0] == "yes"
    assert list(layer.features["accepted"]) == ["yes", "", ""]


def test_an_export_that_fails_is_a_notification(shown, tmp_path, notifications):
    view, _ = shown
    (tmp_path / "file").touch()
    view.export(tmp_path / "file" / "landings.csv")
    assert "choose another folder" in notifications[0]
    view.export(tmp_path / "landings.csv")
    assert (tmp_path / "landings.csv").exists()


def test_exported_landings_open_again_with_their_verdicts(viewer, shown, tmp_path):
    view, _ = shown
    view.judge("no")
    view.export(tmp_path / "landings.csv")
    [layer] = viewer.open(tmp_path / "landings.csv", plugin="napari-uai")
    assert Review.of_layer(layer).verdicts == ["no", "", ""]


def test_a_row_leads_to_its_frame_with_any_kind_of_slicing(slicing, viewer, shown, qtbot):
    view, _ = shown
    raw = viewer.layers["raw"]
    for row, frame in ((1, 150), (2, 400), (0, 300)):
        view.view.selectRow(row)
        qtbot.waitUntil(lambda: raw.loaded)
        assert raw.get_value((frame, 5, 4), world=True) == raw.data[frame, 10, 8]
        qtbot.waitUntil(lambda f=frame: f"frame {f - 100}" in view.picture.title)


def test_a_full_disk_is_reported_and_verdicts_are_kept(shown, notifications, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    view, layer = shown
    view.choose(0)
    view.judge("yes")
    with monkeypatch.context() as full:
        full.setattr("napari_uai.iscat.table_files.write_table", refuse)
        view.export(tmp_path / "landings.csv")
    assert "No space left on device; free disk space" in notifications[-1]
    assert view.review.verdicts[0] == layer.features["accepted"].iloc[0] == "yes"
    view.export(tmp_path / "landings.csv")
    assert pd.read_csv(tmp_path / "landings.csv")["accepted"].iloc[0] == "yes"


def test_a_new_name_of_the_layer_loses_nothing(viewer, shown):
    view, layer = shown
    layer.name = "mine"
    view.choose(0)
    view.judge("no")
    assert layer.features["accepted"].iloc[0] == "no"
    layer.selected_data = {2}
    assert view.row == 2


def test_the_fitted_v_lies_over_the_trace_with_its_error(viewer, review, recording, keep_picture):
    review.table["contrast_error"], review.table["frame_error"] = 0.001, 3.0
    noise = np.random.default_rng(0).normal(0, 0.001, len(review.traces))
    clean = review.traces["contrast"].copy()
    review.traces["contrast"] += noise
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    data, attributes, _ = landings_layer(review, "landings")
    layer = viewer.add_points(data, **attributes)
    known = replace(review, around=50)
    view = LandingsView(known, viewer, layer)
    viewer.window.add_dock_widget(view, name="landings", area="bottom")
    values = view.trace.values()
    assert values["fitted V"] == pytest.approx(clean[:400].to_numpy())  # a batch of 100 frames
    flank = np.hypot(0.5 * 0.001, 0.02 / 100 * 3.0)
    assert values["standard error"][250 - 100] == pytest.approx(flank)
    assert keep_picture(viewer, "fitted-v").size


def test_without_a_batch_no_v_is_claimed(review):
    assert review.fitted(0, np.arange(10.0)) == (None, None)


def test_the_histogram_has_bins_limits_and_a_logarithmic_axis(shown):
    view, _ = shown
    plots = view.plots
    plots.n_bars.setValue(50)
    edges = plots.bars.values()["from"]
    assert 50 <= len(edges) <= 52
    assert np.abs(edges).min() < 1e-12  # an edge at zero
    assert plots.bars.values()["count"].sum() == 3
    plots.bars.tools.zoom(2.0, (0.02, 0.0))
    low, high = plots.bars.x_range
    plots.limited.setChecked(True)
    inside = view.table["contrast"].between(low, high).sum()
    assert plots.bars.values()["count"].sum() == inside < 3
    plots.limited.setChecked(False)
    assert plots.bars.values()["count"].sum() == 3
    plots.log.setChecked(True)
    assert plots.bars.y_text(2.0, np.array([0.0, 2.0])) == "100"
    assert plots.bars.y_range[0] < 0 < plots.bars.y_range[1]  # 1 is 0 decades
    view.choose(1)
    assert plots.bars.marked == view.review.bar_of(1, "contrast", 50)

from __future__ import annotations

import errno

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.iscat.stage_call import landings_layer


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
    from qtpy.QtCore import QPoint

    qtbot.mouseClick(view.bars, Qt.MouseButton.LeftButton, pos=QPoint(round(at_x), round(at_y)))
    assert view.row == 1
    assert set(layer.selected_data) == {1}
    assert viewer.dims.point[0] == 150


def test_a_click_in_the_trace_moves_the_slider(viewer, shown):
    view, _ = shown
    view.choose(0)
    view.trace.clicked.emit(321.0, 0.0)
    assert viewer.dims.point[0] == 321


def test_the_cut_out_shows_the_spot(shown, qtbot):
    view, _ = shown
    view.choose(2)
    qtbot.waitUntil(lambda: "frame 300" in view.picture.title, timeout=10_000)


def test_keys_judge_and_go_on_to_the_next_undecided(shown, qtbot):
    view, layer = shown
    view.view.selectRow(0)
    view.view.setFocus()
    view.judge("yes")
    assert view.row == 1
    view.judge("no")
    assert view.row == 2
    assert list(layer.features["accepted"]) == ["yes", "no", ""]
    assert len({tuple(colour) for colour in layer.border_color}) == 3
    assert "1 accepted · 1 rejected" in view.count.text()
    view.choose(0)
    view.judge("")
    assert list(layer.features["accepted"]) == ["", "no", ""]


def test_sorting_the_table_keeps_rows_and_landings_together(viewer, shown):
    view, layer = shown
    names = [view._model.headerData(i, Qt.Orientation.Horizontal) for i in range(6)]
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
        qtbot.waitUntil(lambda: raw.loaded, timeout=10_000)
        assert raw.get_value((frame, 5, 4), world=True) == raw.data[frame, 10, 8]
        qtbot.waitUntil(lambda f=frame: f"frame {f - 100}" in view.picture.title, timeout=10_000)


def test_a_full_disk_is_reported_and_verdicts_are_kept(shown, notifications, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    view, layer = shown
    view.choose(0)
    view.judge("yes")
    with monkeypatch.context() as full:
        full.setattr("napari_uai.results.write_table", refuse)
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

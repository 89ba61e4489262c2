"""The trail dock in use: mouse, 3-D view, removed layers, particles of a recording."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_uai.iscat.measure.linking import link_spots
from napari_uai.trails.io.table_options import TableOptions
from napari_uai.trails.io.writing import write_trails
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.drawn_layers import REGIONS
from napari_uai.widgets.trails.placement import source_of_trails


def of_kind(viewer, kind):
    return [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == kind]


def on_screen(viewer, y, x):
    """Return where a position of the scene is on the canvas."""
    camera, (height, width) = viewer.scene.camera, viewer.canvas.size
    return QPoint(
        round(width / 2 + (x - camera.center[-1]) * camera.zoom),
        round(height / 2 + (y - camera.center[-2]) * camera.zoom),
    )


@pytest.fixture
def canvas(viewer):
    """The canvas of the viewer; the window is not shown, so that its size is constant."""
    return viewer.window._qt_viewer.canvas.native


def test_strokes_of_the_mouse_and_undo_by_key_change_the_ranks(viewer, ranked, canvas, qtbot):
    viewer.fit_to_view()
    ranked.region_page.new_mask_button.click()
    [mask] = of_kind(viewer, "mask")
    places = [on_screen(viewer, 360, x) for x in range(60, 1240, 40)]
    QTest.mouseMove(canvas, places[0])
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        qtbot.wait(10)  # vispy drops moves that follow each other at once
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])
    # napari hands on the events of the mouse when it finds the time: the dock may still be idle.
    qtbot.waitUntil(lambda: ranked.result.n_masked_out > 0)
    assert mask.data.any()
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: ranked.result.n_masked_out == 0)
    assert not mask.data.any()


def test_a_click_on_a_top_trail_chooses_its_row(viewer, ranked, canvas, qtbot):
    viewer.layers.selection.active = of_kind(viewer, "scene")[0]
    viewer.fit_to_view()
    trails, row = ranked.source.trails, int(ranked.ranking.rows[0])
    here = trails.trail(row)
    others = [trails.trail(int(r)) for r in ranked.ranking.rows[1:9]]
    apart = [
        min(np.hypot(trails.y[o] - trails.y[i], trails.x[o] - trails.x[i]).min() for o in others)
        for i in range(here.start, here.stop)
    ]
    sample = here.start + int(np.argmax(apart))  # away from the other top trails
    place = on_screen(viewer, float(trails.y[sample]), float(trails.x[sample]))
    QTest.mouseMove(canvas, place)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: ranked.table.chosen_row() is not None)
    assert ranked.table.chosen_row() == row


def test_drawings_follow_in_a_view_of_three_dimensions(viewer, ranked, settled):
    viewer.dims.ndisplay = 3
    ranked.table.choose(int(ranked.ranking.rows[2]))
    ranked.view_options.parts[REGIONS].setChecked(True)
    ranked.settings.region_threshold.setValue(30)
    ranked.view_options.n_top.setValue(4)
    settled(ranked)
    assert viewer.dims.ndisplay == 3
    assert len(of_kind(viewer, "top")[0].data) == 4
    assert len(of_kind(viewer, "regions")[0].data) > 0


def test_a_renamed_layer_stays_chosen_and_a_missing_one_is_reported(
    viewer, trail_dock, few, settled, notifications
):
    data = np.column_stack([few.owner, few.time - few.time.min(), few.y, few.x]).astype(float)
    first = viewer.add_tracks(data, name="first")
    viewer.add_tracks(data[:200], name="second")
    sources = trail_dock.sources
    sources.tracks.setCurrentText("first")
    first.name = "mine"
    assert sources.tracks.currentText() == "mine"
    sources.use_button.click()
    viewer.layers.remove(first)  # while it is taken
    settled(trail_dock)
    assert len(trail_dock.result.scores) == len(few)
    assert not notifications
    assert sources.tracks.currentText() == "second"
    viewer.layers.clear()
    trail_dock.use_layer()
    settled(trail_dock)
    assert len(notifications) == 1
    assert "open a file or folder" in notifications[0]
    assert len(trail_dock.result.scores) == len(few)


def test_reading_options_are_applied_and_recorded(
    trail_dock, few, settled, tmp_path, notifications
):
    table = pd.DataFrame({"frame": few.time, "id": few.owner, "x": few.x, "y": few.y})
    path = tmp_path / "plain.txt"
    table.to_csv(path, index=False, header=False)
    sources = trail_dock.sources
    sources.columns.setText("frame,trail,x,y")
    sources.frame_rate.setText("twice")
    trail_dock.open(path)
    assert "must be a number in Hz, got 'twice'" in notifications[-1]
    sources.frame_rate.setText("2")
    sources.scene.setText("somewhere.png")
    trail_dock.open(path)
    assert "scene must be WIDTHxHEIGHT" in notifications[-1]
    sources.scene.setText("1300x800")
    trail_dock.open(path)
    settled(trail_dock)
    trails = trail_dock.source.trails
    assert (trails.scene.width, trails.scene.height) == (1300, 800)
    np.testing.assert_allclose(np.ptp(trails.time), np.ptp(few.time) / 2, rtol=1e-5)
    assert trail_dock.source.options["frame_rate_hz"] == 2
    assert len(notifications) == 2


def test_a_table_of_another_program_is_read_as_the_form_says(
    trail_dock, few, settled, tmp_path, notifications
):
    table = pd.DataFrame({"who": few.owner, "moment": few.time * 1000, "a": few.x, "b": few.y})
    shifted = table.assign(a=few.y, b=few.x, cam="B")
    path = tmp_path / "both.csv"
    pd.concat([table.assign(cam="A"), shifted]).to_csv(path, index=False)
    form = trail_dock.sources.table
    form.columns.setText("trail=who,time=moment,x=a,why=b")
    trail_dock.open(path)
    assert "unknown name 'why'" in notifications[-1]
    form.columns.setText("trail=who,time=moment,x=a,y=b")
    form.where.setText("cam=A")
    form.time_format.setText("ms")
    form.positions.setCurrentText("pixels")
    trail_dock.sources.scene.setText("1300x800")
    trail_dock.open(path)
    settled(trail_dock)
    trails = trail_dock.source.trails
    assert len(trails) == len(few)
    np.testing.assert_allclose(trails.x, few.x, rtol=1e-5)
    np.testing.assert_allclose(np.ptp(trails.time), np.ptp(few.time), rtol=1e-5)
    options = trail_dock.source.options
    assert (options["where"], options["time_format"]) == ({"cam": "A"}, "ms")
    assert options["normalized"] is False


def test_boxes_in_percent_without_names_are_read_as_the_form_says(
    trail_dock, few, settled, tmp_path
):
    left, top = (80 * positions / positions.max() for positions in (few.x, few.y))
    boxes = pd.DataFrame(
        {"f": (100 * few.time).round(), "id": few.owner, "l": left, "t": top, "w": 2, "h": 4}
    )
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    form = trail_dock.sources.table
    form.columns.setText("frame=f,trail=id,left_percent=l,top_percent=t,width=w,height=h")
    form.box_point.setCurrentText("bottom-right")
    trail_dock.sources.scene.setText("1400x900")
    trail_dock.open(tmp_path / "boxes.csv")
    settled(trail_dock)
    trails = trail_dock.source.trails
    assert trail_dock.source.options["box_point"] == "bottom-right"
    np.testing.assert_allclose(trails.x.max(), (left.max() + 2) / 100 * 1399, rtol=1e-5)
    np.testing.assert_allclose(trails.y.max(), (top.max() + 4) / 100 * 899, rtol=1e-5)


def test_every_option_of_tables_is_in_the_form(trail_dock):
    form = trail_dock.sources.table
    assert form.options() == TableOptions()
    form.columns.setText("frame,trail,x,_,y")
    form.where.setText("camera=A")
    form.time_format.setText("frame")
    form.positions.setCurrentText("fractions of the picture")
    form.box_point.setCurrentText("top")
    assert set(form.options().record) == {field.name for field in dataclasses.fields(TableOptions)}


def test_a_missing_file_and_an_unwritable_folder_are_reported_once(
    ranked, few, settled, tmp_path, notifications
):
    path = write_trails(few, tmp_path / "trails.csv")
    ranked.sources.set_path(path)
    path.unlink()
    ranked.sources.open_button.click()
    settled(ranked)
    (tmp_path / "file").touch()
    ranked.export(tmp_path / "file" / "below")
    settled(ranked)
    assert [("trails.csv" in text, "below" in text) for text in notifications] == [
        (True, False),
        (False, True),
    ]
    assert len(ranked.result.scores) == len(few)
    assert ranked.ranking_page.export_button.isEnabled()


def test_particles_of_a_recording_show_where_they_go_and_which_move_unlike_the_rest(
    viewer, trail_dock, settled
):
    rng = np.random.default_rng(1)
    rows = []
    for particle in range(30):  # all cross from left to right; one goes up
        x, y = np.linspace(5, 65, 25), 20 + particle % 10 + rng.normal(0, 0.3, 25)
        if particle == 17:
            x, y = 40 + rng.normal(0, 0.3, 25), np.linspace(5, 65, 25)
        frames = np.arange(25) + 40 * particle
        rows.append(pd.DataFrame({"frame": frames, "y": y, "x": x}))
    spots = link_spots(pd.concat(rows, ignore_index=True), search_range_px=6.0)
    video = viewer.add_image(np.zeros((1200, 72, 72), np.uint8) + 9, scale=(1, 0.05, 0.05))
    points = viewer.add_points(
        spots[["frame", "y", "x"]].to_numpy(),
        features=spots[["particle"]],
        scale=(1, 0.05, 0.05),
        name="linked spots",
    )
    trail_dock.sources.use_button.click()
    settled(trail_dock)
    assert len(trail_dock.result.scores) == 30
    best = int(trail_dock.ranking.rows[0])
    assert best == 17
    [heat] = of_kind(viewer, "heat")
    np.testing.assert_allclose(heat.extent.world, video.extent.world[:, 1:], atol=0.05)
    np.testing.assert_allclose(heat.extent.world[1], 72 * 0.05, atol=0.1)
    trail_dock.table.choose(best)
    assert 17 * 40 <= viewer.dims.point[0] <= 17 * 40 + 25
    assert not points.visible


@pytest.mark.parametrize("asynchronous", [False, True])
def test_everything_is_drawn_with_either_kind_of_slicing(
    viewer, trail_dock, few, settled, asynchronous
):
    from napari.settings import get_settings

    settings = get_settings().experimental
    before, settings.async_ = settings.async_, asynchronous
    try:
        trail_dock.show_source(source_of_trails(few, "few"))
        settled(trail_dock)
        trail_dock.table.choose(int(trail_dock.ranking.rows[1]))
        trail_dock.settings.heat_limits.slider.setValue((100, 700))
        settled(trail_dock)
        kinds = {la.metadata[KEY]["kind"] for la in viewer.layers if la.visible}
    finally:
        settings.async_ = before
    assert {"scene", "heat", "top", "tracks", "chosen"} <= kinds

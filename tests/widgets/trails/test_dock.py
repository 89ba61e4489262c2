"""The trail workflow dock in a real window: user actions, and what goes wrong meanwhile."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels, Points, Shapes, Tracks
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_uai.cli.app import main
from napari_uai.sample_data import sample_path
from napari_uai.trails.io.writing import write_trails
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.placement import source_of_trails

SAMPLE = sample_path("trails")
DISPLAYED = {"heat", "top", "tracks", "scene"}


@pytest.fixture
def dock(trail_dock):
    return trail_dock


def of_kind(viewer, kind):
    return [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == kind]


def paint_left(layer):
    """Paint the left half, with napari's own brush and undo."""
    rows, columns = layer.data.shape
    layer.brush_size = rows
    layer.selected_label = 1
    inside = np.zeros((rows, columns), bool)
    inside[:, : columns // 2] = True
    layer.data_setitem(np.nonzero(inside), 1)


def test_the_sample_is_opened_ranked_and_drawn(viewer, dock, settled):
    dock.open(SAMPLE)
    settled(dock)
    assert dock.run_bar.status.text() == "400 trails ranked."
    assert {k for k in DISPLAYED if of_kind(viewer, k)} == DISPLAYED
    assert len(of_kind(viewer, "heat")) == 4
    assert dock.table.ranks.rowCount() == 400
    assert not of_kind(viewer, "regions")
    counts = [dock.classes.topLevelItem(i).text(1) for i in range(4)]
    assert counts == ["187", "142", "56", "15"]
    scene = of_kind(viewer, "scene")[0].extent.world
    for layer in of_kind(viewer, "heat"):
        # The middles of the outer cells lie on those of the outer pixels.
        low = layer.data_to_world((0, 0))
        high = layer.data_to_world(np.array(layer.data.shape) - 1)
        np.testing.assert_allclose(low, scene[0] + 0.5, atol=0.51)
        np.testing.assert_allclose(high, scene[1] - 0.5, atol=0.51)


def test_the_whole_window_in_use_is_pictured(viewer, dock, settled, qtbot, keep_picture):
    viewer.window.resize(1500, 940)
    dock.open(SAMPLE)
    settled(dock)
    dock.table.choose(int(dock.ranking.rows[4]))
    settled(dock)
    qtbot.waitUntil(lambda: bool(of_kind(viewer, "chosen")))
    picture = keep_picture(viewer, "trail-workflow")
    names = [layer.metadata[KEY]["kind"] for layer in viewer.layers]
    assert names[-2:] == ["chosen", "top"]  # above the trails over time
    assert (picture == 255).all(axis=2).sum() > 50  # the casing of the chosen trail


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def legend(dock):
    """Colours of the swatches in the list of classes, by class."""
    found = {}
    for i in range(dock.classes.topLevelItemCount()):
        item = dock.classes.topLevelItem(i)
        swatch = item.icon(0).pixmap(12, 12).toImage().pixelColor(6, 6)
        found[item.text(0)] = np.array([swatch.redF(), swatch.greenF(), swatch.blueF()])
    return found


def test_lines_badges_and_thumbnails_have_the_colours_of_the_class_legend(viewer, ranked, settled):
    colours = legend(ranked)
    assert len(colours) > 1
    ranked.table.choose(int(ranked.ranking.rows[1]))
    for hidden in (None, next(iter(colours))):  # other trails in as many paths
        if hidden:
            ranked.classes.set_shown(hidden, shown=False)
            settled(ranked)
        top, badges = of_kind(viewer, "top")
        rows = ranked.ranking.rows[: len(top.data)]
        kinds = ranked.result.trails.table["class"].to_numpy()[rows]
        wanted = np.array([colours[kind] for kind in kinds])
        np.testing.assert_allclose(top.edge_color[:, :3], wanted, atol=0.01)
        np.testing.assert_allclose(badges.border_color[:, :3], wanted, atol=0.01)
        np.testing.assert_allclose(badges.face_color[:, :3], 1)
        assert badges.features["label"].tolist() == [str(i + 1) for i in range(len(rows))]
    ranked.classes.set_shown(hidden, shown=True)
    settled(ranked)
    ranked.table.choose(int(ranked.ranking.rows[1]))
    settled(ranked)
    [chosen] = of_kind(viewer, "chosen")
    kind = ranked.result.trails.table["class"].iloc[int(ranked.ranking.rows[1])]
    np.testing.assert_allclose(chosen.edge_color[0, :3], 1)  # the casing
    np.testing.assert_allclose(chosen.edge_color[1:, :3], [colours[kind]] * 2, atol=0.01)
    casing, line, stretch = chosen.edge_width
    assert line < stretch < casing
    model = ranked.table.ranks
    for place in range(5):
        image = model.data(model.index(place, 0), Qt.ItemDataRole.DecorationRole).toImage()
        pixels = {image.pixelColor(x, y).name() for x in range(64) for y in range(image.height())}
        kind = ranked.result.trails.table["class"].iloc[model.trail_at(place)]
        nearest = min(np.abs(rgb(pixel) - colours[kind]).max() for pixel in pixels)
        assert nearest < 0.1


def test_trails_over_time_have_the_hue_of_their_class_whatever_colours_them(
    viewer, ranked, settled
):
    colours = legend(ranked)
    [tracks] = of_kind(viewer, "tracks")
    for colour_by in ("score", "class"):
        ranked.view_options.colour_by.setCurrentText(colour_by)
        settled(ranked)
        drawn = tracks.track_colors[:, :3]
        kinds = ranked.result.trails.table["class"].to_numpy()[tracks.data[:, 0].astype(int)]
        full = np.array([colours[kind] for kind in kinds])
        brightness = drawn.max(axis=1) / full.max(axis=1)
        np.testing.assert_allclose(drawn, brightness[:, None] * full, atol=0.03)
        scores = tracks.features["score"].to_numpy()
        shade = 0.35 + 0.65 * scores if colour_by == "score" else np.ones(len(scores))
        np.testing.assert_allclose(brightness, shade, atol=0.03)


def test_the_tile_sheet_draws_trails_in_the_colours_of_their_classes(ranked, settled):
    ranked.show_tiles()
    settled(ranked)
    pixels = ranked.tiles.picture.reshape(-1, 3) / 255
    rows = ranked.ranking.rows[: ranked.view_options.n_top.value()]
    for kind in set(ranked.result.trails.table["class"].to_numpy()[rows]):
        assert (np.abs(pixels - legend(ranked)[kind]).max(axis=1) < 0.01).sum() > 20


def test_rank_uses_the_only_layer_of_trails(viewer, dock, settled):
    viewer.open_sample("napari-uai", "trails")
    dock.run_bar.run_button.click()
    settled(dock)
    assert dock.run_bar.status.text().startswith("400 trails ranked")
    assert len(of_kind(viewer, "scene")) == 1


def test_rank_without_trails_or_with_several_layers_says_what_to_do(
    viewer, dock, settled, notifications
):
    dock.pages.setCurrentIndex(1)
    dock.run_bar.run_button.click()
    assert "no trails yet: open a folder or file" in dock.run_bar.status.text()
    assert dock.pages.currentIndex() == 0
    for _ in range(2):
        viewer.add_tracks(np.array([[0, 0, 1, 1], [0, 1, 2, 2]], float))
    dock.run_bar.run_button.click()
    assert "choose one as Tracks" in dock.run_bar.status.text()
    assert len(notifications) == 2
    dock.sources.path.setText(str(SAMPLE))
    dock.run_bar.run_button.click()
    settled(dock)
    assert dock.run_bar.status.text() == "400 trails ranked."


def test_top_trails_are_paths_with_ranks(viewer, ranked):
    top, badges = of_kind(viewer, "top")
    assert isinstance(top, Shapes)
    assert isinstance(badges, Points)
    n = ranked.view_options.n_top.value()
    best = ranked.ranking.values[0]
    assert top.features["score"].tolist()[0] == f"{100 * best:.0f} %"
    assert badges.features["label"].tolist() == top.features["label"].tolist()
    assert len(badges.data) == n
    ranked.view_options.n_top.setValue(3)
    assert len(top.data) == len(badges.data) == 3
    ranked.view_options.parts["top"].setChecked(False)
    assert not top.visible
    assert not badges.visible


def test_the_number_of_trails_drawn_over_time_is_shown_and_set(viewer, ranked, settled):
    def drawn():
        return np.unique(of_kind(viewer, "tracks")[0].data[:, 0]).astype(int).tolist()

    n, tick = len(ranked.ranking), ranked.view_options.parts["tracks"]
    assert tick.text() == "Trails over time"
    assert len(drawn()) == n
    ranked.view_options.n_tracks.setValue(7)
    settled(ranked)
    assert tick.text() == f"Trails over time (top 7 of {n})"
    assert drawn() == sorted(ranked.ranking.rows[:7].tolist())
    ranked.settings.score_limits.high.setValue(0.3)
    settled(ranked)
    assert ranked.run_bar.status.text().endswith("; the top 7 are drawn over time.")


def test_export_writes_what_the_command_line_writes(ranked, settled, few, tmp_path, qtbot):
    path = write_trails(few, tmp_path / "trails.csv")
    ranked.open(path)
    settled(ranked)
    ranked.settings.heat_limits.slider.setValue((200, 800))
    ranked.settings.score_limits.high.setValue(0.3)
    settled(ranked)
    ranked.export(tmp_path / "dock")
    settled(ranked)
    arguments = ["trails", str(path), "--out", str(tmp_path / "terminal")]
    for setting in ranked.settings.settings():
        arguments += ["--set", setting]
    assert main(arguments) == 0
    written = sorted(p.name for p in (tmp_path / "terminal").iterdir())
    assert sorted(p.name for p in (tmp_path / "dock").iterdir()) == written
    for name in written:
        if name != "run.json":
            same = (tmp_path / "dock" / name).read_bytes()
            assert same == (tmp_path / "terminal" / name).read_bytes(), name


def test_a_limit_changes_ranks_and_heat_at_once_and_a_tick_couples_both(viewer, ranked, settled):
    scores = ranked.result.scores
    before = {la.name: la.data.copy() for la in of_kind(viewer, "heat")}
    ranked.settings.score_limits.slider.setValue((0, 150))
    settled(ranked)
    assert not ranked.result.scores["heat"].equals(scores["heat"])
    assert all((la.data == before[la.name]).all() for la in of_kind(viewer, "heat"))
    scores = ranked.result.scores
    ranked.settings.heat_limits.slider.setValue((300, 700))
    settled(ranked)
    assert ranked.result.scores.equals(scores)
    assert not any((la.data == before[la.name]).all() for la in of_kind(viewer, "heat"))
    ranked.settings.linked.setChecked(True)
    settled(ranked)
    assert not ranked.result.scores["heat"].equals(scores["heat"])


def test_of_many_slider_positions_the_last_one_counts(ranked, settled):
    for upper in range(900, 500, -20):
        ranked.settings.heat_limits.slider.setValue((100, upper))
        QApplication.processEvents()
    settled(ranked)
    wanted = ranked.settings.heat_limits.values()["heat_upper"]
    assert ranked.result.parameters["heat"]["heat_upper"] == wanted


def test_painting_changes_which_trails_count_and_undo_reverts_it(viewer, ranked, settled):
    all_scores = ranked.result.scores
    ranked.region_page.new_mask_button.click()
    [mask] = of_kind(viewer, "mask")
    assert isinstance(mask, Labels)
    assert mask.mode == "paint"
    assert mask.data.shape == (ranked.source.trails.scene.height, ranked.source.trails.scene.width)
    settled(ranked)
    assert len(ranked.result.scores) == len(all_scores)  # nothing is painted yet
    paint_left(mask)
    settled(ranked)
    assert 0 < len(ranked.result.scores) < len(all_scores)
    assert ranked.result.n_masked_out == len(all_scores) - len(ranked.result.scores)
    assert "outside the region mask" in ranked.run_bar.status.text()
    mask.undo()
    settled(ranked)
    pd.testing.assert_frame_equal(ranked.result.scores, all_scores)
    mask.redo()
    settled(ranked)
    viewer.layers.remove(mask)
    settled(ranked)
    pd.testing.assert_frame_equal(ranked.result.scores, all_scores)


def test_a_class_has_its_own_region_mask_and_the_button_activates_it(viewer, ranked, settled):
    kinds = list(ranked.source.trails.classes.index)
    ranked.region_page.region_class.setCurrentText(kinds[0])
    ranked.region_page.new_mask_button.click()
    [mask] = of_kind(viewer, "mask")
    paint_left(mask)
    settled(ranked)
    counted = ranked.result.trails.classes
    assert counted[kinds[0]] < ranked.source.trails.classes[kinds[0]]
    assert counted[kinds[1]] == ranked.source.trails.classes[kinds[1]]
    ranked.region_page.new_mask_button.click()
    assert of_kind(viewer, "mask") == [mask]
    assert ranked.classes.topLevelItem(0).text(3) == "own"
    assert ranked.classes.topLevelItem(1).text(3) == "-"


def test_a_mask_without_trails_is_reported_and_kept(viewer, ranked, settled, notifications):
    ranked.region_page.new_mask_button.click()
    [mask] = of_kind(viewer, "mask")
    mask.data_setitem((np.array([0]), np.array([0])), 1)
    settled(ranked)
    assert any("paint a larger region" in text for text in notifications)
    assert mask.data[0, 0] == 1
    paint_left(mask)
    settled(ranked)
    assert ranked.result.n_masked_out > 0


def test_classes_scores_and_times_filter_table_and_drawings(viewer, ranked, settled):
    kinds = list(ranked.source.trails.classes.index)
    ranked.classes.set_shown(kinds[0], shown=False)
    settled(ranked)
    n_others = int((ranked.result.scores["class"] != kinds[0]).sum())
    assert ranked.table.ranks.rowCount() == n_others
    heat = {la.metadata[KEY]["class"]: la for la in of_kind(viewer, "heat")}
    assert not heat[kinds[0]].visible
    assert heat[kinds[1]].visible
    [tracks] = of_kind(viewer, "tracks")
    assert len(np.unique(tracks.data[:, 0])) == n_others
    ranked.classes.set_shown(kinds[0], shown=True)
    ranked.view_options.least.setValue(30)
    settled(ranked)
    assert ranked.table.ranks.rowCount() == (ranked.result.scores["anomaly"] >= 0.3).sum()
    ranked.view_options.least.setValue(0)
    ranked.view_options.time.setValue((0, 100))
    settled(ranked)
    table = ranked.source.trails.table
    until = table["start"].min() + 0.1 * (ranked.source.trails.time.max() - table["start"].min())
    assert ranked.table.ranks.rowCount() == (table["start"] <= until).sum()
    assert len(np.unique(tracks.data[:, 0])) == (table["start"] <= until).sum()
    ranked.view_options.least.setValue(100)
    settled(ranked)
    assert ranked.table.ranks.rowCount() == 0
    assert not tracks.visible


def test_tracks_carry_their_score_in_order(viewer, ranked, settled):
    [tracks] = of_kind(viewer, "tracks")
    ranked.ranking_page.score.setCurrentText("nearest")
    ranked.view_options.colour_by.setCurrentText("class")
    settled(ranked)
    scores = ranked.result.scores.set_index(np.array(ranked.result.rows))["nearest"]
    rows = tracks.data[:, 0].astype(int)
    np.testing.assert_allclose(tracks.features["score"], scores[rows])
    np.testing.assert_array_equal(tracks.features["row"], rows)
    assert tracks.color_by == "class_shade"


def test_another_score_ranks_table_and_drawings(ranked, settled):
    ranked.ranking_page.score.setCurrentText("speed")
    settled(ranked)
    shown = ranked.result.scores["speed"].to_numpy()[ranked.ranking.places]
    assert (np.diff(shown) <= 0).all()
    assert ranked.table.ranks.trail_at(0) == ranked.ranking.rows[0]


def test_a_row_leads_the_viewer_to_its_trail_and_a_click_to_its_row(viewer, ranked, settled):
    row = int(ranked.ranking.rows[3])
    ranked.table.choose(row)
    trails = ranked.source.trails
    here = trails.trail(row)
    time_now = viewer.dims.point[0] + trails.time.min()
    assert trails.time[here][0] - 1 <= time_now <= trails.time[here][-1] + 1
    middle = [(v[here].min() + v[here].max()) / 2 for v in (trails.y, trails.x)]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], middle, atol=1)
    assert of_kind(viewer, "chosen")
    best = int(ranked.ranking.rows[0])
    at = trails.trail(best)
    sample = (at.start + at.stop) // 2
    position = (0.0, float(trails.y[sample]), float(trails.x[sample]))
    press(ranked, viewer, position)
    chosen = ranked.table.chosen_row()
    apart = np.hypot(
        trails.y[trails.trail(chosen)] - position[1], trails.x[trails.trail(chosen)] - position[2]
    )
    assert apart.min() <= 8 / viewer.scene.camera.zoom
    assert ranked.table.window().focusWidget() is ranked.table  # its keys judge the trail
    press(ranked, viewer, (0.0, -500.0, -500.0))
    assert ranked.table.chosen_row() == chosen


def press(dock, viewer, position):
    """Click with the left button at a position of the world, as napari calls its callbacks."""

    class Event:
        button, type, pos = 1, "mouse_press", (10, 10)

    Event.position = position
    steps = dock.clicks.on_press(viewer, Event)
    next(steps)
    Event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)


def test_the_table_sorts_by_any_column_and_keeps_the_chosen_trail(ranked, settled):
    ranked.table.choose(int(ranked.ranking.rows[5]))
    chosen = ranked.table.chosen_row()
    column = next(
        i
        for i in range(ranked.table.ranks.columnCount())
        if ranked.table.ranks.headerData(i, Qt.Orientation.Horizontal) == "dwell"
    )
    ranked.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    shown = [float(ranked.table.ranks.data(ranked.table.ranks.index(i, column))) for i in range(10)]
    assert shown == sorted(shown, reverse=True)
    assert ranked.table.chosen_row() == chosen
    ranked.settings.score_limits.high.setValue(0.2)
    settled(ranked)
    assert ranked.table.chosen_row() == chosen


def test_regions_follow_their_threshold(viewer, ranked, settled):
    ranked.settings.region_threshold.setValue(20)
    settled(ranked)
    [regions] = of_kind(viewer, "regions")
    assert ranked.view_options.parts["regions"].isChecked()
    wide = sum(region.area_px for region in ranked.result.regions)
    ranked.settings.region_threshold.setValue(60)
    settled(ranked)
    assert sum(region.area_px for region in ranked.result.regions) < wide
    assert len(regions.data) == sum(len(r.outlines) for r in ranked.result.regions)


def test_removed_layers_stay_removed_until_shown_again(viewer, ranked, settled):
    for kind in ("heat", "top", "tracks"):
        for layer in of_kind(viewer, kind):
            viewer.layers.remove(layer)
    ranked.settings.score_limits.high.setValue(0.25)
    ranked.settings.heat_limits.low.setValue(8)
    settled(ranked)
    assert not any(of_kind(viewer, kind) for kind in ("heat", "top", "tracks"))
    ranked.view_options.parts["heat"].setChecked(False)
    ranked.view_options.parts["heat"].setChecked(True)
    settled(ranked)
    assert len(of_kind(viewer, "heat")) == len(ranked.result.heat)


def test_renamed_layers_are_still_known(viewer, ranked, settled):
    for layer in viewer.layers:
        layer.name = f"my {layer.name}"
    n = len(viewer.layers)
    ranked.settings.heat_limits.low.setValue(9)
    settled(ranked)
    assert len(viewer.layers) == n


def test_the_tile_sheet_has_a_window_of_its_own_and_is_saved(dock, settled, tmp_path):
    dock.open(SAMPLE)
    settled(dock)
    dock.ranking_page.tiles_button.click()
    settled(dock)
    assert dock.tiles.isVisible()
    dock.tiles.save(tmp_path / "tiles.png")
    assert (tmp_path / "tiles.png").stat().st_size > 10_000
    dock.tiles.close()


def test_the_reference_preset_ranks_by_its_own_parameters(ranked, settled):
    ranked.settings.preset.setCurrentText("reference")
    settled(ranked)
    assert ranked.settings.score_limits is None
    ranked.settings._form.set_values({"min_trails": 5})
    settled(ranked)
    assert ranked.result.preset == "reference"
    assert ranked.result.parameters["scores"]["min_trails"] == 5
    ranked.settings.preset.setCurrentText("default")
    settled(ranked)
    assert ranked.result.preset == "default"


def test_tracks_of_any_plugin_are_ranked_where_they_lie(viewer, dock, few, settled):
    micrometres = 0.1
    data = np.column_stack([few.owner, few.time - few.time.min(), few.y, few.x]).astype(float)
    video = viewer.add_image(
        np.zeros((few.scene.height, few.scene.width), np.uint8) + 7,
        scale=(micrometres, micrometres),
        contrast_limits=(0, 20),
    )
    tracks = viewer.add_tracks(data, scale=(2.0, micrometres, micrometres), name="particles")
    dock.sources.use_button.click()
    settled(dock)
    assert len(dock.result.scores) == len(few)
    assert dock.source.trails.scene.width == few.scene.width
    assert not of_kind(viewer, "scene")  # the image is the scene
    [drawn] = of_kind(viewer, "tracks")
    np.testing.assert_allclose(drawn.scale, tracks.scale)
    np.testing.assert_allclose(drawn.extent.world[1], tracks.extent.world[1], rtol=0.02)
    [heat] = of_kind(viewer, "heat")
    np.testing.assert_allclose(heat.extent.world, video.extent.world, atol=3 * micrometres)
    assert not tracks.visible
    row = int(dock.ranking.rows[0])
    dock.table.choose(row)
    here = dock.source.trails.trail(row)
    middle = (few.y[here].min() + few.y[here].max()) / 2 * micrometres
    np.testing.assert_allclose(viewer.scene.camera.center[-2], middle, atol=micrometres)


def test_linked_spots_of_the_microscope_are_ranked(viewer, dock, few, settled):
    data = np.column_stack([few.time - few.time.min(), few.y, few.x]).astype(float)
    viewer.add_points(data[:5], name="not linked")
    spots = viewer.add_points(
        data, features={"particle": few.owner, "contrast": few.y}, scale=(1, 0.1, 0.1), name="spots"
    )
    assert [dock.sources.tracks.itemText(i) for i in range(dock.sources.tracks.count())] == [
        "spots"
    ]
    dock.sources.use_button.click()
    settled(dock)
    assert len(dock.result.scores) == len(few)
    [drawn] = of_kind(viewer, "tracks")
    np.testing.assert_allclose(drawn.scale, spots.scale)


def test_tracks_in_three_dimensions_are_refused(viewer, dock, settled, notifications):
    viewer.add_tracks(np.array([[1, 0, 1, 2, 3], [1, 1, 1, 2, 4]]), name="deep")
    dock.sources.use_button.click()
    settled(dock)
    assert "deep" in dock.run_bar.status.text()
    assert any("choose tracks" in text for text in notifications)


@pytest.mark.parametrize("name", ["nothing.csv", "picture.png", "empty.csv", "folder"])
def test_bad_files_are_reported_and_the_present_trails_stay(
    ranked, settled, tmp_path, notifications, name
):
    path = tmp_path / name
    if name == "picture.png":
        path.write_bytes(b"\x89PNG\0\0\0\0")
    elif name == "empty.csv":
        path.write_text("")
    elif name == "folder":
        path.mkdir()
    before = ranked.result
    ranked.open(path)
    settled(ranked)
    assert any(name in text for text in notifications)
    assert ranked.result is before
    ranked.settings.score_limits.high.setValue(0.3)
    settled(ranked)
    assert ranked.result is not before


def test_an_invalid_setting_is_reported_and_corrected(ranked, settled, notifications):
    before = ranked.result
    ranked.settings.heat_limits.low.setValue(900)
    ranked.settings.heat_limits.high.setValue(10)
    settled(ranked)
    assert any("limits" in text for text in notifications)
    assert ranked.result is before
    ranked.settings.reset()
    settled(ranked)
    assert ranked.result.parameters["heat"]["heat_lower"] == 5


def test_an_unwritable_folder_is_reported(ranked, settled, tmp_path, notifications):
    (tmp_path / "file").write_text("in the way")
    ranked.export(tmp_path / "file" / "out")
    settled(ranked)
    assert notifications
    assert ranked.ranking_page.export_button.isEnabled()


def test_cancel_stops_at_the_next_report_and_rank_starts_again(dock, settled, qtbot, monkeypatch):
    reports = slow_analyses(monkeypatch)
    dock.open(SAMPLE)
    qtbot.waitUntil(lambda: len(reports) > 3)
    dock.run_bar.cancel_button.click()
    n_at_click = len(reports)
    qtbot.waitUntil(lambda: not dock.jobs.busy)
    assert len(reports) <= n_at_click + 1
    assert dock.result is None
    assert "Cancelled" in dock.run_bar.status.text()
    monkeypatch.undo()
    dock.run_bar.run_button.click()
    settled(dock)
    assert len(dock.result.scores) == 400


def test_layers_removed_during_a_run_do_no_harm(viewer, dock, few, settled, qtbot, monkeypatch):
    slow_analyses(monkeypatch, steps=10)
    dock.show_source(source_of_trails(few))
    qtbot.waitUntil(lambda: dock.task.running)
    viewer.layers.clear()
    settled(dock)
    assert len(dock.result.scores) == len(few)


def test_closing_the_viewer_during_a_run_is_survived(
    make_napari_viewer_proxy, open_widget, few, qtbot, monkeypatch, drain
):
    slow_analyses(monkeypatch)
    other = make_napari_viewer_proxy()
    dock = open_widget(other, "Trail workflow")
    dock.show_source(source_of_trails(few))
    qtbot.waitUntil(lambda: dock.task.running)
    worker = dock.task._worker
    other.close()
    qtbot.waitUntil(lambda: not worker.is_running)
    drain()


def test_a_closed_dock_ignores_clicks_and_strokes(viewer, ranked, settled, qtbot, drain):
    ranked.new_mask()
    [mask] = of_kind(viewer, "mask")
    settled(ranked)
    n_callbacks = len(viewer.mouse_drag_callbacks)
    with qtbot.waitSignal(ranked.destroyed):
        viewer.window.remove_dock_widget(ranked)
        ranked.deleteLater()
    assert len(viewer.mouse_drag_callbacks) == n_callbacks - 1
    paint_left(mask)
    viewer.layers.clear()
    drain()


def test_a_bug_is_reported_once_and_not_retried(ranked, settled, qtbot, monkeypatch, drain):
    from napari_uai.trails.analysis.session import TrailSession

    calls = []

    def broken(self, request, *, monitor):
        calls.append(request)
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(TrailSession, "run", broken)
    with qtbot.capture_exceptions():
        ranked.settings.score_limits.high.setValue(0.3)
        settled(ranked)
        drain()
        settled(ranked)
    assert len(calls) == 1
    assert "a bug" in ranked.run_bar.status.text()
    monkeypatch.undo()
    ranked.run_bar.run_button.click()
    settled(ranked)
    assert ranked.result.parameters["scores"]["upper"] == 0.3


def test_two_viewers_keep_to_themselves(
    ranked, viewer, make_napari_viewer_proxy, open_widget, settled, few
):
    other = make_napari_viewer_proxy()
    second = open_widget(other, "Trail workflow")
    second.show_source(source_of_trails(few.select(np.arange(30))))
    settled(second)
    second.new_mask()
    paint_left(of_kind(other, "mask")[0])
    settled(second)
    settled(ranked)
    assert not of_kind(viewer, "mask")
    assert len(ranked.result.scores) == len(few)
    assert len(second.result.scores) < 30


def test_other_trails_replace_the_drawings_and_keep_the_painted_region(
    viewer, ranked, settled, few
):
    ranked.new_mask()
    [mask] = of_kind(viewer, "mask")
    paint_left(mask)
    settled(ranked)
    ranked.show_source(source_of_trails(few.select(np.arange(40)), "later"))
    settled(ranked)
    assert of_kind(viewer, "mask") == [mask]
    assert ranked.result.n_masked_out > 0
    assert len(of_kind(viewer, "tracks")) == 1
    assert len(of_kind(viewer, "scene")) == 1
    pictures = [la for la in viewer.layers if isinstance(la, Image) and la.visible]
    assert len(pictures) == 1 + len(ranked.result.heat)  # those of other classes are hidden
    assert sum(isinstance(layer, Tracks) for layer in viewer.layers) == 1


def test_the_window_handles_events_while_trails_are_loaded(dock, settled, qtbot):
    handled = []
    timer = QTimer()
    timer.timeout.connect(lambda: handled.append(dock.source))
    dock.open(SAMPLE)
    timer.start(0)
    qtbot.waitUntil(lambda: dock.source is not None)
    timer.stop()
    assert handled[0] is None
    settled(dock)


def slow_analyses(monkeypatch, steps=200):
    """Make every analysis slow, with a report every 10 ms; return the list of reports."""
    from napari_uai.trails.analysis.session import TrailSession

    reports = []
    original = TrailSession.run

    def run(self, request, *, monitor):
        for i in range(steps):
            reports.append(i)
            monitor.update(i / steps, "slowly")
            time.sleep(0.01)
        return original(self, request, monitor=monitor)

    monkeypatch.setattr(TrailSession, "run", run)
    return reports

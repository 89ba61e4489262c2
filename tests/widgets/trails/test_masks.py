"""Region masks: painted, from any Labels layer, kept, exported, loaded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels

from napari_uai.cli.app import main
from napari_uai.trails.heat.masks import apply_masks
from napari_uai.trails.io.writing import write_trails
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.placement import source_of_trails


@pytest.fixture
def left(few):
    inside = np.zeros((few.scene.height, few.scene.width), bool)
    inside[:, : few.scene.width // 2] = True
    return inside


def masks_in(viewer):
    return [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == "mask"]


def ranked_names(dock):
    return set(dock.result.scores["trail"])


def names_inside(trails, inside):
    return set(trails.table["trail"][apply_masks(trails, {}, inside).included])


def test_a_labels_layer_of_the_user_is_used_at_its_position_over_the_scene(
    viewer, ranked, few, left, settled
):
    assert ranked.region_page.use_mask_row.isHidden()
    tenth = np.zeros((few.scene.height // 10, few.scene.width // 10), np.uint16)
    tenth[:, : tenth.shape[1] // 2] = 7
    own = viewer.add_labels(tenth, scale=(10, 10), translate=(4.5, 4.5), name="mine")
    assert not ranked.region_page.use_mask_row.isHidden()
    assert ranked.region_page.mask_layer.currentText() == "mine"
    ranked.region_page.use_mask_button.click()
    settled(ranked)
    assert ranked_names(ranked) == names_inside(few, left)
    assert ranked.region_page.use_mask_row.isHidden()
    own.translate = (4.5, 4.5 + few.scene.width / 2)  # what is shown is what counts
    settled(ranked)
    assert ranked_names(ranked) == names_inside(few, ~left)


def test_a_painted_layer_of_another_scale_does_what_one_of_the_scene_does(
    viewer, ranked, few, settled
):
    turned = viewer.add_labels(np.ones((300, 300), np.uint8), rotate=30, translate=(60, 400))
    ranked.region_page.use_mask_button.click()
    settled(ranked)
    rows, columns = np.mgrid[: few.scene.height, : few.scene.width]
    world = np.column_stack([rows.ravel(), columns.ravel()])
    back = np.linalg.inv(turned.rotate) @ (world - turned.translate).T
    inside = ((back > -0.5) & (back < 299.5)).all(axis=0).reshape(rows.shape)
    assert ranked_names(ranked) == names_inside(few, inside)


def test_a_region_in_three_dimensions_is_refused_and_an_empty_one_leaves_all(
    viewer, ranked, settled, notifications
):
    before = ranked.result.scores
    units = ("second", "pixel", "pixel")
    deep = viewer.add_labels(np.zeros((4, 30, 30), np.uint8), name="deep", units=units)
    ranked.region_page.use_mask_button.click()
    settled(ranked)
    assert [text for text in notifications if "deep" in text and "rows and columns" in text]
    assert len(notifications) == 1
    viewer.layers.remove(deep)
    viewer.add_labels(np.zeros((30, 30), np.uint8), name="empty")
    ranked.region_page.use_mask_button.click()
    assert "trails count everywhere" in ranked.run_bar.status.text()
    settled(ranked)
    pd.testing.assert_frame_equal(ranked.result.scores, before)


def test_two_layers_of_one_class_count_together(viewer, ranked, few, left, settled):
    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    viewer.add_labels((~left).astype(np.uint8))
    ranked.region_page.use_mask_button.click()
    settled(ranked)
    assert len(ranked.result.scores) == len(few)
    assert ranked.result.masks[""].inside.all()


def test_what_is_painted_follows_trails_that_lie_elsewhere(viewer, ranked, few, left, settled):
    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    settled(ranked)
    picture = viewer.add_image(np.zeros(left.shape, np.uint8), scale=(0.1, 0.1))
    data = np.column_stack([few.owner, few.time - few.time.min(), few.y, few.x]).astype(float)
    tracks = viewer.add_tracks(data, scale=(1, 0.1, 0.1))
    boxes = ranked.sources.tracks, ranked.sources.image
    for box, layer in zip(boxes, (tracks, picture), strict=True):
        box.setCurrentText(layer.name)
    ranked.sources.use_button.click()
    settled(ranked)
    np.testing.assert_allclose(mask.scale, (0.1, 0.1))
    assert len(ranked.result.scores) == len(names_inside(few, left))


def test_the_chosen_trail_stays_chosen_when_others_are_masked(viewer, ranked, few, left, settled):
    kept = names_inside(few, left)
    row = max(r for r in ranked.ranking.rows if few.table["trail"][r] in kept)
    ranked.table.choose(int(row))
    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    settled(ranked)
    chosen = ranked.result.trails.table["trail"][ranked.table.chosen_row()]
    assert chosen == few.table["trail"][row]
    [drawn] = [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == "chosen"]
    assert drawn.visible
    mask.data_setitem(np.nonzero(left), 0)
    mask.data_setitem(np.nonzero(~left), 1)
    settled(ranked)
    if few.table["trail"][row] not in ranked_names(ranked):
        assert not drawn.visible


def test_an_export_with_regions_is_repeated_by_the_command_line_and_by_the_dock(
    viewer, ranked, few, left, settled, tmp_path
):
    path = write_trails(few, tmp_path / "trails.csv")
    ranked.sources.scene.setText(f"{few.scene.width}x{few.scene.height}")
    ranked.open(path)
    settled(ranked)
    kind = str(few.classes.index[0])
    ranked.new_mask()
    masks_in(viewer)[0].data_setitem(np.nonzero(left), 1)
    ranked.region_page.region_class.setCurrentText(kind)
    ranked.new_mask()
    masks_in(viewer)[1].data_setitem(np.nonzero(~left), 1)
    ranked.settings.score_limits.high.setValue(0.3)
    ranked.settings.region_threshold.setValue(25)
    ranked.view_options.n_top.setValue(4)
    settled(ranked)
    ranked.export(tmp_path / "dock")
    settled(ranked)
    like = ["--like", str(tmp_path / "dock" / "run.json")]
    scene = ["--scene", f"{few.scene.width}x{few.scene.height}"]
    assert main(["trails", str(path), "--out", str(tmp_path / "cli"), *like, *scene]) == 0
    names = sorted(p.name for p in (tmp_path / "cli").iterdir())
    assert sorted(p.name for p in (tmp_path / "dock").iterdir()) == names
    assert {"mask.png", f"mask_{kind}.png", "scores.csv"} <= set(names)
    for name in set(names) - {"run.json"}:
        assert (tmp_path / "dock" / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()
    scores = ranked.result.scores
    settings = ranked.settings.settings()
    for layer in masks_in(viewer):
        viewer.layers.remove(layer)
    ranked.settings.reset()
    settled(ranked)
    assert not ranked.result.scores.equals(scores)
    ranked.load_settings(tmp_path / "dock")
    settled(ranked)
    assert ranked.settings.settings() == settings
    pd.testing.assert_frame_equal(ranked.result.scores, scores)


def test_loading_settings_keeps_what_was_painted_as_labels(
    viewer, ranked, few, left, settled, tmp_path, notifications
):
    ranked.export(tmp_path / "everywhere")
    settled(ranked)
    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    settled(ranked)
    ranked.load_settings(tmp_path / "everywhere" / "run.json")
    settled(ranked)
    assert len(ranked.result.scores) == len(few)
    assert mask in viewer.layers
    assert not mask.visible
    ranked.region_page.use_mask_button.click()
    settled(ranked)
    assert ranked_names(ranked) == names_inside(few, left)
    assert not notifications
    ranked.load_settings(tmp_path)
    assert any("run.json" in text for text in notifications)
    assert ranked_names(ranked) == names_inside(few, left)


def test_a_region_survives_trails_that_cannot_be_opened(
    viewer, ranked, left, settled, tmp_path, notifications
):
    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    mask.name = "my own name"
    settled(ranked)
    before = ranked_names(ranked)
    ranked.open(tmp_path / "vanished.csv")
    settled(ranked)
    assert len(notifications) == 1
    assert "vanished.csv" in notifications[0]
    assert isinstance(mask, Labels)
    assert (np.asarray(mask.data) != 0).sum() == left.sum()
    assert ranked_names(ranked) == before


def test_a_mask_for_a_scene_of_another_size_does_not_apply(viewer, ranked, few, left, settled):
    from dataclasses import replace

    ranked.new_mask()
    [mask] = masks_in(viewer)
    mask.data_setitem(np.nonzero(left), 1)
    settled(ranked)
    wider = replace(few, scene=replace(few.scene, width=few.scene.width + 40, image=None))
    ranked.show_source(source_of_trails(wider, "wider"))
    settled(ranked)
    assert len(ranked.result.scores) == len(few)
    assert mask in viewer.layers

"""The trail dock in small windows, and its first five minutes: sample, Rank, ranked trails."""

from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QWidget
from superqt import QCollapsible

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import class_colours

SMALL = (1280, 720)
PAGES = range(4)


def laid_out(widget):
    """Visible children, of which no layout may make two overlap."""
    return [w for w in widget.findChildren(QWidget) if w.isVisible() and not w.isWindow()]


def cut_off(dock):
    """Buttons, labels and lists that are narrower than their text, or stick out sideways."""
    found = []
    for widget in laid_out(dock):
        has_text = isinstance(widget, QLabel) and bool(widget.text())
        if not (
            has_text or (isinstance(widget, (QAbstractButton, QComboBox)) and widget.objectName())
        ):
            continue
        left = widget.mapTo(dock, widget.rect().topLeft()).x()
        wraps = isinstance(widget, QLabel) and widget.wordWrap()
        needed = 0 if wraps else widget.minimumSizeHint().width()
        if widget.width() < needed or left < 0 or left + widget.width() > dock.width():
            found.append((type(widget).__name__, widget.objectName(), widget.width(), needed))
    return found


def overlapping(dock):
    """Pairs of siblings of one layout that overlap."""
    found = []
    for parent in [dock, *laid_out(dock)]:
        layout = parent.layout()
        if layout is None or parent.metaObject().className().startswith(("QStack", "QTab")):
            continue
        inside = [w for w in laid_out(parent) if w.parentWidget() is parent]
        for i, one in enumerate(inside):
            for other in inside[i + 1 :]:
                common = one.geometry().intersected(other.geometry())
                if common.width() > 1 and common.height() > 1:
                    found.append((parent.objectName(), one.objectName(), other.objectName()))
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_at_1280_x_720_nothing_is_cut_or_overlaps(viewer, trail_dock, settled, theme, drain):
    viewer.window.show()
    viewer.theme = theme
    viewer.window.resize(*SMALL)
    viewer.open_sample("napari-uai", "trails")
    trail_dock.run_bar.run_button.click()
    settled(trail_dock)
    assert trail_dock.minimumSizeHint().width() <= 340
    assert trail_dock.minimumWidth() <= 340
    trail_dock.new_mask()  # shows the row for Labels layers of the user
    viewer.add_labels(np.zeros((8, 8), int))
    for verdict in ("accepted", "rejected"):
        trail_dock.table.choose_next_undecided()
        trail_dock.review.judge(verdict)
    trail_dock.review.more_like_this()
    settled(trail_dock)
    for folded in trail_dock.findChildren(QCollapsible):
        folded.expand(animate=False)
    for page in PAGES:
        trail_dock.pages.setCurrentIndex(page)
        drain()
        assert trail_dock.minimumSizeHint().width() <= 340
        assert not cut_off(trail_dock)
        assert not overlapping(trail_dock)
    *_, width, height = viewer.window.geometry()
    assert width <= SMALL[0]
    assert height <= SMALL[1]


@pytest.mark.parametrize("size", [(1280, 800), (1600, 1000)])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_sample_is_ranked_by_one_button_and_drawn_as_the_legend_says(
    viewer, open_widget, settled, keep_picture, theme, size
):
    get_settings().reset()
    viewer.window.show()
    viewer.theme = theme
    viewer.window.resize(*size)
    dock = open_widget(viewer, "Trail workflow")
    viewer.open_sample("napari-uai", "trails")
    dock.run_bar.run_button.click()
    settled(dock)
    assert dock.run_bar.status.text() == "400 trails ranked."
    assert len(dock.ranking) == dock.table.ranks.rowCount() == 400
    colours = class_colours(dock.source.trails.classes.index)
    [top, badges] = [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == "top"]
    assert badges.features["label"].tolist() == [str(rank) for rank in range(1, 10)]
    for i, row in enumerate(dock.ranking.rows[:9]):
        kind = dock.result.trails.table["class"].iloc[row]
        wanted = [int(colours[kind][k : k + 2], 16) / 255 for k in (1, 3, 5)]
        np.testing.assert_allclose(top.edge_color[i, :3], wanted, atol=0.01)
        np.testing.assert_allclose(badges.border_color[i, :3], wanted, atol=0.01)
    picture = keep_picture(viewer, f"trails-{theme}-{size[0]}x{size[1]}")
    assert (picture.shape[1], picture.shape[0]) == size
    for kind in {dock.result.trails.table["class"].iloc[row] for row in dock.ranking.rows[:9]}:
        wanted = [int(colours[kind][k : k + 2], 16) for k in (1, 3, 5)]
        # Lines and rims are blended with the scene by a tenth.
        assert (np.abs(picture.astype(int) - wanted).max(axis=2) < 30).sum() > 150

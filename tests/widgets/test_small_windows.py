"""Docks in a window of 1280 x 720: none enlarges it, nothing overlaps, no text is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QToolButton,
    QWidget,
)

from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.stage_call import landings_layer
from napari_uai.widgets.kit.folds import Fold
from napari_uai.widgets.trails.tiles import TileWindow

SMALL = QSize(1280, 720)
WIDEST_DOCK = 340
TITLES = [
    widget.display_name
    for widget in PluginManifest.from_distribution("napari-uai").contributions.widgets
]


@pytest.fixture
def small(viewer, qtbot):
    """Viewer with a window of 1280 x 720; a fixture must not keep the window itself alive."""
    viewer.window.show()
    viewer.window.resize(SMALL.width(), SMALL.height())
    qtbot.waitUntil(lambda: main_window(viewer).size() == SMALL)
    return viewer


def main_window(viewer):
    return viewer.window._qt_window


def settle(viewer, dock, drain):
    for _ in range(3):
        drain()
    main_window(viewer).resizeDocks([dock], [WIDEST_DOCK], Qt.Orientation.Horizontal)
    for _ in range(3):
        drain()


def test_each_dock_fits_a_small_window(small, drain):
    problems = {}
    for title in TITLES:
        dock, widget = small.window.add_plugin_dock_widget("napari-uai", title)
        settle(small, dock, drain)
        problems[title] = problems_of(main_window(small), dock, widget)
        small.window.remove_dock_widget(widget)
        drain()
    assert {title: found for title, found in problems.items() if found} == {}


def test_all_docks_together_do_not_enlarge_the_window(small, drain):
    docks = [small.window.add_plugin_dock_widget("napari-uai", title)[0] for title in TITLES]
    for _ in range(3):
        drain()
    window = main_window(small)
    assert window.size() == SMALL
    assert len(window.tabifiedDockWidgets(docks[0])) == len(docks) - 1


def test_a_review_below_all_docks_does_not_enlarge_the_window(small, review, drain):
    small.add_image(np.zeros((600, 24, 20), np.uint16), name="raw")
    for title in TITLES:
        small.window.add_plugin_dock_widget("napari-uai", title)
    data, attributes, _ = landings_layer(review, "landings")
    view = LandingsView(review, small, small.add_points(data, **attributes))
    small.window.add_dock_widget(view, name="review", area="bottom", tabify=True)
    for _ in range(3):
        drain()
    assert main_window(small).size() == SMALL
    assert faults_in(view) == []


def test_two_runs_compared_below_all_docks_do_not_enlarge_the_window(small, review, drain):
    small.add_image(np.zeros((600, 24, 20), np.uint16), name="raw")
    for title in TITLES:
        small.window.add_plugin_dock_widget("napari-uai", title)
    layers = []
    for name in ("landings of a", "landings of b"):
        each = replace(review, table=review.table.copy())
        data, attributes, _ = landings_layer(each, name)
        layers.append(small.add_points(data, **attributes))
    view = LandingsView(each, small, layers[1])
    small.window.add_dock_widget(view, name="review", area="bottom", tabify=True)
    view.compared.other.setCurrentText("landings of a")
    assert view.compared.counts.text().startswith("3 found by both")
    for _ in range(3):
        drain()
    assert main_window(small).size() == SMALL
    assert faults_in(view) == []


def test_a_tile_sheet_is_not_larger_than_the_screen(small):
    window = TileWindow(np.zeros((5000, 5000, 3), np.uint8), None)
    window.show()
    screen = window.screen().availableGeometry()
    assert window.width() <= screen.width()
    assert window.height() <= screen.height()
    window.close()


def test_a_new_dock_is_in_front_of_those_that_are_open(small, drain):
    docks = [small.window.add_plugin_dock_widget("napari-uai", t)[0] for t in TITLES[:3]]
    for _ in range(3):
        drain()
    assert [not dock.visibleRegion().isEmpty() for dock in docks] == [False, False, True]


def test_a_dock_that_the_user_moved_away_stays_there(small, drain):
    first, _ = small.window.add_plugin_dock_widget("napari-uai", TITLES[2])
    second, _ = small.window.add_plugin_dock_widget("napari-uai", TITLES[3])
    drain()
    window = main_window(small)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, second)
    drain()
    second.hide()
    second.show()
    drain()
    assert second not in window.tabifiedDockWidgets(first)


def problems_of(window, dock, widget):
    """What is wrong with a dock in a small window, as texts."""
    found = []
    if window.size() != SMALL:
        found.append(f"enlarges the window to {window.width()} x {window.height()} px")
    widths = dock.minimumSizeHint().width(), widget.minimumWidth(), dock.width()
    if max(widths) > WIDEST_DOCK:
        found.append(f"needs {max(widths)} px: {widest_in(widget)}")
    for part in parts_of(widget):
        found += faults_in(part)
    return found


def faults_in(widget):
    """Overlaps and cut texts that are left once nested layouts have settled, as texts."""
    for _ in range(20):
        QCoreApplication.processEvents()
        found = [*overlaps_in(widget), *cut_texts_in(widget)]
        if not found:
            break
    return found


def widest_in(widget):
    """The widgets without children of their own that need most width, as texts."""
    needs = [
        (max(w.minimumSizeHint().width(), w.minimumWidth()), told(w))
        for w in widget.findChildren(QWidget)
        if w.isVisible()
    ]
    return sorted(needs, reverse=True)[:6]


def parts_of(widget):
    """Show each page of each tab in turn, with its sections folded and unfolded; yield as often."""
    for folded in (True, False):
        for section in widget.findChildren(Fold):
            section.collapse() if folded else section.expand()
        yield from pages_of(widget)


def pages_of(widget):
    tabs = [tab for tab in widget.findChildren(QTabWidget) if tab.count()]
    if not tabs:
        yield widget
    for tab in tabs:
        for page in range(tab.count()):
            tab.setCurrentIndex(page)
            yield widget


def overlaps_in(widget):
    """Pairs of visible widgets in one parent's layout that intersect, as texts."""
    found = []
    for parent in (widget, *widget.findChildren(QWidget)):
        layout = parent.layout()
        is_qt_own = parent.objectName().startswith("qt_")
        if layout is None or is_qt_own or is_folded(parent, widget):
            continue
        children = [w for w in widgets_of(layout) if w.isVisible() and not w.size().isEmpty()]
        for i, one in enumerate(children):
            for other in children[i + 1 :]:
                shared = one.geometry() & other.geometry()
                if not shared.isEmpty():
                    found.append(f"{told(one)} x {told(other)}")
            if not parent.rect().contains(one.geometry()):
                found.append(
                    f"{told(one)} leaves {told(parent)}: {placed(one)} in {placed(parent)}"
                )
    return found


def is_folded(part, widget):
    """Whether a part of a widget is in a section without height."""
    while part is not widget:
        if part.size().isEmpty() or not part.isVisible():
            return True
        part = part.parentWidget()
    return False


def widgets_of(layout):
    for at in range(layout.count()):
        item = layout.itemAt(at)
        if item.widget() is not None:
            yield item.widget()
        elif item.layout() is not None:
            yield from widgets_of(item.layout())


def cut_texts_in(widget):
    """Texts of visible labels, buttons and spin boxes that are wider than their place."""
    cut = []
    for child in widget.findChildren(QWidget):
        if not child.isVisible():
            continue
        metrics = child.fontMetrics()
        if isinstance(child, QLabel):
            if child.wordWrap():
                fits = child.height() >= child.heightForWidth(child.width())
            else:
                lines = child.text().splitlines() or [""]
                fits = max(map(metrics.horizontalAdvance, lines)) <= child.width()
            text = child.text()
        elif isinstance(child, QAbstractSpinBox):
            text = child.text()
            line = child.findChild(QLineEdit)
            fits = metrics.horizontalAdvance(text) <= line.width()
        elif isinstance(child, (QPushButton, QAbstractButton)) and not isinstance(
            child, QToolButton
        ):
            text = child.text()
            fits = not text or metrics.horizontalAdvance(text) <= child.width()
            if fits and text and not isinstance(child, QPushButton):
                fits = child.sizeHint().width() <= child.width()
        else:
            continue
        if not fits and not is_out_of_sight(child):
            cut.append(f"{told(child)} {text!r} in {child.width()} x {child.height()} px")
    return cut


def is_out_of_sight(widget):
    return widget.visibleRegion().isEmpty()


def placed(widget):
    return widget.geometry().getRect()


def told(widget):
    return f"{type(widget).__name__} {widget.objectName()}".strip()

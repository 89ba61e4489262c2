from __future__ import annotations

import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QPushButton, QWidget

from napari_uai.widgets.kit.help import HelpWindow, show_help

TITLES = [
    widget.display_name
    for widget in PluginManifest.from_distribution("napari-uai").contributions.widgets
]


@pytest.fixture
def window(qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    owner.show()
    yield show_help("tutorial-napari", owner)
    owner.close()


@pytest.mark.parametrize("title", TITLES)
def test_every_dock_has_a_button_that_opens_its_page(viewer, open_widget, title):
    dock = open_widget(viewer, title)
    [button] = dock.findChildren(QPushButton, "help")
    button.click()
    [help_window] = viewer.window._qt_window.findChildren(HelpWindow)
    assert help_window.page.title
    assert help_window.browser.toPlainText().startswith(help_window.page.title)
    help_window.close()


def test_a_section_is_shown_at_the_top(window):
    window.open_page("tutorial-napari#look-at-one-stage")
    assert window.section_in_view() == "Look at one stage"


def test_a_label_leads_to_its_heading(window):
    window.open_page("outputs#landings-csv")
    assert window.section_in_view() == window.page.labels["landings-csv"].replace("`", "")


def test_links_lead_to_other_pages_and_back(window):
    window.follow(QUrl("training.md#limits"))
    assert window.page.name == "training"
    assert window.windowTitle() == "Train a network"
    window.back.click()
    assert window.page.name == "tutorial-napari"
    assert not window.back.isEnabled()


def test_links_to_other_sites_open_in_the_browser(window, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    window.follow(QUrl("https://napari.org"))
    assert opened == ["https://napari.org"]
    assert window.page.name == "tutorial-napari"


def test_one_window_of_help_is_enough(viewer, open_widget):
    for title in TITLES[:2]:
        open_widget(viewer, title).findChild(QPushButton, "help").click()
    assert len(viewer.window._qt_window.findChildren(HelpWindow)) == 1

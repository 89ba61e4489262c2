from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtWidgets import QLabel

from napari_uai.widgets.kit.folds import Fold


@pytest.fixture
def section(viewer, drain):
    """A section in a narrow dock whose content needs several lines there."""
    section = Fold("More")
    label = QLabel("Each frame of the rolling average from frames before and after it. " * 3)
    label.setWordWrap(True)
    section.addWidget(label)
    dock = viewer.window.add_dock_widget(section, name="fold")
    viewer.window.show()
    dock.setFixedWidth(200)
    drain()
    return section


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_arrow_is_in_the_colour_of_the_text(viewer, section, theme, drain):
    get_settings().appearance.theme = theme
    viewer.theme = theme
    drain()
    picture = section.toggleButton().grab().toImage()
    arrow = [
        picture.pixelColor(x, y).lightness() for x in range(20) for y in range(picture.height())
    ]
    ground = np.median(arrow)
    ink = max(arrow, key=lambda value: abs(value - ground))
    assert (ink > ground) == (theme == "dark")
    assert abs(ink - ground) > 80


def test_content_is_hidden_until_the_title_is_clicked(section, drain):
    seen = []
    section.toggled.connect(seen.append)
    assert not section.content().isVisible()
    section.toggleButton().click()
    drain()
    [label] = section.content().findChildren(QLabel)
    assert label.height() >= label.heightForWidth(label.width())
    section.toggleButton().click()
    assert not section.content().isVisible()
    assert seen == [True, False]

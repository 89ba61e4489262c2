from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings

from napari_uai.widgets.kit.folds import Fold


def ink_of(icon):
    """Mean colour of an icon's opaque pixels, 0 to 255."""
    image = icon.pixmap(16, 16).toImage()
    colours = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return np.mean([c.lightness() for c in colours if c.alpha() > 200])


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_arrows_are_in_the_colour_of_the_text(viewer, theme, drain):
    viewer.theme = theme
    get_settings().appearance.theme = theme
    section = Fold("More")
    viewer.window.add_dock_widget(section, name="fold")
    viewer.window.show()
    drain()
    text = section.toggleButton().palette().windowText().color().lightness()
    assert (text > 128) == (theme == "dark")
    for icon in (section.collapsedIcon(), section.expandedIcon()):
        assert abs(ink_of(icon) - text) < 60

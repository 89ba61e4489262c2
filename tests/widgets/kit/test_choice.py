from __future__ import annotations

from napari_uai.widgets.kit.choice import Choice


def test_a_text_that_is_too_long_is_elided_and_its_entry_is_not(viewer, drain):
    long = "1200 frames of 41 x 40 px, 16-bit unsigned, little-endian"
    choice = Choice()
    choice.addItems([long, "short"])
    viewer.window.add_dock_widget(choice, name="choice")
    viewer.window.show()
    choice.setFixedWidth(150)
    drain()
    assert choice.elided_text().endswith("…")
    assert choice.minimumSizeHint().width() < 150
    choice.showPopup()
    assert choice.view().width() >= choice.fontMetrics().horizontalAdvance(long)
    choice.hidePopup()
    choice.setCurrentIndex(1)
    assert choice.elided_text() == "short"

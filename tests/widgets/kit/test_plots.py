from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QImage, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_uai.widgets.kit.curve import Curve
from napari_uai.widgets.kit.plots import Bars


@pytest.fixture
def curve(qtbot):
    plot = Curve(x_label="frame", y_label="contrast")
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    plot.show_curve(np.arange(101.0), np.linspace(-1, 1, 101))
    plot.show()
    return plot


def at(plot, x, y):
    """Pixel at a position in data units."""
    return QPointF(*map(float, plot.to_pixels(x, y)))


def turn(plot, x, y, notches=1, modifiers=Qt.KeyboardModifier.NoModifier):
    where = at(plot, x, y)
    QApplication.sendEvent(
        plot,
        QWheelEvent(
            where, plot.mapToGlobal(where), QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False,
        ),
    )  # fmt: skip


def drag(plot, start, end):
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = QMouseEvent.Type
    for kind, where, button in (
        (kinds.MouseButtonPress, start, left),
        (kinds.MouseMove, end, none),
        (kinds.MouseButtonRelease, end, left),
    ):
        held = none if kind == kinds.MouseButtonRelease else left
        QApplication.sendEvent(
            plot,
            QMouseEvent(
                kind, where, plot.mapToGlobal(where), button, held, Qt.KeyboardModifier.NoModifier
            ),
        )


def test_the_wheel_zooms_about_the_pointer(curve):
    before, y_range = curve.x_range, curve.y_range
    turn(curve, 25, 0, 3)
    low, high = curve.x_range
    assert high - low == pytest.approx((before[1] - before[0]) / 1.25**3)
    assert (25 - low) / (high - low) == pytest.approx(0.25)
    assert curve.y_range == y_range
    turn(curve, 25, 0.5, 1, Qt.KeyboardModifier.ShiftModifier)
    assert np.ptp(curve.y_range) == pytest.approx(np.ptp(y_range) / 1.25)


def test_a_drag_pans_and_is_no_click(curve):
    clicks = []
    curve.clicked.connect(lambda x, y: clicks.append((x, y)))
    drag(curve, at(curve, 50, 0), at(curve, 30, 0))
    assert curve.x_range == pytest.approx((20, 120))
    assert clicks == []


def test_a_click_tells_its_position_and_a_double_click_shows_everything(curve, qtbot):
    whole = curve.x_range
    turn(curve, 25, 0, 3)
    where = at(curve, 20, 0.0).toPoint()
    with qtbot.waitSignal(curve.clicked) as clicked:
        qtbot.mouseClick(curve, Qt.MouseButton.LeftButton, pos=where)
    assert clicked.args[0] == pytest.approx(20, abs=0.5)
    qtbot.mouseDClick(curve, Qt.MouseButton.LeftButton, pos=where)
    assert curve.x_range == whole


def test_new_data_end_a_zoom(curve):
    turn(curve, 25, 0, 3)
    curve.show_curve(np.arange(11.0), np.arange(11.0))
    curve.tools.reset()
    assert curve.x_range == (0, 10)


def test_values_under_the_pointer_are_told(curve, qtbot):
    assert curve.reading_at(25.3, 7) == "frame 25: contrast -0.5"
    bars = Bars(x_label="contrast")
    qtbot.addWidget(bars)
    bars.show_bars(np.array([0.0, 1, 2]), np.array([3, 5]))
    assert bars.reading_at(1.5, 0) == "contrast 1 to 2: 5"
    assert bars.reading_at(7, 0) == ""


def test_picture_and_values_are_saved(curve, tmp_path):
    curve.tools.save_picture(tmp_path / "plot.png")
    image = QImage(str(tmp_path / "plot.png"))
    assert (image.width(), image.height()) == (800, 400)
    curve.tools.save_picture(tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text()
    assert "<polyline" in svg
    assert "contrast" in svg
    curve.tools.save_values(tmp_path / "values.csv")
    table = pd.read_csv(tmp_path / "values.csv")
    np.testing.assert_allclose(table["contrast"], np.linspace(-1, 1, 101))
    curve.tools.copy()
    assert QApplication.clipboard().image().size() == image.size()


def test_the_menu_offers_what_there_is(curve):
    assert [action.text() for action in curve.tools.menu().actions()] == [
        "Copy picture", "Save picture…", "Save values…",
    ]  # fmt: skip
    turn(curve, 25, 0)
    assert curve.tools.menu().actions()[-1].text() == "Show all"


def test_the_fitted_model_and_its_error_are_among_the_saved_values(curve, tmp_path):
    x = np.arange(101.0)
    curve.show_curve(x, np.sin(x), model=np.cos(x), error=np.full(101, 0.1))
    curve.tools.save_values(tmp_path / "v.csv")
    saved = pd.read_csv(tmp_path / "v.csv")
    assert list(saved) == ["frame", "contrast", "fitted V", "standard error"]
    assert np.allclose(saved["fitted V"], np.cos(x))
    assert (saved["standard error"] == 0.1).all()


def test_the_band_of_the_model_is_drawn_around_it_and_not_beyond(curve):
    x = np.arange(101.0)
    curve.show_curve(x, np.full(101, np.nan) + (x == 0), model=np.full(101, 2.0))
    without = curve.tools.picture()
    curve.show_curve(
        x, np.full(101, np.nan) + (x == 0), model=np.full(101, 2.0), error=np.full(101, 0.5)
    )
    with_band = curve.tools.picture()

    def colour(picture, y):
        return picture.pixelColor((at(curve, 80, y) * 2).toPoint()).name()

    assert colour(with_band, 2.25) == colour(with_band, 1.75) != colour(with_band, 1.2)
    assert colour(without, 1.2) == colour(with_band, 1.2)
    assert "± 0.5" in curve.reading_at(50, 0)

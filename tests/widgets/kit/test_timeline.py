from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_uai.widgets.kit.time_spans import TimeSpan
from napari_uai.widgets.kit.timeline import HEIGHT, Timeline

ORANGE, BLUE = "#ffb000", "#4cc9f0"


@pytest.fixture
def timeline(qtbot):
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(620, HEIGHT)
    timeline.setStyleSheet("background: black; color: white;")
    spans = (TimeSpan(700, 720, "frames 700-720: no light"), TimeSpan(440, 440, "1 image dropped"))
    timeline.show_recording(0, 1200, rate_hz=400.0, spans=spans)
    timeline.show_events(
        np.array([300.0, 900.0, 1000.0]),
        heights=np.array([10.0, 5.0, 1.0]),
        colours=[ORANGE, BLUE, ORANGE],
    )
    return timeline


def at(timeline, frame):
    return QPoint(round(float(timeline.to_pixels(frame))), 20)


def pixels(timeline):
    """Return what is painted, (rows, columns, 3)."""
    image = timeline.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    bits = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt
        bits.setsize(image.sizeInBytes())
    painted = np.frombuffer(bits, np.uint8).reshape(image.height(), image.width(), 4)
    return painted[..., 2::-1].astype(int)  # a copy, because the image is deleted


def height_of(timeline, frame, colour):
    """Return how many pixels of a colour stand at a frame."""
    column = at(timeline, frame).x()
    near = pixels(timeline)[:, column - 1 : column + 2]
    same = np.abs(near - QColor(colour).getRgb()[:3]).max(axis=-1) < 40
    return int(same.any(axis=1).sum())


def turn(timeline, frame, steps):
    where = QPointF(at(timeline, frame))
    event = QWheelEvent(
        where, where, QPoint(), QPoint(0, 120 * steps), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(timeline, event)


def test_events_stand_at_their_frames_in_their_colours_as_high_as_their_scores(timeline):
    high, low = height_of(timeline, 300, ORANGE), height_of(timeline, 1000, ORANGE)
    assert high > 1.5 * low > 0
    assert low < height_of(timeline, 900, BLUE) < high
    assert height_of(timeline, 600, ORANGE) == height_of(timeline, 300, BLUE) == 0


def test_a_click_on_an_event_chooses_it_and_one_beside_jumps(timeline, qtbot):
    with qtbot.waitSignal(timeline.chosen) as chosen:
        qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=at(timeline, 903))
    assert chosen.args == [1]
    with qtbot.waitSignal(timeline.jumped) as jumped:
        qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=at(timeline, 600))
    assert jumped.args[0] == pytest.approx(600, abs=1.1)


def test_the_wheel_zooms_about_the_pointer_and_a_double_click_shows_all(timeline, qtbot):
    turn(timeline, 300, 3)
    first, last = timeline.view
    assert last - first == pytest.approx(1200 / 1.25**3)
    assert timeline.to_frame(at(timeline, 300).x()) == pytest.approx(300, abs=1.1)
    turn(timeline, 300, 100)
    first, last = timeline.view
    assert last - first == pytest.approx(20)
    assert first < 300 < last
    turn(timeline, 300, -3)
    qtbot.mouseDClick(timeline, Qt.MouseButton.LeftButton, pos=at(timeline, 300))
    assert timeline.view == timeline.whole == (0, 1200)


def test_dragging_selects_a_range_inside_the_recording(timeline, qtbot):
    with qtbot.waitSignal(timeline.range_selected) as selected:
        qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=at(timeline, 1100))
        qtbot.mouseMove(timeline, at(timeline, 900))
        qtbot.mouseMove(timeline, QPoint(timeline.width() - 1, 20))
        qtbot.mouseRelease(timeline, Qt.MouseButton.LeftButton, pos=at(timeline, 1200))
    assert selected.args[0] == pytest.approx(1100, abs=2)
    assert selected.args[1] == 1200
    assert timeline.range == tuple(selected.args)


def test_problems_are_shaded_and_say_what_they_are(timeline):
    assert timeline.text_at(float(timeline.to_pixels(710))) == "frames 700-720: no light"
    assert timeline.text_at(float(timeline.to_pixels(440))) == "1 image dropped"
    assert timeline.text_at(float(timeline.to_pixels(600))) == "600 (1.5 s)"
    painted = pixels(timeline)
    shaded, plain = (painted[25, at(timeline, frame).x()] for frame in (710, 650))
    assert shaded[0] > plain[0] + 40


def test_the_current_frame_and_verdicts_are_painted(timeline):
    before = pixels(timeline)
    timeline.show_now(600)
    now = pixels(timeline)
    columns = np.flatnonzero((before != now).any(axis=(0, 2)))
    assert abs(columns.mean() - at(timeline, 600).x()) <= 1
    timeline.show_verdicts(["yes", "no", ""])
    judged = pixels(timeline)
    columns = np.flatnonzero((judged != now).any(axis=(0, 2)))
    near = [np.abs(columns - at(timeline, frame).x()).min() for frame in (300, 900, 1000)]
    assert max(near[:2]) <= 1
    assert near[2] > 5


def test_a_marked_event_comes_into_view(timeline):
    turn(timeline, 300, 8)
    assert timeline.view[1] < 900
    timeline.mark(1)
    first, last = timeline.view
    assert (first + last) / 2 == pytest.approx(900)
    assert timeline.marked == 1


def test_of_many_events_in_a_column_of_pixels_the_tallest_is_painted_once(timeline):
    from napari_uai.widgets.kit.timeline import _tallest_per_pixel

    rng = np.random.default_rng(0)
    x, top = rng.uniform(0, 500, 10_000), rng.uniform(0, 30, 10_000)
    drawn = _tallest_per_pixel(x, top, np.arange(10_000))
    assert len(drawn) == len(np.unique(x.astype(int)))
    for row in drawn[::50]:
        assert top[row] == top[x.astype(int) == int(x[row])].min()


def test_a_timeline_without_events_can_be_painted_and_clicked(qtbot):
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(300, HEIGHT)
    with qtbot.waitSignal(timeline.jumped):
        qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(100, 20))
    assert timeline.grab().width() == 300

"""Timeline: a strip over a whole recording with its events, problems and the current frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_uai.widgets.kit.palette import MARK, VERMILION
from napari_uai.widgets.kit.plots import inks, seen_on, tick_text, ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QMouseEvent, QPaintEvent, QWheelEvent

    from napari_uai.typing import Bools, Floats, Ints
    from napari_uai.widgets.kit.ring_looks import Verdict
    from napari_uai.widgets.kit.time_spans import TimeSpan

HEIGHT = 56
_SIDE, _TOP, _AXIS = 10.0, 9.0, 17.0
_NEAR_PX, _DRAG_PX = 5.0, 5.0
_SMALLEST = 0.3
_DENSE = 200  # ticks
_FEWEST_FRAMES = 20.0
_WHEEL_STEP = 120.0


class Timeline(QWidget):
    """Events over the frames of a file.

    A click jumps there or chooses the event below it, the wheel zooms about the pointer, a double
    click shows the whole recording, and dragging selects a range.

    Attributes
    ----------
    chosen
        Emitted with the number of the clicked event.
    jumped
        Emitted with the frame of a click beside all events.
    range_selected
        Emitted with the first and last frame of a range that was dragged over.
    whole
        First and last frame of the recording.
    view
        First and last frame that are seen.
    """

    chosen = Signal(int)
    jumped = Signal(float)
    range_selected = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("timeline")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.whole = self.view = (0.0, 1.0)
        self.range: tuple[int, int] | None = None
        self.marked = -1
        self._rate_hz: float | None = None
        self._unit = ""
        self._now: float | None = None
        self._pressed: float | None = None
        self._dragged: float | None = None
        self._spans: Sequence[TimeSpan] = ()
        self._picture: QPixmap | None = None
        self._pictured: tuple[object, ...] = ()
        self.show_events(np.zeros(0), heights=np.zeros(0), colours=[])

    def show_recording(
        self,
        first: float,
        last: float,
        *,
        rate_hz: float | None = None,
        spans: Sequence[TimeSpan] = (),
        unit: str = "",
    ) -> None:
        """Set first and last frame of the recording, its frame rate and what disturbs it.

        With a ``unit`` such as ``s``, what is called a frame here is a time.
        """
        self.whole = self.view = (float(first), float(max(last, first + 1)))
        self._rate_hz, self._spans, self._unit = rate_hz or None, spans, unit
        self._redraw()

    def show_events(
        self,
        frames: Floats,
        *,
        heights: Floats,
        colours: Sequence[str],
        verdicts: Sequence[Verdict] = (),
    ) -> None:
        """Show events as ticks.

        Parameters
        ----------
        frames
            Frames of the file.
        heights
            Score of each; the highest fills the strip.
        colours
            Colour of each, such as ``#rrggbb``: its sign or class.
        verdicts
            Verdict of each; accepted ones have a dot on top, rejected ones are dotted.
        """
        self._frames = np.asarray(frames, float)
        scores = np.nan_to_num(np.asarray(heights, float)).clip(0)
        highest = float(scores.max()) if len(scores) else 0.0
        self._heights = _SMALLEST + (1 - _SMALLEST) * scores / (highest or 1.0)
        self._names = list(dict.fromkeys(colours))
        numbers = {name: i for i, name in enumerate(self._names)}
        self._colours = np.array([numbers[name] for name in colours], np.int64)
        self.show_verdicts(verdicts)

    def show_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Show the verdict of each event."""
        given = np.asarray(verdicts if len(verdicts) else [""] * len(self._frames), dtype=str)
        self._accepted, self._rejected = given == "yes", given == "no"
        self._redraw()

    def show_now(self, frame: float) -> None:
        """Mark the current frame."""
        if frame != self._now:
            self._now = frame
            self.update()

    def mark(self, event: int) -> None:
        """Point out an event, -1 for none; the view follows it."""
        self.marked = event
        if 0 <= event < len(self._frames):
            frame, (first, last) = float(self._frames[event]), self.view
            if np.isfinite(frame) and not first <= frame <= last:
                self._look_at(frame - (last - first) / 2, frame + (last - first) / 2)
        self.update()

    def to_pixels(self, frames: Floats | float) -> Floats:
        """Return the horizontal position of frames, px."""
        first, last = self.view
        return _SIDE + (np.asarray(frames, float) - first) / (last - first) * self._width()

    def to_frame(self, pixel: float) -> float:
        """Return the frame at a horizontal position."""
        first, last = self.view
        return float(first + (pixel - _SIDE) / self._width() * (last - first))

    def event_at(self, pixel: float) -> int:
        """Return the nearest event within a few pixels, or -1."""
        if not len(self._frames):
            return -1
        apart = np.abs(self.to_pixels(self._frames) - pixel)
        apart[~np.isfinite(apart)] = np.inf
        nearest = apart <= apart.min() + 0.5  # of several, the one that stands out
        best = int(np.where(nearest, self._heights, -1.0).argmax())
        return best if apart[best] <= _NEAR_PX else -1

    def text_at(self, pixel: float) -> str:
        """Return what is the matter at a horizontal position; otherwise frame and time."""
        slack = self.to_frame(_NEAR_PX / 2) - self.to_frame(0)
        frame = self.to_frame(pixel)
        said = [s.text for s in self._spans if s.first - slack <= frame <= s.last + 1 + slack]
        return "\n".join(said) or self._time_text(round(frame), ())

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint problems, axis and events, which are kept, then range, mark and current frame."""
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._kept())
        bottom = self.height() - _AXIS
        ink = inks(self)[0]
        if self.range is not None:
            left, right = self.to_pixels(np.array(self.range, float))
            shade = QColor(ink)
            shade.setAlphaF(0.18)
            painter.fillRect(QRectF(float(left), 0, float(right - left), bottom), shade)
        for frame, colour in ((self._now, ink), (self._marked_frame(), QColor(MARK))):
            if frame is not None:
                x = float(self.to_pixels(frame))
                painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine))
                painter.drawLine(QLineF(x, 0, x, bottom))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawPolygon(
                    QPolygonF([QPointF(x - 4, 0), QPointF(x + 4, 0), QPointF(x, 6)])
                )
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a click or a range."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = event.position().x(), None

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Widen the range."""
        if event is None or self._pressed is None:
            return
        x = event.position().x()
        if self._dragged is not None or abs(x - self._pressed) > _DRAG_PX:
            self._dragged = x
            self.range = self._range(self._pressed, x)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End a click or a range."""
        if event is None or self._pressed is None:
            return
        dragged, self._pressed = self._dragged is not None, None
        x = event.position().x()
        if dragged and self.range is not None:
            self.range_selected.emit(*self.range)
            return
        self.range = None
        number = self.event_at(x)
        if number >= 0:
            self.chosen.emit(number)
        else:
            self.jumped.emit(float(np.clip(self.to_frame(x), *self.whole)))
        self.update()

    def mouseDoubleClickEvent(self, _event: QMouseEvent | None) -> None:
        """Show the whole recording."""
        self._look_at(*self.whole)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom about the pointer; a horizontal wheel moves."""
        if event is None:
            return
        (first, last), turned = self.view, event.angleDelta()
        if turned.y():
            factor = 1.25 ** (-turned.y() / _WHEEL_STEP)
            at = self.to_frame(event.position().x())
            self._look_at(at - (at - first) * factor, at + (last - at) * factor)
        else:
            step = -turned.x() / _WHEEL_STEP * (last - first) / 10
            self._look_at(first + step, last + step)
        event.accept()

    def event(self, event: QEvent | None) -> bool:
        """Show what is the matter below the pointer."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.text_at(event.pos().x()), self)
            return True
        return bool(super().event(event))

    def _look_at(self, first: float, last: float) -> None:
        """Set what is seen, inside the recording."""
        start, end = self.whole
        length = float(np.clip(last - first, min(_FEWEST_FRAMES, end - start), end - start))
        middle = (first + last) / 2
        left = float(np.clip(middle - length / 2, start, end - length))
        self.view = (left, left + length)
        self.update()

    def _range(self, one: float, other: float) -> tuple[int, int]:
        low, high = sorted(self.to_frame(x) for x in (one, other))
        start, end = self.whole
        return round(float(np.clip(low, start, end))), round(float(np.clip(high, start, end)))

    def _width(self) -> float:
        return max(self.width() - 2 * _SIDE, 1.0)

    def _time_text(self, frame: float, among: Sequence[float] | Floats) -> str:
        text = tick_text(frame, among if len(among) else (frame,))
        if self._rate_hz is None:
            return f"{text} {self._unit}".rstrip()
        return f"{text} ({frame / self._rate_hz:.4g} s)"

    def _marked_frame(self) -> float | None:
        frame = float(self._frames[self.marked]) if 0 <= self.marked < len(self._frames) else np.nan
        return frame if np.isfinite(frame) else None

    def _kept(self) -> QPixmap:
        """Return the picture of what does not move with the current frame."""
        ratio, (ink, faint) = self.devicePixelRatioF(), inks(self)
        shown = (self.width(), self.height(), ratio, self.view, ink.rgba(), faint.rgba())
        if self._picture is None or shown != self._pictured:
            self._pictured = shown
            self._picture = QPixmap(round(ratio * self.width()), round(ratio * self.height()))
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._picture)
            painter.setFont(self.font())
            area = QRectF(_SIDE, _TOP, self._width(), self.height() - _TOP - _AXIS)
            self._draw_axis(painter, area, ink, faint)
            painter.setClipRect(area.adjusted(-_SIDE, -_TOP, _SIDE, 1))
            self._draw_spans(painter, area)
            self._draw_events(painter, area)
            painter.end()
        return self._picture

    def _redraw(self) -> None:
        self._picture = None
        self.update()

    def _draw_axis(self, painter: QPainter, area: QRectF, ink: QColor, faint: QColor) -> None:
        painter.setPen(faint)
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        metrics = QFontMetricsF(painter.font())
        room = metrics.horizontalAdvance(self._time_text(round(self.view[1]), ())) + 24
        marks = ticks(*self.view, max(int(area.width() / room), 1))
        end = 0.0
        for frame in marks:
            x, text = float(self.to_pixels(frame)), self._time_text(frame, marks)
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width / 2, 0.0), self.width() - width)
            if left < end:
                continue
            end = left + width + 8
            painter.setPen(faint)
            painter.drawLine(QLineF(x, area.bottom(), x, area.bottom() + 3))
            painter.setPen(ink)
            painter.drawText(QPointF(left, self.height() - 3), text)

    def _draw_spans(self, painter: QPainter, area: QRectF) -> None:
        shade = QColor(VERMILION)
        shade.setAlphaF(0.35)
        for span in self._spans:
            left, right = self.to_pixels(np.array([span.first, span.last + 1]))
            width = max(float(right - left), 2.0)
            painter.fillRect(QRectF(float(left), _TOP, width, area.height()), shade)

    def _draw_events(self, painter: QPainter, area: QRectF) -> None:
        x, bottom = self.to_pixels(self._frames), area.bottom()
        top = bottom - self._heights * area.height()
        seen = np.isfinite(x) & (x >= 0) & (x <= self.width())
        for number, name in enumerate(self._names):
            here = seen & (self._colours == number)
            colour = seen_on(self, name)
            for rows, style in (
                (here & ~self._rejected, Qt.PenStyle.SolidLine),
                (here & self._rejected, Qt.PenStyle.DotLine),
            ):
                tips = _tips(x, top, rows)
                painter.setPen(QPen(colour, 2 if len(tips) < _DENSE else 1, style))
                painter.drawLines([QLineF(at, bottom, at, tip) for at, tip in tips])
            painter.setPen(QPen(colour, 5, cap=Qt.PenCapStyle.RoundCap))
            tips = _tips(x, top, here & self._accepted)
            painter.drawPoints(QPolygonF([QPointF(at, tip) for at, tip in tips]))


def _tips(x: Floats, top: Floats, wanted: Bools) -> list[tuple[float, float]]:
    """Return where the wanted events end; of those in one column of pixels, the tallest."""
    drawn = _tallest_per_pixel(x, top, np.flatnonzero(wanted))
    return list(zip(x[drawn].tolist(), top[drawn].tolist(), strict=True))


def _tallest_per_pixel(x: Floats, top: Floats, rows: Ints) -> Ints:
    """Return the rows to draw: of those in one column of pixels, the tallest."""
    order = rows[np.argsort(top[rows], kind="stable")]
    return order[np.unique(x[order].astype(np.int64), return_index=True)[1]]

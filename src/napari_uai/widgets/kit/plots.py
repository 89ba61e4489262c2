"""Small plots painted with Qt alone, so that no plotting library is loaded: curve, bars, image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_uai.widgets.kit.palette import (
    ERROR_ON_DARK,
    ERROR_ON_LIGHT,
    MARK,
    ON_LIGHT,
    sign_colour,
)
from napari_uai.widgets.kit.plot_tools import PlotArea, PlotTools

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from qtpy.QtGui import QPaintEvent

    from napari_uai.typing import AnyArray, Floats

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 18.0, 20.0, 36.0
_BELOW_ONE = 0.5
"""Count at the foot of bars on a logarithmic axis."""


class Plot(PlotArea):
    """Axes with ticks, labels and a title; subclasses draw the data.

    Wheel, drag and double click zoom, pan and reset; a right click copies and saves.
    """

    whole = whole_x = False
    """Whether the ticks of the y axis and of the x axis are integers only."""

    def __init__(self, *, x_label: str = "", y_label: str = "") -> None:
        super().__init__()
        self.title = ""
        self.x_label, self.y_label = x_label, y_label
        self.x_range = self.y_range = (0.0, 1.0)
        self.message = ""
        self.tools = PlotTools(self)
        self.setMinimumSize(150, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def to_pixels(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return the pixels of the widget at positions in data units."""
        area = self._area()
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (
            area.left() + (np.asarray(x, float) - x0) / (x1 - x0) * area.width(),
            area.bottom() - (np.asarray(y, float) - y0) / (y1 - y0) * area.height(),
        )

    def to_data(self, at: QPointF) -> tuple[float, float]:
        """Return the position in data units at a pixel of the widget."""
        area = self._area()
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (
            x0 + (at.x() - area.left()) / max(area.width(), 1.0) * (x1 - x0),
            y0 + (area.bottom() - at.y()) / max(area.height(), 1.0) * (y1 - y0),
        )

    def y_text(self, value: float, among: Floats) -> str:
        """Return the label of a tick of the y axis."""
        return tick_text(value, among)

    def reading_at(self, x: float, y: float) -> str:
        """Return the text shown at a position; subclasses add the values there."""
        return f"{self.x_label} {x:.5g}, {self.y_label} {y:.4g}"

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint the plot on the screen."""
        painter = QPainter(self)
        self.paint(painter)
        painter.end()

    def paint(self, painter: QPainter) -> None:
        """Paint title, axes and data, or the message."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._area()
        ink, _ = inks(self)
        painter.setPen(ink)
        self._draw_title(painter)
        if self.message:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                             self.message)  # fmt: skip
        else:
            self._draw_axes(painter, area)
            painter.setClipRect(area)
            self.draw(painter)

    def draw(self, painter: QPainter) -> None:
        """Draw the data; overridden by subclasses."""

    def seen(self, colour: str) -> QColor:
        """Return a colour, darkened on a light theme."""
        return seen_on(self, colour)

    def _area(self) -> QRectF:
        return QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)

    def _draw_title(self, painter: QPainter) -> None:
        """Write the title, centred or else beside the label of the y axis; elide it if needed."""
        metrics = QFontMetricsF(painter.font())
        label = metrics.horizontalAdvance(self.y_label) + 12 if self.y_label else 0.0
        room = self.width() - label
        text = metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        needed = metrics.horizontalAdvance(text)
        left = max((self.width() - needed) / 2, label)
        row = QRectF(left, 1, needed + 1, _TOP - 2)
        painter.drawText(row, Qt.AlignmentFlag.AlignCenter, text)

    def _draw_axes(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetricsF(painter.font())
        x_ticks = ticks(*self.x_range, max(int(area.width() / 70), 2))
        y_ticks = ticks(*self.y_range, max(int(area.height() / 28), 2))
        if self.whole:
            y_ticks = y_ticks[y_ticks == np.rint(y_ticks)]
        if self.whole_x:
            x_ticks = x_ticks[x_ticks == np.rint(x_ticks)]
        for value in x_ticks:
            at = float(self.to_pixels(value, 0)[0])
            self._line(painter, at, area.bottom(), at, area.bottom() + 4)
            text = tick_text(value, x_ticks)
            painter.drawText(QPointF(at - metrics.horizontalAdvance(text) / 2,
                                     area.bottom() + 15), text)  # fmt: skip
        for value in y_ticks:
            at = float(self.to_pixels(0, value)[1])
            self._line(painter, area.left() - 4, at, area.left(), at)
            text = self.y_text(value, y_ticks)
            painter.drawText(QPointF(area.left() - 7 - metrics.horizontalAdvance(text),
                                     at + metrics.ascent() / 2 - 1), text)  # fmt: skip
        ink, faint = inks(self)
        painter.setPen(faint)
        painter.drawRect(area)
        painter.setPen(ink)
        label = metrics.elidedText(self.x_label, Qt.TextElideMode.ElideRight, self.width() - 4)
        needed = metrics.horizontalAdvance(label)
        left = min(max(area.center().x() - needed / 2, 2.0), self.width() - needed - 2)
        painter.drawText(QPointF(left, self.height() - 5), label)
        painter.drawText(QPointF(4, 13), self.y_label)

    @staticmethod
    def _line(painter: QPainter, x0: float, y0: float, x1: float, y1: float) -> None:
        painter.drawLine(QPointF(x0, y0), QPointF(x1, y1))


class Bars(Plot):
    """A histogram whose bars can be clicked.

    Attributes
    ----------
    chosen
        Emitted with the number of the clicked bar.
    """

    chosen = Signal(int)
    whole = True

    def __init__(self, *, x_label: str = "", y_label: str = "") -> None:
        super().__init__(x_label=x_label, y_label=y_label)
        self._edges, self._counts = np.zeros(1), np.zeros(0)
        self._log = False
        self.marked = -1
        self.clicked.connect(self._choose)

    def show_bars(
        self, edges: Floats, counts: AnyArray, *, title: str = "", log: bool = False
    ) -> None:
        """Draw counts between edges, on a logarithmic axis if ``log``."""
        self._log = log
        self._edges, self._counts, self.title = np.asarray(edges, float), counts, title
        self.message = "" if len(counts) and counts.sum() else "no data"
        if not self.message:
            self.x_range = (float(edges[0]), float(edges[-1]))
            top = float(self._heights(counts.max()))
            low = float(self._heights(_BELOW_ONE)) if log else 0.0
            self.y_range = (low, top + 0.1 * (top - low))
        self.marked = -1
        self.update()

    def values(self) -> dict[str, AnyArray]:
        """Return the edges of the bars and their counts."""
        return {"from": self._edges[:-1], "to": self._edges[1:], "count": self._counts}

    def reading_at(self, x: float, y: float) -> str:  # noqa: ARG002
        """Return the count of the bar."""
        bar = int(np.searchsorted(self._edges, x, "right")) - 1
        if not 0 <= bar < len(self._counts):
            return ""
        low, high = self._edges[bar : bar + 2]
        return f"{self.x_label} {low:.4g} to {high:.4g}: {self._counts[bar]}"

    def y_text(self, value: float, among: Floats) -> str:
        """Return a count, also where its logarithm is drawn."""
        return f"{10.0**value:g}" if self._log else super().y_text(value, among)

    def _heights(self, counts: npt.ArrayLike) -> Floats:
        """Return how high counts are in units of the axis."""
        values = np.asarray(counts, float)
        return np.log10(np.maximum(values, _BELOW_ONE)) if self._log else values

    def mark(self, bar: int) -> None:
        """Outline a bar; -1 for none."""
        self.marked = bar
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw the bars."""
        for bar, height in enumerate(self._heights(self._counts)):
            ends = (self.y_range[0] if self._log else 0.0, height)
            (left, right), (bottom, top) = self.to_pixels(self._edges[bar : bar + 2], ends)
            colour = sign_colour(self._edges[bar] + self._edges[bar + 1])
            painter.setPen(QPen(inks(self)[0], 2) if bar == self.marked else Qt.PenStyle.NoPen)
            painter.setBrush(self.seen(colour))
            painter.drawRect(QRectF(left + 0.5, top, max(right - left - 1, 1), bottom - top))

    def _choose(self, x: float, _y: float) -> None:
        bar = int(np.searchsorted(self._edges, x, "right")) - 1
        if 0 <= bar < len(self._counts):
            self.chosen.emit(bar)


class Picture(QWidget):
    """A small grey image with a ring in it."""

    def __init__(self) -> None:
        super().__init__()
        self.title = self.message = ""
        self._image: QImage | None = None
        self._ring: tuple[float, float, float] | None = None
        self._colour = QColor(MARK)
        self.setMinimumSize(110, 110)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def show_picture(
        self,
        picture: AnyArray,
        limits: tuple[float, float],
        *,
        ring: tuple[float, float, float] | None = None,
        colour: str = MARK,
        title: str = "",
    ) -> None:
        """Draw an image, (rows, columns); ``ring`` is row, column and radius, px."""
        low, high = limits
        scaled = np.clip((picture - low) / ((high - low) or 1.0), 0, 1)
        grey = np.ascontiguousarray(np.nan_to_num(scaled) * 255, np.uint8)
        rows, columns = grey.shape
        image = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
        self._image = image.copy()  # owns its memory
        self._ring, self._colour, self.title, self.message = ring, QColor(colour), title, ""
        self.update()

    def say(self, message: str) -> None:
        """Show a message instead of an image."""
        self._image, self.message = None, message
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint title and image, or the message."""
        painter = QPainter(self)
        painter.setPen(inks(self)[0])
        centre = Qt.AlignmentFlag.AlignCenter
        metrics = QFontMetricsF(painter.font())
        title = metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, self.width() - 4)
        painter.drawText(QRectF(0, 1, self.width(), _TOP - 2), centre, title)
        area = QRectF(4, _TOP, self.width() - 8, self.height() - _TOP - 4)
        if self._image is None:
            painter.drawText(area, centre | Qt.TextFlag.TextWordWrap, self.message)
        else:
            rows, columns = self._image.height(), self._image.width()
            size = min(area.width() / columns, area.height() / rows)
            left = area.center().x() - columns * size / 2
            painter.drawImage(QRectF(left, area.top(), columns * size, rows * size), self._image)
            if self._ring is not None:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(self._colour, 1.5))
                row, column, radius = self._ring
                at = QPointF(left + (column + 0.5) * size, area.top() + (row + 0.5) * size)
                painter.drawEllipse(at, radius * size, radius * size)
        painter.end()


def is_light(widget: QWidget) -> bool:
    """Return whether a widget has a light theme."""
    return widget.palette().windowText().color().lightness() < 128


def seen_on(widget: QWidget, colour: str) -> QColor:
    """Return a colour, darkened if the theme of a widget is light."""
    return QColor(ON_LIGHT.get(colour, colour) if is_light(widget) else colour)


def error_style(widget: QWidget) -> str:
    """Return the style sheet of an error message."""
    return f"color: {ERROR_ON_LIGHT if is_light(widget) else ERROR_ON_DARK};"


def inks(widget: QWidget) -> tuple[QColor, QColor]:
    """Return the text colour of the theme, and a fainter one for lines."""
    palette = widget.palette()
    ink, ground = palette.windowText().color(), palette.window().color()
    mixed = (round(0.4 * i + 0.6 * g) for i, g in zip(ink.getRgb(), ground.getRgb(), strict=True))
    return ink, QColor(*mixed)


def ticks(low: float, high: float, n: int) -> Floats:
    """Return about ``n`` round numbers between two limits."""
    span = high - low
    if not (np.isfinite(span) and span > 0):
        return np.zeros(0)
    rough = span / max(n, 1)
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(s for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    return np.arange(np.ceil(low / step), np.floor(high / step + 1e-9) + 1) * step


def tick_text(value: float, among: Sequence[float] | Floats) -> str:
    """Return the label of a tick, with enough digits to tell it from its neighbours."""
    largest = float(np.max(np.abs(among)))
    if value == 0 or largest == 0:
        return "0"
    if largest < 0.01 or largest >= 1e6:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace(".0e", "e")
    return f"{round(value, 6):.6g}"

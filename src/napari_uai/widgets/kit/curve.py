"""The plot of a curve over frames, with what was fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from napari_uai.widgets.kit.palette import MARK, sign_colour
from napari_uai.widgets.kit.plots import Plot, inks

if TYPE_CHECKING:
    from napari_uai.typing import AnyArray, Floats

_BAND = 0.35
_LEGEND_PX = 14.0
_LEAST_ROOM = (200.0, 70.0)
"""Width and height of the axes, px, from which on there is room for a legend."""


class Curve(Plot):
    """A curve over frames, with marks at an event and at the current frame.

    A model that was fitted is drawn over it as a line, with a band of its standard error.
    """

    measured_name, model_name, error_name = "measured", "fitted V", "standard error"
    band_name = "s.e."
    """What the legend and the saved values call the lines."""

    def __init__(self, *, x_label: str = "", y_label: str = "") -> None:
        super().__init__(x_label=x_label, y_label=y_label)
        self._x = self._y = np.zeros(0)
        self._model: Floats | None = None
        self._error: Floats | None = None
        self._event: float | None = None
        self._now: float | None = None

    def show_curve(
        self,
        x: Floats,
        y: Floats,
        *,
        event: float | None = None,
        title: str = "",
        model: Floats | None = None,
        error: Floats | None = None,
    ) -> None:
        """Draw a curve; non-finite values leave gaps.

        Parameters
        ----------
        x, y
            Frames and values.
        event
            Frame to mark.
        title
            Title.
        model, error
            Fitted values at the same frames, and their standard errors; None if not known.
        """
        known = np.isfinite(y)
        self.title, self._event = title, event
        self.message = "" if known.any() else "no trace available"
        self._x, self._y = np.asarray(x, float), np.asarray(y, float)
        self._model, self._error = model, error if model is not None else None
        if known.any():
            drawn = np.concatenate([self._y[known], *self._bounds()])
            low, high = min(float(np.nanmin(drawn)), 0.0), max(float(np.nanmax(drawn)), 0.0)
            room = 0.08 * (high - low) or 1.0
            self.y_range = (low - room, high + room)
            first, last = float(self._x[0]), float(self._x[-1])
            self.x_range = (first, last) if last > first else (first - 1, first + 1)
        self.update()

    def values(self) -> dict[str, AnyArray]:
        """Return the curve, and the model with its error."""
        values = {self.x_label: self._x, self.y_label: self._y}
        if self._model is not None:
            values[self.model_name] = self._model
        if self._error is not None:
            values[self.error_name] = self._error
        return values

    def reading_at(self, x: float, y: float) -> str:  # noqa: ARG002
        """Return the point of the curve nearest along x, and the model there."""
        at = int(np.argmin(np.abs(self._x - x)))
        text = f"{self.x_label} {self._x[at]:.6g}: {self.y_label} {self._y[at]:.4g}"
        if self._model is not None:
            text += f"; {self.model_name} {self._model[at]:.4g}"
            text += "" if self._error is None else f" ± {self._error[at]:.2g}"
        return text

    def show_now(self, frame: float) -> None:
        """Mark the current frame."""
        self._now = frame
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw the zero line, the marks, the curve and its model."""
        area = self._area()
        zero = float(self.to_pixels(0, 0)[1])
        ink, faint = inks(self)
        painter.setPen(QPen(faint, 1))
        self._line(painter, area.left(), zero, area.right(), zero)
        event = QColor(MARK)
        marks = ((self._event, event, Qt.PenStyle.DashLine), (self._now, ink, Qt.PenStyle.DotLine))
        for value, colour, style in marks:
            if value is not None:
                at = float(self.to_pixels(value, 0)[0])
                painter.setPen(QPen(colour, 1, style))
                self._line(painter, at, area.top(), at, area.bottom())
        painter.setPen(self._measured_pen())
        self._draw_line(painter, self._y)
        self._draw_band(painter)
        if self._model is not None:
            painter.setPen(QPen(ink, 1.4))
            self._draw_line(painter, self._model)
            self._draw_legend(painter, area)

    def _bounds(self) -> list[Floats]:
        """Return the lower and the upper edge of the band, or the model alone, if any."""
        if self._model is None:
            return []
        if self._error is None:
            return [self._model]
        return [self._model - self._error, self._model + self._error]

    def _measured_pen(self) -> QPen:
        return QPen(self.seen(sign_colour(float(np.nansum(self._y)))), 1.6)

    def _band_colour(self) -> QColor:
        colour = QColor(inks(self)[0])
        colour.setAlphaF(_BAND)
        return colour

    def _draw_line(self, painter: QPainter, values: Floats) -> None:
        x, y = self.to_pixels(self._x, values)
        gaps = np.flatnonzero(~np.isfinite(y))
        for part in np.split(np.arange(len(x)), gaps):
            points = [QPointF(x[i], y[i]) for i in part if np.isfinite(y[i])]
            painter.drawPolyline(QPolygonF(points))

    def _draw_band(self, painter: QPainter) -> None:
        if len(self._bounds()) < 2:
            return
        lower, upper = (self.to_pixels(self._x, edge) for edge in self._bounds())
        outline = [*zip(*lower, strict=True), *reversed([*zip(*upper, strict=True)])]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._band_colour())
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in outline]))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_legend(self, painter: QPainter, area: QRectF) -> None:
        """Name the lines in the corner that a V leaves free."""
        if area.width() < _LEAST_ROOM[0] or area.height() < _LEAST_ROOM[1]:
            return
        ink = inks(self)[0]
        fitted = self.model_name
        if len(self._bounds()) > 1:
            fitted += f" ± {self.band_name}"
        downwards = float(np.nansum(self._y)) < 0
        top = area.bottom() - 2 * _LEGEND_PX - 4 if downwards else area.top() + 4
        height = QFontMetricsF(painter.font()).ascent()
        for i, (text, pen) in enumerate(
            ((self.measured_name, self._measured_pen()), (fitted, QPen(ink, 1.4)))
        ):
            middle = top + (i + 0.5) * _LEGEND_PX
            if i and len(self._bounds()) > 1:
                painter.fillRect(QRectF(area.left() + 6, middle - 4, 18, 8), self._band_colour())
            painter.setPen(pen)
            self._line(painter, area.left() + 6, middle, area.left() + 24, middle)
            painter.setPen(ink)
            painter.drawText(QPointF(area.left() + 30, middle + height / 2 - 2), text)

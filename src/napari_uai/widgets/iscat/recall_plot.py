"""Plot of recall against contrast, with bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from napari_uai.widgets.kit.palette import RANK_COLOURS
from napari_uai.widgets.kit.plots import Plot, inks

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.iscat.limit.result import LimitResult
    from napari_uai.typing import AnyArray, Floats

_BAND_OPACITY = 60


class RecallPlot(Plot):
    """Recall of each batch against contrast."""

    def __init__(self) -> None:
        super().__init__(x_label="contrast (10^-4)", y_label="recall")
        self.message = "What would be found on this recording appears here."
        self.curves: dict[str, pd.DataFrame] = {}
        self.recalls: tuple[float, ...] = ()
        self.setMinimumHeight(170)

    def show_limit(self, result: LimitResult) -> None:
        """Draw the curves of a result."""
        from napari_uai.iscat.limit.result import RECALLS

        curves = result.curves
        self.curves = {run.label: curves[curves["label"] == run.label] for run in result.runs}
        self.recalls = RECALLS
        self.message = ""
        self.x_range = (0.0, 1e4 * float(curves["contrast"].max()))
        self.y_range = (0.0, 1.02)
        self.update()

    def values(self) -> dict[str, AnyArray]:
        """Return the curves one after another, with the label of each."""
        names = ("label", "contrast", "recall", "low", "high")
        return {
            name: np.concatenate([curve[name].to_numpy() for curve in self.curves.values()])
            for name in names
            if self.curves
        }

    def draw(self, painter: QPainter) -> None:
        """Draw the levels of recall, a band and a curve for each batch, and the legend."""
        _, faint = inks(self)
        area = self._area()
        painter.setPen(QPen(faint, 1, Qt.PenStyle.DotLine))
        for recall in self.recalls:
            level = float(self.to_pixels(0, recall)[1])
            self._line(painter, area.left(), level, area.right(), level)
        colours = [RANK_COLOURS[i % len(RANK_COLOURS)] for i in range(len(self.curves))]
        for colour, curve in zip(colours, self.curves.values(), strict=True):
            x = 1e4 * curve["contrast"].to_numpy(float)
            low, high, mean = (curve[n].to_numpy(float) for n in ("low", "high", "recall"))
            band = self._points(np.append(x, x[::-1]), np.append(low, high[::-1]))
            shade = QColor(self.seen(colour))
            shade.setAlpha(_BAND_OPACITY)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawPolygon(band)
            painter.setPen(QPen(self.seen(colour), 1.8))
            painter.drawPolyline(self._points(x, mean))
        self._draw_legend(painter, list(zip(self.curves, colours, strict=True)))

    def _points(self, x: Floats, y: Floats) -> QPolygonF:
        return QPolygonF([QPointF(a, b) for a, b in zip(*self.to_pixels(x, y), strict=True)])

    def _draw_legend(self, painter: QPainter, entries: list[tuple[str, str]]) -> None:
        """Write the labels in their colours at the lower right."""
        metrics = QFontMetricsF(painter.font())
        area, height = self._area(), metrics.height()
        for row, (label, colour) in enumerate(reversed(entries)):
            painter.setPen(self.seen(colour))
            line = QRectF(
                area.left(), area.bottom() - (row + 1) * height - 4, area.width() - 6, height
            )
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, label)

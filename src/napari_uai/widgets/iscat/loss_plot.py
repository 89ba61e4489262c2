"""Plot of the losses of a training over epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from napari_uai.widgets.iscat.training_call import Losses
from napari_uai.widgets.kit.palette import BRIGHT, DARK
from napari_uai.widgets.kit.plots import Plot, inks

if TYPE_CHECKING:
    from napari_uai.typing import AnyArray


class LossPlot(Plot):
    """Losses on training frames and on held-out frames; the best epoch is marked."""

    whole_x = True

    def __init__(self) -> None:
        super().__init__(x_label="epoch", y_label="loss (noise variances)")
        self.losses = Losses()
        self.n_epochs = 1
        self.setMinimumHeight(150)
        self.show_losses(self.losses, 1)

    def show_losses(self, losses: Losses, n_epochs: int) -> None:
        """Draw the losses so far of a training of ``n_epochs`` epochs."""
        self.losses, self.n_epochs = losses, n_epochs
        values = [v for v in (*losses.training, *losses.validation) if math.isfinite(v)]
        self.message = "" if values else "The loss of each epoch appears here during training."
        if values:
            margin = 0.12 * (max(values) - min(values)) or 0.01
            self.x_label = f"epoch (best: {losses.best})"
            self.y_range = (min(values) - margin, max(values) + margin)
            self.x_range = (-0.02 * n_epochs, 1.02 * max(n_epochs, losses.epochs[-1]))
        self.update()

    def values(self) -> dict[str, AnyArray]:
        """Return both losses of each epoch."""
        losses = self.losses
        columns = {
            "epoch": losses.epochs,
            "training": losses.training,
            "held_out": losses.validation,
        }
        return {name: np.asarray(column) for name, column in columns.items()}

    def draw(self, painter: QPainter) -> None:
        """Draw both curves, the mark at the best epoch and the legend."""
        ink, faint = inks(self)
        best = self.losses.best
        x, y = map(float, self.to_pixels(best, self.losses.validation[best]))
        area = self._area()
        painter.setPen(QPen(faint, 1, Qt.PenStyle.DashLine))
        self._line(painter, x, area.top(), x, area.bottom())
        curves = (
            ("training", self.losses.training, BRIGHT),
            ("held out", self.losses.validation, DARK),
        )
        for _, values, colour in curves:
            self._draw_curve(painter, values, colour)
        painter.setPen(QPen(ink, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(x, y), 5.0, 5.0)
        self._draw_legend(painter, [(name, colour) for name, _, colour in curves])

    def _draw_legend(self, painter: QPainter, entries: list[tuple[str, str]]) -> None:
        """Write the names of the curves, in their colours, above the axes."""
        painter.setClipping(False)
        metrics = QFontMetricsF(painter.font())
        at = self._area().right()
        for name, colour in reversed(entries):
            at -= metrics.horizontalAdvance(name)
            painter.setPen(self.seen(colour))
            painter.drawText(QPointF(at, 13), name)
            at -= 12

    def _draw_curve(self, painter: QPainter, values: tuple[float, ...], colour: str) -> None:
        x, y = self.to_pixels(self.losses.epochs, values)
        points = [QPointF(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
        painter.setPen(QPen(self.seen(colour), 1.6))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(self.seen(colour))
        for point in points:
            painter.drawEllipse(point, 1.8, 1.8)

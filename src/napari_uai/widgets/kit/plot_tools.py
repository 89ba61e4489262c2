"""What every plot can do: zoom, pan, tell values under the pointer, copy, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QPointF, QRect, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QImage, QMouseEvent, QPainter, QWheelEvent
from qtpy.QtWidgets import QApplication, QMenu, QToolTip, QWidget

from napari_uai.errors import OutputError
from napari_uai.files import whole_file
from napari_uai.widgets.kit.saving import ask_and_save
from napari_uai.widgets.kit.tables import TABLE_KINDS, save_table

if TYPE_CHECKING:
    from napari_uai.typing import AnyArray

    Range = tuple[float, float]

_STEP = 1.25
"""Zoom of one notch of the wheel."""

_DRAG_PX = 4
"""Movement, px, from which on a click is a drag."""

_SHARPNESS = 2
"""Pixels of a saved picture per pixel of the screen."""


class PlotArea(QWidget):
    """What the tools need of a plot.

    Attributes
    ----------
    clicked
        Emitted with the position of a click, in the units of the axes.
    """

    clicked = Signal(float, float)
    x_range: Range
    y_range: Range
    message: str

    def to_data(self, at: QPointF) -> tuple[float, float]:
        """Return the position in data units at a pixel of the widget."""
        raise NotImplementedError

    def paint(self, painter: QPainter) -> None:
        """Paint title, axes and data, or the message."""
        raise NotImplementedError

    def reading_at(self, x: float, y: float) -> str:
        """Return the text shown at a position."""
        raise NotImplementedError

    def values(self) -> dict[str, AnyArray]:
        """Return the data as columns of a table; overridden by subclasses."""
        return {}


class PlotTools(QObject):
    """Wheel, drag, double click, hover and context menu of a plot.

    The wheel zooms along x, with Shift along y; a drag pans; a double click shows everything.

    Parameters
    ----------
    plot
        Plot to operate; its own new data end a zoom.
    """

    def __init__(self, plot: PlotArea) -> None:
        super().__init__(plot)
        self._plot = plot
        self._whole: tuple[Range, Range] | None = None
        self._zoomed: tuple[Range, Range] | None = None
        self._pressed: QPointF | None = None
        self._dragged = False
        plot.setMouseTracking(True)
        plot.installEventFilter(self)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Handle the events of the mouse while the plot has data."""
        if event is None or self._plot.message:
            return False
        if isinstance(event, QWheelEvent):
            self._wheel(event)
            return True
        if isinstance(event, QContextMenuEvent):
            self.menu().exec(event.globalPos())
            return True
        if isinstance(event, QMouseEvent):
            return self._mouse(event)
        return False

    def menu(self) -> QMenu:
        """Return the context menu."""
        menu = QMenu(self._plot)
        menu.addAction("Copy picture", self.copy)
        menu.addAction("Save picture…", self._ask_for_picture)
        if self._plot.values():
            menu.addAction("Save values…", self._ask_for_values)
        if self._zoomed is not None:
            menu.addAction("Show all", self.reset)
        return menu

    def zoom(self, factor: float, at: Range, *, along_y: bool = False) -> None:
        """Divide the range of an axis by a factor; the position ``at`` stays in place."""
        plot = self._plot
        ranges, axis = [plot.x_range, plot.y_range], int(along_y)
        low, high = ranges[axis]
        ranges[axis] = at[axis] - (at[axis] - low) / factor, at[axis] + (high - at[axis]) / factor
        self._show(ranges[0], ranges[1])

    def reset(self) -> None:
        """Show all data."""
        if self._whole is not None and self._is_zoomed():
            self._plot.x_range, self._plot.y_range = self._whole
            self._plot.update()
        self._whole = self._zoomed = None

    def copy(self) -> None:
        """Copy the plot to the clipboard as a picture."""
        QApplication.clipboard().setImage(self.picture())

    def picture(self) -> QImage:
        """Return the plot as it is shown, at twice the resolution."""
        size = self._plot.size() * _SHARPNESS
        image = QImage(size, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        painter.scale(_SHARPNESS, _SHARPNESS)
        self._paint(painter)
        painter.end()
        return image

    def save_picture(self, path: str | Path) -> None:
        """Save the plot as SVG or PNG, by the suffix.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        from qtpy.QtSvg import QSvgGenerator

        with whole_file(Path(path)) as partial:
            if Path(path).suffix.lower() != ".svg":
                if not self.picture().save(str(partial), "PNG"):
                    raise OutputError(f"cannot write {path}: choose another folder")
                return
            generator = QSvgGenerator()
            generator.setFileName(str(partial))
            generator.setSize(self._plot.size())
            generator.setViewBox(QRect(0, 0, self._plot.width(), self._plot.height()))
            painter = QPainter(generator)
            self._paint(painter)
            painter.end()

    def save_values(self, path: str | Path) -> None:
        """Save the values of the plot as a table.

        Raises
        ------
        NapariUaiError
            If the suffix is not known, or the file cannot be written.
        """
        import pandas as pd

        save_table(pd.DataFrame(self._plot.values()), path)

    def _wheel(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()  # Shift turns y into x
        along_y = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        at = self._plot.to_data(event.position())
        self.zoom(_STEP ** (turned / 120), at, along_y=along_y)

    def _mouse(self, event: QMouseEvent) -> bool:
        kind, at = event.type(), event.position()
        if kind == QEvent.Type.MouseMove and self._pressed is None:
            text = self._plot.reading_at(*self._plot.to_data(at))
            QToolTip.showText(event.globalPosition().toPoint(), text, self._plot)
            return False
        if kind == QEvent.Type.MouseMove and self._pressed is not None:
            if self._dragged or (at - self._pressed).manhattanLength() > _DRAG_PX:
                self._dragged = True
                self._pan(self._pressed, at)
                self._pressed = at
            return True
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if kind == QEvent.Type.MouseButtonPress:
            self._pressed, self._dragged = at, False
        elif kind == QEvent.Type.MouseButtonDblClick:
            self._pressed = None
            self.reset()
        elif kind == QEvent.Type.MouseButtonRelease:
            if self._pressed is not None and not self._dragged:
                self._plot.clicked.emit(*self._plot.to_data(at))
            self._pressed = None
        else:
            return False
        return True

    def _pan(self, start: QPointF, end: QPointF) -> None:
        x0, y0 = self._plot.to_data(start)
        x1, y1 = self._plot.to_data(end)
        (left, right), (low, high) = self._plot.x_range, self._plot.y_range
        self._show((left + x0 - x1, right + x0 - x1), (low + y0 - y1, high + y0 - y1))

    def _show(self, x_range: Range, y_range: Range) -> None:
        if not self._is_zoomed():
            self._whole = self._plot.x_range, self._plot.y_range
        self._plot.x_range, self._plot.y_range = self._zoomed = x_range, y_range
        self._plot.update()

    def _is_zoomed(self) -> bool:
        """Return whether the ranges are ours; new data bring their own."""
        return self._zoomed == (self._plot.x_range, self._plot.y_range)

    def _paint(self, painter: QPainter) -> None:
        painter.fillRect(self._plot.rect(), self._plot.palette().window())
        self._plot.paint(painter)

    def _ask_for_picture(self) -> None:
        kinds = "Picture (*.png *.svg)"
        ask_and_save(self._plot, "Save picture", "plot.png", kinds, self.save_picture)

    def _ask_for_values(self) -> None:
        ask_and_save(self._plot, "Save values", "values.csv", TABLE_KINDS, self.save_values)

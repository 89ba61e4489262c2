"""Tables of stages in a dock, with a plot where their columns have a natural one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSplitter, QVBoxLayout, QWidget

from napari_uai.widgets.kit.curve import Curve
from napari_uai.widgets.kit.help import help_button
from napari_uai.widgets.kit.layers import has_positions
from napari_uai.widgets.kit.plots import Bars, Plot, inks
from napari_uai.widgets.kit.tables import TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from napari.components import ViewerModel

    from napari_uai.typing import AnyArray, Floats
    from napari_uai.widgets.iscat.stage_call import NamedTable

_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_KEY_PX = 26
"""Length of a line in the key."""


class StageTable(QWidget):
    """A table, and its plot beside it.

    Parameters
    ----------
    entry
        Table to show.
    viewer
        Viewer that rows with positions lead to.
    """

    def __init__(self, entry: NamedTable, viewer: ViewerModel) -> None:
        super().__init__()
        self.table = TableView(entry.table, viewer, entry.place)
        self.plot = plot_of(entry.table)
        self.table.below.addWidget(help_button("stage_table"))
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(self.table)
        if self.plot is not None:
            parts.addWidget(self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(parts)
        if isinstance(self.plot, Curve):
            self.table.row_chosen.connect(self._show_trace)
            self._show_trace(0)

    def _show_trace(self, row: int) -> None:
        """Show the trace of the landing, or the displacements of the particle, of a row."""
        if isinstance(self.plot, Curve):
            table = self.table.table
            who = "landing" if "landing" in table.columns else "particle"
            number = table[who].iloc[row]
            trace = table[table[who] == number]
            x, y = (trace[name].to_numpy(float) for name in _curve_columns(table))
            self.plot.show_curve(x, y, title=f"{who} {number}")


class Lines(Plot):
    """A few curves over the same values, told apart by the style of their lines."""

    def __init__(self, *, x_label: str, y_label: str) -> None:
        super().__init__(x_label=x_label, y_label=y_label)
        self._x: Floats = np.zeros(0)
        self._curves: dict[str, Floats] = {}

    def show_lines(self, x: AnyArray, curves: Mapping[str, AnyArray]) -> None:
        """Draw curves by name, at most three; those without a finite value are left out."""
        self._x = np.asarray(x, float)
        finite = {name: np.asarray(y, float) for name, y in curves.items()}
        self._curves = {name: y for name, y in finite.items() if np.isfinite(y).any()}
        self.message = "" if self._curves else "no data"
        if self._curves:
            low = min(float(np.nanmin(y)) for y in self._curves.values())
            high = max(float(np.nanmax(y)) for y in self._curves.values())
            room = 0.08 * (high - low) or 1.0
            self.y_range = (low - room, high + 3 * room)  # room for the key
            first, last = float(self._x[0]), float(self._x[-1])
            self.x_range = (first, last) if last > first else (first - 1, first + 1)
        self.update()

    def values(self) -> dict[str, AnyArray]:
        """Return the curves."""
        return {self.x_label: self._x, **self._curves}

    def reading_at(self, x: float, y: float) -> str:  # noqa: ARG002
        """Return the values of all curves nearest along x."""
        at = int(np.argmin(np.abs(self._x - x)))
        shown = ", ".join(f"{name} {y[at]:.4g}" for name, y in self._curves.items())
        return f"{self.x_label} {self._x[at]:.6g}: {shown}"

    def draw(self, painter: QPainter) -> None:
        """Draw the curves and their key."""
        ink, _ = inks(self)
        area, metrics = self._area(), painter.fontMetrics()
        left = area.left() + 6
        for style, (name, y) in zip(_STYLES, self._curves.items(), strict=False):
            painter.setPen(QPen(ink, 1.4, style))
            known = np.isfinite(y)
            pixels = zip(*self.to_pixels(self._x[known], y[known]), strict=True)
            painter.drawPolyline(QPolygonF([QPointF(*at) for at in pixels]))
            middle = area.top() + metrics.height() / 2 + 2
            painter.drawLine(QPointF(left, middle), QPointF(left + _KEY_PX, middle))
            width = metrics.horizontalAdvance(name)
            box = QRectF(left + _KEY_PX + 4, area.top() + 2, width + 2, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)
            left = box.right() + 12


def plot_of(table: pd.DataFrame) -> Plot | None:
    """Return the plot that the columns of a table have, None if they have none."""
    if table.empty or has_positions(table):
        return None
    for columns, make in _PLOTS.items():
        if set(columns) <= set(table.columns):
            return make(table)
    return None


def _histogram(table: pd.DataFrame) -> Plot:
    bars = Bars(x_label="contrast", y_label="landings")
    edges = np.append(table["low"].to_numpy(float), float(table["high"].iloc[-1]))
    bars.show_bars(edges, table["all"].to_numpy())
    return bars


def _noise(table: pd.DataFrame) -> Plot:
    lines = Lines(x_label="batch size (frames)", y_label="noise (contrast)")
    names = {"noise": "measured", "shot_noise": "1/√batch", "photon_limit": "photon limit"}
    lines.show_lines(
        table["batch_size"].to_numpy(), {n: table[c].to_numpy() for c, n in names.items()}
    )
    return lines


def _transfer(table: pd.DataFrame) -> Plot:
    lines = Lines(x_label="mean (counts)", y_label="variance (counts²)")
    names = {"variance": "measured", "line": "shot noise"}
    lines.show_lines(table["mean"].to_numpy(), {n: table[c].to_numpy() for c, n in names.items()})
    return lines


def _drift(table: pd.DataFrame) -> Plot:
    lines = Lines(x_label="frame", y_label="drift (px)")
    lines.show_lines(table["frame"].to_numpy(), {a: table[f"{a}_px"].to_numpy() for a in "yx"})
    return lines


def _rates(table: pd.DataFrame) -> Plot:
    """Return the rate of landings with its 95 % interval."""
    known = "rate_per_s" in table.columns
    unit = "per_s" if known else "per_frame"
    lines = Lines(
        x_label="time (s)" if known else "frame",
        y_label="landings per s" if known else "landings per frame",
    )
    x = table["time_s"] if known else (table["first_frame"] + table["last_frame"]) / 2
    names = {f"rate_{unit}": "rate", f"rate_low_{unit}": "low", f"rate_high_{unit}": "high"}
    lines.show_lines(x.to_numpy(float), {n: table[c].to_numpy(float) for c, n in names.items()})
    return lines


def _counter(table: pd.DataFrame) -> Plot:
    """Return the steps of the camera's counter, which are 1 where no frame was dropped."""
    lines = Lines(x_label="frame", y_label="images since the previous frame")
    counter = table["ImgCnt"].to_numpy(float, na_value=np.nan)
    lines.show_lines(table["frame"].to_numpy()[1:], {"ImgCnt": np.diff(counter)})
    return lines


def _trace(_table: pd.DataFrame) -> Plot:
    return Curve(x_label="frame", y_label="contrast")


def _displacements(table: pd.DataFrame) -> Plot:
    x, y = _curve_columns(table)
    labels = {"lag_s": "lag (s)", "lag_frames": "lag (frames)", "msd_um2": "µm²", "msd_px2": "px²"}
    return Curve(x_label=labels[x], y_label=labels[y])


def _curve_columns(table: pd.DataFrame) -> tuple[str, str]:
    """Return the columns along both axes of a curve."""
    if "lag_frames" not in table.columns:
        return "frame", "contrast"
    return ("lag_s", "msd_um2") if "lag_s" in table.columns else ("lag_frames", "msd_px2")


def _diffusion(table: pd.DataFrame) -> Plot:
    """Return the shares of diffusion constants, in bins of equal width in their logarithm."""
    known = "low_um2_per_s" in table.columns
    unit, name = ("µm²/s", "um2_per_s") if known else ("px²/frame", "px2_per_frame")
    bars = Bars(x_label=f"log₁₀ D ({unit})", y_label="trajectories")
    edges = np.append(table[f"low_{name}"].to_numpy(float), table[f"high_{name}"].iloc[-1])
    bars.show_bars(np.log10(edges), table["trajectories"].to_numpy())
    return bars


_PLOTS: dict[tuple[str, ...], Callable[[pd.DataFrame], Plot]] = {
    ("low", "high", "all"): _histogram,
    ("batch_size", "noise", "shot_noise", "photon_limit"): _noise,
    ("mean", "variance", "line"): _transfer,
    ("frame", "y_px", "x_px"): _drift,
    ("frame", "ImgCnt"): _counter,
    ("landings", "cumulative", "cumulative_low"): _rates,
    ("landing", "frame", "contrast"): _trace,
    ("particle", "lag_frames", "pairs"): _displacements,
    ("trajectories", "share", "share_error"): _diffusion,
}
"""Functions that make the plot of tables with certain columns."""

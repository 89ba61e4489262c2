"""Plots of a review: trace and picture of the chosen landing, histogram of all contrasts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSpinBox,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.iscat.review import CONTRASTS, CutOut, Limits, Review
from napari_uai.widgets.kit.curve import Curve
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.palette import sign_colour
from napari_uai.widgets.kit.plots import Bars, Picture

if TYPE_CHECKING:
    from napari_uai.monitor import Monitor

_LOWEST_PLOT = 52
"""Height of plots, px, in a small window."""


class LandingPlots(QTabWidget):
    """Trace and picture of a landing, and behind them the histogram of the contrasts of a review.

    Parameters
    ----------
    review
        Landings of the histogram.

    Attributes
    ----------
    jumped
        Emitted with a frame of the file that was clicked in the trace.
    rows_chosen
        Emitted with the rows of the bar that was clicked.
    """

    jumped = Signal(float)
    rows_chosen = Signal(list)

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review
        self._shown: tuple[Review, int] | None = None
        self.trace = Curve(x_label="frame of the file", y_label="contrast")
        self.picture = Picture()
        self.bars = Bars(y_label="landings")
        self.column = QComboBox()
        self.n_bars, self.log = QSpinBox(), QCheckBox("log")
        self.limited = QCheckBox("in view")
        self._limits: Limits | None = None
        self.latest = LatestRequest(self)
        self._lay_out()
        self.bars.chosen.connect(self._choose_bar)
        self.column.currentIndexChanged.connect(self._show_all)
        self.n_bars.valueChanged.connect(self.show_histogram)
        self.log.toggled.connect(self.show_histogram)
        self.limited.toggled.connect(self._limit)
        self.trace.clicked.connect(lambda frame, _: self.jumped.emit(frame))
        self.latest.done.connect(self._show_cut_out)
        self.show_histogram()

    def show_landing(self, review: Review, row: int) -> None:
        """Show a landing of this review, or of the run that it is compared with."""
        self._shown = review, row
        landing = review.table.iloc[row]
        error = f" ± {landing['contrast_error']:.1e}" if "contrast_error" in landing else ""
        frames, contrasts = review.trace(row)
        model, model_error = review.fitted(row, frames)
        self.trace.show_curve(
            frames,
            contrasts,
            event=float(landing["raw_frame"]),
            title=f"landing {int(landing['landing'])}: {landing['contrast']:.2e}{error}, "
            f"score {landing['score']:.1f}",
            model=model,
            error=model_error,
        )
        self._mark_bar()
        self.latest.ask(partial(_cut_out, review, row))

    def show_histogram(self, *_: object) -> None:
        """Show the contrasts of all landings that are not rejected."""
        column = self.column.currentText()
        if column:
            self.bars.x_label = column.replace("_", " ")
            edges, counts = self._review.histogram(*self._binning())
            self.bars.show_bars(edges, counts, title="Contrasts", log=self.log.isChecked())
            self._mark_bar()

    def _lay_out(self) -> None:
        self.picture.setObjectName("cut_out")
        self.trace.setObjectName("trace")
        self.bars.setObjectName("histogram")
        self.column.addItems([c for c in CONTRASTS if c in self._review.table.columns])
        self.column.setToolTip("Contrast shown in the histogram; rejected landings are excluded.")
        histogram = QWidget()
        rows = QVBoxLayout(histogram)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addWidget(self.bars, 1)
        rows.addLayout(self._histogram_options())
        landing = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((self.trace, 2), (self.picture, 1)):
            landing.addWidget(widget)
            landing.setStretchFactor(landing.count() - 1, stretch)
        landing.setSizes([480, 220])
        self.setDocumentMode(True)
        self.setTabPosition(QTabWidget.TabPosition.East)  # height is what a bottom dock lacks
        self.setUsesScrollButtons(False)
        for tab, name, tooltip in (
            (landing, "One", "Trace and image of the chosen landing"),
            (histogram, "All", "Histogram of all contrasts"),
        ):
            self.setTabToolTip(self.addTab(tab, name), tooltip)
        for plot in (self.trace, self.picture, self.bars):
            plot.setMinimumHeight(_LOWEST_PLOT)

    def _histogram_options(self) -> QHBoxLayout:
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.column.setSizeAdjustPolicy(policy)
        self.column.setMinimumContentsLength(3)
        self.n_bars.setRange(0, 500)
        self.n_bars.setSpecialValueText("auto")
        self.n_bars.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        row = QHBoxLayout()
        row.setSpacing(2)
        for widget, name, tooltip in (
            (self.column, "column", self.column.toolTip()),
            (self.n_bars, "n_bars", "Bars, about; an edge is always at zero."),
            (self.log, "log", "Logarithmic counts."),
            (self.limited, "in_view", "Bin what the plot shows: zoom with the wheel first."),
        ):
            widget.setObjectName(name)
            widget.setToolTip(tooltip)
            row.addWidget(widget, 1 if widget is self.column else 0)
        return row

    def _mark_bar(self) -> None:
        if self._shown is not None:
            review, row = self._shown
            own = review is self._review
            self.bars.mark(review.bar_of(row, *self._binning()) if own else -1)

    def _choose_bar(self, bar: int) -> None:
        self.rows_chosen.emit(self._review.rows_in_bar(bar, *self._binning()))

    def _binning(self) -> tuple[str, int, Limits | None]:
        return self.column.currentText(), self.n_bars.value(), self._limits

    def _limit(self, limited: bool) -> None:
        """Count between the limits to which the plot is zoomed, or everything again."""
        self._limits = self.bars.x_range if limited else None
        self.show_histogram()

    def _show_all(self, *_: object) -> None:
        """Count all of another contrast, which has other limits."""
        with QSignalBlocker(self.limited):
            self.limited.setChecked(False)
        self._limit(limited=False)

    def _show_cut_out(self, cut: CutOut | None) -> None:
        if cut is None:
            self.picture.say("no rolling average\navailable")
        elif self._shown is not None and cut.row == self._shown[1]:
            self.picture.show_picture(
                cut.image,
                (-cut.limit, cut.limit),
                ring=(*cut.centre, 4.5),
                colour=sign_colour(float(self._shown[0].table["contrast"].iloc[cut.row])),
                title=f"average, frame {cut.frame}",
            )


def _cut_out(review: Review, row: int, _monitor: Monitor) -> CutOut | None:
    return review.cut_out(row)

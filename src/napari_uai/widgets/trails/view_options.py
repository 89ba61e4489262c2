"""View options: lowest score, time, drawn layers, number of top trails."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.forms import WheelGuard, add_row, form_layout
from napari_uai.widgets.trails.drawn_layers import HEAT, REGIONS, TOP, TRACKS
from napari_uai.widgets.trails.ranking import Filter
from napari_uai.widgets.trails.track_layer import COLOUR_FEATURES, MAX_TRACKS, RECENT_S, Span

STEPS = 1000
PARTS = {HEAT: "Heatmaps", REGIONS: "Regions", TRACKS: "Trails over time", TOP: "Top trails"}
SPANS: dict[Span, str] = {
    "recent": f"last {RECENT_S} s",
    "past": "up to the current time",
    "all": "entire trails",
}


class ViewOptions(QWidget):
    """Filters of the listed trails, and which layers are drawn.

    Attributes
    ----------
    filtered
        Emitted when other trails are to be listed.
    part_shown
        Emitted with a part of the drawing and whether it is to be shown.
    tracks_changed
        Emitted when number, colours or span of the tracks were changed.
    """

    filtered = Signal()
    part_shown = Signal(str, bool)
    tracks_changed = Signal()

    def __init__(self) -> None:
        from superqt import QRangeSlider

        super().__init__()
        self.least = QSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0, 100)
        self.time = QRangeSlider(Qt.Orientation.Horizontal)
        self.time.setRange(0, STEPS)
        self.time.setValue((0, STEPS))
        self.n_top = QSpinBox()
        self.n_top.setRange(1, 50)
        self.n_tracks = QSpinBox()
        self.n_tracks.setRange(1, 10**6)
        self.n_tracks.setSingleStep(500)
        self.n_tracks.setValue(MAX_TRACKS)
        self.n_tracks.setKeyboardTracking(False)
        self.colour_by, self.span = QComboBox(), QComboBox()
        for colour_by in COLOUR_FEATURES:
            self.colour_by.addItem(colour_by, colour_by)
        for span, text in SPANS.items():
            self.span.addItem(text, span)
        self.parts = {part: QCheckBox(text) for part, text in PARTS.items()}
        self._least_label, self._time_label = QLabel(), QLabel()
        self._start_s, self._end_s = 0.0, 0.0
        for name in ("least", "time", "n_top", "n_tracks", "colour_by", "span"):
            getattr(self, name).setObjectName(name)
        self._lay_out()
        self._update_labels()
        self._connect()

    def set_times(self, start_s: float, end_s: float, n_top: int) -> None:
        """Set the interval of time and the number of top trails of other trails; reset filters."""
        self._start_s, self._end_s = start_s, end_s
        with QSignalBlocker(self.time), QSignalBlocker(self.least), QSignalBlocker(self.n_top):
            self.time.setValue((0, STEPS))
            self.least.setValue(0)
            self.n_top.setValue(n_top)
        self._update_labels()

    def n_drawn(self, n_listed: int) -> int:
        """Return how many of the listed trails are drawn over time."""
        return min(n_listed, self.n_tracks.value())

    def show_n_listed(self, n_listed: int) -> None:
        """Show how many of the listed trails are drawn over time, if not all of them are."""
        n_drawn = self.n_drawn(n_listed)
        note = f" (top {n_drawn} of {n_listed})" if n_drawn < n_listed else ""
        self.parts[TRACKS].setText(PARTS[TRACKS] + note)

    def filter(self, score: str, hidden: frozenset[str]) -> Filter:
        """Return the criteria of the listed trails."""
        first, last = self.time.value()
        duration = self._end_s - self._start_s
        return Filter(
            score=score,
            hidden=hidden,
            least=self.least.value() / 100,
            from_s=-np.inf if first <= 0 else self._start_s + duration * first / STEPS,
            to_s=np.inf if last >= STEPS else self._start_s + duration * last / STEPS,
        )

    def _filter(self) -> None:
        self._update_labels()
        self.filtered.emit()

    def _update_labels(self) -> None:
        self._least_label.setText(f"<b>Score</b>: at least {self.least.value()} %")
        first, last = (self._time_text(step) for step in self.time.value())
        self._time_label.setText(f"<b>Time</b>: {first} to {last}")

    def _time_text(self, step: int) -> str:
        from napari_uai.trails.table import SINCE_1970_S

        seconds = self._start_s + (self._end_s - self._start_s) * step / STEPS
        if seconds < SINCE_1970_S:
            return f"{seconds:.1f} s"
        after = round(seconds - self._start_s)
        return f"{after // 3600}:{after // 60 % 60:02d}:{after % 60:02d}"

    def _connect(self) -> None:
        self.least.valueChanged.connect(self._filter)
        self.time.valueChanged.connect(self._filter)
        self.n_top.valueChanged.connect(self.filtered)
        self.n_tracks.valueChanged.connect(self.tracks_changed)
        self.colour_by.currentTextChanged.connect(self.tracks_changed)
        self.span.currentIndexChanged.connect(self.tracks_changed)
        for part, box in self.parts.items():
            box.setObjectName(f"show_{part}")
            box.toggled.connect(lambda shown, part=part: self.part_shown.emit(part, shown))

    def _lay_out(self) -> None:
        guard = WheelGuard(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for label, slider in ((self._least_label, self.least), (self._time_label, self.time)):
            layout.addWidget(label)
            layout.addWidget(slider)
        self._time_label.setToolTip("Trails that are present at any time in this interval.")
        layout.addWidget(QLabel("<b>Layers</b>"))
        for part, box in self.parts.items():
            box.setChecked(part != REGIONS)
            layout.addWidget(box)
        options = QWidget()
        rows = form_layout(options)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.span.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        add_row(rows, "Top trails", self.n_top, "Drawn with their ranks, and on the tile sheet.")
        add_row(
            rows,
            "Max. trails over time",
            self.n_tracks,
            "The most anomalous of the listed trails are drawn. More trails take longer: without a "
            "graphics card, 10 000 trails make the viewer slow.",
        )
        add_row(rows, "Colour by", self.colour_by, "Colours of the trails over time.")
        add_row(rows, "Time span", self.span, "Drawn part of each trail; follows the time slider.")
        for box in (self.n_top, self.n_tracks, self.colour_by, self.span):
            guard.watch(box)
        layout.addWidget(options)
        layout.addStretch()

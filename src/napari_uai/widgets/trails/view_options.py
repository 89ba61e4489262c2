"""What of the result is shown: score, least score, time, layers, how many trails on top."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSlider, QSpinBox, QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import WheelGuard, add_row, form_layout
from napari_uai.widgets.trails.display import (
    COLOUR_FEATURES,
    HEAT,
    REGIONS,
    TOP,
    TRACKED_AT_MOST,
    TRACKS,
)
from napari_uai.widgets.trails.ranking import Filter

STEPS = 1000
PARTS = {HEAT: "Heatmaps", REGIONS: "Regions", TRACKS: "Trails over time", TOP: "Top trails"}


class ShowingPage(QWidget):
    """Filters and layers.

    Attributes
    ----------
    filtered
        Other trails are to be listed.
    part_shown
        A kind of layers, and whether it is shown.
    drawn_otherwise
        Colours or times of the trails changed.
    """

    filtered = Signal()
    part_shown = Signal(str, bool)
    drawn_otherwise = Signal()

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
        self.n_tracks.setValue(TRACKED_AT_MOST)
        self.n_tracks.setKeyboardTracking(False)
        self.colour_by, self.time_shown = QComboBox(), QComboBox()
        self.colour_by.addItems(list(COLOUR_FEATURES))
        self.time_shown.addItems(["just now", "until now", "whole"])
        self.parts = {part: QCheckBox(text) for part, text in PARTS.items()}
        self._least_label, self._time_label = QLabel(), QLabel()
        self._start_s, self._end_s = 0.0, 0.0
        for name in ("least", "time", "n_top", "n_tracks", "colour_by", "time_shown"):
            getattr(self, name).setObjectName(name)
        self._lay_out()
        self._tell_labels()
        self.least.valueChanged.connect(self._filter)
        self.time.valueChanged.connect(self._filter)
        self.n_top.valueChanged.connect(self.filtered)
        self.n_tracks.valueChanged.connect(self.drawn_otherwise)
        self.colour_by.currentTextChanged.connect(self.drawn_otherwise)
        self.time_shown.currentTextChanged.connect(self.drawn_otherwise)
        for part, box in self.parts.items():
            box.setObjectName(f"show_{part}")
            box.toggled.connect(lambda shown, part=part: self.part_shown.emit(part, shown))

    def set_times(self, start_s: float, end_s: float, n_top: int) -> None:
        """Tell when the trails begin and end, and how many are on top; show all of them."""
        self._start_s, self._end_s = start_s, end_s
        for widget, value in ((self.time, (0, STEPS)), (self.least, 0), (self.n_top, n_top)):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        self._tell_labels()

    def drawn(self, listed: int) -> int:
        """Return how many of the listed trails are drawn over time."""
        return min(listed, self.n_tracks.value())

    def tell_listed(self, listed: int) -> None:
        """Say how many of the listed trails are drawn over time, if not all are."""
        drawn = self.drawn(listed)
        few = f": the first {drawn} of {listed}" if drawn < listed else ""
        self.parts[TRACKS].setText(PARTS[TRACKS] + few)

    def filter(self, score: str, hidden: frozenset[str]) -> Filter:
        """Return which trails are to be listed."""
        first, last = self.time.value()
        span = self._end_s - self._start_s
        return Filter(
            score=score,
            hidden=hidden,
            least=self.least.value() / 100,
            from_s=-np.inf if first <= 0 else self._start_s + span * first / STEPS,
            to_s=np.inf if last >= STEPS else self._start_s + span * last / STEPS,
        )

    def _filter(self) -> None:
        self._tell_labels()
        self.filtered.emit()

    def _tell_labels(self) -> None:
        self._least_label.setText(f"<b>Score</b>: {self.least.value()} % and more")
        first, last = (self._when(step) for step in self.time.value())
        self._time_label.setText(f"<b>Time</b>: {first} to {last}")

    def _when(self, step: int) -> str:
        from napari_uai.trails.pictures.labels import SINCE_1970_S

        seconds = self._start_s + (self._end_s - self._start_s) * step / STEPS
        if seconds < SINCE_1970_S:
            return f"{seconds:.1f} s"
        after = round(seconds - self._start_s)
        return f"{after // 3600}:{after // 60 % 60:02d}:{after % 60:02d}"

    def _lay_out(self) -> None:
        guard = WheelGuard(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for label, slider in ((self._least_label, self.least), (self._time_label, self.time)):
            layout.addWidget(label)
            layout.addWidget(slider)
        self._time_label.setToolTip("Trails are listed if they are there at any time in between.")
        layout.addWidget(QLabel("<b>Layers</b>"))
        for part, box in self.parts.items():
            box.setChecked(part != REGIONS)
            layout.addWidget(box)
        drawn = QWidget()
        rows = form_layout(drawn)
        add_row(rows, "Top trails", self.n_top, "Drawn with their per cents, and on tile sheets.")
        add_row(
            rows,
            "Drawn over time",
            self.n_tracks,
            "At most so many trails, the most anomalous of those listed. More take longer to "
            "draw; without a graphics card 10 000 make the view slow.",
        )
        add_row(rows, "Colours by", self.colour_by, "Of the trails over time.")
        add_row(rows, "Trails over time", self.time_shown, "Follows the slider of time.")
        for box in (self.n_top, self.n_tracks, self.colour_by, self.time_shown):
            guard.watch(box)
        layout.addWidget(drawn)
        layout.addStretch()

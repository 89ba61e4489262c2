"""Choosing a span of the frames of a recording."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget


class FrameChoice(QWidget):
    """First and last frame, as numbered in the file; all frames until they are changed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = QSpinBox(), QSpinBox()
        self._start, self._n = 0, 0
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for box, name in ((self.first, "first_frame"), (self.last, "last_frame")):
            box.setObjectName(name)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._change)
        layout.addWidget(self.first, 1)
        layout.addWidget(QLabel("to"))
        layout.addWidget(self.last, 1)
        self.show_recording(0, 0)

    def show_recording(self, start: int, n_frames: int) -> None:
        """Choose all frames of a recording, the first of which has a number in the file."""
        self._start, self._n = start, n_frames
        last = start + max(n_frames - 1, 0)
        for box, value in ((self.first, start), (self.last, last)):
            box.blockSignals(True)
            box.setRange(start, last)
            box.setValue(value)
            box.blockSignals(False)
        self.setEnabled(n_frames > 1)

    def span(self) -> tuple[int, int] | None:
        """Return the frames as start and stop within the recording; None for all of them."""
        start, stop = self.first.value() - self._start, self.last.value() - self._start + 1
        return None if (start, stop) == (0, max(self._n, 1)) else (start, stop)

    def choose(self, span: tuple[int, int] | None) -> None:
        """Choose frames by start and stop within the recording, or all."""
        start, stop = span or (0, max(self._n, 1))
        self.last.setValue(self._start + stop - 1)
        self.first.setValue(self._start + start)

    def count(self) -> int:
        """Return how many frames are chosen."""
        return self.last.value() - self.first.value() + 1 if self._n else 0

    def _change(self, *_: object) -> None:
        self.last.setMinimum(self.first.value())

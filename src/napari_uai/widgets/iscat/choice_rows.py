"""Rows of a form that ask what to take from a file: image, axes, plane, channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFormLayout

from napari_uai.videos.read_options import ReadOptions
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.forms import add_row

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROWS = {
    "image": ("Image", "Array, dataset or series of the file."),
    "axes": (
        "Axes",
        "A letter for each axis: T time, Z depth, C channel, Y rows, X columns, S colours.",
    ),
    "plane": ("Plane", "Position along the axis Z, from 0."),
    "channel": ("Channel", "Position along the axis C, from 0."),
}


class ChoiceRows(QObject):
    """Rows that are hidden until a file needs them.

    Parameters
    ----------
    layout
        Form to which the rows are added.
    """

    changed = Signal()

    def __init__(self, layout: QFormLayout) -> None:
        super().__init__(layout.parentWidget())
        self._layout = layout
        self.boxes = {name: Choice() for name in _ROWS}
        for name, box in self.boxes.items():
            add_row(layout, *_labelled(name, box))
        self.boxes["axes"].setEditable(True)
        self.clear()
        for box in self.boxes.values():
            box.currentTextChanged.connect(self.changed)

    @property
    def asked(self) -> list[str]:
        """Labels of the rows in sight."""
        return [_ROWS[name][0] for name in self._needed]

    def clear(self) -> None:
        """Hide all rows, for another file."""
        self._needed: list[str] = []
        for box in self.boxes.values():
            box.blockSignals(True)
            box.clear()
            box.blockSignals(False)
            self._layout.setRowVisible(box, False)

    def ask_for(self, choices: Mapping[str, tuple[str, ...]]) -> bool:
        """Show the rows of some options with their values; return whether one is new."""
        new = [name for name in choices if name in self.boxes and name not in self._needed]
        for name in new:
            box = self.boxes[name]
            box.blockSignals(True)
            box.addItems(list(choices[name]))
            if name == "axes":  # a suggestion that nobody chose may be wrong
                box.setCurrentText("")
            box.blockSignals(False)
            self._layout.setRowVisible(box, True)
        self._needed += new
        return bool(new)

    def shape(self) -> ReadOptions:
        """Return what was chosen.

        Raises
        ------
        BadValueError
            If the axes are not letters that include Y and X.
        """
        chosen = {name: self.boxes[name].currentText().strip() or None for name in self._needed}
        plane, channel = (
            None if chosen.get(name) is None else int(str(chosen[name]))
            for name in ("plane", "channel")
        )
        return ReadOptions(
            axes=chosen.get("axes"), plane=plane, channel=channel, image=chosen.get("image")
        )


def _labelled(name: str, box: Choice) -> tuple[str, Choice, str]:
    label, tooltip = _ROWS[name]
    return label, box, tooltip

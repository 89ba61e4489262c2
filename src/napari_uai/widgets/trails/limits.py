"""Limits of heat: a slider of two handles, their values, their unit and the scale in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_uai.widgets.kit.forms import Number, WheelGuard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.parameters import Parameter

STEPS = 1000
_LARGEST = {"quantile": 1.0, "permille": 1000.0}


class LimitsBox(QWidget):
    """Two limits.

    Parameters
    ----------
    title
        What is limited.
    parameters
        Of lower limit, upper limit, unit and scale, in this order.

    Attributes
    ----------
    changed
        The user moved a handle, or changed something else.
    """

    changed = Signal()

    def __init__(self, title: str, parameters: list[Parameter], tooltip: str = "") -> None:
        from superqt import QRangeSlider

        super().__init__()
        self._names = [parameter.name for parameter in parameters]
        self._parameters = parameters
        self._most = 50.0
        self._quiet = False
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setObjectName(f"{self._names[0]}_slider")
        self.lower, self.upper = (Number(parameter) for parameter in parameters[:2])
        self.unit, self.scale = QComboBox(), QComboBox()
        for box, parameter in zip((self.unit, self.scale), parameters[2:], strict=True):
            box.addItems([str(choice) for choice in parameter.choices])
        for editor, name in zip(self._editors, self._names, strict=True):
            editor.setObjectName(name)
        self._lay_out(title, tooltip)
        self.slider.valueChanged.connect(self._slid)
        self.lower.valueChanged.connect(self._typed)
        self.upper.valueChanged.connect(self._typed)
        self.unit.currentTextChanged.connect(self._other_unit)
        self.scale.currentTextChanged.connect(self._tell)

    @property
    def _editors(self) -> tuple[Any, ...]:
        return self.lower, self.upper, self.unit, self.scale

    def values(self) -> dict[str, Any]:
        """Return lower limit, upper limit, unit and scale by the names of their parameters."""
        found = (self.lower.value(), self.upper.value(), self.unit.currentText())
        return dict(zip(self._names, (*found, self.scale.currentText()), strict=True))

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show limits, unit and scale; tell nobody."""
        self._quiet = True
        shown = {**self.values(), **values}
        low, high, unit, scale = (shown[name] for name in self._names)
        self.unit.setCurrentText(unit)
        self.scale.setCurrentText(scale)
        self.lower.setValue(low)
        self.upper.setValue(high)
        self._move_handles()
        self._quiet = False

    def set_most(self, trails: float) -> None:
        """Tell how many trails pass the hottest place: the end of the slider in that unit."""
        if max(float(trails), 1.0) == self._most:
            return
        self._most = max(float(trails), 1.0)
        self._quiet = True
        self._move_handles()
        self._quiet = False

    def _end(self) -> float:
        return _LARGEST.get(self.unit.currentText(), self._most)

    def _value(self, step: float) -> float:
        share = step / STEPS
        # Limits of interest are small: a third of the way is a thirtieth of the largest heat.
        power = 1 if self.unit.currentText() == "quantile" else 3
        return float(f"{self._end() * share**power:.3g}")

    def _step(self, value: float) -> int:
        share = min(max(value / self._end(), 0.0), 1.0)
        power = 1 if self.unit.currentText() == "quantile" else 3
        return round(STEPS * share ** (1 / power))

    def _move_handles(self) -> None:
        low, high = self._step(self.lower.value()), self._step(self.upper.value())
        self.slider.blockSignals(True)
        self.slider.setValue((min(low, high), high))
        self.slider.blockSignals(False)

    def _slid(self, steps: tuple[int, int]) -> None:
        low, high = steps
        high = max(high, low + 1)
        self._quiet = True
        # A handle that was not moved keeps the value that was typed.
        if self._step(self.lower.value()) != low:
            self.lower.setValue(self._value(low))
        if self._step(self.upper.value()) != high:
            self.upper.setValue(self._value(high))
        self._quiet = False
        self.changed.emit()

    def _typed(self) -> None:
        if not self._quiet:
            self._move_handles()
            self.changed.emit()

    def _other_unit(self) -> None:
        """Keep the handles where they are: limits of one unit make no sense in another."""
        if self._quiet:
            return
        low, high = self.slider.value()
        self._quiet = True
        for box, step in ((self.lower, low), (self.upper, max(high, low + 1))):
            box.setValue(self._value(step))
        self._quiet = False
        self.changed.emit()

    def _tell(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _lay_out(self, title: str, tooltip: str) -> None:
        guard = WheelGuard(self)
        caption = QLabel(title)
        caption.setWordWrap(True)
        caption.setToolTip(tooltip)
        choices = QHBoxLayout()
        for text, box in (("in", self.unit), ("scale", self.scale)):
            choices.addWidget(QLabel(text))
            choices.addWidget(box, 1)
        between = QHBoxLayout()
        between.addWidget(self.lower)
        between.addWidget(self.slider, 1)
        between.addWidget(self.upper)
        for box in (self.lower, self.upper):
            box.setFixedWidth(78)
            box.setSuffix("")
            box.setButtonSymbols(Number.ButtonSymbols.NoButtons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(caption)
        layout.addLayout(choices)
        layout.addLayout(between)
        for editor, parameter in zip(self._editors, self._parameters, strict=True):
            editor.setToolTip(f"<qt>{parameter.description.replace('`', '')}</qt>")
            guard.watch(editor)

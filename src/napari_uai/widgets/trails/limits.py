"""Limits of heat: a slider with two handles, their values, unit and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_uai.widgets.kit.editors import FloatEditor
from napari_uai.widgets.kit.forms import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.parameters import Parameter

STEPS = 1000
_LARGEST = {"quantile": 1.0, "permille": 1000.0}


class LimitsBox(QWidget):
    """Lower and upper limit of heat.

    Parameters
    ----------
    title
        Caption, rich text.
    parameters
        Parameters of lower limit, upper limit, unit and scale, in this order.
    tooltip
        Tooltip of the caption.

    Attributes
    ----------
    changed
        Emitted when the user changed a limit, the unit or the scale.
    """

    changed = Signal()

    def __init__(self, title: str, parameters: list[Parameter], tooltip: str = "") -> None:
        from superqt import QRangeSlider

        super().__init__()
        self._names = [parameter.name for parameter in parameters]
        self._parameters = parameters
        self._max_heat = 50.0
        self._quiet = False
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setObjectName(f"{self._names[0]}_slider")
        self.low, self.high = (FloatEditor(parameter) for parameter in parameters[:2])
        self.unit, self.scale = QComboBox(), QComboBox()
        for box, parameter in zip((self.unit, self.scale), parameters[2:], strict=True):
            box.addItems([str(choice) for choice in parameter.choices])
        self._editors = (self.low, self.high, self.unit, self.scale)
        for editor, name in zip(self._editors, self._names, strict=True):
            editor.setObjectName(name)
        self._lay_out(title, tooltip)
        self.slider.valueChanged.connect(self._handles_moved)
        self.low.valueChanged.connect(self._value_typed)
        self.high.valueChanged.connect(self._value_typed)
        self.unit.currentTextChanged.connect(self._unit_chosen)
        self.scale.currentTextChanged.connect(self._scale_chosen)

    def values(self) -> dict[str, Any]:
        """Return lower limit, upper limit, unit and scale by parameter name."""
        values = (
            self.low.value(),
            self.high.value(),
            self.unit.currentText(),
            self.scale.currentText(),
        )
        return dict(zip(self._names, values, strict=True))

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show limits, unit and scale without emitting :attr:`changed`."""
        self._quiet = True
        low, high, unit, scale = ({**self.values(), **values}[name] for name in self._names)
        self.unit.setCurrentText(unit)
        self.scale.setCurrentText(scale)
        self.low.setValue(low)
        self.high.setValue(high)
        self._move_handles()
        self._quiet = False

    def set_max_heat(self, n_trails: float) -> None:
        """Set the largest number of trails in a cell: the end of the slider in that unit."""
        max_heat = max(float(n_trails), 1.0)
        if max_heat == self._max_heat:
            return
        self._max_heat = max_heat
        self._quiet = True
        self._move_handles()
        self._quiet = False

    def _end(self) -> float:
        return _LARGEST.get(self.unit.currentText(), self._max_heat)

    def _value(self, step: float) -> float:
        share = step / STEPS
        # Useful limits are small: a third of the slider is a thirtieth of the largest heat.
        power = 1 if self.unit.currentText() == "quantile" else 3
        return float(f"{self._end() * share**power:.3g}")

    def _step(self, value: float) -> int:
        share = min(max(value / self._end(), 0.0), 1.0)
        power = 1 if self.unit.currentText() == "quantile" else 3
        return round(STEPS * share ** (1 / power))

    def _move_handles(self) -> None:
        low, high = self._step(self.low.value()), self._step(self.high.value())
        self.slider.blockSignals(True)
        self.slider.setValue((min(low, high), high))
        self.slider.blockSignals(False)

    def _handles_moved(self, steps: tuple[int, int]) -> None:
        low, high = steps
        high = max(high, low + 1)
        self._quiet = True
        # A handle that did not move keeps the value that was typed.
        if self._step(self.low.value()) != low:
            self.low.setValue(self._value(low))
        if self._step(self.high.value()) != high:
            self.high.setValue(self._value(high))
        self._quiet = False
        self.changed.emit()

    def _value_typed(self) -> None:
        if not self._quiet:
            self._move_handles()
            self.changed.emit()

    def _unit_chosen(self) -> None:
        """Keep the handles in place: a limit in one unit makes no sense in another."""
        if self._quiet:
            return
        low, high = self.slider.value()
        self._quiet = True
        for box, step in ((self.low, low), (self.high, max(high, low + 1))):
            box.setValue(self._value(step))
        self._quiet = False
        self.changed.emit()

    def _scale_chosen(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _lay_out(self, title: str, tooltip: str) -> None:
        guard = WheelGuard(self)
        caption = QLabel(title)
        caption.setWordWrap(True)
        caption.setToolTip(tooltip)
        choices = QHBoxLayout()
        for text, box in (("Unit", self.unit), ("Scale", self.scale)):
            choices.addWidget(QLabel(text))
            choices.addWidget(box, 1)
        between = QHBoxLayout()
        between.addWidget(self.low)
        between.addWidget(self.slider, 1)
        between.addWidget(self.high)
        for box in (self.low, self.high):
            box.setFixedWidth(78)
            box.setSuffix("")
            box.setButtonSymbols(FloatEditor.ButtonSymbols.NoButtons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(caption)
        layout.addLayout(choices)
        layout.addLayout(between)
        for editor, parameter in zip(self._editors, self._parameters, strict=True):
            editor.setToolTip(f"<qt>{parameter.description.replace('`', '')}</qt>")
            guard.watch(editor)

"""Editors of single values: one per type, with limits and unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QEvent, QLocale, QSize, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QStyle,
    QStyleOptionSpinBox,
    QWidget,
)

from napari_uai.widgets.kit.choice import Choice

if TYPE_CHECKING:
    from napari_uai.parameters import Parameter

    BareEditor: TypeAlias = "IntEditor | FloatEditor | ChoiceEditor | BoolEditor"
    Editor: TypeAlias = "BareEditor | TextEditor | OptionalEditor"

_LARGEST_INT = 2**31 - 1
_TEXT_MARGIN = 8
"""Width, px, that a line of text needs beside its text."""

_STYLED = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.Show)

_SHORT_UNITS = {"standard deviations": "SD", "robust standard deviations": "robust SD"}
"""Units that are too long for a box; tooltips have them in full."""

DEFAULT = "default"
"""Shown instead of a number that is not overridden."""


class IntEditor(QSpinBox):
    """Editor of an integer; steps from odd to odd number if only those are accepted."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        low = -_LARGEST_INT if parameter.minimum is None else math.ceil(parameter.minimum)
        high = _LARGEST_INT if parameter.maximum is None else math.floor(parameter.maximum)
        low += parameter.open_minimum and low == parameter.minimum
        high -= parameter.open_maximum and high == parameter.maximum
        if parameter.odd:
            low, high = low + (low % 2 == 0), high - (high % 2 == 0)
        self.setRange(max(low, -_LARGEST_INT), min(high, _LARGEST_INT))
        _style_number(self, parameter)
        if parameter.odd:
            self.setStepType(QSpinBox.StepType.DefaultStepType)
            self.setSingleStep(2)

    def set_value(self, value: int) -> None:
        """Show a value."""
        self.setValue(int(value))

    def event(self, event: QEvent | None) -> bool:
        """Keep room for number, unit and buttons, which the theme knows nothing of."""
        done = super().event(event)
        if event is not None and event.type() in _STYLED:
            _keep_room(self, "0000")
        return done

    def sizeHint(self) -> QSize:
        """Return the minimum; a form gives more where it has more."""
        return QSize(self.minimumWidth(), super().sizeHint().height())


class FloatEditor(QDoubleSpinBox):
    """Editor of a float of any magnitude: shows six digits, accepts ``1e-4``."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.setDecimals(15)
        low = -1e12 if parameter.minimum is None else parameter.minimum
        high = 1e12 if parameter.maximum is None else parameter.maximum
        # A spin box has closed limits only, so an open limit is moved to the next number.
        self.setRange(
            low + 1e-15 * max(1.0, abs(low)) if parameter.open_minimum else low,
            high - 1e-15 * max(1.0, abs(high)) if parameter.open_maximum else high,
        )
        _style_number(self, parameter)

    def set_value(self, value: float) -> None:
        """Show a value."""
        self.setValue(float(value))

    def event(self, event: QEvent | None) -> bool:
        """Keep room for number, unit and buttons, which the theme knows nothing of."""
        done = super().event(event)
        if event is not None and event.type() in _STYLED:
            _keep_room(self, "0.0000")
        return done

    def sizeHint(self) -> QSize:
        """Return the minimum; a form gives more where it has more."""
        return QSize(self.minimumWidth(), super().sizeHint().height())

    def textFromValue(self, value: float) -> str:
        """Format a value with at most six significant digits."""
        return f"{value:.6g}"

    def valueFromText(self, text: str | None) -> float:
        """Parse a number, ignoring the unit."""
        return float(self._without_unit(text))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept numbers in Python's notation, and text that may become one."""
        try:
            number = float(self._without_unit(text))
        except ValueError:
            return QValidator.State.Intermediate, text or "", position
        inside = self.minimum() <= number <= self.maximum()
        state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text or "", position

    def _without_unit(self, text: str | None) -> str:
        return (text or "").removesuffix(self.suffix()).strip()


class ChoiceEditor(Choice):
    """Editor of one of a few values."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        for choice in parameter.choices:
            self.addItem(str(choice), choice)

    def value(self) -> object:
        """Return the chosen value."""
        return self.currentData()

    def set_value(self, value: object) -> None:
        """Choose a value."""
        self.setCurrentIndex(max(self.findData(value), 0))


class BoolEditor(QCheckBox):
    """Editor of a boolean."""

    def value(self) -> bool:
        """Return whether the box is ticked."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Tick or untick the box."""
        self.setChecked(bool(value))


class TextEditor(QLineEdit):
    """Editor of any other type, in the notation of a recipe: ``[0.5, 2]``, ``auto``, a path."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.setPlaceholderText(parameter.accepts)
        self._is_text = parameter.type is str
        self._optional = parameter.optional

    def value(self) -> Any:
        """Return the value as parsed by TOML, or the text itself if it is not TOML."""
        from napari_uai.errors import RecipeError
        from napari_uai.untrusted import parse_toml

        text = self.text().strip()
        if not text and self._optional:
            return None
        if self._is_text:
            return text
        for candidate in (text, f"[{text}]"):
            try:
                return parse_toml(f"value = {candidate}", "value", error=RecipeError)["value"]
            except RecipeError:
                continue
        return text

    def set_value(self, value: object) -> None:
        """Show a value."""
        if isinstance(value, (list, tuple)):
            self.setText(", ".join(map(str, value)))
        else:
            self.setText("" if value is None else str(value))


class OptionalEditor(QWidget):
    """Editor of a value that may be None: a tick box and the editor of the value.

    Parameters
    ----------
    inner
        Editor of the value.

    Attributes
    ----------
    changed
        Emitted when the tick or the value was changed.
    """

    changed = Signal()

    def __init__(self, inner: BareEditor) -> None:
        super().__init__()
        self.inner = inner
        self.override = QCheckBox()
        self.override.setToolTip("Tick to override the default.")
        self.override.toggled.connect(self._show_state)
        self.override.toggled.connect(self._emit_changed)
        signal_of(inner).connect(self._emit_changed)
        self._last: float | None = None
        self._own: bool | None = None
        self._show_state(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.override)
        layout.addWidget(inner, 1)

    def value(self) -> Any:
        """Return the value, or None if the box is not ticked."""
        return self.inner.value() if self.override.isChecked() else None

    def set_value(self, value: Any) -> None:
        """Show a value, or untick the box if it is None."""
        self.override.setChecked(value is not None)
        if value is not None:
            self.inner.set_value(value)

    def _show_state(self, own: bool) -> None:
        """Show a number of the user's, or that it is the default, which is not a number."""
        if isinstance(self.inner, (IntEditor, FloatEditor)) and own != self._own:
            if own:
                self.inner.setSpecialValueText("")
                first = _first_number(self.inner) if self._last is None else self._last
                self.set_value(first)
            else:
                self._last = self.inner.value() if self._own else None
                self.inner.setSpecialValueText(DEFAULT)
                self.inner.setValue(self.inner.minimum())
        self._own = own
        self.inner.setEnabled(own)

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()


def editor_of(parameter: Parameter) -> Editor:
    """Return an editor for a parameter."""
    editor: BareEditor
    if parameter.choices:
        editor = ChoiceEditor(parameter)
    elif parameter.type is bool:
        editor = BoolEditor()
    elif parameter.type is int:
        editor = IntEditor(parameter)
    elif parameter.type is float:
        editor = FloatEditor(parameter)
    else:
        return TextEditor(parameter)  # an empty line is None
    return OptionalEditor(editor) if parameter.optional else editor


def signal_of(editor: QWidget) -> Any:
    """Return the signal that an editor emits when its value changes.

    Raises
    ------
    AttributeError
        If the widget has no such signal.
    """
    for name in ("changed", "valueChanged", "currentIndexChanged", "toggled", "textChanged"):
        if hasattr(editor, name):
            return getattr(editor, name)
    raise AttributeError(f"{type(editor).__name__} has no signal for a changed value")


def _first_number(box: QSpinBox | QDoubleSpinBox) -> float:
    """Return a round number within the limits, from which the user starts."""
    low, high = box.minimum(), box.maximum()
    if low < 0 <= high:
        return 0.0
    return (low + high) / 2 if high <= 1 else min(max(1.0, low), high)


def _keep_room(box: QSpinBox | QDoubleSpinBox, digits: str) -> None:
    """Make a box wide enough for so many digits, the unit and the buttons."""
    option, style = QStyleOptionSpinBox(), box.style()
    box.initStyleOption(option)
    option.rect = box.rect()
    if style is not None:
        kind, field = QStyle.ComplexControl.CC_SpinBox, QStyle.SubControl.SC_SpinBoxEditField
        buttons = box.width() - style.subControlRect(kind, option, field, box).width()
        text = box.fontMetrics().horizontalAdvance(digits + box.suffix())
        box.setMinimumWidth(text + max(buttons, 0) + _TEXT_MARGIN)


def _style_number(box: QSpinBox | QDoubleSpinBox, parameter: Parameter) -> None:
    box.setLocale(QLocale.c())  # a decimal point, as in recipes
    box.setKeyboardTracking(False)
    box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
    if parameter.unit:
        box.setSuffix(f" {_SHORT_UNITS.get(parameter.unit, parameter.unit)}")

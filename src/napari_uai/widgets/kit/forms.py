"""Forms made from the parameters of a stage: one editor per type, with limits, unit and tooltip."""

from __future__ import annotations

import html
import math
import tomllib
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QLocale, QObject, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_uai.parameters import Parameter


def scrolling(widget: QWidget) -> QScrollArea:
    """Return a widget in an area that scrolls once there is too little room for it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    area.setMinimumHeight(min(max(widget.sizeHint().height(), 0), 320))
    return area


_LARGEST_INT = 2**31 - 1


class ParameterForm(QWidget):
    """One row per parameter.

    Parameters
    ----------
    parameters
        What to ask for, in order.
    values
        Values to begin with; the defaults where there is none.

    Attributes
    ----------
    changed
        A value was changed, by the user or by the program.
    """

    changed = Signal()

    def __init__(
        self,
        parameters: Iterable[Parameter],
        values: Mapping[str, Any] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._guard = WheelGuard(self)
        self._first = dict(values or {})
        self.parameters = {p.name: p for p in parameters}
        self.editors = {p.name: editor_of(p) for p in self.parameters.values()}
        self.rows = layout = form_layout(self)
        for parameter in self.parameters.values():
            editor = self.editors[parameter.name]
            editor.setObjectName(parameter.name)
            add_row(layout, label_of(parameter.name), editor, tooltip_of(parameter))
            self._guard.watch(editor)
            signal_of(editor).connect(self._tell_change)
        self.reset()

    def values(self) -> dict[str, Any]:
        """Return what stands in the form, by parameter name; limits are checked by the stage."""
        return {name: editor.value() for name, editor in self.editors.items()}

    def _tell_change(self, *_: object) -> None:
        self.changed.emit()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; leave the others as they are."""
        for name, value in values.items():
            self.editors[name].set_value(value)

    def reset(self) -> None:
        """Show what the form began with."""
        for name, parameter in self.parameters.items():
            if name in self._first:
                self.editors[name].set_value(self._first[name])
            elif not parameter.required:
                self.editors[name].set_value(parameter.default)


class WholeNumber(QSpinBox):
    """Editor of a whole number."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        low = -_LARGEST_INT if parameter.minimum is None else math.ceil(parameter.minimum)
        high = _LARGEST_INT if parameter.maximum is None else math.floor(parameter.maximum)
        low += parameter.open_minimum and low == parameter.minimum
        high -= parameter.open_maximum and high == parameter.maximum
        self.setRange(max(low, -_LARGEST_INT), min(high, _LARGEST_INT))
        _number_look(self, parameter)

    def set_value(self, value: int) -> None:
        """Show a value."""
        self.setValue(int(value))


class Number(QDoubleSpinBox):
    """Editor of a number of any size: shows six digits, takes ``1e-4``."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.setDecimals(15)
        low = -1e12 if parameter.minimum is None else parameter.minimum
        high = 1e12 if parameter.maximum is None else parameter.maximum
        # The box knows closed limits only; a limit itself that is outside is the next number.
        self.setRange(
            low + 1e-15 * max(1.0, abs(low)) if parameter.open_minimum else low,
            high - 1e-15 * max(1.0, abs(high)) if parameter.open_maximum else high,
        )
        _number_look(self, parameter)

    def set_value(self, value: float) -> None:
        """Show a value."""
        self.setValue(float(value))

    def textFromValue(self, value: float) -> str:
        """Write as few digits as say it."""
        return f"{value:.6g}"

    def valueFromText(self, text: str | None) -> float:
        """Read a number without its unit."""
        return float(self._bare(text))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept what Python reads as a number, and what may become one."""
        try:
            number = float(self._bare(text))
        except ValueError:
            return QValidator.State.Intermediate, text or "", position
        inside = self.minimum() <= number <= self.maximum()
        state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text or "", position

    def _bare(self, text: str | None) -> str:
        return (text or "").removesuffix(self.suffix()).strip()


class Choice(QComboBox):
    """Editor of one of a few values."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        for choice in parameter.choices:
            self.addItem(str(choice), choice)
        # A long choice must not take the room of the label.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def value(self) -> Any:
        """Return the chosen value."""
        return self.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a value."""
        self.setCurrentIndex(max(self.findData(value), 0))


class Switch(QCheckBox):
    """Editor of yes or no."""

    def value(self) -> bool:
        """Return whether it is on."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Turn on or off."""
        self.setChecked(bool(value))


class Text(QLineEdit):
    """Editor of everything else, written as in a recipe: ``[0.5, 2]``, ``auto``, a path."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.setPlaceholderText(parameter.accepts)
        self._plain = parameter.type is str
        self._optional = parameter.optional

    def value(self) -> Any:
        """Return the value as TOML reads it, else the text itself."""
        text = self.text().strip()
        if not text and self._optional:
            return None
        if self._plain:
            return text
        for candidate in (text, f"[{text}]"):
            try:
                return tomllib.loads(f"value = {candidate}")["value"]
            except tomllib.TOMLDecodeError:
                continue
        return text

    def set_value(self, value: Any) -> None:
        """Show a value."""
        if isinstance(value, (list, tuple)):
            self.setText(", ".join(map(str, value)))
        else:
            self.setText("" if value is None else str(value))


class Optional(QWidget):
    """Editor of a value that may be left out: a tick, and the editor of the value."""

    changed = Signal()

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self.inner = inner
        self.given = QCheckBox()
        self.given.setToolTip("Tick to give a value; without it the stage decides.")
        self.given.toggled.connect(inner.setEnabled)
        self.given.toggled.connect(self._tell_change)
        signal_of(inner).connect(self._tell_change)
        inner.setEnabled(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.given)
        layout.addWidget(inner, 1)

    def _tell_change(self, *_: object) -> None:
        self.changed.emit()

    def value(self) -> Any:
        """Return the value, or None if it is left out."""
        return self.inner.value() if self.given.isChecked() else None

    def set_value(self, value: Any) -> None:
        """Show a value, or none."""
        self.given.setChecked(value is not None)
        if value is not None:
            self.inner.set_value(value)


class WheelGuard(QObject):
    """Lets the wheel scroll the form instead of changing the value that passes under it."""

    def watch(self, widget: QWidget) -> None:
        """Guard an editor and what is in it."""
        for inner in (widget, *widget.findChildren(QWidget)):
            if isinstance(inner, (QAbstractSpinBox, QComboBox)):
                inner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                inner.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stop the wheel over what has no focus."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


def editor_of(parameter: Parameter) -> Any:
    """Return the editor that fits a parameter."""
    if parameter.choices:
        editor: QWidget = Choice(parameter)
    elif parameter.type is bool:
        editor = Switch()
    elif parameter.type is int:
        editor = WholeNumber(parameter)
    elif parameter.type is float:
        editor = Number(parameter)
    else:
        return Text(parameter)  # an empty line stands for none
    return Optional(editor) if parameter.optional else editor


def signal_of(editor: Any) -> Any:
    """Return the signal of an editor that tells of a change."""
    for name in ("changed", "valueChanged", "currentIndexChanged", "toggled", "textChanged"):
        if hasattr(editor, name):
            return getattr(editor, name)
    raise AttributeError(f"{type(editor).__name__} does not tell of changes")


def form_layout(widget: QWidget) -> QFormLayout:
    """Return a form in which fields take all the room there is."""
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def add_row(
    layout: QFormLayout, label: str, editor: QWidget, tooltip: str = "", *, row: int | None = None
) -> None:
    """Add a labelled editor at a row, or at the end; label and editor show the same tooltip."""
    caption = QLabel(label)
    caption.setToolTip(tooltip)
    editor.setToolTip(tooltip)
    policy = editor.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    editor.setSizePolicy(policy)
    layout.insertRow(layout.rowCount() if row is None else row, caption, editor)


def label_of(name: str) -> str:
    """Return the name of a parameter as words: ``batch_size`` is *Batch size*."""
    words = name.removesuffix("_px").removesuffix("_hz").replace("_", " ")
    return words[:1].upper() + words[1:]


def tooltip_of(parameter: Parameter) -> str:
    """Return meaning and limits as rich text, which Qt breaks into lines."""
    meaning = html.escape(parameter.description.replace("`", ""))
    return f"<qt><p>{meaning}</p><p><i>{html.escape(parameter.accepts)}</i></p></qt>"


def _number_look(box: QAbstractSpinBox, parameter: Parameter) -> None:
    box.setLocale(QLocale.c())  # a point, not a comma, as in recipes
    box.setKeyboardTracking(False)
    box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
    if parameter.unit:
        box.setSuffix(f" {parameter.unit}")
    box.setMinimumWidth(90)

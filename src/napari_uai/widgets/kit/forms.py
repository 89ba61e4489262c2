"""Forms for the parameters of a stage: one editor per type, with limits, unit and tooltip."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QEvent, QLocale, QObject, QSize, Qt, Signal
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
    QStyle,
    QStyleOptionSpinBox,
    QWidget,
)

from napari_uai.widgets.kit.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


class ParameterForm(QWidget):
    """One row per parameter.

    Parameters
    ----------
    parameters
        Parameters to edit, in order.
    values
        Initial values by name; parameters without one start at their default.
    parent
        Parent widget.

    Attributes
    ----------
    changed
        Emitted when a value was changed, by the user or by the program.
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
        self._initial = dict(values or {})
        self.parameters = {p.name: p for p in parameters}
        self.editors = {p.name: editor_of(p) for p in self.parameters.values()}
        self.rows = layout = form_layout(self)
        for parameter in self.parameters.values():
            editor = self.editors[parameter.name]
            editor.setObjectName(parameter.name)
            add_row(layout, label_of(parameter.name), editor, tooltip_of(parameter))
            self._guard.watch(editor)
            signal_of(editor).connect(self._emit_changed)
        self.reset()

    def values(self) -> dict[str, Any]:
        """Return the value of each parameter by name; the stage checks the limits."""
        return {name: editor.value() for name, editor in self.editors.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show values; parameters that are not named keep theirs."""
        for name, value in values.items():
            self.editors[name].set_value(value)

    def reset(self) -> None:
        """Show the initial values."""
        for name, parameter in self.parameters.items():
            if name in self._initial:
                self.editors[name].set_value(self._initial[name])
            elif not parameter.required:
                self.editors[name].set_value(parameter.default)

    def _emit_changed(self, *_: object) -> None:
        self.changed.emit()


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


class WheelGuard(QObject):
    """Makes the mouse wheel scroll the form instead of changing the value under the pointer."""

    def watch(self, widget: QWidget) -> None:
        """Guard an editor and its children."""
        for inner in (widget, *widget.findChildren(QWidget)):
            if isinstance(inner, (QAbstractSpinBox, QComboBox)):
                inner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                inner.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Discard wheel events over an editor without focus."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


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


def form_layout(widget: QWidget) -> QFormLayout:
    """Return a form layout without margins whose fields fill the width."""
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def add_row(
    layout: QFormLayout, label: str, editor: QWidget, tooltip: str = "", *, row: int | None = None
) -> None:
    """Add a labelled editor at a row, or at the end; both show the tooltip."""
    caption = QLabel(label)
    caption.setToolTip(tooltip)
    editor.setToolTip(tooltip)
    policy = editor.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
    editor.setSizePolicy(policy)
    layout.insertRow(layout.rowCount() if row is None else row, caption, editor)


class VerticalScrollArea(QScrollArea):
    """Scroll area with a vertical bar when space is short; never narrower than its content.

    Parameters
    ----------
    widget
        Content.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(widget)

    def minimumSizeHint(self) -> QSize:
        """Return a size in which the content and the bar are not cut off sideways."""
        content, bar = self.widget(), self.verticalScrollBar()
        size = super().minimumSizeHint()
        if content is not None and bar is not None:
            width = content.minimumSizeHint().width() + bar.sizeHint().width()
            size.setWidth(max(size.width(), width))
        return size


def scrolling(widget: QWidget, *, max_min_height: int = 320) -> QScrollArea:
    """Return a scroll area around a widget.

    Parameters
    ----------
    widget
        Content.
    max_min_height
        Height, px, above which the area scrolls if space is short.
    """
    area = VerticalScrollArea(widget)
    area.setMinimumHeight(min(max(widget.sizeHint().height(), 0), max_min_height))
    return area


def label_of(name: str) -> str:
    """Return the label of a parameter: *Batch size* for ``batch_size``."""
    words = name.removesuffix("_px").removesuffix("_hz").replace("_", " ")
    return words[:1].upper() + words[1:]


def tooltip_of(parameter: Parameter) -> str:
    """Return description and limits as rich text, which Qt wraps."""
    description = html.escape(parameter.description.replace("`", ""))
    return f"<qt><p>{description}</p><p><i>{html.escape(parameter.accepts)}</i></p></qt>"


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

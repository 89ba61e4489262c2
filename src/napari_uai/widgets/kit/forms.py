"""Forms for the parameters of a stage: one editor per type, with limits, unit and tooltip."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.editors import editor_of, signal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_uai.parameters import Parameter


_RESTORE = "↺"
_BUTTON_ROOM = 4


class ParameterForm(QWidget):
    """One row per parameter.

    Parameters
    ----------
    parameters
        Parameters to edit, in order.
    values
        Initial values by name; parameters without one start at their default.
    origin
        Where the initial values are from, such as ``recipe``. The label of a value that differs is
        then bold, with a button beside it that restores the initial one; empty: no such marks.

    Attributes
    ----------
    captions
        Label of each parameter.
    initial
        Initial values, as the editors have them.
    changed
        Emitted when a value was changed, by the user or by the program.
    """

    changed = Signal()

    def __init__(
        self,
        parameters: Iterable[Parameter],
        values: Mapping[str, Any] | None = None,
        *,
        origin: str = "",
    ) -> None:
        super().__init__()
        self._origin = origin
        self.resets: dict[str, QPushButton] = {}
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
        self.captions = {n: caption_of(layout, e) for n, e in self.editors.items()}
        self.reset()
        self.initial = self.values()
        self.resets = {n: self._reset_button(n) for n in self.editors} if origin else {}

    def values(self) -> dict[str, Any]:
        """Return the value of each parameter by name; the stage checks the limits."""
        return {name: editor.value() for name, editor in self.editors.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show values; parameters that are not named keep theirs."""
        for name, value in values.items():
            self.editors[name].set_value(value)

    def differing(self) -> dict[str, Any]:
        """Return the values that differ from the initial ones."""
        return {n: v for n, v in self.values().items() if v != self.initial[n]}

    def reset(self) -> None:
        """Show the initial values."""
        for name in self.parameters:
            self.reset_value(name)

    def reset_value(self, name: str) -> None:
        """Show the initial value of a parameter."""
        parameter = self.parameters[name]
        if name in self._initial:
            self.editors[name].set_value(self._initial[name])
        elif not parameter.required:
            self.editors[name].set_value(parameter.default)

    def _emit_changed(self, *_: object) -> None:
        if self.resets:
            self._mark_differing()
        self.changed.emit()

    def _mark_differing(self) -> None:
        """Make the labels of values that differ bold, and show their buttons."""
        differing = self.differing()
        for name, button in self.resets.items():
            differs, caption = name in differing, self.captions[name]
            font = caption.font()
            if font.bold() != differs:
                font.setBold(differs)
                caption.setFont(font)
                button.setVisible(differs)

    def _reset_button(self, name: str) -> QPushButton:
        """Put a hidden button beside a label, which restores the initial value."""
        button = QPushButton(_RESTORE)
        button.setObjectName(f"reset_{name}")
        initial = self.initial[name]
        shown = "default" if initial is None else initial
        button.setToolTip(f"{self._origin}: {shown}")
        button.setFixedSize(*(button.fontMetrics().height() + _BUTTON_ROOM,) * 2)
        button.clicked.connect(lambda: self.reset_value(name))
        button.hide()
        caption = self.captions[name]
        row, _ = self.rows.getWidgetPosition(self.editors[name])
        beside = QWidget()
        across = QHBoxLayout(beside)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(4)
        self.rows.removeWidget(caption)
        across.addWidget(caption)
        across.addWidget(button)
        across.addStretch()
        self.rows.setWidget(row, QFormLayout.ItemRole.LabelRole, beside)
        return button


def caption_of(rows: QFormLayout, editor: QWidget) -> QLabel:
    """Return the label of an editor in a form."""
    caption = rows.labelForField(editor)
    if not isinstance(caption, QLabel):
        raise TypeError(f"{editor.objectName()} has no label")
    return caption


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


def stacked(*widgets: QWidget) -> QWidget:
    """Return widgets one above the other."""
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch()
    return whole


def label_of(name: str) -> str:
    """Return the label of a parameter: *Batch size* for ``batch_size``."""
    words = name.removesuffix("_px").removesuffix("_hz").replace("_", " ")
    return words[:1].upper() + words[1:]


def tooltip_of(parameter: Parameter) -> str:
    """Return description and limits as rich text, which Qt wraps."""
    description = html.escape(parameter.description.replace("`", ""))
    return f"<qt><p>{description}</p><p><i>{html.escape(parameter.accepts)}</i></p></qt>"

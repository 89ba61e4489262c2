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
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.editors import editor_of, signal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_uai.parameters import Parameter


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

"""Settings of a trail analysis: preset, limits of heat on sliders, other parameters in a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.folds import Fold
from napari_uai.widgets.kit.forms import ParameterForm, add_row, form_layout
from napari_uai.widgets.trails.limits import LimitsBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_uai.parameters import Parameter
    from napari_uai.trails.analysis.result import Preset

HEAT_LIMITS = ("heat_lower", "heat_upper", "heat_unit", "heat_scale")
SCORE_LIMITS = ("lower", "upper", "unit", "scale")
THRESHOLD = "region_threshold"


class SettingsPage(QWidget):
    """All settings that the options ``--preset`` and ``--set`` of the command line can make.

    Attributes
    ----------
    changed
        Emitted when the user changed a setting.
    threshold_moved
        Emitted when the user moved the threshold of regions.
    load_asked
        Emitted when the user wants to load the settings of an earlier run.
    """

    changed = Signal()
    threshold_moved = Signal()
    load_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        from napari_uai.trails.analysis.result import PRESETS

        self.preset = QComboBox()
        self.preset.setObjectName("preset")
        self.preset.addItems(PRESETS)
        self.linked = QCheckBox("Use the limits of the heatmap for scores")
        self.linked.setObjectName("linked")
        self.linked.setToolTip(
            "<qt>By default scores have limits of their own, which find more anomalous trails than "
            "the limits that look best in a heatmap.</qt>"
        )
        self.region_threshold = QSlider(Qt.Orientation.Horizontal)
        self.region_threshold.setObjectName(THRESHOLD)
        self.region_threshold.setRange(1, 99)
        self.threshold_label = QLabel()
        self._body: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 6, 6, 6)
        top = QWidget()
        rows = form_layout(top)
        meaning = "'reference' reproduces the reference program of 2023, for comparison."
        add_row(rows, "Preset", self.preset, meaning)
        self._layout.addWidget(top)
        self._show_preset()
        self._layout.addStretch()
        self.preset.currentTextChanged.connect(self._preset_chosen)
        self.linked.toggled.connect(self._link)
        self.region_threshold.valueChanged.connect(self._threshold_moved)

    def chosen_preset(self) -> Preset:
        """Return the name of the preset."""
        from napari_uai.trails.analysis.result import PRESETS

        return PRESETS[self.preset.currentIndex()]

    def settings(self) -> tuple[str, ...]:
        """Return what differs from the preset, in the notation of ``--set``."""
        from napari_uai.trails.analysis.settings import setting_text

        values = {**self._form.values(), **self.heat_limits.values()}
        values[THRESHOLD] = self.region_threshold.value() / 100
        if self.score_limits is not None:
            values |= self.score_limits.values()
            if self.linked.isChecked():
                heat = self.heat_limits.values()
                values |= {s: heat[h] for s, h in zip(SCORE_LIMITS, HEAT_LIMITS, strict=True)}
        return tuple(
            setting_text(name, value)
            for name, value in sorted(values.items())
            if value is not None and value != self._defaults[name]
        )

    def reset(self) -> None:
        """Show the values of the preset."""
        self._show_values(self._defaults)
        self.linked.setChecked(False)
        self.changed.emit()

    def show_settings(self, preset: Preset, settings: tuple[str, ...]) -> None:
        """Show a preset and what differs from it, as returned by :meth:`settings`."""
        from napari_uai.trails.analysis.settings import checked_settings

        parts = checked_settings(preset, settings)
        blocked = self.blockSignals(True)
        self.preset.setCurrentText(preset)
        self.linked.setChecked(False)
        values: dict[str, Any] = {}
        for part in parts.values():
            values = {
                **part,
                **values,
            }  # as in settable_parameters, the first part wins
        self._show_values({**self._defaults, **values})
        self.blockSignals(blocked)
        self.changed.emit()

    def _show_values(self, values: Mapping[str, Any]) -> None:
        blocked = self.blockSignals(True)
        self._form.set_values({name: values[name] for name in self._form.editors})
        self.heat_limits.set_values({name: values[name] for name in HEAT_LIMITS})
        if self.score_limits is not None:
            self.score_limits.set_values({name: values[name] for name in SCORE_LIMITS})
        self.region_threshold.setValue(round(100 * values[THRESHOLD]))
        self._show_threshold()
        self.blockSignals(blocked)

    def _show_preset(self) -> None:
        """Create editors for the parameters of the chosen preset."""
        from napari_uai.trails.analysis.settings import settable_parameters

        parameters = settable_parameters(self.chosen_preset())
        self._defaults = {name: parameter.default for name, parameter in parameters.items()}
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        self.heat_limits = LimitsBox(
            "<b>Heatmap</b>: colour range",
            [parameters[name] for name in HEAT_LIMITS],
            "Range of heat for the colours of the heatmaps and for the regions.",
        )
        layout.addWidget(self.heat_limits)
        self.score_limits: LimitsBox | None = None
        shown = {*HEAT_LIMITS, THRESHOLD}
        if set(SCORE_LIMITS) <= parameters.keys():
            shown |= {*SCORE_LIMITS}
            self.score_limits = self._add_score_limits(layout, parameters)
        layout.addWidget(self.threshold_label)
        layout.addWidget(self.region_threshold)
        self._form = ParameterForm(p for name, p in parameters.items() if name not in shown)
        self._add_more(layout)
        self._layout.insertWidget(1, body)
        self._body = body
        self._show_values(self._defaults)
        self.heat_limits.changed.connect(self.changed)
        on_change(self._form, self.changed.emit)

    def _add_score_limits(
        self, layout: QVBoxLayout, parameters: Mapping[str, Parameter]
    ) -> LimitsBox:
        limits = LimitsBox(
            "<b>Scores</b>: from unusual to ordinary heat",
            [parameters[name] for name in SCORE_LIMITS],
            "Heat below the lower limit is unusual, heat above the upper limit is ordinary.",
        )
        layout.addWidget(self.linked)
        layout.addWidget(limits)
        limits.changed.connect(self.changed)
        return limits

    def _add_more(self, layout: QVBoxLayout) -> None:
        """Add the form of the other parameters, and the buttons."""
        more = Fold("More parameters")
        more.setObjectName("more")
        more.addWidget(self._form)
        defaults = QPushButton("Defaults")
        defaults.setObjectName("defaults")
        defaults.clicked.connect(self.reset)
        load = QPushButton("Load settings…")
        load.setObjectName("load_settings")
        load.setToolTip("Load settings and region masks from the run.json of an earlier run.")
        load.clicked.connect(self.load_asked)
        buttons = QHBoxLayout()
        buttons.addWidget(defaults)
        buttons.addWidget(load)
        layout.addWidget(more)
        layout.addLayout(buttons)

    def _preset_chosen(self) -> None:
        previous = self._body
        for kept in (self.linked, self.threshold_label, self.region_threshold):
            kept.setParent(self)
        if previous is not None:
            self._layout.removeWidget(previous)
            previous.deleteLater()
        self._show_preset()
        for kept in (self.threshold_label, self.region_threshold):
            kept.show()
        self.linked.setVisible(self.score_limits is not None)
        self._link(self.linked.isChecked())

    def _link(self, linked: bool) -> None:
        if self.score_limits is not None:
            self.score_limits.setEnabled(not linked)
        self.changed.emit()

    def _threshold_moved(self) -> None:
        self._show_threshold()
        self.threshold_moved.emit()
        self.changed.emit()

    def _show_threshold(self) -> None:
        threshold = self.region_threshold.value() / 100
        self.threshold_label.setText(f"<b>Regions</b>: scaled heat above {threshold:.2f}")


def on_change(form: QWidget, slot: Callable[[], None]) -> None:
    """Call a function when the user changes any editor of a form."""
    for box in form.findChildren(QAbstractSpinBox):
        box.valueChanged.connect(lambda *_: slot())
    for combo in form.findChildren(QComboBox):
        combo.currentIndexChanged.connect(lambda *_: slot())
    for tick in form.findChildren(QCheckBox):
        tick.toggled.connect(lambda *_: slot())
    for line in form.findChildren(QLineEdit):
        if not isinstance(line.parent(), QAbstractSpinBox):
            line.editingFinished.connect(slot)

"""The settings of an analysis of trails: preset, limits on sliders, all else in a form."""

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

from napari_uai.widgets.kit.forms import ParameterForm, add_row, form_layout
from napari_uai.widgets.trails.limits import LimitsBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_uai.trails.analysis.result import Preset

HEAT_LIMITS = ("heat_lower", "heat_upper", "heat_unit", "heat_scale")
SCORE_LIMITS = ("lower", "upper", "unit", "scale")
THRESHOLD = "region_threshold"


class SettingsPage(QWidget):
    """Everything that ``--preset`` and ``--set`` of the command line can say.

    Attributes
    ----------
    changed
        The user changed a setting.
    threshold_moved
        The user wants to see regions.
    load_asked
        The user wants the settings of an earlier run.
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
        self.linked = QCheckBox("Rank by the limits of the heatmap")
        self.linked.setObjectName("linked")
        self.linked.setToolTip(
            "<qt>Otherwise ranks have limits of their own, which find more than those that look "
            "best in a heatmap.</qt>"
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
        meaning = "default; or the numbers of the reference program of 2023, to compare with."
        add_row(rows, "Preset", self.preset, meaning)
        self._layout.addWidget(top)
        self._show_preset()
        self._layout.addStretch()
        self.preset.currentTextChanged.connect(self._other_preset)
        self.linked.toggled.connect(self._link)
        self.region_threshold.valueChanged.connect(self._threshold_moved)

    def chosen_preset(self) -> Preset:
        """Return the name of the preset."""
        from napari_uai.trails.analysis.result import PRESETS

        return PRESETS[self.preset.currentIndex()]

    def settings(self) -> tuple[str, ...]:
        """Return what differs from the preset, as the command line's ``--set`` takes it."""
        from napari_uai.trails.analysis.settings import setting_text

        values = {**self._form.values(), **self.heat_limits.values()}
        values[THRESHOLD] = self.region_threshold.value() / 100
        if self.score_limits is not None:
            values |= self.score_limits.values()
            if self.linked.isChecked():
                shown = self.heat_limits.values()
                values |= {s: shown[h] for s, h in zip(SCORE_LIMITS, HEAT_LIMITS, strict=True)}
        return tuple(
            setting_text(name, value)
            for name, value in sorted(values.items())
            if value is not None and value != self._defaults[name]
        )

    def reset(self) -> None:
        """Go back to the values of the preset."""
        self._show_values(self._defaults)
        self.linked.setChecked(False)
        self.changed.emit()

    def show_settings(self, preset: Preset, settings: tuple[str, ...]) -> None:
        """Show what differs from a preset, as :meth:`settings` returns it."""
        from napari_uai.trails.analysis.settings import checked_settings

        parts = checked_settings(preset, settings)
        before = self.blockSignals(True)
        self.preset.setCurrentText(preset)
        self.linked.setChecked(False)
        values: dict[str, Any] = {}
        for part in parts.values():
            values = {**part, **values}  # the first that has it, as among settable parameters
        self._show_values({**self._defaults, **values})
        self.blockSignals(before)
        self.changed.emit()

    def _show_values(self, values: Mapping[str, Any]) -> None:
        before = self.blockSignals(True)
        self._form.set_values({name: values[name] for name in self._form.editors})
        self.heat_limits.set_values({name: values[name] for name in HEAT_LIMITS})
        if self.score_limits is not None:
            self.score_limits.set_values({name: values[name] for name in SCORE_LIMITS})
        self.region_threshold.setValue(round(100 * values[THRESHOLD]))
        self._show_threshold()
        self.blockSignals(before)

    def _show_preset(self) -> None:
        """Ask for the parameters of the chosen preset."""
        from superqt import QCollapsible

        from napari_uai.trails.analysis.settings import settable_parameters

        known = settable_parameters(self.chosen_preset())
        self._defaults = {name: parameter.default for name, parameter in known.items()}
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        self.heat_limits = LimitsBox(
            "<b>Heatmap</b>: colours from … to …",
            [known[name] for name in HEAT_LIMITS],
            "Colours of the heatmaps, and regions.",
        )
        layout.addWidget(self.heat_limits)
        self.score_limits: LimitsBox | None = None
        taken = {*HEAT_LIMITS, THRESHOLD}
        if set(SCORE_LIMITS) <= known.keys():
            self.score_limits = LimitsBox(
                "<b>Ranks</b>: unusual below …, ordinary above …",
                [known[name] for name in SCORE_LIMITS],
                "Of the heat that scores count as ordinary.",
            )
            taken |= {*SCORE_LIMITS}
            layout.addWidget(self.linked)
            layout.addWidget(self.score_limits)
            self.score_limits.changed.connect(self.changed)
        layout.addWidget(self.threshold_label)
        layout.addWidget(self.region_threshold)
        self._form = ParameterForm(p for name, p in known.items() if name not in taken)
        more = QCollapsible("More parameters", expandedIcon="▾", collapsedIcon="▸")
        more.setObjectName("more")
        more.addWidget(self._form)
        defaults = QPushButton("Defaults")
        defaults.setObjectName("defaults")
        defaults.clicked.connect(self.reset)
        load = QPushButton("Load settings…")
        load.setObjectName("load_settings")
        load.setToolTip("Of an earlier run or export: its run.json, with its masks.")
        load.clicked.connect(self.load_asked)
        buttons = QHBoxLayout()
        buttons.addWidget(defaults)
        buttons.addWidget(load)
        layout.addWidget(more)
        layout.addLayout(buttons)
        self._layout.insertWidget(1, body)
        self._body = body
        self._show_values(self._defaults)
        self.heat_limits.changed.connect(self.changed)
        on_change(self._form, self.changed.emit)

    def _other_preset(self) -> None:
        old = self._body
        for kept in (self.linked, self.threshold_label, self.region_threshold):
            kept.setParent(self)
        if old is not None:
            self._layout.removeWidget(old)
            old.deleteLater()
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
        share = self.region_threshold.value() / 100
        self.threshold_label.setText(f"<b>Regions</b>: where the heatmap is above {share:.2f}")


def on_change(form: QWidget, slot: Callable[[], None]) -> None:
    """Call a function when any editor of a form was changed."""
    for box in form.findChildren(QAbstractSpinBox):
        box.valueChanged.connect(lambda *_: slot())
    for combo in form.findChildren(QComboBox):
        combo.currentIndexChanged.connect(lambda *_: slot())
    for tick in form.findChildren(QCheckBox):
        tick.toggled.connect(lambda *_: slot())
    for line in form.findChildren(QLineEdit):
        if not isinstance(line.parent(), QAbstractSpinBox):
            line.editingFinished.connect(slot)

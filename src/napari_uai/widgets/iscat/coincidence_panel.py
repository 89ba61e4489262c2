"""Part of the dock of a second recording: registration by the events, and coincidences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QVBoxLayout, QWidget

from napari_uai.widgets.iscat.coincidence_plot import CoincidencePlot
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image, Points
    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.coincidence_call import CoincidenceCall, Counted

    Pair = Callable[[], tuple[Image, Image]]

_PLOT_HEIGHT = 150


class CoincidencePanel(QWidget):
    """Which landings coincide with spots of a second recording, and how many would by chance.

    Parameters
    ----------
    viewer
        Viewer with both recordings and the landings.
    dock
        Dock that this is a part of; closing it cancels.
    recordings
        Returns the chosen recordings, or raises a ``BadValueError``.

    Attributes
    ----------
    run_bar
        Buttons, progress and counts; to be placed by the dock.
    registered
        Emitted with a registration that was found.
    """

    registered = Signal(object)

    def __init__(self, viewer: Viewer, dock: QWidget, recordings: Pair) -> None:
        from napari_uai.evaluate.coincidence import TOLERANCE_PX
        from napari_uai.evaluate.registration import SPOT_SIGMA_PX

        super().__init__()
        self.viewer, self._recordings = viewer, recordings
        self.landings = LayerChoice(viewer, "table")
        self.register = QCheckBox("Register by landings and spots")
        self.sigma = _spin_box("spot_sigma", SPOT_SIGMA_PX)
        self.tolerance = _spin_box("tolerance", TOLERANCE_PX)
        self.task = Task(dock)
        self.run_bar = RunBar(self.task)
        self.plot = CoincidencePlot()
        self._points: Points | None = None
        self._lay_out()
        self.run_bar.run_asked.connect(self.run)
        self.task.succeeded.connect(self._show_result)

    def call(self) -> CoincidenceCall:
        """Return the computation with the chosen layers and values.

        Raises
        ------
        BadValueError
            If a layer is missing or of the wrong kind.
        """
        from napari_uai.widgets.iscat.coincidence_call import CoincidenceCall

        first, second = self._recordings()
        self._points = self.landings.layer()
        return CoincidenceCall.of_layers(
            first,
            second,
            self._points,
            register=self.register.isChecked(),
            sigma_px=self.sigma.value(),
            tolerance_px=self.tolerance.value(),
        )

    def run(self) -> None:
        """Count in a thread; show columns, figure and link."""
        call = self.run_bar.tried(self.call)
        if call is not None:
            self.run_bar.start(call.run)

    def _show_result(self, counted: Counted) -> None:
        from napari_uai.evaluate.coincidence import CHANCE, COINCIDES, DISTANCE

        if counted.registration is not None:
            self.registered.emit(counted.registration)
        self.plot.show_coincidences(counted.found)
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())
        self.run_bar.say(counted.text())
        layer, columns = self._points, [DISTANCE, COINCIDES, CHANCE]
        if layer is not None and layer in self.viewer.layers:
            added = counted.found.landings.set_index("landing")[columns]
            rows = added.reindex(layer.features["landing"])
            for name in columns:
                layer.features[name] = rows[name].to_numpy()
            review = layer.metadata.get(KEY, {}).get("review")
            if isinstance(review, Review):
                review.add_columns(added)

    def _lay_out(self) -> None:
        for widget, name in (
            (self.landings, "landings"),
            (self.register, "register"),
        ):
            widget.setObjectName(name)
        self.register.setChecked(True)
        self.register.setToolTip(
            "<qt>Find magnification, rotation and shift that lay most spots on landings. "
            "Untick it to count with the present link.</qt>"
        )
        self.run_bar.run_button.setText("Find coincidences")
        form = QWidget()
        rows = form_layout(form)
        add_row(rows, "Landings", self.landings, "Landings in the first recording.")
        add_row(rows, "Spot width", self.sigma, "Standard deviation, px of the second recording.")
        add_row(rows, "Tolerance", self.tolerance, "Largest distance, px of the first recording.")
        self.plot.setFixedHeight(_PLOT_HEIGHT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.register)
        layout.addWidget(form)
        layout.addWidget(self.plot)


def _spin_box(name: str, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setRange(0.1, 100.0)
    box.setSingleStep(0.1)
    box.setSuffix(" px")
    box.setValue(value)
    return box

"""Dock that links a second recording, such as fluorescence, to a first in time and space."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_uai.errors import BadValueError
from napari_uai.widgets.iscat.affine import Link, affine_of_pairs, with_time, world_affine
from napari_uai.widgets.iscat.coincidence_panel import CoincidencePanel
from napari_uai.widgets.iscat.side_by_side import SideBySide
from napari_uai.widgets.kit.docks import button_grid, dock_layout
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import KEY, place_of, world_matrix
from napari_uai.widgets.kit.plots import error_style

if TYPE_CHECKING:
    from napari.layers import Image, Points
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.evaluate import Registration
    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.layers import Place


class _Field(NamedTuple):
    """Label, limits, default and tooltip of a number in the form."""

    label: str
    low: float
    high: float
    default: float
    tooltip: str


_FIELDS = {
    "frames_per_frame": _Field("Frame rate ratio", 1e-6, 1e6, 1.0,
        "Frames of the first recording per frame of the second."),
    "first_frame": _Field("Start frame", -1e9, 1e9, 0.0,
        "Frame of the first recording at which the second starts."),
    "magnification": _Field("Magnification", 1e-4, 1e4, 1.0,
        "Pixels of the first recording per pixel of the second."),
    "rotation_deg": _Field("Rotation (°)", -360.0, 360.0, 0.0,
        "Positive from rows towards columns."),
    "shift_rows": _Field("Row shift", -1e5, 1e5, 0.0,
        "Row of the first recording at pixel 0, 0 of the second."),
    "shift_columns": _Field("Column shift", -1e5, 1e5, 0.0,
        "Column of the first recording at pixel 0, 0 of the second."),
}  # fmt: skip


class SecondRecordingWidget(QWidget):
    """Link a second recording to a first, by numbers or by pairs of points; play both together.

    Parameters
    ----------
    napari_viewer
        Viewer with both recordings.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("second_recording")
        self.viewer = napari_viewer
        self.first = LayerChoice(napari_viewer, "video")
        self.second = LayerChoice(napari_viewer, "video")
        self.first_points = LayerChoice(napari_viewer, "table", required=False)
        self.second_points = LayerChoice(napari_viewer, "table", required=False)
        self.fields = {name: _spin_box(name, field) for name, field in _FIELDS.items()}
        self.grid = QCheckBox("Side by side")
        self.status = QLabel("")
        self.status.setObjectName("status")
        self.coincidences = CoincidencePanel(napari_viewer, self, self._recordings)
        self.coincidences.registered.connect(self._use_registration)
        self._beside = beside = SideBySide(napari_viewer)
        self._lay_out()
        self._keep_apart(preset=True)
        # Qt would not call a method of the dock that is being destroyed.
        self.destroyed.connect(lambda: beside.end())  # noqa: PLW0108

    def link(self) -> None:
        """Move the second recording as given by the form, or by the pairs of points."""
        from napari.utils.notifications import show_error

        try:
            residual = self._link()
        except BadValueError as error:
            self._say(str(error), is_error=True)
            show_error(str(error))
            return
        precision = "" if residual is None else f"; the points agree within {residual:.2f} px"
        self._say(f"Linked: one time slider moves both recordings{precision}.")

    def unlink(self) -> None:
        """Undo the link, and put the recordings on top of each other again."""
        self.grid.setChecked(False)
        layer = self.second.layer()
        if layer is not None:
            layer.affine = np.eye(layer.ndim + 1)
            self._say("Unlinked.")

    def use_rates(self) -> None:
        """Fill in the ratios of frame rates and pixel sizes of the layers."""
        records = [
            {} if layer is None else layer.metadata.get(KEY, {})
            for layer in (self.first.layer(), self.second.layer())
        ]
        filled = []
        first, second = (record.get("frame_rate_hz") for record in records)
        if first and second:
            self.fields["frames_per_frame"].setValue(first / second)
            filled.append("frame rates")
        first, second = (record.get("pixel_size_um") for record in records)
        if first and second:
            self.fields["magnification"].setValue(second / first)
            filled.append("pixel sizes")
        missing = "Frame rates and pixel sizes of the layers are unknown: enter the ratios."
        self._say(f"Ratios set from {' and '.join(filled)}." if filled else missing)

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Update the lists of layers; napari calls this when layers change."""
        points = self.first_points, self.second_points, self.coincidences.landings
        for choice in (self.first, self.second, *points):
            choice.reset_choices()
        self._keep_apart()
        if self._beside.is_on:
            self._show_grid(True)

    def _keep_apart(self, *, preset: bool = False) -> None:
        """Preset two different recordings: the oldest as the first, the newest as the second."""
        first, second = self.first, self.second
        if preset and first.count() > 1:
            first.setCurrentIndex(first.count() - 1)  # the newest is at the top
            second.setCurrentIndex(0)
        if first.currentData() is not None and first.currentData() == second.currentData():
            others = [i for i in range(second.count()) if second.itemData(i) != first.currentData()]
            if others:
                second.setCurrentIndex(others[0])

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self.status.setStyleSheet(error_style(self) if is_error else "")
        self.status.setText(text)

    def _use_registration(self, found: Registration) -> None:
        """Enter what was found in the form, and link by it."""
        shift = dict(zip(("shift_rows", "shift_columns"), found.shift, strict=True))
        numbers = {"magnification": found.magnification, "rotation_deg": found.rotation_deg}
        for name, value in {**numbers, **shift}.items():
            self.fields[name].setValue(value)
        for points in (self.first_points, self.second_points):
            points.setCurrentIndex(0)
        self.link()

    def _recordings(self) -> tuple[Image, Image]:
        first, second = self.first.layer(), self.second.layer()
        if first is None or second is None or first.unique_id == second.unique_id:
            raise BadValueError("choose two different recordings: open the second one first")
        if first.ndim != 3 or second.ndim != 3:
            raise BadValueError("both layers must be recordings with frames, not single images")
        return first, second

    def _link(self) -> float | None:
        first, second = self._recordings()
        place = place_of(first)
        plane, residual = self._plane(place, second)
        link = with_time(
            plane,
            frames_per_frame=self.fields["frames_per_frame"].value(),
            first_frame=self.fields["first_frame"].value(),
        )
        second.units = first.units
        without_affine = np.linalg.inv(np.asarray(second.affine)) @ world_matrix(second)
        second.affine = world_affine(link, place.matrix(), without_affine)
        return residual

    def _plane(self, place: Place, second: Image) -> tuple[Floats, float | None]:
        """Return the transform in the plane, and the residual of the pairs if there are any."""
        first_points, second_points = self.first_points.layer(), self.second_points.layer()
        if first_points is None and second_points is None:
            values = {name: field.value() for name, field in self.fields.items()}
            shift = values.pop("shift_rows"), values.pop("shift_columns")
            return Link(**values, shift=shift).plane(), None
        if first_points is None or second_points is None:
            raise BadValueError("pairs need a Points layer for each of the two recordings")
        targets = place.to_data(_world(first_points))[:, 1:]
        # Where the points were marked: in the second recording as it is displayed now.
        marked = [second.world_to_data(point)[-2:] for point in _world(second_points)]
        sources = np.array(marked).reshape(-1, 2)
        plane = affine_of_pairs(targets, sources)
        mapped = sources @ plane[:2, :2].T + plane[:2, 2]
        return plane, float(np.sqrt(((mapped - targets) ** 2).sum(axis=1).mean()))

    def _lay_out(self) -> None:
        form = QWidget()
        rows = form_layout(form)
        add_row(rows, "First", self.first, "Recording that stays in place, such as iSCAT.")
        add_row(rows, "Second", self.second, "Recording that is moved.")
        for name, field in self.fields.items():
            add_row(rows, _FIELDS[name].label, field, _FIELDS[name].tooltip)
        pairs = "At least three points, in the same order in both layers; they replace the numbers."
        add_row(rows, "Points in first", self.first_points, pairs)
        add_row(rows, "Points in second", self.second_points, pairs)
        rates = QPushButton("Rates from layers")
        rates.setToolTip("Use the ratios of frame rates and pixel sizes of the layers.")
        rates.clicked.connect(self.use_rates)
        link, unlink = QPushButton("Link"), QPushButton("Unlink")
        link.setObjectName("link")
        link.clicked.connect(self.link)
        unlink.setObjectName("unlink")
        unlink.clicked.connect(self.unlink)
        self.grid.setObjectName("grid")
        self.grid.setToolTip("Show the second recording beside the first instead of on top of it.")
        self.grid.toggled.connect(self._show_grid)
        self.status.setWordWrap(True)
        layout = dock_layout(self, self.coincidences.run_bar, topic="second_recording")
        layout.addWidget(form)
        layout.addLayout(button_grid(rates, link, unlink))
        layout.addWidget(self.grid)
        layout.addWidget(self.status)
        layout.addWidget(self.coincidences)
        layout.addStretch()

    def _show_grid(self, on: bool) -> None:
        second = self.second.layer()
        if on and second is not None:
            self._beside.show(second)
        else:
            self._beside.end()


def _spin_box(name: str, field: _Field) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setDecimals(4)
    box.setRange(field.low, field.high)
    box.setValue(field.default)
    return box


def _world(points: Points) -> Floats:
    """Return points in the world, (n, 3)."""
    world = np.array([points.data_to_world(p) for p in points.data], float)
    world = world.reshape(len(points.data), points.ndim)[:, -3:]
    return np.pad(world, ((0, 0), (3 - world.shape[1], 0)))

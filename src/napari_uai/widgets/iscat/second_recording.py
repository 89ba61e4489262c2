"""A second recording, such as fluorescence, linked with the first in time and space."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import BadValueError
from napari_uai.widgets.iscat.affine import Link, affine_of_pairs, with_time, world_affine
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import KEY, place_of, world_matrix

_FIELDS: dict[str, tuple[str, float, float, float, str]] = {
    "frames_per_frame": ("Frames per frame", 1e-6, 1e6, 1.0,
                         "Frames of the first per frame of the second: ratio of frame rates."),
    "first_frame": ("Begins at frame", -1e9, 1e9, 0.0,
                    "Frame of the first recording at which the second begins."),
    "magnification": ("Magnification", 1e-4, 1e4, 1.0,
                      "Pixels of the first recording per pixel of the second."),
    "rotation_deg": ("Rotation (°)", -360.0, 360.0, 0.0, "Turns rows towards columns."),
    "shift_rows": ("Shift, rows", -1e5, 1e5, 0.0,
                   "Row of the first recording at which the second one's pixel 0, 0 lies."),
    "shift_columns": ("Shift, columns", -1e5, 1e5, 0.0,
                      "Column of the first recording at which the second one's pixel 0, 0 lies."),
}  # fmt: skip


class SecondRecordingWidget(QWidget):
    """Lay a second recording over a first, by hand or by pairs of places, and play them together.

    Parameters
    ----------
    napari_viewer
        The viewer of both.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("second_recording")
        self.viewer = napari_viewer
        self.first = LayerChoice(napari_viewer, "video")
        self.second = LayerChoice(napari_viewer, "video")
        self.first_points = LayerChoice(napari_viewer, "table", required=False)
        self.second_points = LayerChoice(napari_viewer, "table", required=False)
        self.fields = {name: _field(name) for name in _FIELDS}
        self.grid = QCheckBox("Side by side")
        self.status = QLabel("")
        self._lay_out()

    def link(self) -> None:
        """Put the second recording where the form, or the pairs of places, say."""
        from napari.utils.notifications import show_error

        try:
            residual = self._link()
        except BadValueError as error:
            self.status.setText(str(error))
            show_error(str(error))
            return
        text = "Linked: one slider moves both"
        self.status.setText(text if residual is None else f"{text}; pairs within {residual:.2f} px")

    def unlink(self) -> None:
        """Put the second recording back."""
        layer = self.second.layer()
        if layer is not None:
            layer.affine = np.eye(layer.ndim + 1)
            self.status.setText("Put back")

    def reset_choices(self, event: Any = None) -> None:  # noqa: ARG002
        """List the viewer's layers anew; napari calls this when they change."""
        for choice in (self.first, self.second, self.first_points, self.second_points):
            choice.reset_choices()

    def _link(self) -> float | None:
        first, second = self.first.layer(), self.second.layer()
        if first is None or second is None or first.unique_id == second.unique_id:
            raise BadValueError("choose two different recordings: open the second one first")
        if first.ndim != 3 or second.ndim != 3:
            raise BadValueError("both recordings need frames: a single image has no time")
        here = place_of(first)
        plane, residual = self._plane(here, second)
        link = with_time(
            plane,
            frames_per_frame=self.fields["frames_per_frame"].value(),
            first_frame=self.fields["first_frame"].value(),
        )
        second.units = first.units
        own = np.linalg.inv(np.asarray(second.affine)) @ world_matrix(second)
        second.affine = world_affine(link, here.matrix(), own)
        return residual

    def _plane(self, here: Any, second: Any) -> tuple[np.ndarray, float | None]:
        """Return the map in the plane, and how far off the pairs are if there are any."""
        marked, mates = self.first_points.layer(), self.second_points.layer()
        if marked is None and mates is None:
            values = {name: field.value() for name, field in self.fields.items()}
            shift = values.pop("shift_rows"), values.pop("shift_columns")
            return Link(**values, shift=shift).plane(), None
        if marked is None or mates is None:
            raise BadValueError("pairs need a Points layer for each of the two recordings")
        targets = here.to_data(_world(marked))[:, 1:]
        # Where they were marked: in the picture as it lies now.
        sources = np.array([second.world_to_data(place)[-2:] for place in _world(mates)])
        plane = affine_of_pairs(targets, sources.reshape(-1, 2))
        mapped = sources @ plane[:2, :2].T + plane[:2, 2]
        return plane, float(np.sqrt(((mapped - targets) ** 2).sum(axis=1).mean()))

    def _lay_out(self) -> None:
        form = QWidget()
        rows = form_layout(form)
        add_row(rows, "First", self.first, "The recording that stays, such as the iSCAT one.")
        add_row(rows, "Second", self.second, "The recording that is moved.")
        for name, field in self.fields.items():
            add_row(rows, _FIELDS[name][0], field, _FIELDS[name][4])
        pairs = "Three or more places, in the same order in both; they replace the values above."
        add_row(rows, "Places in first", self.first_points, pairs)
        add_row(rows, "Places in second", self.second_points, pairs)
        rates = QPushButton("Rates from layers")
        rates.setToolTip("Take the ratio of frame rates and of pixel sizes from the layers.")
        rates.clicked.connect(self.take_rates)
        link, unlink = QPushButton("Link"), QPushButton("Put back")
        link.setObjectName("link")
        link.clicked.connect(self.link)
        unlink.clicked.connect(self.unlink)
        self.grid.setToolTip("Show layers in a grid instead of one over the other.")
        self.grid.toggled.connect(self._show_grid)
        buttons = QHBoxLayout()
        for button in (rates, link, unlink):
            buttons.addWidget(button)
        self.status.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(form)
        layout.addLayout(buttons)
        layout.addWidget(self.grid)
        layout.addWidget(self.status)
        layout.addStretch()

    def take_rates(self) -> None:
        """Fill in the ratios that the layers know."""
        records = [
            {} if layer is None else layer.metadata.get(KEY, {})
            for layer in (self.first.layer(), self.second.layer())
        ]
        found = []
        for key, name in (("frame_rate_hz", "frames_per_frame"), ("pixel_size_um", None)):
            one, other = (record.get(key) for record in records)
            if one and other and name:
                self.fields[name].setValue(one / other)
                found.append("frame rates")
            elif one and other:
                self.fields["magnification"].setValue(other / one)
                found.append("pixel sizes")
        missing = "the layers do not know their rates and pixel sizes: type the ratios in"
        self.status.setText(f"Taken: {' and '.join(found)}" if found else missing)

    def _show_grid(self, on: bool) -> None:
        self.viewer.canvas.grid.enabled = on


def _field(name: str) -> QDoubleSpinBox:
    _, low, high, value, _ = _FIELDS[name]
    field = QDoubleSpinBox()
    field.setObjectName(name)
    field.setDecimals(4)
    field.setRange(low, high)
    field.setValue(value)
    return field


def _world(points: Any) -> np.ndarray:
    """Return frames, rows and columns of points in the world, (n, 3)."""
    world = np.array([points.data_to_world(p) for p in points.data], float)
    world = world.reshape(len(points.data), points.ndim)[:, -3:]
    return np.pad(world, ((0, 0), (3 - world.shape[1], 0)))

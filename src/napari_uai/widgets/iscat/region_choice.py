"""Choosing a region of the field: a rectangle drawn in the viewer, to which a run is limited."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_uai.widgets.iscat.shape_choice import corners_in, rectangle
from napari_uai.widgets.kit.drawing_layer import drawing_layer
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.layers import array_of, place_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Shapes

Region: TypeAlias = tuple[int, int, int, int]

WHOLE = "whole field"


class RegionChoice(QWidget):
    """Draws a rectangle over a recording, and says which pixels are in it.

    Parameters
    ----------
    viewer
        Viewer in which the rectangle is drawn.

    Attributes
    ----------
    region
        First row, last row + 1, first column, last column + 1; None for the whole field.
    changed
        Emitted when another region was chosen.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._recording: Image | None = None
        self._key = self._drawn = ""
        self.region: Region | None = None
        self.draw_button = QPushButton("Draw region")
        self.draw_button.setObjectName("draw_region")
        self.draw_button.clicked.connect(self.draw)
        self.clear_button = QPushButton("✕")
        self.clear_button.setObjectName("clear_region")
        self.clear_button.setToolTip("Analyse the whole field.")
        self.clear_button.setFixedWidth(self.clear_button.fontMetrics().height() + 10)
        self.clear_button.clicked.connect(lambda: self.choose(None))
        self.text = QLabel(WHOLE)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.draw_button)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.clear_button)
        self._show()

    def show_recording(self, recording: Image | None, region: Region | None = None) -> None:
        """Choose a region of another recording, or all of it."""
        key = "" if recording is None else identity(recording)
        if key != self._key:
            self._forget_layer()
        self._key, self._recording, self.region = key, recording, region
        self._show()

    def draw(self) -> None:
        """Add a Shapes layer in which the mouse draws the rectangle."""
        if self._recording is None:
            return
        self._forget_layer()
        place = place_of(self._recording)
        layer = drawing_layer(
            self._viewer, place, "rectangle", name=f"{place.name}: region", on_drawn=self._take
        )
        self._drawn = identity(layer)

    def choose(self, region: Region | None) -> None:
        """Choose a region; None also removes the rectangle."""
        if region is None:
            self._forget_layer()
        if region != self.region:
            self.region = region
            self._show()
            self.changed.emit()

    def look_after(self) -> None:
        """Choose the whole field if the user has deleted the layer of the rectangle."""
        if self._drawn and layer_of(self._viewer, self._drawn) is None:
            self._drawn = ""
            self.choose(None)

    def _take(self, layer: Shapes) -> None:
        """Choose the region of the rectangle that was drawn last."""
        with suppress(RuntimeError):  # the dock was closed, the layer is still there
            if self._recording is not None and identity(layer) == self._drawn:
                corners = corners_in(layer, -1, place_of(self._recording))
                shape = array_of(self._recording).shape[1:]
                top, bottom, left, right = rectangle(corners, shape)["region"]
                self.choose((top, bottom, left, right))

    def _forget_layer(self) -> None:
        layer, self._drawn = layer_of(self._viewer, self._drawn), ""
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _show(self) -> None:
        self.text.setText(WHOLE if self.region is None else text_of(self.region))
        self.draw_button.setEnabled(self._recording is not None)
        self.clear_button.setVisible(self.region is not None)


def text_of(region: Region) -> str:
    """Return the rows and columns of a region as text.

    Examples
    --------
    >>> text_of((40, 120, 30, 90))
    '40-120 x 30-90'
    """
    top, bottom, left, right = region
    return f"{top}-{bottom} x {left}-{right}"

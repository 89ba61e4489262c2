"""Masks drawn in a Shapes layer: a circle or a polygon as the parameters of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.kit.layers import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.stages import Shape
    from napari_uai.widgets.kit.layers import Place

SHAPE_HELP = "Take the values from the shape that is selected in a Shapes layer, else its last one."


class ShapeChoice(QWidget):
    """Choice of a Shapes layer and a button that takes a shape from it.

    Parameters
    ----------
    viewer
        The viewer.
    shape
        What is drawn.
    layers
        Returns the layers that the stage is run on; the first is the video.

    Attributes
    ----------
    drawn
        Values of parameters that were read from a shape.
    """

    drawn = Signal(dict)

    def __init__(self, viewer: Any, shape: Shape, layers: Callable[[], list[Any]]) -> None:
        super().__init__()
        self._parameters = SHAPES[shape]
        self._layers = layers
        self.choice = LayerChoice(viewer, "shapes")
        self.choice.setObjectName("shapes")
        self.button = QPushButton("Take")
        self.button.setObjectName("take_shape")
        self.button.clicked.connect(self.take)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.choice, 1)
        layout.addWidget(self.button)

    def take(self) -> None:
        """Read the shape; say in a notification why that does not work."""
        from napari.utils.notifications import show_error

        try:
            self.drawn.emit(self.values())
        except BadValueError as error:
            show_error(str(error))

    def values(self) -> dict[str, Any]:
        """Return the values of the parameters.

        Raises
        ------
        BadValueError
            If there is no shape, or no video to draw it on.
        """
        shapes, video = self.choice.layer(), self._layers()[0]
        if shapes is None or len(shapes.data) == 0:
            raise BadValueError("draw a shape in a Shapes layer first, then take it")
        if video is None:
            raise BadValueError("choose the video first: a mask is given in its pixels")
        chosen = sorted(shapes.selected_data)
        return self._parameters(corners_in(shapes, chosen[-1] if chosen else -1, place_of(video)))

    def reset_choices(self) -> None:
        """List the layers anew."""
        self.choice.reset_choices()


def corners_in(shapes: Any, index: int, place: Place) -> np.ndarray:
    """Return rows and columns, (n, 2), of a shape's corners in px of the video at ``place``."""
    corners = [np.asarray(shapes.data_to_world(corner), float) for corner in shapes.data[index]]
    world = np.array(corners)[:, -3:]
    return place.to_data(np.pad(world, ((0, 0), (3 - world.shape[1], 0))))[:, 1:]


def polygon(corners: np.ndarray) -> dict[str, Any]:
    """Return the vertices of a polygon, rounded to hundredths of a pixel."""
    return {"vertices": [[round(float(v), 2) for v in corner] for corner in corners]}


def circle(corners: np.ndarray) -> dict[str, Any]:
    """Return the circle of a shape: about its middle, as large as half its mean extent."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    center = tuple(round(float(v), 2) for v in (low + high) / 2)
    return {"center": center, "radius_px": round(float((high - low).mean() / 2), 2)}


SHAPES: dict[Shape, Callable[[np.ndarray], dict[str, Any]]] = {
    "circle": circle,
    "polygon": polygon,
}
"""How a shape becomes the parameters of a stage."""

"""Parameters of a mask or region from a circle, polygon or rectangle in a Shapes layer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_uai.errors import BadValueError
from napari_uai.stages import Shape
from napari_uai.widgets.kit.drawing_layer import Drawn, drawing_layer
from napari_uai.widgets.kit.layer_choice import LayerChoice, identity
from napari_uai.widgets.kit.layers import array_of, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Layer, Shapes

    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.layers import Place

_NO_VIDEO = "choose the video first: the mask is in its pixels"

_DRAWN: dict[Shape, tuple[Drawn, str]] = {
    "circle": ("ellipse", "Draw circle"),
    "polygon": ("polygon", "Draw polygon"),
    "rectangle": ("rectangle", "Draw rectangle"),
}
"""What the mouse draws, and the text of the button."""

SHAPE_HELP = "Use the shape that is selected in a Shapes layer, otherwise the last shape."


class ShapeChoice(QWidget):
    """Choice of a Shapes layer, and a button that reads a shape from it.

    Parameters
    ----------
    viewer
        Viewer whose Shapes layers are listed.
    shape
        Kind of the shape.
    layers
        Returns the inputs of the stage; the first one is the video.

    Attributes
    ----------
    drawn
        Emitted with the parameter values of the shape.
    """

    drawn = Signal(dict)

    def __init__(
        self, viewer: ViewerModel, shape: Shape, layers: Callable[[], list[Layer | None]]
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = shape
        self._parameters = SHAPES[shape]
        self._layers = layers
        self.choice = LayerChoice(viewer, "shapes")
        self.choice.setObjectName("shapes")
        self.button = QPushButton("Use")
        self.button.setObjectName("use_shape")
        self.button.clicked.connect(self.use)
        self.draw_button = QPushButton(_DRAWN[shape][1])
        self.draw_button.setObjectName("draw")
        self.draw_button.clicked.connect(self.draw)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.draw_button, 0, 0, 1, 2)
        layout.addWidget(self.choice, 1, 0)
        layout.addWidget(self.button, 1, 1)
        layout.setColumnStretch(0, 1)

    def use(self) -> None:
        """Read the shape; a notification shows what is missing."""
        from napari.utils.notifications import show_error

        try:
            self.drawn.emit(self.values())
        except BadValueError as error:
            show_error(str(error))

    def draw(self) -> None:
        """Add a Shapes layer in which the mouse draws; what is drawn is read at once."""
        from napari.utils.notifications import show_error

        video = self._layers()[0]
        if video is None:
            show_error(_NO_VIDEO)
            return
        place = place_of(video)
        layer = drawing_layer(
            self._viewer,
            place,
            _DRAWN[self._kind][0],
            name=f"{place.name}: {self._kind}",
            on_drawn=self._read,
        )
        self.choice.reset_choices()
        self.choice.choose(layer.name)

    def values(self) -> dict[str, Any]:
        """Return the parameter values of the shape.

        Raises
        ------
        BadValueError
            If there is no shape, or no video below it.
        """
        shapes, video = self.choice.layer(), self._layers()[0]
        if shapes is None or len(shapes.data) == 0:
            raise BadValueError("no shape found: draw a shape in a Shapes layer first")
        if video is None:
            raise BadValueError(_NO_VIDEO)
        selected = sorted(shapes.selected_data)
        index = selected[-1] if selected else -1
        corners = corners_in(shapes, index, place_of(video))
        return self._parameters(corners, array_of(video).shape[1:])

    def reset_choices(self) -> None:
        """Update the list of layers."""
        self.choice.reset_choices()

    def _read(self, layer: Shapes) -> None:
        """Read a layer of our own, if it is still the chosen one."""
        with suppress(RuntimeError):  # the form was closed, the layer is still there
            if self.choice.currentData() == identity(layer):
                self.use()


def corners_in(shapes: Shapes, index: int, place: Place) -> Floats:
    """Return the corners of a shape, (n, 2), in rows and columns of the video at ``place``."""
    corners = [np.asarray(shapes.data_to_world(corner), float) for corner in shapes.data[index]]
    world = np.array(corners)[:, -3:]
    return place.to_data(np.pad(world, ((0, 0), (3 - world.shape[1], 0))))[:, 1:]


def polygon(corners: Floats, _shape: tuple[int, int]) -> dict[str, Any]:
    """Return the vertices of a polygon, rounded to hundredths of a pixel."""
    return {"vertices": [[round(float(v), 2) for v in corner] for corner in corners]}


def circle(corners: Floats, _shape: tuple[int, int]) -> dict[str, Any]:
    """Return the circle at the centre of a shape, with half its mean extent as radius."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    center = tuple(round(float(v), 2) for v in (low + high) / 2)
    return {"center": center, "radius_px": round(float((high - low).mean() / 2), 2)}


def rectangle(corners: Floats, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the pixels of frames whose centres are in the rectangle around a shape."""
    last = np.array(shape) - 1
    low = np.clip(np.ceil(corners.min(axis=0) - 1e-6), 0, last).astype(int)
    high = np.clip(np.floor(corners.max(axis=0) + 1e-6), low, last).astype(int) + 1
    return {"region": [int(low[0]), int(high[0]), int(low[1]), int(high[1])]}


SHAPES: dict[Shape, Callable[[Floats, tuple[int, int]], dict[str, Any]]] = {
    "circle": circle,
    "polygon": polygon,
    "rectangle": rectangle,
}
"""Functions from the corners of a shape to parameters of a stage."""

"""A Shapes layer over a video in which the next click draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Shapes
    from napari.utils.events import Event

    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.layers import Place

Drawn: TypeAlias = Literal["rectangle", "ellipse", "polygon"]

_COLOUR = "#ffd166"


def drawing_layer(
    viewer: ViewerModel,
    place: Place,
    drawn: Drawn,
    *,
    name: str,
    on_drawn: Callable[[Shapes], None],
) -> Shapes:
    """Add an empty Shapes layer, select it, and let the mouse draw.

    Parameters
    ----------
    viewer
        Viewer to which the layer is added.
    place
        Place of the video, whose pixels are those of the layer.
    drawn
        Shape that the mouse draws.
    name
        Name of the layer.
    on_drawn
        Called with the layer whenever a shape is complete, or was changed.
    """
    layer: Shapes = viewer.add_shapes(
        ndim=2,
        name=name,
        scale=place.scale[1:],
        translate=place.translate[1:],
        affine=in_plane(place),
        units=place.units[1:],
        face_color="transparent",
        edge_color=_COLOUR,
        edge_width=0.5,
    )
    viewer.layers.selection.active = layer
    layer.mode = f"add_{drawn}"

    def follow(event: Event) -> None:
        if str(getattr(event, "action", "")) in {"added", "changed"} and layer.nshapes:
            on_drawn(layer)

    layer.events.data.connect(follow)
    return layer


def in_plane(place: Place) -> Floats:
    """Return the affine of a place without time, (3, 3)."""
    return np.asarray(place.affine)[1:, 1:]

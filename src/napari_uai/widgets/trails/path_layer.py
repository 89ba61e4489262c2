"""A Shapes layer of paths in the plane of the scene."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import channels_of
from napari_uai.widgets.trails.drawing import line_width
from napari_uai.widgets.trails.drawn_layers import set_visible
from napari_uai.widgets.trails.strokes import stroke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Points, Shapes

    from napari_uai.typing import Floats
    from napari_uai.widgets.trails.drawn_layers import DrawnLayers
    from napari_uai.widgets.trails.placement import Source


class PathLayer:
    """Paths of one part of the drawing.

    Parameters
    ----------
    drawn
        Registry of the layers of the dock.
    part
        Part that the layer belongs to.
    name
        Name of the layer.
    relative_width
        Width of the lines in units of the usual width.
    """

    def __init__(
        self, drawn: DrawnLayers, part: str, name: str, *, relative_width: float = 1.0
    ) -> None:
        self._drawn = drawn
        self._part = part
        self._name = name
        self._relative_width = relative_width

    def show(
        self,
        paths: list[Floats],
        colours: list[str],
        features: Mapping[str, Sequence[Any]],
        *,
        widths: Sequence[float] = (),
    ) -> Shapes | None:
        """Replace all paths; the layer is added if there are paths and it may be added.

        Parameters
        ----------
        paths
            Points of each path, (n, 2), y and x in px of the scene.
        colours
            Colour of each path.
        features
            Columns of the features table, one value per path.
        widths
            Width of each path in units of that of the layer; all are 1 if empty.

        Returns
        -------
        Shapes or None
            The layer, or None if the viewer does not have it.
        """
        drawn, part = self._drawn, self._part
        source, layer = drawn.source, self.layer()
        if source is None or (layer is None and not (paths and drawn.may_add(part))):
            return None
        if layer is None:
            layer = self.add(source)
        with _in_plane(drawn.viewer):
            unit = self._relative_width * line_width(source)
            drawn_widths = [unit * width for width in widths or [1.0] * len(paths)]
            strokes = [stroke(*each) for each in zip(paths, drawn_widths, strict=True)]
            _replace_paths(layer, strokes, colours, drawn_widths)
        if paths and features_differ(layer, features):
            layer.features = dict(features)
        set_visible(layer, drawn.is_shown(part))
        return layer

    def add(self, source: Source) -> Shapes:
        """Add the layer, without paths."""
        viewer, place = self._drawn.viewer, source.placement.place

        def create() -> Shapes:
            return viewer.add_shapes(
                None,
                ndim=2,
                name=self._name,
                scale=place.scale[1:],
                translate=place.translate[1:],
                units=place.units[1:],
                opacity=0.9,
                metadata={KEY: {"kind": self._part}},
            )

        layer: Shapes = self._drawn.add(self._part, "", create)
        self._drawn.move_results_to_top()
        return layer

    def layer(self) -> Shapes | None:
        """Return the layer, or None if the viewer does not have it."""
        layer: Shapes | None = self._drawn.get(self._part)
        return layer

    def hide(self) -> None:
        """Hide the layer."""
        layer = self.layer()
        if layer is not None:
            set_visible(layer, False)

    def move_to(self, source: Source) -> None:
        """Clear the layer and adapt it to the placement of other trails."""
        layer = self.layer()
        if layer is not None:
            layer.data = []
            move_in_plane(layer, source)


def move_in_plane(layer: Shapes | Points, source: Source) -> None:
    """Set scale, translate and units of a layer in px of the scene."""
    place = source.placement.place
    layer.scale, layer.translate = place.scale[1:], place.translate[1:]
    layer.units = place.units[1:]


def features_differ(layer: Shapes | Points, features: Mapping[str, Sequence[Any]]) -> bool:
    """Return whether a layer has other features; assigning equal ones makes napari draw again."""
    present = layer.features
    return any(list(present.get(name, ())) != list(values) for name, values in features.items())


def _replace_paths(
    layer: Shapes, paths: list[Floats], colours: list[str], widths: list[float]
) -> None:
    """Draw other paths; of the same number, only what differs is replaced, which is faster."""
    if paths and len(paths) == len(layer.data):
        if not all(map(np.array_equal, layer.data, paths)):
            layer.data = [(path, "path") for path in paths]
        if colours_differ(layer.edge_color, colours):
            layer.edge_color = colours
        if not np.allclose(layer.edge_width, widths):
            layer.edge_width = widths
        return
    layer.selected_data = set()
    layer.data = []
    if paths:
        layer.add(paths, shape_type="path", edge_color=colours, edge_width=widths)


def colours_differ(present: Floats, colours: Sequence[str]) -> bool:
    """Return whether colours (n, RGBA) are others than those given as ``#rrggbb``."""
    wanted = np.array([channels_of(colour) for colour in colours]) / 255
    return not np.allclose(np.asarray(present)[:, :3], wanted, atol=1e-3)


@contextmanager
def _in_plane(viewer: ViewerModel) -> Iterator[None]:
    """Leave the 3-D view, in which napari 0.9.2 refuses paths with two axes."""
    ndisplay = viewer.dims.ndisplay
    if ndisplay != 2:
        viewer.dims.ndisplay = 2
    try:
        yield
    finally:
        if ndisplay != 2:
            viewer.dims.ndisplay = ndisplay

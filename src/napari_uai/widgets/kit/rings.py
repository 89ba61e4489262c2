"""Rings that follow the viewer: they fade with their distance in time and stay thin at any zoom.

napari draws a point within half a pixel of its own data from the slice. So along time the pixel of
a layer of rings is as long as its window (:func:`napari_uai.widgets.kit.layers.points_layer`), and
nothing but colours and widths has to be updated here.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.ring_looks import (
    LOOKS,
    ring_colours,
    ring_labels,
    ring_symbols,
    ring_widths,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import ViewerModel
    from napari.layers import Layer, Points
    from napari.utils.events import Event

_SAME_COLOUR = 1e-4
"""Difference of colours, from 0 to 1, that is not worth drawing them again."""


def follow_rings(viewer: ViewerModel | None) -> None:
    """Keep all rings in a viewer up to date, now and later; calling it again has no effect."""
    if viewer is None:
        return
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari passes a proxy to plugins
    if viewer not in _FOLLOWERS:
        _FOLLOWERS[viewer] = _Follower(viewer)


def around_of(layer: Layer) -> float | None:
    """Return how many frames before and after its own a ring is visible; None: only in its own."""
    around: float | None = _rings_of(layer).get("around")
    return around


def refresh_rings(layer: Points, viewer: ViewerModel) -> None:
    """Give the rings of a layer the look that they have in a viewer.

    To be called after verdicts have changed, or before the layer is added, which draws them once.
    """
    if _rings_of(layer) and len(layer.data):
        _thin(layer, viewer)
        _fade(layer, viewer)
        if _numbered(layer):
            layer.text.string = {"array": ring_labels(layer.features)}


def double_rings(layer: Points, landings: set[int]) -> None:
    """Draw the rings of some landings, by their numbers, with two lines, all others with one."""
    if not len(layer.data) or "landing" not in layer.features.columns:
        return
    symbols = ring_symbols(layer.features, _rings_of(layer).get("kind", "landing"), landings)
    if [str(symbol) for symbol in layer.symbol] != symbols:
        layer.symbol = symbols


class _Follower:
    """Follows slider, zoom and layers of a viewer."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        dims = viewer.dims.events
        for event in (dims.current_step, dims.ndisplay, dims.order):
            event.connect(self.moved)
        viewer.scene.camera.events.zoom.connect(self.zoomed)
        # After the viewer's own callbacks, which adapt axes and zoom.
        viewer.layers.events.inserted.connect(self.changed, position="last")
        self.changed()

    def moved(self, _event: Event | None = None) -> None:
        viewer = self._viewer()
        for layer in [] if viewer is None else _rings_in(viewer):
            if around_of(layer) is not None:
                _fade(layer, viewer)

    def zoomed(self, _event: Event | None = None) -> None:
        viewer = self._viewer()
        for layer in [] if viewer is None else _rings_in(viewer):
            _thin(layer, viewer)

    def changed(self, _event: Event | None = None) -> None:
        self.zoomed()
        self.moved()


_FOLLOWERS: weakref.WeakKeyDictionary[ViewerModel, _Follower] = weakref.WeakKeyDictionary()


def _rings_in(viewer: ViewerModel) -> list[Points]:
    from napari.layers import Points

    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Points) and layer.ndim == 3 and _rings_of(layer)
    ]


def _rings_of(layer: Layer) -> Mapping[str, Any]:
    rings: Mapping[str, Any] = layer.metadata.get(KEY, {}).get("rings", {})
    return rings


def _numbered(layer: Points) -> bool:
    return LOOKS[_rings_of(layer)["kind"]].numbered and "landing" in layer.features.columns


def _fade(layer: Points, viewer: ViewerModel) -> None:
    """Colour rings by sign, verdict and distance from the frame in view."""
    around, dims = around_of(layer), viewer.dims
    if not len(layer.data):
        return
    distance = None
    if around is not None and not {*range(dims.ndim - 2)} & {*dims.displayed}:
        now = layer.world_to_data(dims.point[-3:])[0]
        distance = np.abs(layer.data[:, 0] - now) * window_of(around)
        if distance.min() > around:
            return  # none is in view
    colours = ring_colours(layer.features, distance, around or 0.0)
    if np.allclose(layer.border_color, colours, atol=_SAME_COLOUR):
        return
    layer.border_color = colours
    if _numbered(layer):
        layer.text.color = {"array": colours}


def _thin(layer: Points, viewer: ViewerModel) -> None:
    """Give rings their width in pixels of the screen."""
    if len(layer.data):
        pixels = viewer.scene.camera.zoom * abs(float(layer.scale[-1]))
        widths = ring_widths(layer.features) / pixels
        if not np.array_equal(layer.border_width, widths):  # setting it redraws the layer
            layer.border_width = widths

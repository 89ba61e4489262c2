"""Layers that one trail dock has added to its viewer. Layers that the user removes stay removed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from napari_uai.widgets.kit.palette import class_colour, class_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_uai.widgets.trails.placement import Source

SCENE, HEAT, TOP, TRACKS, REGIONS, CHOSEN = "scene", "heat", "top", "tracks", "regions", "chosen"
"""Parts of the drawing; each has one layer or more."""

BADGES = "badges"
"""Name of the layer of ranks among the top trails."""

Key: TypeAlias = tuple[str, str]
"""Part and name of a layer; the name is empty if the part has one layer."""


class DrawnLayers:
    """Registry of the drawn layers by part and name.

    Parameters
    ----------
    viewer
        Viewer to draw in.

    Attributes
    ----------
    source
        Trails to draw and their placement; None before trails are opened.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.source: Source | None = None
        self._layers: dict[Key, Layer] = {}
        self._dropped: set[Key] = set()
        self._hidden_parts: set[str] = {REGIONS}
        viewer.layers.events.removed.connect(self._forget)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self.viewer.layers.events.removed.disconnect(self._forget)

    def get(self, part: str, name: str = "") -> Layer | None:
        """Return a layer, or None if the viewer does not have it."""
        layer = self._layers.get((part, name))
        return layer if layer is not None and layer in self.viewer.layers else None

    def of_part(self, part: str) -> Iterator[tuple[str, Layer]]:
        """Yield name and layer of each layer of a part."""
        for key in list(self._layers):
            layer = self.get(*key)
            if key[0] == part and layer is not None:
                yield key[1], layer

    def add(self, part: str, name: str, create: Callable[[], Layer]) -> Layer:
        """Add a layer without changing the selection, and with it the active tool.

        Parameters
        ----------
        part, name
            Key of the layer.
        create
            Adds a layer to the viewer and returns it.
        """
        with self._kept_selection():
            layer = self._layers[part, name] = create()
        return layer

    def remove(self, part: str, name: str = "") -> None:
        """Remove a layer from the viewer; it may be added again."""
        layer = self._layers.pop((part, name), None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def may_add(self, part: str, name: str = "") -> bool:
        """Return whether a layer may be added: neither hidden nor removed by the user."""
        return part not in self._hidden_parts and (part, name) not in self._dropped

    def is_shown(self, part: str) -> bool:
        """Return whether a part is to be visible."""
        return part not in self._hidden_parts

    def set_shown(self, part: str, shown: bool) -> None:
        """Show or hide a part; showing it allows removed layers again."""
        self._hidden_parts = self._hidden_parts - {part} if shown else self._hidden_parts | {part}
        if shown:
            self._dropped = {key for key in self._dropped if key[0] != part}
        for _, layer in self.of_part(part):
            set_visible(layer, shown)

    def allow_all(self) -> None:
        """Allow all layers that the user has removed."""
        self._dropped.clear()

    def colour_of(self, kind: str) -> str:
        """Return the colour of a class, which depends on its position among all classes."""
        if self.source is None:
            return class_colour(0)
        return class_colours(self.source.trails.classes.index).get(kind, class_colour(0))

    def move_below_lines(self, layer: Layer) -> None:
        """Move a heatmap below masks, trails and shapes, or a mask below trails and shapes."""
        from napari.layers import Image, Labels

        layers = self.viewer.layers
        below = (Image, Labels) if isinstance(layer, Labels) else (Image,)
        others = [i for i, other in enumerate(layers) if not isinstance(other, below)]
        if others and others[0] < layers.index(layer):
            layers.move(layers.index(layer), others[0])

    def move_results_to_top(self) -> None:
        """Move the chosen trail and the ranks of the top trails above all other layers."""
        layers = self.viewer.layers
        for key in ((CHOSEN, ""), (TOP, BADGES)):
            layer = self.get(*key)
            if layer is not None and layers.index(layer) < len(layers) - 1:
                layers.move(layers.index(layer), len(layers))

    def _forget(self, event: Event) -> None:
        for key, layer in list(self._layers.items()):
            if layer == event.value:  # not `is`: napari may wrap the layer
                del self._layers[key]
                self._dropped.add(key)

    @contextmanager
    def _kept_selection(self) -> Iterator[None]:
        active = self.viewer.layers.selection.active
        yield
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active


def set_visible(layer: Layer, visible: bool) -> None:
    """Show or hide a layer; assigning an equal value would make napari draw again."""
    if layer.visible != visible:
        layer.visible = visible

"""Region masks: Labels layers in which the user paints where trails count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import SHARED_MASK
from napari_uai.widgets.trails.drawn_layers import set_visible
from napari_uai.widgets.trails.placement import painted_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Labels
    from napari.utils.events import Event, EventEmitter

    from napari_uai.typing import AnyArray, Bools
    from napari_uai.widgets.trails.drawn_layers import DrawnLayers
    from napari_uai.widgets.trails.placement import Source

MASK = "mask"
"""Kind of a region mask in the metadata of its layer."""


class MaskLayers:
    """Region masks in the viewer, recognised by their metadata.

    Parameters
    ----------
    drawn
        Registry of the layers of the dock.
    """

    def __init__(self, drawn: DrawnLayers) -> None:
        self._drawn = drawn
        self._watched: list[Labels] = []

    def layers(self) -> list[tuple[str, Labels]]:
        """Return class and layer of each mask; the class is empty for a mask of all classes."""
        masks = []
        for layer in self._drawn.viewer.layers:
            record = layer.metadata.get(KEY, {})
            if record.get("kind") == MASK and self._fits_scene(record):
                masks.append((record["class"], layer))
        return masks

    def painted(self) -> dict[str, Bools]:
        """Return what is painted for each class, as copies; empty masks are left out.

        Returns
        -------
        dict
            Rows and columns of the scene, by class; bool. Several masks of a class are united.

        Raises
        ------
        BadValueError
            If a mask has more than two axes.
        """
        painted: dict[str, Bools] = {}
        source = self._drawn.source
        if source is None:
            return painted
        kinds = {"", *source.trails.classes.index}
        for kind, layer in self.layers():
            inside = painted_on(layer, source)
            if kind in kinds and inside.any():
                painted[kind] = inside | painted[kind] if kind in painted else inside
        return painted

    def new(self, kind: str, painted: AnyArray | None = None) -> Labels:
        """Add a mask and activate its brush, or activate the mask that exists.

        Parameters
        ----------
        kind
            Class; empty for a mask of all classes without their own.
        painted
            Initial mask in the size of the scene; always adds a layer. Empty if None.

        Raises
        ------
        BadValueError
            If no trails are open.
        """
        source = self._open_source()
        layer = next((layer for known, layer in self.layers() if known == kind), None)
        if layer is None or painted is not None:
            layer = self._add(source, kind, painted)
        set_visible(layer, True)
        self._drawn.viewer.layers.selection.active = layer
        layer.mode = "paint"
        return layer

    def adopt(self, layer: Labels, kind: str) -> None:
        """Use a Labels layer of any size as the region mask of a class.

        Raises
        ------
        BadValueError
            If no trails are open, or the layer has more than two axes.
        """
        source = self._open_source()
        painted_on(layer, source)  # raises if the layer cannot be a mask
        layer.metadata = {**layer.metadata, KEY: _record(source, kind)}
        set_visible(layer, True)

    def replace(self, regions: Mapping[str, Bools]) -> None:
        """Replace all masks; the layers of the previous masks are kept, hidden, as plain Labels.

        Parameters
        ----------
        regions
            Masks by class, of any size; they are stretched over the scene.
        """
        import cv2

        source = self._drawn.source
        if source is None:
            return
        for _, layer in self.layers():
            layer.metadata = {k: v for k, v in layer.metadata.items() if k != KEY}
            set_visible(layer, False)
        size = source.trails.scene.width, source.trails.scene.height
        for kind, inside in regions.items():
            painted = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            layer = self.new(kind, painted)
            layer.mode = "pan_zoom"

    def move(self, before: Source, source: Source) -> None:
        """Move masks over the scene of other trails, of the same size, to the present scene."""
        for _, layer in self.layers():
            old, new = (s.placement.flat(layer.data.shape, s.trails) for s in (before, source))
            if all(np.allclose(getattr(layer, k), old[k]) for k in ("scale", "translate")):
                layer.scale, layer.translate = new["scale"], new["translate"]
                layer.units = new["units"]

    def watch(self, callback: Callable[[Event], None]) -> None:
        """Call a function after each stroke, undo, fill or move of a present mask."""
        masks = [layer for _, layer in self.layers()]
        for layer in masks:
            if layer not in self._watched:
                for event in _change_events(layer):
                    event.connect(callback)
        self._watched[:] = masks

    def stop_watching(self, callback: Callable[[Event], None]) -> None:
        """Disconnect a function from all masks."""
        for layer in self._watched:
            for event in _change_events(layer):
                event.disconnect(callback)
        self._watched.clear()

    def all_watched(self) -> bool:
        """Return whether the watched masks are those in the viewer."""
        return {id(m) for m in self._watched} == {id(m) for _, m in self.layers()}

    def _open_source(self) -> Source:
        if self._drawn.source is None:
            raise BadValueError("no scene to paint on: open trails first")
        return self._drawn.source

    def _fits_scene(self, record: Mapping[str, Any]) -> bool:
        source = self._drawn.source
        return source is not None and record.get("scene") == _record(source, "")["scene"]

    def _add(self, source: Source, kind: str, painted: AnyArray | None) -> Labels:
        from napari.utils.colormaps import DirectLabelColormap

        scene = source.trails.scene
        shape = scene.height, scene.width
        colour = self._drawn.colour_of(kind) if kind else SHARED_MASK
        layer = self._drawn.viewer.add_labels(
            np.zeros(shape, np.uint8) if painted is None else painted.astype(np.uint8),
            name=f"region mask: {kind or 'all classes'}",
            **source.placement.flat(shape, source.trails),
            colormap=DirectLabelColormap(color_dict={None: colour, 0: "transparent"}),
            opacity=0.4,
            metadata={KEY: _record(source, kind)},
        )
        self._drawn.move_below_lines(layer)
        layer.brush_size = max(scene.width, scene.height) // 24
        return layer


def _record(source: Source, kind: str) -> dict[str, Any]:
    """Return the metadata of a mask; it is valid for scenes of the same size."""
    scene = source.trails.scene
    return {"kind": MASK, "class": kind, "scene": [scene.height, scene.width]}


def _change_events(layer: Labels) -> tuple[EventEmitter, ...]:
    """Return the events of a Labels layer after which it covers another region."""
    events = layer.events
    painted = events.paint, events.data, events.set_data
    return *painted, events.scale, events.translate, events.rotate, events.affine

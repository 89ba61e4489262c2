"""Heatmaps: one Image layer per class, drawn over the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.drawing import heat_colours
from napari_uai.widgets.trails.drawn_layers import HEAT, set_visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image
    from napari.utils.colormaps import Colormap

    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.typing import Floats32
    from napari_uai.widgets.trails.drawn_layers import DrawnLayers
    from napari_uai.widgets.trails.placement import Source


class HeatLayers:
    """Heatmaps of the classes.

    Parameters
    ----------
    drawn
        Registry of the layers of the dock.
    """

    def __init__(self, drawn: DrawnLayers) -> None:
        self._drawn = drawn

    def show(self, result: TrailResult, hidden: frozenset[str]) -> bool:
        """Draw the heatmap of each class.

        At most one layer is added per call, because napari takes a tenth of a second for each.

        Parameters
        ----------
        result
            Result of the analysis.
        hidden
            Classes that are not shown.

        Returns
        -------
        bool
            Whether more layers are to be added by another call.
        """
        drawn, source, added = self._drawn, self._drawn.source, False
        if source is None:
            return False
        for kind, heat in result.heat.items():
            layer = drawn.get(HEAT, kind)
            if layer is not None:
                _replace(layer, heat.shade, source.placement.flat(heat.shade.shape, source.trails))
            elif drawn.may_add(HEAT, kind):
                if added:
                    return True
                added = True
                layer = self._add(source, kind, heat.shade.copy())
            if layer is not None:
                set_visible(layer, kind not in hidden and drawn.is_shown(HEAT))
        for kind, layer in drawn.of_part(HEAT):
            if kind not in result.heat:
                set_visible(layer, False)  # all trails of the class are outside the region mask
        return False

    def show_classes(self, hidden: frozenset[str]) -> None:
        """Show the heatmaps of all classes except some."""
        for kind, layer in self._drawn.of_part(HEAT):
            set_visible(layer, kind not in hidden and self._drawn.is_shown(HEAT))

    def move_to(self, source: Source) -> None:
        """Adapt the layers to other trails; heatmaps of classes without trails are removed."""
        kinds = set(source.trails.classes.index)
        for kind, layer in self._drawn.of_part(HEAT):
            if kind in kinds:
                layer.colormap = _colormap(self._drawn.colour_of(kind))
            else:
                self._drawn.remove(HEAT, kind)

    def _add(self, source: Source, kind: str, shade: Floats32) -> Image:
        viewer = self._drawn.viewer

        def create() -> Image:
            layer = viewer.add_image(
                shade,
                name=f"heat: {kind}",
                **source.placement.flat(shade.shape, source.trails),
                colormap=_colormap(self._drawn.colour_of(kind)),
                contrast_limits=(0.0, 1.0),
                blending="translucent",
                interpolation2d="linear",
                metadata={KEY: {"kind": HEAT, "class": kind}},
            )
            self._drawn.move_below_lines(layer)
            return layer

        return self._drawn.add(HEAT, kind, create)


def _colormap(colour: str) -> Colormap:
    from napari.utils.colormaps import Colormap

    return Colormap(heat_colours(colour), name=f"heat {colour}")


def _replace(layer: Image, shade: Floats32, position: Mapping[str, Any]) -> None:
    """Show another heatmap in a layer, without changing its other attributes."""
    moved = any(tuple(getattr(layer, name)) != position[name] for name in ("scale", "translate"))
    if moved or layer.data.shape != shade.shape:
        layer.data = shade.copy()
        layer.scale, layer.translate = position["scale"], position["translate"]
        layer.units = position["units"]
        return
    layer.data[:] = shade  # the layer owns its array; assigning a new one is five times slower
    layer.refresh(extent=False, highlight=False, thumbnail=False)

"""Everything that the trail dock draws in its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.widgets.kit.palette import CHOSEN_CASING
from napari_uai.widgets.trails.drawing import path_of, region_shapes, scene_layer
from napari_uai.widgets.trails.drawn_layers import CHOSEN, REGIONS, SCENE, DrawnLayers
from napari_uai.widgets.trails.heat_layers import HeatLayers
from napari_uai.widgets.trails.mask_layers import MaskLayers
from napari_uai.widgets.trails.path_layer import PathLayer
from napari_uai.widgets.trails.top_layers import TopLayers
from napari_uai.widgets.trails.track_layer import TrackLayer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.table import Trails
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

CHOSEN_FILLS = 0.6
"""Fraction of the view that a chosen trail fills."""

MAX_ZOOM = 4
"""Zoom on a chosen trail, at most, relative to a view of the whole scene."""

_CHOSEN_WIDTHS = (3.6, 1.0, 2.2)
"""Widths of the chosen trail's casing, of its line, and of the stretch that stands out."""


class Display:
    """Scene, heatmaps, region masks, tracks, regions and top trails of one dock in one viewer.

    Parameters
    ----------
    viewer
        Viewer to draw in.

    Attributes
    ----------
    heat, masks, top, tracks
        Layers of the parts.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._drawn = DrawnLayers(viewer)
        self.heat = HeatLayers(self._drawn)
        self.masks = MaskLayers(self._drawn)
        self.top = TopLayers(self._drawn)
        self.tracks = TrackLayer(self._drawn)
        self._regions = PathLayer(self._drawn, REGIONS, "regions", relative_width=0.6)
        self._chosen = PathLayer(self._drawn, CHOSEN, "chosen trail")

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._drawn.close()

    def show_source(
        self, source: Source, *, scene: Image | None = None, tracks: Layer | None = None
    ) -> None:
        """Draw the scene of other trails and clear what was drawn of the previous trails.

        Parameters
        ----------
        source
            Trails and their placement.
        scene
            Layer that shows the scene already.
        tracks
            Layer that the trails were read from; hidden, because the trails are drawn.
        """
        before, self._drawn.source = self._drawn.source, source
        self._drawn.allow_all()
        for part in (self.heat, self.top, self.tracks, self._regions, self._chosen):
            part.move_to(source)
        if before is not None:
            self.masks.move(before, source)
        self._show_scene(source, scene)
        if tracks is not None:
            tracks.visible = False
        self.viewer.fit_to_view()

    def show_regions(self, result: TrailResult, hidden: frozenset[str]) -> None:
        """Outline the regions of ordinary traffic of all classes except some."""
        kinds = [kind for kind in result.heat if kind not in hidden]
        shapes = region_shapes(result.regions, kinds)
        paths = [np.vstack([corners, corners[:1]]) for corners, _ in shapes]
        colours = [self._drawn.colour_of(kind) for _, kind in shapes]
        self._regions.show(paths, colours, {"class": [kind for _, kind in shapes]})

    def show_chosen(self, ranking: Ranking, row: int) -> None:
        """Highlight a trail by a casing, and by its width the stretch that stands out.

        View and time move to it.
        """
        source, trails = self._drawn.source, ranking.result.trails
        if source is None or row >= len(trails):
            return
        [stretch] = ranking.result.stretches_at(np.flatnonzero(ranking.result.rows == row))
        whole = path_of(trails, row)
        colour = self._drawn.colour_of(str(trails.table["class"].iloc[row]))
        self._chosen.show(
            [whole, whole, path_of(trails, row, stretch)],
            [CHOSEN_CASING, colour, colour],
            {"part": ["casing", "all", "stands out"]},
            widths=_CHOSEN_WIDTHS,
        )
        self._go_to(source, trails, row, stretch)

    def hide_chosen(self) -> None:
        """Highlight no trail, because the chosen one is not listed any more."""
        self._chosen.hide()

    def set_part(self, part: str, shown: bool) -> None:
        """Show or hide a part; layers that the user removed return when it is shown."""
        self._drawn.set_shown(part, shown)

    def _show_scene(self, source: Source, scene: Image | None) -> None:
        own = self._drawn.get(SCENE)
        if scene is not None:
            if own is not None and own != scene:
                self._drawn.remove(SCENE)
            return
        data, attributes, _ = scene_layer(source)
        if own is not None:
            own.data = data
            for name in ("scale", "translate", "units", "name"):
                setattr(own, name, attributes[name])
            return
        viewer = self.viewer

        def create() -> Image:
            layer = viewer.add_image(data, **attributes)
            viewer.layers.move(viewer.layers.index(layer), 0)
            return layer

        self._drawn.add(SCENE, "", create)

    def _go_to(self, source: Source, trails: Trails, row: int, stretch: tuple[int, int]) -> None:
        samples = trails.trail(row)
        end = max(samples.start + stretch[1], samples.start + 1)
        time = float(trails.time[end - 1])
        corners = [[float(f(v[samples])) for v in (trails.y, trails.x)] for f in (np.min, np.max)]
        low, high = (source.placement.to_world(time, *corner)[0] for corner in corners)
        viewer = self.viewer
        if viewer.dims.ndim >= 3:
            viewer.dims.set_point(viewer.dims.ndim - 3, float(low[0]))
        scene = source.trails.scene
        whole = np.abs(np.array(source.placement.place.scale[1:])) * (scene.height, scene.width)
        sides = np.maximum(np.abs(high - low)[1:] / CHOSEN_FILLS, whole / MAX_ZOOM)
        camera = viewer.scene.camera
        camera.center = tuple(((low + high) / 2)[1:].tolist())
        camera.zoom = float(np.min(np.array(viewer.canvas.size) / np.minimum(sides, 1.1 * whole)))

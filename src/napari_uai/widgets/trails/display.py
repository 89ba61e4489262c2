"""What the trail dock draws in its viewer; layers that the user takes away stay away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.drawing import (
    class_colour,
    heat_colours,
    label_points,
    line_width,
    path_of,
    region_shapes,
    scene_layer,
    tracks_data,
    tracks_look,
    whole_time,
)
from napari_uai.widgets.trails.placement import painted_on

if TYPE_CHECKING:
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

HEAT, TOP, TRACKS, REGIONS, CHOSEN, SCENE = "heat", "top", "tracks", "regions", "chosen", "scene"
MASK = "mask"
BADGES = "per cents"
TOP_NAME = "top trails"

BADGE_PX = 28
"""Diameter of what carries the per cents of a top trail, in px of the screen, but for a border of
a quarter of it, which vispy adds even to points without one."""

TRACKED_AT_MOST = 1500
"""Trails that are drawn as Tracks unless more are wanted: the most anomalous of those listed.

Without a graphics card a view of so many takes a tenth of a second, one of 10 000 a third.
"""

MASK_COLOUR = "#ff4fd8"
"""Of the region of every class; that of one class has the colour of the class."""

TRAIL_FILLS = 0.6
"""Part of the view that a chosen trail takes."""

NEAREST = 4
"""A chosen trail is shown in no less than this part of the scene."""

COLOUR_FEATURES = {"score": "score", "class": "class_shade"}
RANK_COLOURS = ("#e69f00", "#56b4e9", "#f0e442", "#009e73", "#cc79a7", "#d55e00", "#7f9cff")


class Display:
    """Layers of one dock in one viewer.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.source: Source | None = None
        self.colour_by = "score"
        self.time_shown = "just now"
        self.tracked_at_most = TRACKED_AT_MOST
        self._layers: dict[tuple[str, str], Any] = {}
        self._dropped: set[tuple[str, str]] = set()
        self._hidden_parts: set[str] = {REGIONS}
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Let go of the viewer."""
        self.viewer.layers.events.removed.disconnect(self._removed)

    def show_source(self, source: Source, *, scene: Any = None, tracks: Any = None) -> None:
        """Draw other trails: their scene, and what was drawn of those before goes.

        Parameters
        ----------
        source
            Trails and where they lie.
        scene
            Layer that shows their scene already.
        tracks
            Layer that they were taken from; hidden, as the trails are drawn anew.
        """
        before, self.source = self.source, source
        self._dropped.clear()
        self._move_to(source)
        if before is not None:
            self._move_masks(before, source)
        old = self._layer(SCENE)
        if scene is not None and old is not None and old != scene:
            self._take_away(SCENE)
        elif scene is None:
            self._draw_scene(source, old)
        if tracks is not None:
            tracks.visible = False
        self.viewer.fit_to_view()

    def show_heat(self, result: TrailResult, hidden: frozenset[str]) -> bool:
        """Draw the ordinary traffic of each class over the scene.

        Adds one layer at a time, as napari takes a tenth of a second for each.

        Returns
        -------
        bool
            Whether there is more to add: call it again.
        """
        source, added = self.source, False
        if source is None:
            return False
        for kind, heat in result.heat.items():
            layer = self._layer(HEAT, kind)
            if layer is not None:
                _replace(layer, heat.shade, source.ground.flat(heat.shade.shape, source.trails))
            elif self._wanted(HEAT, kind):
                if added:
                    return True
                added = True
                layer = self._add_heat(source, kind, heat.shade.copy())
            if layer is not None:
                _set_visible(layer, kind not in hidden and HEAT not in self._hidden_parts)
        for part, kind in list(self._layers):
            layer = self._layer(part, kind) if part == HEAT else None
            if layer is not None and kind not in result.heat:
                _set_visible(layer, False)  # all of its trails are outside the mask
        return False

    def show_classes(self, hidden: frozenset[str]) -> None:
        """Show the heat of some classes."""
        for part, kind in list(self._layers):
            layer = self._layer(part, kind)
            if part == HEAT and layer is not None:
                _set_visible(layer, kind not in hidden and HEAT not in self._hidden_parts)

    def show_top(self, ranking: Ranking, n: int) -> bool:
        """Draw the first of the trails that are listed, each with its per cents.

        Adds one layer at a time, as :meth:`show_heat` does.

        Returns
        -------
        bool
            Whether there is more to add, and nothing was drawn: call it again.
        """
        from napari_uai.trails.pictures.labels import percent

        if len(ranking) and self._added_for_top():
            return True
        trails = ranking.result.trails
        rows = ranking.rows[:n].tolist()
        stretches = ranking.result.stretches_at(ranking.places[:n])
        labels = [percent(value) for value in ranking.values[:n]]
        paths = [path_of(trails, row) for row in rows]
        parts = [
            path_of(trails, row, stretch) for row, stretch in zip(rows, stretches, strict=True)
        ]
        colours = [RANK_COLOURS[i % len(RANK_COLOURS)] for i in range(len(rows))]
        features = {"label": labels, "rank": np.arange(1, len(rows) + 1), "row": rows}
        self._shapes(TOP, TOP_NAME, paths, colours, features)
        size = trails.scene.height, trails.scene.width
        self._badges(label_points(paths, parts, size), colours, features)
        return False

    def _added_for_top(self) -> bool:
        """Add one of the layers of the top trails if one is wanted."""
        if self.source is None:
            return False
        for kind, add in (
            ("", lambda source: self._add_shapes(source, TOP, TOP_NAME)),
            (BADGES, self._add_badges),
        ):
            if self._layer(TOP, kind) is None and self._wanted(TOP, kind):
                with self._kept_selection():
                    add(self.source)
                return True
        return False

    def show_regions(self, result: TrailResult, hidden: frozenset[str]) -> None:
        """Outline ordinary traffic."""
        kinds = [kind for kind in result.heat if kind not in hidden]
        shapes = region_shapes(result.regions, kinds)
        paths = [np.vstack([corners, corners[:1]]) for corners, _ in shapes]
        colours = [self._colour_of(kind) for _, kind in shapes]
        self._shapes(REGIONS, "regions", paths, colours, {"class": [kind for _, kind in shapes]})

    def show_tracks(self, ranking: Ranking) -> None:
        """Draw the listed trails over time, coloured by score or class."""
        source = self.source
        layer = self._layer(TRACKS)
        if source is None or (layer is None and not self._wanted(TRACKS)):
            return
        rows = ranking.rows[: self.tracked_at_most]
        if not len(rows):
            if layer is not None:
                _set_visible(layer, False)  # tracks cannot be empty
            return
        data, features = self._tracked(source, ranking, rows)
        if layer is None:
            layer = self._add_tracks(source, data, features)
        else:
            layer.color_by = "track_id"  # else napari warns that the feature is missing meanwhile
            layer.data = data
            layer.features = features
            layer.color_by = COLOUR_FEATURES[self.colour_by]
        _set_visible(layer, TRACKS not in self._hidden_parts)
        self.show_time(self.time_shown)

    def show_time(self, shown: str) -> None:
        """Show trails as a whole, up to the current time, or those of this moment.

        Parameters
        ----------
        shown
            ``whole``, ``until now`` or ``just now``.
        """
        self.time_shown = shown
        layer = self._layer(TRACKS)
        if layer is None or self.source is None:
            return
        whole = whole_time(self.source, self.source.trails)
        moment = max(round(10 * self.source.ground.rate_hz), 1)
        layer.tail_length = moment if shown == "just now" else whole
        layer.head_length = whole if shown == "whole" else 0
        layer.tail_width = 5 if shown == "just now" else 2

    def show_chosen(self, ranking: Ranking, row: int, *, move: bool = True) -> None:
        """Point out a trail and the stretch where it departs; look at it, and go to that time."""
        source, trails = self.source, ranking.result.trails
        if source is None or row >= len(trails):
            return
        [stretch] = ranking.result.stretches_at(np.flatnonzero(ranking.result.rows == row))
        paths = [path_of(trails, row), path_of(trails, row, stretch)]
        self._shapes(
            CHOSEN, "chosen trail", paths, ["#ffffff", "#ff3b30"], {"part": ["all", "departs"]}
        )
        layer = self._layer(CHOSEN)
        if layer is not None:
            layer.edge_width = [line_width(source), 2.2 * line_width(source)]
        if move:
            self._go_to(source, trails, row, stretch)

    def hide_chosen(self) -> None:
        """Point out no trail: the one that was is not listed any more."""
        layer = self._layer(CHOSEN)
        if layer is not None:
            _set_visible(layer, False)

    def set_part(self, part: str, shown: bool) -> None:
        """Show or hide a kind of layers; those that the user took away come back when shown."""
        self._hidden_parts = self._hidden_parts - {part} if shown else self._hidden_parts | {part}
        if shown:
            self._dropped = {key for key in self._dropped if key[0] != part}
        for key in list(self._layers):
            layer = self._layer(*key)
            if key[0] == part and layer is not None:
                _set_visible(layer, shown)

    def masks(self) -> list[tuple[str, Any]]:
        """Return what is painted: class (``""`` for the others) and Labels layer, in any number."""
        found = []
        for layer in self.viewer.layers:
            record = layer.metadata.get(KEY, {}) if hasattr(layer, "metadata") else {}
            if record.get("kind") == MASK and self._is_of_this_scene(record):
                found.append((record["class"], layer))
        return found

    def new_mask(self, kind: str, painted: Any = None) -> Any:
        """Add a layer to paint the region of a class in, or return the one there is.

        Parameters
        ----------
        kind
            The class; ``""`` for those without one of their own.
        painted
            What is painted already, in the scene's size; nothing if None.
        """
        source = self.source
        if source is None:
            raise BadValueError("there is no scene to paint on: open trails first")
        layer = next((layer for known, layer in self.masks() if known == kind), None)
        if layer is None or painted is not None:
            layer = self._add_mask(source, kind, painted)
        _set_visible(layer, True)
        self.viewer.layers.selection.active = layer
        layer.mode = "paint"
        return layer

    def take_mask(self, layer: Any, kind: str) -> None:
        """Take what is painted in a Labels layer of any size as the region of a class."""
        source = self.source
        if source is None:
            raise BadValueError("there is no scene yet: open trails first")
        painted_on(layer, source)  # refuses what cannot be a region
        layer.metadata = {**layer.metadata, KEY: self._mask_record(source, kind)}
        _set_visible(layer, True)

    def show_masks(self, regions: Mapping[str, Any]) -> None:
        """Replace all regions by others; the layers of those before stay, hidden, as Labels.

        Parameters
        ----------
        regions
            Inside or not by class, of any size: stretched over the scene.
        """
        import cv2

        if self.source is None:
            return
        for _, layer in self.masks():
            layer.metadata = {k: v for k, v in layer.metadata.items() if k != KEY}
            _set_visible(layer, False)
        scene = self.source.trails.scene
        for kind, inside in regions.items():
            size = scene.width, scene.height
            painted = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            layer = self.new_mask(kind, painted)
            layer.mode = "pan_zoom"

    def _add_mask(self, source: Source, kind: str, painted: Any) -> Any:
        from napari.utils.colormaps import DirectLabelColormap

        scene = source.trails.scene
        shape = scene.height, scene.width
        colour = self._colour_of(kind) if kind else MASK_COLOUR
        layer = self.viewer.add_labels(
            np.zeros(shape, np.uint8) if painted is None else painted.astype(np.uint8),
            name=f"region: {kind or 'every class'}",
            **source.ground.flat(shape, source.trails),
            colormap=DirectLabelColormap(color_dict={None: colour, 0: "transparent"}),
            opacity=0.4,
            metadata={KEY: self._mask_record(source, kind)},
        )
        self._below_lines(layer)
        layer.brush_size = max(scene.width, scene.height) // 24
        return layer

    def _mask_record(self, source: Source, kind: str) -> dict[str, Any]:
        scene = source.trails.scene
        return {"kind": MASK, "class": kind, "scene": [scene.height, scene.width]}

    def _is_of_this_scene(self, record: Mapping[str, Any]) -> bool:
        source = self.source
        if source is None:
            return False
        scene = source.trails.scene
        return record.get("scene") == [scene.height, scene.width]

    def _tracked(self, source: Source, ranking: Ranking, rows: Any) -> tuple[Any, dict[str, Any]]:
        trails = ranking.result.trails
        data, features = tracks_data(replace(source, trails=trails), rows)
        value = np.zeros(len(trails))
        value[ranking.rows] = ranking.values
        kinds = {kind: i for i, kind in enumerate(source.trails.classes.index)}
        codes = trails.table["class"].map(kinds).to_numpy(np.float64)
        owner = features["row"]
        shade = codes / max(len(kinds) - 1, 1)  # of the scale that has a colour for each class
        return data, {
            "row": owner,
            "class": codes[owner],
            COLOUR_FEATURES["score"]: value[owner],
            COLOUR_FEATURES["class"]: shade[owner],
        }

    def _add_tracks(self, source: Source, data: Any, features: Any) -> Any:
        with self._kept_selection():
            look = tracks_look(source, source.trails)
            layer = self.viewer.add_tracks(
                data,
                **look,
                name="trails by rank",
                features=features,
                color_by=COLOUR_FEATURES[self.colour_by],
                colormaps_dict=_track_colormaps(len(source.trails.classes)),
                metadata={KEY: {"kind": TRACKS}},
            )
        self._layers[TRACKS, ""] = layer
        self._raise_finding()
        return layer

    def _add_heat(self, source: Source, kind: str, shade: Any) -> Any:
        with self._kept_selection():
            layer = self.viewer.add_image(
                shade,
                name=f"heat: {kind}",
                **source.ground.flat(shade.shape, source.trails),
                colormap=_heat_colormap(self._colour_of(kind)),
                contrast_limits=(0.0, 1.0),
                blending="translucent",
                interpolation2d="linear",
                metadata={KEY: {"kind": HEAT, "class": kind}},
            )
            self._below_lines(layer)
        self._layers[HEAT, kind] = layer
        return layer

    def _colour_of(self, kind: str) -> str:
        """Return the colour of a class: by its place among all, as in the list of classes."""
        known = [] if self.source is None else list(self.source.trails.classes.index)
        return class_colour(known.index(kind) if kind in known else 0)

    def _below_lines(self, layer: Any) -> None:
        """Move a heatmap below masks, trails and shapes, and a mask below trails and shapes."""
        from napari.layers import Image, Labels

        layers = self.viewer.layers
        below = (Image, Labels) if isinstance(layer, Labels) else Image
        others = [i for i, other in enumerate(layers) if not isinstance(other, below)]
        if others and others[0] < layers.index(layer):
            layers.move(layers.index(layer), others[0])

    def _shapes(
        self,
        part: str,
        name: str,
        paths: list[Any],
        colours: list[str],
        features: Mapping[str, Any],
    ) -> None:
        """Replace all paths of a layer; add it if there is none."""
        source = self.source
        layer = self._layer(part)
        if source is None or (layer is None and not (paths and self._wanted(part))):
            return
        width = line_width(source) * (0.6 if part == REGIONS else 1.0)
        if layer is None:
            with self._kept_selection():
                layer = self._add_shapes(source, part, name)
        with self._flat():
            _replace_paths(layer, paths, colours, width)
        if paths and _differ(layer, features):
            layer.features = dict(features)
        _set_visible(layer, part not in self._hidden_parts)

    def _badges(self, points: list[Any], colours: list[str], features: Mapping[str, Any]) -> None:
        """Show the per cents of the top trails; of one size on the screen, whatever lies below."""
        source, layer = self.source, self._layer(TOP, BADGES)
        if source is None or (layer is None and not (points and self._wanted(TOP, BADGES))):
            return
        data = np.array(points, np.float64).reshape(-1, 2)
        if layer is None:
            with self._kept_selection():
                layer = self._add_badges(source)
        same_number = data.shape == layer.data.shape
        if not same_number:
            layer.data = data
        elif not np.array_equal(layer.data, data):
            layer.data[:] = data  # the layer's own; setting it anew measures all layers again
            layer.refresh(extent=False, highlight=False, thumbnail=False)
        if _differ(layer, features):
            layer.features = dict(features)
        if len(data) and not same_number:
            layer.face_color = layer.border_color = colours
        _set_visible(layer, TOP not in self._hidden_parts)

    def _add_badges(self, source: Source) -> Any:
        place = source.ground.place
        layer = self.viewer.add_points(
            np.empty((0, 2)),
            name="top trails: per cents",
            scale=place.scale[1:],
            translate=place.translate[1:],
            units=place.units[1:],
            features={"label": np.array([], object)},
            text={"string": "{label}", "color": "black", "size": 9, "anchor": "center"},
            canvas_size_limits=(BADGE_PX, BADGE_PX),
            metadata={KEY: {"kind": TOP}},
        )
        self._layers[TOP, BADGES] = layer
        return layer

    def _add_shapes(self, source: Source, part: str, name: str) -> Any:
        place = source.ground.place
        layer = self.viewer.add_shapes(
            None,
            ndim=2,
            name=name,
            scale=place.scale[1:],
            translate=place.translate[1:],
            units=place.units[1:],
            opacity=0.9,
            metadata={KEY: {"kind": part}},
        )
        self._layers[part, ""] = layer
        self._raise_finding()
        return layer

    def _raise_finding(self) -> None:
        """Keep the chosen trail and the per cents above what was added after them."""
        layers = self.viewer.layers
        for key in ((CHOSEN, ""), (TOP, BADGES)):
            layer = self._layer(*key)
            if layer is not None and layers.index(layer) < len(layers) - 1:
                layers.move(layers.index(layer), len(layers))

    def _go_to(self, source: Source, trails: Any, row: int, stretch: tuple[int, int]) -> None:
        here = trails.trail(row)
        part = slice(here.start + stretch[0], max(here.start + stretch[1], here.start + 1))
        moment = float(trails.time[part.stop - 1])
        corners = [[float(f(v[here])) for v in (trails.y, trails.x)] for f in (np.min, np.max)]
        low, high = (source.ground.to_world(moment, *corner)[0] for corner in corners)
        viewer = self.viewer
        if viewer.dims.ndim >= 3:
            viewer.dims.set_point(viewer.dims.ndim - 3, float(low[0]))
        scene = source.trails.scene
        whole = np.abs(np.array(source.ground.place.scale[1:])) * (scene.height, scene.width)
        sides = np.maximum(np.abs(high - low)[1:] / TRAIL_FILLS, whole / NEAREST)
        camera = viewer.scene.camera
        camera.center = tuple(((low + high) / 2)[1:].tolist())
        camera.zoom = float(np.min(np.array(viewer.canvas.size) / np.minimum(sides, 1.1 * whole)))

    def _layer(self, part: str, kind: str = "") -> Any:
        layer = self._layers.get((part, kind))
        return layer if layer is not None and layer in self.viewer.layers else None

    def _wanted(self, part: str, kind: str = "") -> bool:
        return part not in self._hidden_parts and (part, kind) not in self._dropped

    def _removed(self, event: Any) -> None:
        for key, layer in list(self._layers.items()):
            if layer == event.value:  # ours may be wrapped by napari, it is not the same object
                del self._layers[key]
                self._dropped.add(key)

    def _move_to(self, source: Source) -> None:
        """Move what is drawn to where other trails lie; heat of classes that they lack goes."""
        kinds = set(source.trails.classes.index)
        place = source.ground.place
        for part, kind in list(self._layers):
            layer = self._layer(part, kind)
            if layer is None or part == SCENE:
                continue
            if part == HEAT and kind not in kinds:
                self._take_away(part, kind)
            elif part == TRACKS:
                layer.visible = False  # until they are ranked
                layer.colormaps_dict = _track_colormaps(len(kinds))
                layer.scale, layer.translate = place.scale, place.translate
                layer.units = place.units
            elif part == HEAT:
                layer.colormap = _heat_colormap(self._colour_of(kind))
            else:
                layer.data = np.empty((0, 2)) if kind == BADGES else []
                layer.scale, layer.translate = place.scale[1:], place.translate[1:]
                layer.units = place.units[1:]

    def _move_masks(self, before: Source, source: Source) -> None:
        """Move what was painted over the scene of other trails, of the same size, to this one."""
        for _, layer in self.masks():
            lay, lies = (s.ground.flat(layer.data.shape, s.trails) for s in (before, source))
            if all(np.allclose(getattr(layer, k), lay[k]) for k in ("scale", "translate")):
                layer.scale, layer.translate = lies["scale"], lies["translate"]
                layer.units = lies["units"]

    def _draw_scene(self, source: Source, old: Any) -> None:
        data, attributes, _ = scene_layer(source)
        if old is not None:
            old.data = data
            for name in ("scale", "translate", "units", "name"):
                setattr(old, name, attributes[name])
        else:
            with self._kept_selection():
                layer = self.viewer.add_image(data, **attributes)
                self._layers[SCENE, ""] = layer
                self.viewer.layers.move(self.viewer.layers.index(layer), 0)

    def _take_away(self, part: str, kind: str = "") -> None:
        layer = self._layers.pop((part, kind), None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    @contextmanager
    def _flat(self) -> Iterator[None]:
        """Leave the view in three dimensions, in which napari 0.9.2 refuses paths of a plane."""
        shown = self.viewer.dims.ndisplay
        if shown != 2:
            self.viewer.dims.ndisplay = 2
        try:
            yield
        finally:
            if shown != 2:
                self.viewer.dims.ndisplay = shown

    @contextmanager
    def _kept_selection(self) -> Iterator[None]:
        """Add layers without taking the brush out of the user's hand."""
        active = self.viewer.layers.selection.active
        yield
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active


def _heat_colormap(colour: str) -> Any:
    from napari.utils.colormaps import Colormap

    return Colormap(heat_colours(colour), name=f"heat {colour}")


def _track_colormaps(n_classes: int) -> dict[str, Any]:
    """Return what colours tracks by score from 0 to 1, and by class."""
    from napari.utils.colormaps import Colormap

    colours = [class_colour(i) for i in range(max(n_classes, 2))]
    by_class = Colormap(colours, controls=np.linspace(0, 1, len(colours)), name="classes")
    by_score = Colormap(["#4ea8de", "#80ed99", "#ffd166", "#f77f00", "#d00000"], name="anomaly")
    return {COLOUR_FEATURES["score"]: by_score, COLOUR_FEATURES["class"]: by_class}


def _replace(layer: Any, picture: Any, place: Mapping[str, Any]) -> None:
    """Show another picture; all else of the layer stays as it is."""
    moved = any(tuple(getattr(layer, name)) != place[name] for name in ("scale", "translate"))
    if moved or layer.data.shape != picture.shape:
        layer.data = picture.copy()
        layer.scale, layer.translate = place["scale"], place["translate"]
        layer.units = place["units"]
        return
    layer.data[:] = picture  # the layer's own copy; setting it anew takes five times as long
    layer.refresh(extent=False, highlight=False, thumbnail=False)


def _differ(layer: Any, features: Mapping[str, Any]) -> bool:
    """Whether a layer has other features; napari draws anew for equal ones, too."""
    known = layer.features
    return any(list(known.get(name, ())) != list(values) for name, values in features.items())


def _set_visible(layer: Any, visible: bool) -> None:
    if layer.visible != visible:  # napari draws anew, even if nothing changes
        layer.visible = visible


def _replace_paths(layer: Any, paths: list[Any], colours: list[str], width: float) -> None:
    """Draw other paths; those of equal number keep colours and widths, which is faster."""
    if paths and len(paths) == len(layer.data):
        if not all(map(np.array_equal, layer.data, paths)):
            layer.data = [(path, "path") for path in paths]
        return
    layer.selected_data = set()
    layer.data = []
    if paths:
        layer.add(paths, shape_type="path", edge_color=colours, edge_width=width)

"""The top trails in the colours of their classes, with their ranks in badges beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import WHITE
from napari_uai.widgets.trails.drawing import badge_points, path_of
from napari_uai.widgets.trails.drawn_layers import BADGES, TOP, set_visible
from napari_uai.widgets.trails.path_layer import (
    PathLayer,
    colours_differ,
    features_differ,
    move_in_plane,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Points

    from napari_uai.typing import Floats
    from napari_uai.widgets.trails.drawn_layers import DrawnLayers
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking
    from napari_uai.widgets.trails.verdicts import Verdict

WIDTHS: dict[Verdict, float] = {"accepted": 1.8, "": 1.0, "rejected": 0.4}
"""Width of the line of a trail by its verdict, in units of the usual width."""

BADGE_PX = 18
"""Diameter of a badge in px of the screen."""

_RIM = 0.14
"""Width of the rim of a badge, in units of its diameter."""

_PER_SIDE = 10
"""Longest side of the scene over the diameter of a badge, unless that exceeds :data:`BADGE_PX`.

The other way round, with a least size on the screen, vispy widens the rim to half the badge.
"""


class TopLayers:
    """Paths and badges of the top trails.

    Parameters
    ----------
    drawn
        Registry of the layers of the dock.
    """

    def __init__(self, drawn: DrawnLayers) -> None:
        self._drawn = drawn
        self._paths = PathLayer(drawn, TOP, "top trails")

    def show(self, ranking: Ranking, n: int, verdicts: Sequence[Verdict] = ()) -> bool:
        """Draw the first trails of a ranking, each with its rank.

        At most one layer is added per call, because napari takes a tenth of a second for each.

        Parameters
        ----------
        ranking
            Listed trails.
        n
            Number of trails to draw.
        verdicts
            Verdict on each of them, shown by the width of its line; none if empty.

        Returns
        -------
        bool
            Whether a layer was added instead of drawing, so that another call is needed.
        """
        from napari_uai.trails.pictures.labels import percent

        if len(ranking) and self._add_missing():
            return True
        trails = ranking.result.trails
        rows = ranking.rows[:n].tolist()
        stretches = ranking.result.stretches_at(ranking.places[:n])
        ranks = [str(rank) for rank in range(1, len(rows) + 1)]
        scores = [percent(value) for value in ranking.values[:n]]
        paths = [path_of(trails, row) for row in rows]
        parts = [path_of(trails, row, part) for row, part in zip(rows, stretches, strict=True)]
        kinds = [str(kind) for kind in trails.table["class"].to_numpy()[rows]]
        colours = [self._drawn.colour_of(kind) for kind in kinds]
        features = {"label": ranks, "score": scores, "class": kinds, "row": rows}
        widths = [WIDTHS[verdict] for verdict in verdicts]
        self._paths.show(paths, colours, features, widths=widths)
        size = trails.scene.height, trails.scene.width
        self._show_badges(badge_points(paths, parts, size), colours, features)
        return False

    def move_to(self, source: Source) -> None:
        """Clear the layers and adapt them to the placement of other trails."""
        self._paths.move_to(source)
        badges = self._badges()
        if badges is not None:
            badges.data = np.empty((0, 2))
            move_in_plane(badges, source)

    def _add_missing(self) -> bool:
        """Add one of the layers if one is missing and may be added; return whether one was."""
        source = self._drawn.source
        if source is None:
            return False
        if self._paths.layer() is None and self._drawn.may_add(TOP):
            self._paths.add(source)
            return True
        if self._badges() is None and self._drawn.may_add(TOP, BADGES):
            self._add_badges(source)
            return True
        return False

    def _badges(self) -> Points | None:
        layer: Points | None = self._drawn.get(TOP, BADGES)
        return layer

    def _show_badges(
        self, points: list[Floats], colours: list[str], features: Mapping[str, Sequence[Any]]
    ) -> None:
        """Show the badges; their size on the screen does not depend on the zoom."""
        drawn, source, layer = self._drawn, self._drawn.source, self._badges()
        if source is None or (layer is None and not (points and drawn.may_add(TOP, BADGES))):
            return
        data = np.array(points, np.float64).reshape(-1, 2)
        if layer is None:
            layer = self._add_badges(source)
        same_number = data.shape == layer.data.shape
        if not same_number:
            layer.data = data
            layer.size = _size_of(source)
        elif not np.array_equal(layer.data, data):
            layer.data[:] = data  # the layer owns its array; assigning measures all layers again
            layer.refresh(extent=False, highlight=False, thumbnail=False)
        if features_differ(layer, features):
            layer.features = dict(features)
        if len(data) and colours_differ(layer.border_color, colours):
            layer.border_color = colours
        set_visible(layer, drawn.is_shown(TOP))

    def _add_badges(self, source: Source) -> Points:
        viewer, place = self._drawn.viewer, source.placement.place

        def create() -> Points:
            return viewer.add_points(
                np.empty((0, 2)),
                name="top trails: ranks",
                scale=place.scale[1:],
                translate=place.translate[1:],
                units=place.units[1:],
                features={"label": np.array([], object)},
                text={"string": "{label}", "color": "black", "size": 8, "anchor": "center"},
                face_color=WHITE,
                border_width=_RIM,
                size=_size_of(source),
                canvas_size_limits=(0, BADGE_PX),
                metadata={KEY: {"kind": TOP}},
            )

        layer: Points = self._drawn.add(TOP, BADGES, create)
        return layer


def _size_of(source: Source) -> float:
    """Return the diameter of a badge, px of the scene, before it is limited on the screen."""
    scene = source.trails.scene
    return max(scene.width, scene.height) / _PER_SIDE

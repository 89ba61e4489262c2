"""The listed trails as a Tracks layer, coloured by score or class, over a span of time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.palette import class_colour, shade_of
from napari_uai.widgets.trails.drawing import duration_steps, tracks_data, tracks_style
from napari_uai.widgets.trails.drawn_layers import TRACKS, set_visible

if TYPE_CHECKING:
    from napari.layers import Tracks
    from napari.utils.colormaps import Colormap

    from napari_uai.typing import Floats, Ints
    from napari_uai.widgets.trails.drawn_layers import DrawnLayers
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

MAX_TRACKS = 1500
"""Default of the number of trails that are drawn over time.

Without a graphics card, drawing 1500 trails takes a tenth of a second, 10 000 a third.
"""

RECENT_S = 10
"""Length of the span *recent*."""

ColourBy: TypeAlias = Literal["score", "class"]
COLOUR_FEATURES: dict[ColourBy, str] = {"score": "score_shade", "class": "class_shade"}
"""Feature of the layer that sets the colour of each trail; the hue is that of its class."""

_DARKEST = 0.35
"""Shade of a trail of score 0, if trails are coloured by score; those of score 1 are not shaded."""

_STEP = 1e-6
"""Width of the step from the colours of one class to those of the next, in a colormap of all."""

Span: TypeAlias = Literal["recent", "past", "all"]
"""Drawn samples: the last seconds, up to the current time, or all of a trail."""


class TrackLayer:
    """The listed trails over time.

    Parameters
    ----------
    drawn
        Registry of the layers of the dock.

    Attributes
    ----------
    colour_by
        What sets the colour of a trail.
    span
        Drawn samples of each trail.
    at_most
        Number of trails to draw, the most anomalous ones first.
    """

    def __init__(self, drawn: DrawnLayers) -> None:
        self._drawn = drawn
        self.colour_by: ColourBy = "score"
        self.span: Span = "recent"
        self.at_most = MAX_TRACKS

    def show(self, ranking: Ranking) -> None:
        """Draw the listed trails."""
        source, layer = self._drawn.source, self._layer()
        if source is None or (layer is None and not self._drawn.may_add(TRACKS)):
            return
        rows = ranking.rows[: self.at_most]
        if not len(rows):
            if layer is not None:
                set_visible(layer, False)  # a Tracks layer cannot be empty
            return
        data, features = _data_of(source, ranking, rows)
        if layer is None:
            layer = self._add(source, data, features)
        else:
            layer.color_by = "track_id"  # otherwise napari warns that the feature is missing
            layer.data = data
            layer.features = features
            layer.color_by = COLOUR_FEATURES[self.colour_by]
        set_visible(layer, self._drawn.is_shown(TRACKS))
        self._show_span(layer, source)

    def move_to(self, source: Source) -> None:
        """Hide the layer until other trails are ranked, and adapt it to their placement."""
        layer = self._layer()
        if layer is None:
            return
        place = source.placement.place
        layer.visible = False
        layer.colormaps_dict = _colormaps(len(source.trails.classes))
        layer.scale, layer.translate, layer.units = place.scale, place.translate, place.units

    def _layer(self) -> Tracks | None:
        layer: Tracks | None = self._drawn.get(TRACKS)
        return layer

    def _show_span(self, layer: Tracks, source: Source) -> None:
        whole = duration_steps(source, source.trails)
        recent = max(round(RECENT_S * source.placement.rate_hz), 1)
        layer.tail_length = recent if self.span == "recent" else whole
        layer.head_length = whole if self.span == "all" else 0
        layer.tail_width = 5 if self.span == "recent" else 2

    def _add(self, source: Source, data: Floats, features: dict[str, Any]) -> Tracks:
        viewer = self._drawn.viewer

        def create() -> Tracks:
            return viewer.add_tracks(
                data,
                **tracks_style(source, source.trails),
                name="trails by rank",
                features=features,
                color_by=COLOUR_FEATURES[self.colour_by],
                colormaps_dict=_colormaps(len(source.trails.classes)),
                metadata={KEY: {"kind": TRACKS}},
            )

        layer: Tracks = self._drawn.add(TRACKS, "", create)
        self._drawn.move_results_to_top()
        return layer


def _data_of(source: Source, ranking: Ranking, rows: Ints) -> tuple[Floats, dict[str, Any]]:
    """Return vertices and features of the layer for some rows of the ranked trails."""
    trails = ranking.result.trails
    data, features = tracks_data(replace(source, trails=trails), rows)
    score = np.zeros(len(trails))
    score[ranking.rows] = ranking.values
    kinds = {kind: i for i, kind in enumerate(source.trails.classes.index)}
    codes = trails.table["class"].map(kinds).to_numpy(np.float64)
    owner = features["row"]
    shade = codes / max(len(kinds) - 1, 1)  # position in a colormap with one colour per class
    return data, {
        "row": owner,
        "class": codes[owner],
        "score": score[owner],
        COLOUR_FEATURES["score"]: ((codes + (1 - 2 * _STEP) * score) / max(len(kinds), 1))[owner],
        COLOUR_FEATURES["class"]: shade[owner],
    }


def _colormaps(n_classes: int) -> dict[str, Colormap]:
    """Return the colormaps of the features for score and class, both 0 to 1.

    That of scores has a ramp for each class one after the other: dark at score 0, the colour of
    the class at score 1.
    """
    from napari.utils.colormaps import Colormap

    colours = [class_colour(i) for i in range(max(n_classes, 2))]
    by_class = Colormap(colours, controls=np.linspace(0, 1, len(colours)), name="classes")
    n = max(n_classes, 1)
    ramps = [(shade_of(colour, _DARKEST), colour) for colour in colours[:n]]
    ends = np.column_stack([np.arange(n), np.arange(1, n + 1) - _STEP]).ravel() / n
    ends[-1] = 1.0
    by_score = Colormap(
        [c for ramp in ramps for c in ramp], controls=ends, name="scores of classes"
    )
    return {COLOUR_FEATURES["score"]: by_score, COLOUR_FEATURES["class"]: by_class}

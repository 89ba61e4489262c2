"""From a click in the viewer to a trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

REACH_PX = 8
"""How far from a trail a click may be, in px of the screen."""


def has_tool(layer: Any) -> bool:
    """Tell whether a click does something to a layer: a brush, a pencil, a selection."""
    return str(getattr(layer, "mode", "pan_zoom")) not in ("pan_zoom", "transform")


def trail_under(
    ranking: Ranking, source: Source, viewer: Any, position: Any, *, n_drawn: int = 0
) -> int | None:
    """Return the listed trail (row) that passes closest to a position in the world, if any is near.

    Parameters
    ----------
    ranking
        Trails that are listed.
    n_drawn
        The first of them are drawn above all others: one of them that is near is meant.
    source
        Where they lie.
    viewer
        Its zoom tells what is near.
    position
        In the world of the viewer.
    """
    from napari_uai.widgets.trails.ranking import nearest_trail

    y, x = source.ground.to_px(position)
    reach = REACH_PX / max(viewer.scene.camera.zoom, 1e-9) / abs(source.ground.place.scale[1])
    at = float(y), float(x)
    for rows in (ranking.rows[:n_drawn], ranking.rows):
        found = nearest_trail(ranking.result, rows, at, within_px=float(reach))
        if found is not None:
            return found
    return None

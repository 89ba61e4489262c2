"""Picking a trail by a click in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking

REACH_PX = 8
"""Largest distance of a click from a trail, px of the screen."""

_DRAG_PX = 3
"""Movement of the mouse, px of the screen, from which on a click is a drag."""


class Clicks:
    """Clicks in a viewer that choose a trail.

    Parameters
    ----------
    viewer
        Viewer to listen to.
    find
        Returns the trail at a position in the world, or None.
    choose
        Called with the row of a trail.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        find: Callable[[tuple[float, ...]], int | None],
        choose: Callable[[int], None],
    ) -> None:
        self._viewer, self._find, self._choose = viewer, find, choose
        viewer.mouse_drag_callbacks.append(self.on_press)

    def end(self) -> None:
        """Listen no more."""
        if self.on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self.on_press)

    def on_press(self, viewer: ViewerModel, event: Event) -> Iterator[None]:
        """Choose the clicked trail, unless the mouse is dragged or edits a layer."""
        if event.button != 1 or has_tool(viewer.layers.selection.active):
            return
        start = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.hypot(*(np.array(event.pos) - start)) > _DRAG_PX:
            return
        row = self._find(event.position)
        if row is not None:
            self._choose(row)


def has_tool(layer: Layer | None) -> bool:
    """Return whether a click edits a layer: with a brush, a pencil or a selection tool."""
    return str(getattr(layer, "mode", "pan_zoom")) not in ("pan_zoom", "transform")


def trail_under(
    ranking: Ranking,
    source: Source,
    viewer: ViewerModel,
    position: npt.ArrayLike,
    *,
    n_drawn: int = 0,
) -> int | None:
    """Return the listed trail that passes closest to a position.

    Parameters
    ----------
    ranking
        Listed trails.
    source
        Trails and their placement.
    viewer
        Viewer whose zoom sets the reach.
    position
        Position in the world of the viewer.
    n_drawn
        Number of top trails, which are drawn above the others and preferred.

    Returns
    -------
    int or None
        Row of the trail, or None if no trail is within reach.
    """
    from napari_uai.widgets.trails.ranking import nearest_trail

    y, x = source.placement.to_px(position)
    reach = REACH_PX / max(viewer.scene.camera.zoom, 1e-9) / abs(source.placement.place.scale[1])
    at = float(y), float(x)
    for rows in (ranking.rows[:n_drawn], ranking.rows):
        row = nearest_trail(ranking.result, rows, at, within_px=float(reach))
        if row is not None:
            return row
    return None

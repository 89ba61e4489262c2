"""Drawing of a result in steps, so that the window stays responsive while layers are added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

_NEXT_LAYER_MS = 30
"""Pause between two new layers, in which the window is drawn and reacts to the user."""

_TRACKS_MS = 350
"""Delay of the tracks, which take longest to draw, after the last change."""


class DrawQueue(QObject):
    """Draws heatmaps, then top trails, then tracks; at most one new layer at a time.

    Parameters
    ----------
    draw_heat, draw_top
        Add at most one layer and return whether there is more to draw.
    draw_tracks
        Draws the tracks.
    parent
        Dock that owns the queue.
    """

    def __init__(
        self,
        draw_heat: Callable[[], bool],
        draw_top: Callable[[], bool],
        draw_tracks: Callable[[], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._draw_heat, self._draw_top, self._draw_tracks = draw_heat, draw_top, draw_tracks
        self._heat = single_shot(self, _NEXT_LAYER_MS, self.draw_heat)
        self._top = single_shot(self, _NEXT_LAYER_MS, self.draw_top)
        self._tracks = single_shot(self, _TRACKS_MS, self._tracks_due)

    @property
    def busy(self) -> bool:
        """Whether there is more to draw."""
        return any(timer.isActive() for timer in (self._heat, self._top, self._tracks))

    def draw_heat(self) -> None:
        """Draw the heatmaps, the first layer at once."""
        if self._draw_heat():
            self._heat.start()

    def draw_top(self) -> None:
        """Draw the top trails, after the heatmaps."""
        if self._heat.isActive() or self._draw_top():
            self._top.start()

    def draw_tracks(self) -> None:
        """Draw the tracks a moment after the last call, and after everything else."""
        self._tracks.start()

    def _tracks_due(self) -> None:
        if self._heat.isActive() or self._top.isActive():
            self._tracks.start()
        else:
            self._draw_tracks()


def single_shot(parent: QObject, delay_ms: int, slot: Callable[[], None]) -> QTimer:
    """Return a timer that calls a function once after its last start."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(delay_ms)
    timer.timeout.connect(slot)
    return timer

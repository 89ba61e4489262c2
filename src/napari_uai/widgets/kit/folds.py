"""Sections that fold."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from superqt import QCollapsible

_EXPANDED, _COLLAPSED = "▾", "▸"
_STYLED = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.PaletteChange)


class Fold(QCollapsible):
    """Section that folds, with arrows in the colour of the theme.

    Parameters
    ----------
    title
        Shown beside the arrow.
    """

    def __init__(self, title: str) -> None:
        super().__init__(title, expandedIcon=_EXPANDED, collapsedIcon=_COLLAPSED)

    def event(self, event: QEvent | None) -> bool:
        """Draw the arrows again: superqt draws them once, before the theme is known."""
        done = bool(super().event(event))
        if event is not None and event.type() in _STYLED:
            self.setExpandedIcon(_EXPANDED)
            self.setCollapsedIcon(_COLLAPSED)
        return done

"""Where one video lies in another."""

from __future__ import annotations

from typing import NamedTuple


class Offset(NamedTuple):
    """What to add to a position in one video to get the same position in another."""

    frames: int = 0
    rows: int = 0
    columns: int = 0

    def plus(self, other: Offset) -> Offset:
        """Add, axis by axis."""
        return Offset(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Offset) -> Offset:
        """Subtract, axis by axis."""
        return Offset(*(a - b for a, b in zip(self, other, strict=True)))

"""Position of one video in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Offset(NamedTuple):
    """Offset to add to a position in one video to obtain the same position in another."""

    frames: int = 0
    rows: int = 0
    columns: int = 0

    def plus(self, other: Offset) -> Offset:
        """Add, axis by axis."""
        return Offset(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Offset) -> Offset:
        """Subtract, axis by axis."""
        return Offset(*(a - b for a, b in zip(self, other, strict=True)))


def second_batch(_: object, parameters: Mapping[str, Any]) -> Offset:
    """Return the start of the second of two batches, where a landing has the largest contrast."""
    return Offset(frames=parameters["batch_size"])


def middle_of_batch(_: object, parameters: Mapping[str, Any]) -> Offset:
    """Return the middle of a batch."""
    return Offset(frames=(parameters["batch_size"] - 1) // 2)

"""Parameter types that several stages share: type, limits and unit."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Unit

from napari_uai.parameters import Sorted

BatchSize: TypeAlias = Annotated[int, Ge(1), Unit("frames")]
"""Frames averaged on each side of a differential rolling average."""

SigmaPx: TypeAlias = Annotated[float, Gt(0), Unit("px")]
"""Standard deviation of a Gaussian (not sqrt(2) times it)."""

Region: TypeAlias = Annotated[tuple[int, int, int, int], Unit("px")]
"""Part of the field: first row, last row + 1, first column, last column + 1."""

Radius: TypeAlias = Annotated[int, Ge(0), Unit("px")]
"""Distance from a pixel."""

Radii: TypeAlias = Annotated[tuple[Radius, Radius], Sorted]
"""First and last distance from a pixel, both included."""

Axes: TypeAlias = Literal["both", "rows", "columns"]
"""Direction of a pattern: one value per row, one per column, or both."""

Polarity: TypeAlias = Literal["auto", "both", "bright", "dark"]
"""Sign of contrasts; ``auto`` weights signs by their frequency among the strong events."""

"""Parameter types that several functions of trails share: type, limits and unit, each once."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Unit

LongestSide: TypeAlias = Annotated[int, Ge(16), Le(4096), Unit("px")]
"""Longest side of the heatmap."""

PaintedWidth: TypeAlias = Annotated[int, Ge(1), Le(99), Unit("px")]
"""Width of a painted trail in px of the heatmap; odd, so that it is painted about its path."""

Directions: TypeAlias = Annotated[int, Ge(1), Le(72)]
"""Bins of the direction of movement; 1 makes no difference between directions."""

DirectionSpan: TypeAlias = Annotated[float, Gt(0), Unit("px")]
"""How far an object has moved, in px of the heatmap, before it has a direction."""

BlurWidth: TypeAlias = Annotated[int, Ge(1), Le(99), Unit("px")]
"""Width of the square of the heatmap that a blur averages over; odd, 1 for none."""

Weigh: TypeAlias = Literal["time", "arc"]
"""What a stretch of a trail weighs: the time spent on it, or its length."""

Share: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""Part of a trail, by its time or its length."""

LimitUnit: TypeAlias = Literal["trails", "quantile", "permille"]
"""What limits of the heat count: trails, a share of the heat met along trails, or of all trails."""

HeatScale: TypeAlias = Literal["linear", "log", "sqrt", "rank", "surprisal"]
"""How heat between its limits becomes ordinariness from 0 to 1."""

Limit: TypeAlias = Annotated[float, Ge(0)]
"""A limit of the heat, in the unit chosen."""

Threshold: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""Share of a trail that must lie inside a mask for it to count."""

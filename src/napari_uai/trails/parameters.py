"""Types of parameters that several functions of trails share: type, limits and unit, each once."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Unit

from napari_uai.parameters import Odd

LongestSide: TypeAlias = Annotated[int, Ge(16), Le(4096), Unit("px")]
"""Longest side of the heatmap, in cells."""

PaintedWidth: TypeAlias = Annotated[int, Ge(1), Le(99), Odd, Unit("px")]
"""Width of a painted trail in cells of the heatmap."""

Directions: TypeAlias = Annotated[int, Ge(1), Le(72)]
"""Bins of the direction of movement; 1 ignores directions."""

SeveralDirections: TypeAlias = Annotated[int, Ge(2), Le(72)]
"""Bins of the direction of movement, where directions matter."""

DirectionSpan: TypeAlias = Annotated[float, Gt(0), Unit("px")]
"""Displacement, in cells of the heatmap, that defines a direction."""

BlurWidth: TypeAlias = Annotated[int, Ge(1), Le(99), Odd, Unit("px")]
"""Width of a blur in cells of the heatmap; 1 for none."""

BlurKind: TypeAlias = Literal["box", "gaussian"]
"""Shape of a blur."""

Weigh: TypeAlias = Literal["time", "arc"]
"""Weight of a stretch of a trail: the time spent on it, or its length."""

Fraction: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""Fraction of a trail, by time or by length."""

LimitUnit: TypeAlias = Literal["trails", "quantile", "permille"]
"""Unit of limits of heat: trails, quantile of the heat met along trails, or share of all trails."""

HeatScale: TypeAlias = Literal["linear", "log", "sqrt", "rank", "surprisal"]
"""Mapping of heat between its limits to 0 to 1."""

Limit: TypeAlias = Annotated[float, Ge(0)]
"""Limit of heat, in the chosen unit."""

Neighbours: TypeAlias = Annotated[int, Ge(1)]
"""Number of most similar trails."""

GroupSize: TypeAlias = Annotated[int, Ge(2)]
"""Number of trails from which on a class is compared with itself."""

PathPoints: TypeAlias = Annotated[int, Ge(2)]
"""Number of points along each trail."""

StepLength: TypeAlias = Annotated[float, Gt(0), Unit("px")]
"""Distance between points along a trail, in px of the scene."""

FrameRate: TypeAlias = Annotated[float, Gt(0), Unit("Hz")]
"""Samples, or frames, per second."""

SceneSide: TypeAlias = Annotated[int, Ge(2), Le(100_000)]
SceneSize: TypeAlias = Annotated[tuple[SceneSide, SceneSide], Unit("px")]
"""Width and height of the camera's picture."""

TopTrails: TypeAlias = Annotated[int, Ge(1)]
"""Number of most anomalous trails that pictures show."""

PictureSide: TypeAlias = Annotated[int, Ge(200), Unit("px")]
"""Longest side of the scene in a picture."""

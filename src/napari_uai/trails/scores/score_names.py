"""Names of the scores of trails: the columns of ``scores.csv``, wherever they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "heat": "how few others pass in the same direction, along the whole trail",
        "worst_window": "the same along the least frequented stretch",
        "direction": "heading against the most frequent direction",
        "nearest": "distance from the most similar trail, from start to end",
        "companion": "distance from the closest companion, which may go elsewhere before or after, "
        "along the worst long stretch",
        "kink": "the same along the worst short stretch: kinks, hops, movements back and forth",
        "followers": "distance from the sixth closest companion: ways that only a few take",
        "rarity": "the same, averaged over the trail and its four closest companions: routes that "
        "only a few take",
        "passers": "distance from the sixth closest trail at each place of the worst stretch: "
        "places where only a few go",
        "sparsity": "distance from the six closest companions, relative to what is usual for these",
        "shape": "positions and headings that the usual ways of the class do not explain",
        "turning": "turning more sharply at some place than similar trails do there",
        "dwell": "longest stay, relative to what is usual there",
        "speed": "slower or faster than usual there",
    }
)
"""Columns of scores, and what they measure."""

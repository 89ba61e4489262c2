"""What the table of landings lists: those of a review, and of a run that it is compared with.

Uses no Qt and no viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.kit.layers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from napari.layers import Layer, Points

    from napari_uai.evaluate import LandingComparison
    from napari_uai.widgets.kit.ring_looks import Verdict

FOUND_BY = "found_by"
BOTH, THIS, OTHER = "both", "this", "other"

Place: TypeAlias = tuple[Review, int]


@dataclass(frozen=True)
class ListedLandings:
    """Rows of a review, followed by those that only another run has.

    Attributes
    ----------
    review
        Landings that can be judged.
    other
        Run to compare with; None for none.
    other_name
        Name of its layer.
    comparison
        Which landings are the same.
    """

    review: Review
    other: Review | None = None
    other_name: str = ""
    comparison: LandingComparison | None = None

    @classmethod
    def compared(cls, review: Review, other: Review, name: str) -> ListedLandings:
        """Compare a review with another run; landings within half a batch are the same."""
        from napari_uai.evaluate import compare_landings

        frames = max(review.around or 1.0, other.around or 1.0)
        comparison = compare_landings(review.table, other.table, max_frames=frames)
        return cls(review, other, name, comparison)

    @cached_property
    def table(self) -> pd.DataFrame:
        """All rows, with a column that tells which run found them if there are two."""
        import pandas as pd

        if self.other is None or self.comparison is None:
            return self.review.table
        alone = self.other.table.iloc[self.comparison.only_second]
        own = [BOTH if same else THIS for same in self.comparison.in_both]
        rows = pd.concat([self.review.table, alone], ignore_index=True)
        rows = rows[self.review.table.columns]
        rows.insert(0, FOUND_BY, [*own, *[OTHER] * len(alone)])
        return rows

    @property
    def is_compared(self) -> bool:
        """Whether there are two runs."""
        return self.other is not None

    def at(self, row: int) -> Place:
        """Return the review that has a row, and its number there."""
        n = len(self.review.table)
        if row < n or self.other is None or self.comparison is None:
            return self.review, row
        return self.other, int(self.comparison.only_second[row - n])

    def verdict(self, row: int) -> Verdict:
        """Return the verdict on a row, in the run that it is from."""
        review, at = self.at(row)
        return review.verdicts[at]

    def summary(self) -> str:
        """Return in one line how many were found by both and by one; empty if not compared."""
        same = self.comparison
        if same is None:
            return ""
        n_both = int(same.in_both.sum())
        return (
            f"{n_both} found by both, {len(same.partners) - n_both} only here, "
            f"{len(same.only_second)} only by {self.other_name} "
            f"(same: within {same.max_frames:.4g} frames and {same.max_px:.4g} px)"
        )

    def alone(self) -> tuple[set[int], set[int]]:
        """Return the numbers of the landings that only this and only the other run found."""
        if self.other is None or self.comparison is None:
            return set(), set()
        own = self.review.table["landing"].to_numpy()[~self.comparison.in_both]
        others = self.other.table["landing"].to_numpy()[self.comparison.only_second]
        return set(map(int, own)), set(map(int, others))


def comparable(layers: Iterable[Layer], review: Review, own: Layer | None) -> list[Points]:
    """Return the layers of landings of other runs on the same recording, the newest first."""
    name = review.place.record.get("name")
    found = []
    for layer in reversed([*layers]):
        record = layer.metadata.get(KEY, {})
        is_own = own is not None and layer.unique_id == own.unique_id
        if isinstance(record.get("review"), Review) and record.get("name") == name and not is_own:
            found.append(layer)
    return found

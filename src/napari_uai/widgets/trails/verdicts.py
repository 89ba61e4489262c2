"""Verdicts and notes about ranked trails, with undo; uses no Qt and no viewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

Verdict: TypeAlias = Literal["accepted", "rejected", ""]
"""Whether a trail is what the user looks for; empty if undecided."""

SIGNS: dict[Verdict, str] = {"accepted": "✓", "rejected": "✗", "": ""}
VERDICT, NOTE = "verdict", "note"
"""Columns of an exported table."""


@dataclass(frozen=True)
class Opinion:
    """What the user thinks of a trail."""

    verdict: Verdict = ""
    note: str = ""


_NONE = Opinion()


@dataclass
class Verdicts:
    """Opinions by the name of the trail.

    They stay with the trails when settings or filters change, and end with them.
    """

    _opinions: dict[str, Opinion] = field(default_factory=dict)
    _undone_by: list[tuple[str, Opinion]] = field(default_factory=list)

    def of(self, trail: object) -> Opinion:
        """Return the opinion about a trail."""
        return self._opinions.get(str(trail), _NONE)

    def judge(self, trail: object, verdict: Verdict) -> None:
        """Set the verdict on a trail."""
        self._set(str(trail), Opinion(verdict, self.of(trail).note))

    def annotate(self, trail: object, note: str) -> None:
        """Set the note about a trail, in one line."""
        self._set(str(trail), Opinion(self.of(trail).verdict, " ".join(note.split())))

    def undo(self) -> str | None:
        """Revert the last change; return the trail it was about, None if there is none."""
        if not self._undone_by:
            return None
        trail, before = self._undone_by.pop()
        self._opinions[trail] = before
        return trail

    def count(self, verdict: Verdict) -> int:
        """Return the number of trails with a verdict."""
        return sum(each.verdict == verdict for each in self._opinions.values())

    def added_to(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table of trails with columns ``verdict`` and ``note``, if there are any."""
        if all(opinion == _NONE for opinion in self._opinions.values()):
            return table
        opinions = [self.of(trail) for trail in table["trail"]]
        table = table.copy()
        table[VERDICT] = [opinion.verdict for opinion in opinions]
        table[NOTE] = [opinion.note for opinion in opinions]
        return table

    def read(self, path: Path) -> None:
        """Take over the verdicts and notes of an exported table, if it has any.

        Raises
        ------
        TrailFormatError
            If the table cannot be read.
        """
        from napari_uai.errors import TrailFormatError
        from napari_uai.untrusted import read_csv

        texts = dict.fromkeys(("trail", VERDICT, NOTE), str)
        table = read_csv(path, types=texts, error=TrailFormatError).fillna("")
        if not {"trail", VERDICT, NOTE} <= {*table.columns}:
            return
        rows: Iterable[tuple[str, str, str]] = zip(
            table["trail"], table[VERDICT], table[NOTE], strict=True
        )
        for trail, text, note in rows:
            verdict: Verdict = next((known for known in SIGNS if known == text.strip()), "")
            opinion = Opinion(verdict, " ".join(note.split()))
            if opinion != _NONE:
                self._set(trail, opinion)

    def _set(self, trail: str, opinion: Opinion) -> None:
        before = self.of(trail)
        if opinion != before:
            self._undone_by.append((trail, before))
            self._opinions[trail] = opinion

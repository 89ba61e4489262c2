"""What the caller says about a table of samples: columns, units, rows, in one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from napari_uai.errors import BadValueError, nearest
from napari_uai.trails.io.vocabulary import VOCABULARY, meaning_of

BoxPoint: TypeAlias = Literal[
    "centre", "foot", "bottom", "top", "left", "right",
    "top-left", "top-right", "bottom-left", "bottom-right",
]  # fmt: skip
"""Point of an object's box that is its position; ``foot`` and ``bottom`` are the middle of the
lower side."""

BOX_POINTS: dict[str, tuple[float, float]] = {
    "centre": (0.5, 0.5), "foot": (0.5, 1.0), "bottom": (0.5, 1.0), "top": (0.5, 0.0),
    "left": (0.0, 0.5), "right": (1.0, 0.5), "top-left": (0.0, 0.0), "top-right": (1.0, 0.0),
    "bottom-left": (0.0, 1.0), "bottom-right": (1.0, 1.0),
}  # fmt: skip
"""Shares of width and height of each point, from the upper left corner."""

TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Seconds per unit of time."""

ColumnsLike: TypeAlias = str | Mapping[str, Any] | Sequence[str]
"""Names of columns in order (``"frame,trail,x,_,y"``), or by meaning (``"x=cx,y=cy"``)."""

WhereLike: TypeAlias = str | Mapping[str, Any]
"""Rows to take: ``"camera=A"``, ``{"camera": "A"}``."""


@dataclass(frozen=True)
class TableOptions:
    """How to read a table of samples, as far as the table does not say so itself.

    Parameters
    ----------
    columns
        Either the names of all columns in order, such as ``"frame,trail,x,_,y"`` (``_`` columns
        are ignored), or names by meaning, such as ``"x=cx,y=cy,trail=tid"`` or a dictionary. None
        if the table names its columns.
    where
        Rows to take, such as ``"camera=A"``; several conditions are separated by commas.
    time_format
        Format of times: ``"s"``, ``"ms"``, ``"us"``, ``"ns"``, ``"frame"``, or codes of
        ``datetime.strptime`` such as ``"%d.%m.%Y %H:%M:%S"``. None to recognise it.
    normalized
        Whether positions are fractions (0 to 1) of the picture; if None, whether all but a few are
        between 0 and 1.
    box_point
        Point of an object's box that is its position.

    Raises
    ------
    BadValueError
        If a name of a column is unknown, or a value is not accepted.

    Examples
    --------
    >>> from napari_uai.trails import TableOptions
    >>> TableOptions(columns="x=cx,y=cy,trail=tid").by_meaning
    {'x': 'cx', 'y': 'cy', 'trail': 'tid'}
    >>> TableOptions(columns="frame,trail,x,_,y").in_order
    ['frame', 'trail', 'x', '_', 'y']
    >>> TableOptions(columns="x=cx,why=cy")
    Traceback (most recent call last):
        ...
    napari_uai.errors.BadValueError: columns: unknown name 'why'; did you mean 'y'?
    """

    columns: ColumnsLike | None = None
    where: WhereLike | None = None
    time_format: str | None = None
    normalized: bool | None = None
    box_point: BoxPoint = "centre"

    def __post_init__(self) -> None:
        if self.box_point not in BOX_POINTS:
            raise BadValueError(
                f"box_point must be one of {', '.join(BOX_POINTS)}, got {self.box_point!r}"
            )
        for name in self.in_order or self.by_meaning:
            _check_name(name)
        _ = self.conditions
        form = self.time_format
        if form is not None and form not in (*TIME_UNITS, "frame") and "%" not in form:
            raise BadValueError(
                "time_format must be s, ms, us, ns, frame, or codes such as "
                f"'%d.%m.%Y %H:%M:%S', got {form!r}"
            )

    @property
    def in_order(self) -> list[str] | None:
        """Names of the columns in order; None if they are not given so."""
        if self.columns is None or isinstance(self.columns, Mapping):
            return None
        texts = self.columns.split(",") if isinstance(self.columns, str) else self.columns
        names = [str(text).strip() for text in texts]
        return None if any("=" in name for name in names) else names

    @property
    def by_meaning(self) -> dict[str, Any]:
        """Names of columns in the table by what they mean."""
        if self.columns is None or self.in_order is not None:
            return {}
        return _pairs(self.columns, "columns")

    @property
    def conditions(self) -> dict[str, str]:
        """Values of columns of the rows to take."""
        pairs = {} if self.where is None else _pairs(self.where, "where")
        return {name: str(value) for name, value in pairs.items()}

    @property
    def record(self) -> dict[str, Any]:
        """Options that differ from their defaults, as recorded in run.json."""
        values = {
            "columns": self.in_order or self.by_meaning or None,
            "where": self.conditions or None,
            "time_format": self.time_format,
            "normalized": self.normalized,
            "box_point": None if self.box_point == "centre" else self.box_point,
        }
        if isinstance(self.columns, str):
            values["columns"] = self.columns
        return {name: value for name, value in values.items() if value is not None}

    @property
    def says_anything(self) -> str:
        """Name of the first option that differs from its default; empty if there is none."""
        return next(iter(self.record), "")


NOTHING_SAID = TableOptions()
"""All is in the table."""


def _pairs(value: str | Mapping[str, Any] | Sequence[str], what: str) -> dict[str, Any]:
    """Return ``NAME=VALUE`` pairs."""
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    texts = value.split(",") if isinstance(value, str) else value
    pairs = {}
    for text in texts:
        name, equals, each = text.partition("=")
        if not equals or not name.strip():
            example = "camera=A" if what == "where" else "x=cx,y=cy,trail=tid"
            raise BadValueError(f"{what} must be NAME=VALUE, such as {example}, got {text!r}")
        pairs[name.strip()] = each.strip()
    return pairs


def _check_name(name: str) -> None:
    if name.strip("_") and not meaning_of(name).role:
        raise BadValueError(f"columns: unknown name {name!r}; {nearest(name, VOCABULARY)}")

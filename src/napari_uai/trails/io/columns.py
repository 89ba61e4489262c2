"""Tables of samples: which columns and rows are used, and what they become."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError, TrailFormatError, counted, nearest
from napari_uai.trails.io.grouping import grouped, n_pairs
from napari_uai.trails.io.positions import positions_of
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.sample_times import times_of
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.io.times import coded
from napari_uai.trails.io.vocabulary import Roles, check_roles, meaning_of, roles_of
from napari_uai.typing import Bools, Floats

_UNTRACKED = {"-1", str(2**64 - 1), str(2**32 - 1)}
"""Identities of boxes that the tracker has not assigned; -1 also as an unsigned number."""

_NAMED_VALUES = 8
_MOST_PARTS = 1000
_DIGITS = re.compile(r"[+-]?\d+")


class Samples(NamedTuple):
    """Samples of trails, not yet in pixels of a scene.

    Parameters
    ----------
    trail
        Name of the trail of each sample.
    time
        Time of each sample, in s.
    y, x
        Position of each sample.
    kind
        Class of each sample; None if the table has none.
    utc_offset_s
        Offset of local time from UTC, in s; None if no time states it.
    trail_column
        Name of the column of trails.
    table, unused
        The rows that the samples are of, and the columns that were not used.
    others
        Names of other columns that hold numbers of things, for the advice of an error.
    unit
        Unit of positions: ``px``, ``m``, ``deg``, ``fraction``, or empty if unknown.
    of_day
        Whether times are times of day.
    columns
        Columns that were used, with what they mean.
    notes
        What was assumed, one line each.
    """

    trail: pd.Categorical
    time: Floats
    y: Floats
    x: Floats
    kind: pd.Categorical | None
    utc_offset_s: Floats | None
    trail_column: str
    table: pd.DataFrame
    unused: tuple[Any, ...]
    others: tuple[str, ...]
    unit: str
    of_day: bool
    columns: str
    notes: tuple[str, ...]


def samples_of(
    source: SampleTable,
    *,
    options: TableOptions = NOTHING_SAID,
    frame_rate_hz: float | None = None,
    camera: str | None = None,
    keep_extrapolated: bool = True,
    file: str = "",
    problems: list[Problem] | None = None,
) -> Samples:
    """Return the samples of a table.

    Parameters
    ----------
    source
        Table as read from a file.
    options
        What the caller says about the table.
    frame_rate_hz
        Frames per second; if None, as stated by the file, or 1.
    camera
        Camera to take, if there are several.
    keep_extrapolated
        Whether to keep samples marked as extrapolated.
    file
        Name of the file, for problems.
    problems
        List of problems; extended by rows that are dropped.

    Raises
    ------
    TrailFormatError
        If there is no column of trails or positions, or there are several cameras.
    BadValueError
        If an option names a column or value that the table does not have.
    """
    problems = [] if problems is None else problems
    if options.in_order:
        source = replace(source, table=_named_in_order(source.table, options.in_order))
    table = source.table
    roles = _roles(source, options)
    table = _chosen_rows(table, roles, options, camera)
    table = _seen_rows(table, roles, keep_extrapolated, (file, source.noun), problems)
    explicit = {**source.columns, **_found_columns(options.by_meaning, table)}
    if options.in_order:
        explicit |= {meaning_of(n).role: n for n in options.in_order if meaning_of(n).role}
    check_roles(roles, source.table.columns)
    notes: list[str] = []
    used: set[Any] = set()
    key = _trail_column(table, roles, explicit, notes)
    trail = names_of(table[key])
    used.add(key)
    y, x, unit = positions_of(table, roles, explicit, options, used, notes)
    time, offset, of_day = times_of(
        table, roles, trail, options, (frame_rate_hz, source.frame_rate_hz), used, notes
    )
    column, kind = _class_column(table, roles, trail, explicit, used, notes)
    used |= {column} - {None}
    used |= {
        c for role in ("camera", "lost", "extrapolated") for c in roles.candidates.get(role, [])
    }
    used |= set(_found_columns(options.conditions, source.table).values())
    _note_unused(source, options, used, notes)
    once = len(trail.categories) >= np.count_nonzero(trail.codes >= 0)
    others = _other_trails(table, used, time) if once else ()
    unused = tuple(name for name in table.columns if name not in used)
    return Samples(
        trail, time, y, x, kind, offset, str(key), table, unused, others, source.unit or unit,
        of_day, _used_columns(table, roles, key, used), tuple(notes),
    )  # fmt: skip


def _used_columns(table: pd.DataFrame, roles: Roles, key: Any, used: set[Any]) -> str:
    """Return the columns that were used, each as ``meaning=name``; numbers count from 1."""
    named = []
    for name in table.columns:
        if name in used:
            meaning = roles.meanings.get(name)
            role = "trail" if name == key else meaning.role if meaning else ""
            number: Any = name  # of columns without names; pandas says that all are texts
            text = str(number + 1) if isinstance(number, int) else " ".join(str(name).split())
            named.append(f"{role}={text}" if role else text)
    return ", ".join(named)


def _other_trails(table: pd.DataFrame, used: set[Any], time: Floats) -> tuple[str, ...]:
    """Return unused columns that may hold the id of trails: each once at a time, but often."""
    return tuple(
        str(name)
        for name in table.columns
        if name not in used
        and 1 < table[name].nunique() <= len(table) / 2
        and not pd.DataFrame({"id": table[name].to_numpy(), "time": time}).duplicated().any()
    )


def column_that_tells_apart(samples: Samples) -> tuple[str, list[str]] | None:
    """Return a column, and its values, by which no trail has two samples at a time; None if none.

    Tables of several recordings, or of several points of each object, have such a column.
    """
    keys = pd.DataFrame({"trail": samples.trail.codes, "time": samples.time})
    for name in samples.unused:
        column = samples.table[name]
        if not 1 < column.nunique() <= min(_MOST_PARTS, len(column) / 2):
            continue
        values = names_of(column)
        if not keys.assign(part=values.codes).duplicated().any():
            return str(name), grouped(values).names.tolist()
    return None


def names_of(column: pd.Series[Any]) -> pd.Categorical:
    """Return names of trails: texts as they are, numbers without a fraction as whole numbers.

    Examples
    --------
    >>> names_of(pd.Series(["007", "8", None])).tolist()
    ['007', '8', nan]
    >>> names_of(pd.Series([3.0, None])).tolist()
    ['3', nan]
    """
    codes, values = coded(column)
    texts = _plain_names(pd.Series(values))
    if pd.api.types.is_integer_dtype(values):
        return pd.Categorical.from_codes(codes, categories=pd.Index(texts), validate=False)
    names, places = np.unique(texts, return_inverse=True)
    if len(names) and names[0] == "":
        names, places = names[1:], places - 1
    if not np.array_equal(places, np.arange(len(texts))):
        codes = np.append(places, -1).astype(np.int32)[codes]
    return pd.Categorical.from_codes(codes, categories=pd.Index(names), validate=False)


def _plain_names(values: pd.Series[Any]) -> npt.NDArray[Any]:
    """Return distinct values as text; empty where there is none."""
    if pd.api.types.is_float_dtype(values):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        finite = numbers[np.isfinite(numbers)]
        if np.all((finite == np.trunc(finite)) & (np.abs(finite) < 2**53)):
            whole = np.where(np.isfinite(numbers), numbers, 0).astype(np.int64).astype(str)
            return np.where(np.isfinite(numbers), whole, "").astype(object)
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("str").to_numpy(object)
    # Python's loop over distinct values takes less than the detours of pandas.
    texts = [str(value).strip() for value in values.tolist()]
    wholes = [_whole_number(text) for text in texts]
    if None not in wholes:
        texts = [whole or "" for whole in wholes]
    return np.array(texts, object)


def _whole_number(text: str) -> str | None:
    """Return a text as it is if it is a whole number or empty, 5.0 and 5e0 as 5, else None."""
    if not text or _DIGITS.fullmatch(text):
        return text
    if "_" in text:  # 1_2 is 12 for Python
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return str(int(number)) if number % 1 == 0 and abs(number) < 2**53 else None


def untracked(names: npt.NDArray[np.object_]) -> Bools:
    """Return which names mean that an object is not tracked: -1."""
    return np.array([name in _UNTRACKED for name in names], bool)


def _roles(source: SampleTable, options: TableOptions) -> Roles:
    """Return the columns by meaning, those that the format or the caller define first."""
    names = list(source.table.columns)
    roles = Roles({}, {}) if source.defined else roles_of(names)
    given = {**source.columns, **_found_columns(options.by_meaning, source.table)}
    stated = {meaning_of(name).role for name in given}
    candidates = {role: list(columns) for role, columns in roles.candidates.items()}
    meanings = dict(roles.meanings)
    for name, column in given.items():
        meaning = meaning_of(name)
        unit = meanings.get(column, meaning_of(column))
        taken = [c for c in candidates.get(meaning.role, []) if c != column]
        for others in candidates.values():
            if column in others:
                others.remove(column)
        candidates[meaning.role] = [column, *taken]
        kind, factor = (unit.kind, unit.factor) if unit.kind else (meaning.kind, meaning.factor)
        meanings[column] = meaning._replace(kind=kind, factor=factor)
        if meaning.role == "t":
            candidates.pop("frame", None)
        if meaning.role in ("frame", "t") and not {"time", "date"} & stated:
            candidates.pop("time", None)
    return Roles({role: found for role, found in candidates.items() if found}, meanings)


def _found_columns(wanted: dict[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of a table that the caller names, by what he says that they mean."""
    found: dict[str, Any] = {}
    plain = {str(name).strip().casefold(): name for name in reversed(list(table.columns))}
    for name, column in wanted.items():
        if column in table.columns:
            found[name] = column
        elif str(column).strip().casefold() in plain:
            found[name] = plain[str(column).strip().casefold()]
        elif str(column).strip().isdecimal() and 1 <= int(column) <= len(table.columns):
            found[name] = table.columns[int(column) - 1]
    return found


def _named_in_order(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return a table with the columns named in order."""
    width = table.shape[1]
    if len(names) > width:
        given, there = counted(len(names), "name"), counted(width, "column")
        raise BadValueError(f"columns has {given}, but the table has {there}")
    full = [*names, *["_"] * (width - len(names))]
    return table.set_axis(
        [n.lower() if n.strip("_") else f"_{i}" for i, n in enumerate(full)], axis=1
    )


def check_columns(options: TableOptions, table: pd.DataFrame) -> None:
    """Raise BadValueError if an option names a column that the table does not have."""
    found = _found_columns(options.by_meaning, table)
    for name, column in options.by_meaning.items():
        if name not in found:
            names = [str(each) for each in table.columns]
            raise BadValueError(
                f"columns: {name}={column}: no such column; {nearest(str(column), names)}"
            )


def _chosen_rows(
    table: pd.DataFrame, roles: Roles, options: TableOptions, camera: str | None
) -> pd.DataFrame:
    """Return the rows that the caller wants, of one camera."""
    check_columns(options, table)
    conditions = dict(options.conditions)
    by_camera = roles.first("camera")
    if camera is not None:
        if by_camera is None:
            raise BadValueError(f"camera: the table has no column of cameras, got {camera!r}")
        conditions[str(by_camera)] = camera
    for name, value in conditions.items():
        column = _condition_column(name, table, roles)
        values = names_of(table[column])
        keep = np.asarray(values == value)
        if not keep.any():
            listed = ", ".join(grouped(values).names[:_NAMED_VALUES])
            raise BadValueError(f"where: no row has {column} = {value}; it holds {listed}")
        table = table[keep]
        if column == by_camera:
            by_camera = None
    if by_camera is not None:
        _refuse_several_cameras(table, by_camera, roles)
    return table.reset_index(drop=True)


def _condition_column(name: str, table: pd.DataFrame, roles: Roles) -> Any:
    found = _found_columns({name: name}, table)
    column = found.get(name, roles.first(meaning_of(name).role))
    if column is None:
        names = [str(each) for each in table.columns]
        raise BadValueError(f"where: no column {name!r}; {nearest(name, names)}")
    return column


def _refuse_several_cameras(table: pd.DataFrame, column: Any, roles: Roles) -> None:
    counts = pd.Series(names_of(table[column])).value_counts()
    counts = counts[counts > 0]
    key = roles.first("trail")
    # A column that varies within a trail does not name the camera.
    if len(counts) < 2 or (key is not None and len(counts) > table[key].nunique()):
        return
    listed = ", ".join(
        f"{name} ({counted(n, 'row')})" for name, n in counts.head(_NAMED_VALUES).items()
    )
    first = counts.index[0]
    raise TrailFormatError(
        f"{len(counts)} cameras in column {column!r}: {listed}; choose one, for example "
        f"camera={first!r} or where='{column}={first}' (--camera {first})"
    )


def _seen_rows(
    table: pd.DataFrame,
    roles: Roles,
    keep_extrapolated: bool,
    named: tuple[str, str],
    problems: list[Problem],
) -> pd.DataFrame:
    """Drop rows marked as lost, and as extrapolated if wanted."""
    file, noun = named
    for role, wanted in (("lost", True), ("extrapolated", not keep_extrapolated)):
        column = roles.first(role)
        if column is None or not wanted:
            continue
        marked = table[column].astype("str").str.lower().isin(("1", "true", "1.0", "yes"))
        if marked.any():
            text = (
                f"{counted(marked.sum(), noun)} marked as {role}, {share(marked.sum(), len(table))}"
            )
            problems.append((file, "", f"{text}: dropped"))
            table = table[~marked.to_numpy()]
    return table.reset_index(drop=True)


def _trail_column(
    table: pd.DataFrame, roles: Roles, explicit: dict[str, Any], notes: list[str]
) -> Any:
    """Return the column of trails; not one that has another value in each row."""
    choices = roles.candidates["trail"]
    if "trail" in explicit or len(choices) == 1:
        return choices[0]
    for column in choices:
        if table[column].nunique() < max(table[column].notna().sum(), 2):
            if column != choices[0]:
                notes.append(
                    f"trails taken from column {column!r}: {choices[0]!r} differs in each row"
                )
            return column
    return choices[0]


def _class_column(
    table: pd.DataFrame,
    roles: Roles,
    trail: pd.Categorical,
    explicit: dict[str, Any],
    used: set[Any],
    notes: list[str],
) -> tuple[Any, pd.Categorical | None]:
    """Return the column of classes: names before numbers; not one that differs in each sample."""
    choices = [c for c in roles.candidates.get("class", []) if c not in used]
    if not choices:
        return None, None
    if "class" in explicit:
        return choices[0], _class_names(names_of(table[choices[0]]), notes)
    names = {column: names_of(table[column]) for column in choices}
    steady = [column for column in choices if _is_steady(names[column], trail)]
    notes.extend(
        f"column {column!r} is not taken as class: it differs within trails"
        for column in choices
        if column not in steady
    )
    if not steady:
        return None, None
    named = [column for column in steady if not _numbered(names[column])]
    best = (named or steady)[0]
    return best, _class_names(names[best], notes)


def _is_steady(names: pd.Categorical, trail: pd.Categorical) -> bool:
    """Return whether the classes of the samples of most trails are the same."""
    if len(names.categories) < 2:
        return True
    kind, owner = (np.asarray(each.codes, np.int32) for each in (names, trail))
    n = int(np.count_nonzero((kind >= 0) & (owner >= 0)))
    n_trails = max(len(trail.categories), 1)
    if n < 3 * n_trails:
        return True
    return n_pairs(owner, kind, n_trails, len(names.categories)) <= max(n / 2, n_trails)


def _numbered(names: pd.Categorical) -> list[str]:
    """Return the names in order if all are numbers; an empty list otherwise."""
    kinds = names.categories.tolist()
    if any("_" in kind for kind in kinds):  # 1_2 is 12 for Python
        return []
    try:
        return sorted(kinds, key=float)
    except ValueError:
        return []


def _class_names(names: pd.Categorical, notes: list[str]) -> pd.Categorical:
    """Return classes; note that they are numbers."""
    if kinds := _numbered(names):
        listed = ", ".join(kinds[:_NAMED_VALUES]) + (", ..." if len(kinds) > _NAMED_VALUES else "")
        notes.append(f"classes are numbers ({listed}): the file does not name them")
    return names


def _note_unused(
    source: SampleTable, options: TableOptions, used: set[Any], notes: list[str]
) -> None:
    unused = [
        " ".join(str(name).split())
        for name in source.table.columns
        if name not in used
        and name not in source.ignored
        and not str(name).startswith(("_", "Unnamed:"))
        and not (options.in_order and meaning_of(name).role == "")
    ]
    if unused:
        more = f" and {len(unused) - 12} more" if len(unused) > 12 else ""
        notes.append(f"columns not used: {', '.join(unused[:12])}{more}")


def share(n: int, total: int) -> str:
    """Return a share as ``NN %``, not rounded to 0 or 100 %.

    Examples
    --------
    >>> share(1, 8), share(3, 39203), share(8, 8)
    ('12 %', '0.008 %', '100 %')
    """
    percent = 100 * n / max(total, 1)
    if percent in (0, 100) or 1 <= percent <= 99:
        return f"{percent:.0f} %"
    return f"{percent:.1g} %" if percent < 1 else f"{percent:.5g} %"

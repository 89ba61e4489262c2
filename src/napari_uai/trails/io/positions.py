"""Columns of positions and boxes to positions: which point of a box, degrees to metres."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.option_names import option
from napari_uai.trails.io.table_options import BOX_POINTS, TableOptions
from napari_uai.trails.io.times import numbers_of
from napari_uai.trails.io.vocabulary import Roles, has_box, meaning_of, words_of
from napari_uai.typing import Floats

_EARTH_M_PER_DEG = 111_320.0
_FEW = 0.05


def positions_of(
    table: pd.DataFrame,
    roles: Roles,
    explicit: dict[str, Any],
    options: TableOptions,
    used: set[Any],
    notes: list[str],
) -> tuple[Floats, Floats, str]:
    """Return y and x of the samples, and their unit."""
    y, x, unit = _in_stated_unit(table, roles, explicit, options, used, notes)
    if unit == "percent":
        return y / 100, x / 100, "fraction"
    return y, x, unit


def _in_stated_unit(
    table: pd.DataFrame,
    roles: Roles,
    explicit: dict[str, Any],
    options: TableOptions,
    used: set[Any],
    notes: list[str],
) -> tuple[Floats, Floats, str]:
    """Return y and x as they are in the table, and their unit."""
    given = {meaning_of(name).role for name in explicit}
    corner = _is_corner(table, roles, given)
    if roles.has("x", "y") and has_box(roles) and not {"x", "y"} & given:
        # World positions that are all -1, for example.
        constant = all(_is_constant(table[roles.candidates[axis][0]]) for axis in ("x", "y"))
        roles = roles.without("x", "y") if constant else roles
    boxed = has_box(roles) or corner
    by_box = boxed and (
        corner
        or not roles.has("x", "y")
        or options.box_point != "centre"
        or ({"left", "top"} <= given and not {"x", "y"} & given)
    )
    if not by_box:
        if options.box_point != "centre":
            raise BadValueError(
                f"box_point {options.box_point!r} needs boxes, and the table has positions only"
            )
        names = ("x", "y") if roles.has("x", "y") else ("left", "top")
        if names[0] == "left":
            notes.append("boxes without a size: positions are their upper left corner")
        columns = [roles.candidates[name][0] for name in names]
        used.update(columns)
        x, y = (numbers_of(table[column]) for column in columns)
        unit = roles.meanings[columns[0]].kind
        if _is_geographic(columns):
            y, x = _in_metres(y, x)
            unit = "m"
        return y, x, unit
    left_column, top_column = (
        (roles.candidates["x"][0], roles.candidates["y"][0])
        if corner
        else (roles.candidates["left"][0], roles.candidates["top"][0])
    )
    left, top = numbers_of(table[left_column]), numbers_of(table[top_column])
    used.update((left_column, top_column))
    if not roles.has("right", "bottom"):
        sides = [roles.candidates[name][0] for name in ("width", "height")]
        width, height = (numbers_of(table[column]) for column in sides)
    else:
        sides = [roles.candidates[name][0] for name in ("right", "bottom")]
        right, bottom = (numbers_of(table[column]) for column in sides)
        width, height = right - left, bottom - top
        if np.nanmean((width < 0) | (height < 0)) > _FEW:
            notes.append(
                f"{sides[0]!r}, {sides[1]!r} are often below {left_column!r}, {top_column!r}: "
                "taken as width and height"
            )
            width, height = right, bottom
    used.update(sides)
    if corner:
        notes.append(
            f"{left_column!r}, {top_column!r} taken as the upper left corner of boxes, because "
            "they have a width and height; if they are positions: "
            + option("columns", f"x={left_column},y={top_column}")
        )
    share_x, share_y = BOX_POINTS[options.box_point]
    x = left + (width / 2 if share_x == 0.5 else width * share_x)
    y = top + (height / 2 if share_y == 0.5 else height * share_y)
    return y, x, roles.meanings[left_column].kind


def _is_constant(column: pd.Series[Any]) -> bool:
    values = numbers_of(column)
    return bool((values == values[:1]).all())


def _is_corner(table: pd.DataFrame, roles: Roles, given: set[str]) -> bool:
    """Return whether x and y are the corner of a box: plain names beside a width and height."""
    if not roles.has("x", "y", "width", "height") or roles.has("left", "top") or {"x", "y"} & given:
        return False
    plain = all(words_of(roles.candidates[axis][0])[0] == [axis] for axis in ("x", "y"))
    sides = {
        axis: numbers_of(table[roles.candidates[axis][0]]) for axis in ("x", "y", "width", "height")
    }
    if _is_picture(sides["x"], sides["width"]) and _is_picture(sides["y"], sides["height"]):
        return False
    # Length, width and height are those of a body.
    body = any(words_of(name)[0][-1:] in (["length"], ["depth"], ["l"]) for name in table.columns)
    return plain and not body


def _is_picture(positions: Floats, side: Floats) -> bool:
    """Return whether a side is the same everywhere and beyond all positions: of the picture."""
    finite = positions[np.isfinite(positions)]
    if not len(finite) or len(np.unique(side)) != 1:
        return False
    return bool(finite.max() <= side[0] and np.median(finite) > 0 and len(np.unique(finite)) > 1)


def _is_geographic(columns: Iterable[Any]) -> bool:
    degrees = {"lon", "lng", "long", "longitude", "lat", "latitude"}
    return all(degrees & set(words_of(name)[0]) for name in columns)


def _in_metres(latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
    """Return y (down, so that north is up) and x in metres, by an equirectangular projection."""
    lat0, lon0 = np.nanmedian(latitude), np.nanmedian(longitude)
    x = (longitude - lon0) * _EARTH_M_PER_DEG * np.cos(np.radians(lat0))
    return -(latitude - lat0) * _EARTH_M_PER_DEG, x

"""JSON of trackers, most of which is long arrays of coordinates: decoded when asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from napari_uai.errors import TrailFormatError


class Tracking(TypedDict, total=False):
    """What is read of ``tracking``.

    The outlines (``hull``) of an object at every sample are 90 % of its record, and only the last
    is wanted.
    """

    xy_center: msgspec.Raw
    hull: msgspec.Raw
    track_status: msgspec.Raw
    frame_width: Any
    frame_height: Any


class Record(TypedDict, total=False):
    """What is read of a tracked object."""

    _id: Any
    bdb_classifier: Any
    first_epoch_ms: Any
    final_epoch_ms: Any
    final_datetime_isoformat: Any
    ancestor_id: Any
    descendant_id: Any
    tracking: Tracking


_RECORD = msgspec.json.Decoder(Record)
_EXPORT = msgspec.json.Decoder(dict[str, Record] | list[Record])
_NUMBERS = msgspec.json.Decoder(list[float])
_REFUSED = (msgspec.MsgspecError, ValueError, RecursionError)
_KEY = re.compile(rb'"(\w+)"')
_IN_NUMBERS = b"0123456789+-.eE \t\r\n"


def parse_record(data: bytes) -> Any:
    """Parse JSON that holds one tracked object.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.

    Returns
    -------
    Record
        Its arrays are still text: see :func:`pairs`, :func:`last_pairs` and :func:`in_full`.
        Whatever else the JSON holds if that is no such object.

    Raises
    ------
    TrailFormatError
        If it is no JSON, or cut short.
    """
    data = _without_mark(data)
    try:
        return _RECORD.decode(data)
    except _REFUSED:
        return parse_json(data)


def parse_export(data: bytes, repeated: list[str]) -> Any:
    """Parse JSON that holds many tracked objects by their names, a list of them, or one.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.
    repeated
        Receives keys that one object holds more than once; the first value counts.

    Returns
    -------
    dict of Record, list of Record or Record
        As :func:`parse_record` gives them.

    Raises
    ------
    TrailFormatError
        If it is no JSON, or cut short.
    """
    data = _without_mark(data)
    try:
        content: Any = _EXPORT.decode(data)
        if isinstance(content, dict) and "tracking" in content:  # an object, or the name of one
            content = _RECORD.decode(data)
    except _REFUSED:
        return parse_json(data, repeated)
    return parse_json(data, repeated) if _may_repeat(data, content) else content


def parse_json(data: bytes, repeated: list[str] | None = None) -> Any:
    """Parse any JSON, as :func:`json.loads` does: NaN and infinity are numbers.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.
    repeated
        Receives keys that one object holds more than once, and the first value counts; if None,
        the last counts.

    Raises
    ------
    TrailFormatError
        If it is no JSON, or cut short.
    """

    def unique(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        assert repeated is not None
        found: dict[str, Any] = {}
        for key, value in items:
            if key not in found:
                found[key] = value
            else:
                repeated.append(key)
        return found

    try:
        return json.loads(
            _without_mark(data), object_pairs_hook=None if repeated is None else unique
        )
    except (ValueError, RecursionError) as error:
        raise TrailFormatError(f"broken or truncated JSON ({_reason(error)})") from None


def pairs(value: Any) -> npt.NDArray[np.float64]:
    """Return an array of pairs of numbers: n, 2; NaN where there is none.

    Raises
    ------
    TypeError, ValueError
        If it is no array.
    """
    points = _pairs_of_text(bytes(value)) if isinstance(value, msgspec.Raw) else None
    return _pairs_of_list(in_full(value)) if points is None else points


def last_pairs(value: Any) -> npt.NDArray[np.float64]:
    """Return the last item of an array, which is one of pairs, as :func:`pairs` does.

    Raises
    ------
    TypeError, ValueError
        If it is no array, or empty.
    """
    if isinstance(value, msgspec.Raw):
        text = bytes(value)
        start = text.rfind(b"[[")  # if blanks stand between them, all is decoded
        points = _pairs_of_text(text[start:-1].rstrip()) if start > 0 else None
        if points is not None:
            return points
    items = in_full(value)
    if not isinstance(items, list) or not items:
        raise TypeError("no list of lists of points")
    return _pairs_of_list(items[-1])


def in_full(value: Any) -> Any:
    """Return a value as :func:`json.loads` gives it."""
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value


def _without_mark(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf")


def _reason(error: Exception) -> str:
    return str(error).split(": line", maxsplit=1)[0].split(": char", maxsplit=1)[0][:80]


def _may_repeat(data: bytes, content: Any) -> bool:
    """Tell whether a key stands more often in the text than in what was decoded."""
    several = content.values() if isinstance(content, dict) else content
    records = [content] if "tracking" in content else list(several)
    found = [record["tracking"] for record in records if "tracking" in record]
    in_text = Counter(_KEY.findall(data))
    return any(
        in_text[key.encode()] != sum(key in holder for holder in holders)
        for schema, holders in ((Record, records), (Tracking, found))
        for key in schema.__annotations__
    )


def _pairs_of_text(text: bytes) -> npt.NDArray[np.float64] | None:
    """Decode ``[[x, y], ...]``; None if that is anything else."""
    brackets = text.translate(None, _IN_NUMBERS)
    n = len(brackets) // 4
    if brackets != b"[" + b",".join([b"[,]"] * n) + b"]":
        return None
    try:
        numbers = _NUMBERS.decode(b"[" + text.translate(None, b"[]") + b"]")
    except msgspec.MsgspecError:  # beyond the range of a float
        return None
    return np.fromiter(numbers, np.float64, 2 * n).reshape(n, 2)


def _pairs_of_list(items: Any) -> npt.NDArray[np.float64]:
    if not isinstance(items, list):
        raise TypeError("no list of points")
    return np.array([_pair(item) for item in items], np.float64).reshape(-1, 2)


def _pair(item: Any) -> tuple[float, float]:
    """Two numbers, or NaN: null, words and points of one coordinate are no position."""
    try:
        first, second = item
        return float(first), float(second)
    except (TypeError, ValueError, OverflowError):
        return np.nan, np.nan

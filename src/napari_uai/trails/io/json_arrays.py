"""JSON of trackers: mostly long arrays of coordinates, which are decoded on demand."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypedDict

import msgspec
import numpy as np

from napari_uai.errors import TrailFormatError
from napari_uai.typing import Floats


class Tracking(TypedDict, total=False):
    """Fields of ``tracking`` that are read.

    The outlines (``hull``) of an object at all samples are 90 % of its record; only the last one
    is decoded.
    """

    xy_center: msgspec.Raw
    hull: msgspec.Raw
    track_status: msgspec.Raw
    frame_width: Any
    frame_height: Any


class Record(TypedDict, total=False):
    """Fields of a tracked object that are read."""

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
_ANY = msgspec.json.Decoder()
_NUMBERS = msgspec.json.Decoder(list[float])
_REFUSED = (msgspec.MsgspecError, ValueError, RecursionError)
_KEY = re.compile(rb'"(\w+)"')
_IN_NUMBERS = b"0123456789+-.eE \t\r\n"


def parse_record(data: bytes) -> Any:
    """Parse JSON of one tracked object.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.

    Returns
    -------
    Record
        Record whose arrays are not decoded yet: see :func:`pairs`, :func:`last_pairs` and
        :func:`in_full`. If the JSON is not such an object, its content.

    Raises
    ------
    TrailFormatError
        If the JSON is invalid or truncated.
    """
    data = _without_mark(data)
    try:
        return _RECORD.decode(data)
    except _REFUSED:
        return parse_json(data)


def parse_export(data: bytes, repeated: list[str]) -> Any:
    """Parse JSON of many tracked objects, by name or in a list, or of a single one.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.
    repeated
        List to which duplicate keys are appended; their first value is used.

    Returns
    -------
    dict of Record, list of Record or Record
        Records as of :func:`parse_record`.

    Raises
    ------
    TrailFormatError
        If the JSON is invalid or truncated.
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
    """Parse any JSON as :func:`json.loads` does, including NaN and infinity.

    Parameters
    ----------
    data
        Text in UTF-8, with or without a byte-order mark.
    repeated
        List to which duplicate keys are appended; their first value is used. If None, duplicates
        are not reported and the last value is used.

    Raises
    ------
    TrailFormatError
        If the JSON is invalid or truncated.
    """

    def unique(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        assert repeated is not None
        values: dict[str, Any] = {}
        for key, value in items:
            if key not in values:
                values[key] = value
            else:
                repeated.append(key)
        return values

    data = _without_mark(data)
    if repeated is None:
        with suppress(*_REFUSED):
            return _ANY.decode(data)
    try:
        return json.loads(data, object_pairs_hook=None if repeated is None else unique)
    except (ValueError, RecursionError) as error:
        raise TrailFormatError(f"invalid or truncated JSON ({_reason(error)})") from None


def parse_json_lines(data: bytes) -> list[Any] | None:
    """Parse JSON of which each line is a document; None if one is not, or there is only one.

    Parameters
    ----------
    data
        Text in UTF-8.
    """
    try:
        documents = _ANY.decode_lines(data)
    except _REFUSED:
        lines = [line for line in data.splitlines() if line.strip()]
        try:
            documents = [parse_json(line) for line in lines] if len(lines) > 1 else []
        except TrailFormatError:
            return None
    return documents if len(documents) > 1 else None


def pairs(value: Any) -> Floats:
    """Return an array of pairs of numbers: n, 2; float64. NaN for invalid pairs.

    Raises
    ------
    TypeError, ValueError
        If the value is not an array.
    """
    points = _pairs_of_text(bytes(value)) if isinstance(value, msgspec.Raw) else None
    return _pairs_of_list(in_full(value)) if points is None else points


def last_pairs(value: Any) -> Floats:
    """Return the last item of an array of arrays of pairs, as :func:`pairs` does.

    Raises
    ------
    TypeError, ValueError
        If the value is not an array, or empty.
    """
    if isinstance(value, msgspec.Raw):
        text = bytes(value)
        start = text.rfind(b"[[")  # with blanks in between, everything is decoded
        points = _pairs_of_text(text[start:-1].rstrip()) if start > 0 else None
        if points is not None:
            return points
    items = in_full(value)
    if not isinstance(items, list) or not items:
        raise TypeError("not a list of lists of points")
    return _pairs_of_list(items[-1])


def in_full(value: Any) -> Any:
    """Return a value as decoded by :func:`json.loads`."""
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value


def _without_mark(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf")


def _reason(error: Exception) -> str:
    return str(error).split(": line", maxsplit=1)[0].split(": char", maxsplit=1)[0][:80]


def _may_repeat(data: bytes, content: Any) -> bool:
    """Return whether the text may contain a key more often than the decoded content."""
    several = content.values() if isinstance(content, dict) else content
    records = [content] if "tracking" in content else list(several)
    trackings = [record["tracking"] for record in records if "tracking" in record]
    in_text = Counter(_KEY.findall(data))
    return any(
        in_text[key.encode()] != sum(key in holder for holder in holders)
        for schema, holders in ((Record, records), (Tracking, trackings))
        for key in schema.__annotations__
    )


def _pairs_of_text(text: bytes) -> Floats | None:
    """Decode ``[[x, y], ...]``; return None for anything else."""
    brackets = text.translate(None, _IN_NUMBERS)
    n = len(brackets) // 4
    if brackets != b"[" + b",".join([b"[,]"] * n) + b"]":
        return None
    try:
        numbers = _NUMBERS.decode(b"[" + text.translate(None, b"[]") + b"]")
    except msgspec.MsgspecError:  # beyond the range of a float
        return None
    return np.fromiter(numbers, np.float64, 2 * n).reshape(n, 2)


def _pairs_of_list(items: Any) -> Floats:
    if not isinstance(items, list):
        raise TypeError("not a list of points")
    return np.array([_pair(item) for item in items], np.float64).reshape(-1, 2)


def _pair(item: Any) -> tuple[float, float]:
    """Return two numbers; NaN for null, text and points with a single coordinate."""
    try:
        first, second = item
        return float(first), float(second)
    except (TypeError, ValueError, OverflowError):
        return np.nan, np.nan

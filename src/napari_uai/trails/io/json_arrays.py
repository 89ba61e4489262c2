"""JSON of trackers, most of which is long arrays of coordinates: those are parsed by a kernel."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.errors import TrailFormatError

_MARK = "\x01array "
_MIN_BYTES = 48
_POWERS = np.array([float(f"1e{i}") for i in range(23)])
_IS_BLANK = np.isin(np.arange(256), list(b" \t\n\r"))
_IN_NUMBERS = np.isin(np.arange(256), list(b"0123456789+-.eE, \t\n\r"))


class Document(NamedTuple):
    """JSON whose long arrays of numbers are still text.

    The outlines of an object at every sample are 90 % of its record, and only the last is wanted:
    arrays are found, and parsed when asked for, by kernels that release the GIL, so that threads
    read many records at a time.

    Parameters
    ----------
    content
        What :func:`json.loads` gives, but for a mark in the place of each long array of numbers.
    data
        The text; uint8.
    spans
        First byte of each array that is marked, and the one behind its last.
    """

    content: Any
    data: npt.NDArray[np.uint8]
    spans: list[list[int]]

    def pairs(self, value: Any) -> npt.NDArray[np.float64]:
        """Return an array of pairs of numbers: n, 2; NaN where there is none."""
        text = self._text(value)
        points = None if text is None else _pairs(text)
        return _pairs_of_list(self.value(value)) if points is None else points

    def value(self, value: Any) -> Any:
        """Return a value in full, as :func:`json.loads` would."""
        text = self._text(value)
        return value if text is None else json.loads(text.tobytes())

    def last_pairs(self, value: Any) -> npt.NDArray[np.float64]:
        """Return the last item of an array, which is one of pairs, as :meth:`pairs` does."""
        text = self._text(value)
        if text is not None:
            start, stop = _last_item(text)
            points = _pairs(text[start:stop]) if start >= 0 else None
            if points is not None:
                return points
        items = self.value(value)
        if not isinstance(items, list) or not items:
            raise TypeError("no list of lists of points")
        return _pairs_of_list(items[-1])

    def _text(self, value: Any) -> npt.NDArray[np.uint8] | None:
        if not (isinstance(value, str) and value.startswith(_MARK)):
            return None
        number = value[len(_MARK) :]
        if not (number.isdecimal() and number.isascii() and int(number) < len(self.spans)):
            return None
        start, stop = self.spans[int(number)]
        return self.data[start:stop]


def parse_json(data: bytes, repeated: list[str] | None = None) -> Document:
    """Parse JSON, leaving its long arrays of numbers as they are.

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
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    text = np.frombuffer(data, np.uint8)
    spans: list[list[int]] = _number_arrays(text, _MIN_BYTES).tolist()
    pieces: list[bytes] = []
    behind = 0
    for i, (start, stop) in enumerate(spans):
        pieces += data[behind:start], b'"\\u0001array %d"' % i
        behind = stop
    pieces.append(data[behind:])

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
        content = json.loads(
            b"".join(pieces), object_pairs_hook=None if repeated is None else unique
        )
    except (ValueError, RecursionError) as error:
        raise TrailFormatError(f"broken or truncated JSON ({_reason(error)})") from None
    return Document(content, text, spans)


def _reason(error: Exception) -> str:
    return str(error).split(": line", maxsplit=1)[0].split(": char", maxsplit=1)[0][:80]


def _pairs(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64] | None:
    """Parse pairs of numbers; None if there is anything else."""
    numbers = np.empty(len(text) // 3 + 2)
    n = _parse_pairs(text, _POWERS, numbers)
    return None if n < 0 else numbers[: 2 * n].reshape(n, 2)


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


@kernel
def _number_arrays(text: npt.NDArray[np.uint8], min_bytes: int) -> npt.NDArray[np.int64]:
    """Find the outermost arrays that hold nothing but numbers and such arrays."""
    spans = np.empty((16, 2), np.int64)
    n_spans = 0
    i = 0
    end = len(text)
    while i < end:
        byte = text[i]
        if byte == 34:  # a string: skip it, with what its backslashes escape
            i += 1
            while i < end and text[i] != 34:
                i += 2 if text[i] == 92 else 1
            i += 1
        elif byte == 91:
            start = i
            depth = 0
            while i < end:
                byte = text[i]
                if byte == 91:
                    depth += 1
                elif byte == 93:
                    depth -= 1
                    if depth == 0:
                        break
                elif not _IN_NUMBERS[byte]:
                    break
                i += 1
            if depth == 0:
                i += 1
                if i - start >= min_bytes:
                    if n_spans == len(spans):
                        grown = np.empty((2 * n_spans, 2), np.int64)
                        grown[:n_spans] = spans
                        spans = grown
                    spans[n_spans, 0] = start
                    spans[n_spans, 1] = i
                    n_spans += 1
        else:
            i += 1
    return spans[:n_spans].copy()


@kernel
def _parse_pairs(
    text: npt.NDArray[np.uint8], powers: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]
) -> int:
    """Parse ``[[x, y], ...]``; returns the number of pairs, -1 if it is anything else."""
    end = len(text)
    n = 0  # numbers so far
    depth = 0
    wants = 0  # 0: an item or the end of an empty array, 1: an item, 2: a comma or the end
    i = 0
    while i < end:
        byte = text[i]
        if _IS_BLANK[byte]:
            i += 1
        elif byte == 91:
            if wants == 2 or depth == 2:
                return -1
            depth += 1
            wants = 0 if depth == 1 else 1
            i += 1
        elif byte == 93:
            if (depth == 2 and (wants != 2 or n % 2 != 0)) or (depth == 1 and wants == 1):
                return -1
            depth -= 1
            wants = 2
            i += 1
            if depth == 0:
                break
        elif byte == 44:
            if wants != 2 or (depth == 2 and n % 2 != 1):
                return -1
            wants = 1
            i += 1
        else:
            if wants == 2 or depth != 2 or n >= len(numbers):
                return -1
            numbers[n], i = _parse_number(text, i, powers)
            if i < 0:
                return -1
            n += 1
            wants = 2
    return n // 2 if depth == 0 and i == end else -1


@kernel
def _parse_number(
    text: npt.NDArray[np.uint8], i: int, powers: npt.NDArray[np.float64]
) -> tuple[float, int]:
    """Parse the number at a place: its value, and the place behind it; -1 if there is none.

    A number of up to 15 digits is correctly rounded: its digits are an exact integer, divided by
    an exact power of ten (Clinger 1990, doi:10.1145/93542.93557). Numbers that need a power beyond
    1e22, which is not exact, count as none.
    """
    negative = text[i] == 45
    start = i + 1 if negative else i
    mantissa, exponent, i = _parse_digits(text, start, 0)
    if i == start:
        return 0.0, -1
    if i < len(text) and text[i] == 46:
        start = i + 1
        mantissa, left_out, i = _parse_digits(text, start, mantissa)
        if i == start:
            return 0.0, -1
        exponent -= i - start - left_out
    if i < len(text) and (text[i] == 101 or text[i] == 69):
        i += 1
        falls = i < len(text) and text[i] == 45
        start = i + 1 if i < len(text) and (text[i] == 45 or text[i] == 43) else i
        power, left_out, i = _parse_digits(text, start, 0)
        if i == start or left_out > 0:
            return 0.0, -1
        exponent += -power if falls else power
    if exponent < -22 or exponent > 22:
        return 0.0, -1
    value = np.float64(mantissa)
    value = value / powers[-exponent] if exponent < 0 else value * powers[exponent]
    return (-value if negative else value), i


@kernel
def _parse_digits(text: npt.NDArray[np.uint8], i: int, value: int) -> tuple[int, int, int]:
    """Append the digits at a place to an integer: the integer, how many did not fit, the end."""
    left_out = 0
    while i < len(text) and 48 <= text[i] <= 57:
        if value < 100_000_000_000_000_000:
            value = 10 * value + (int(text[i]) - 48)
        else:
            left_out += 1
        i += 1
    return value, left_out, i


@kernel
def _last_item(text: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Find the last item of an array of arrays: its first byte and the one behind; -1 if none."""
    stop = len(text) - 2  # the last byte closes the array itself
    while stop > 0 and text[stop] != 93:
        if not _IS_BLANK[text[stop]]:
            return -1, -1
        stop -= 1
    if stop <= 0:
        return -1, -1
    depth = 0
    start = stop
    while start > 0:
        if text[start] == 93:
            depth += 1
        elif text[start] == 91:
            depth -= 1
            if depth == 0:
                return start, stop + 1
        start -= 1
    return -1, -1

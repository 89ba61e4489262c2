"""Documents: JSON, TOML, XML and text within limits of size, nesting and numbers."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from napari_uai.errors import one_line
from napari_uai.limits import DEPTH, DIGITS, DOCUMENT_BYTES, HEADER_BYTES, ErrorType
from napari_uai.untrusted.files import read_whole
from napari_uai.untrusted.watch import time_limited


def read_json(path: Path, *, error: ErrorType) -> Any:
    """Read a JSON document, in UTF-8.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    NapariUaiError
        Of the given type, if it is not valid JSON, or exceeds a limit.
    """
    return parse_json(read_whole(path, limit=DOCUMENT_BYTES, error=error), path, error=error)


def parse_json(text: str | bytes, path: str | Path, *, error: ErrorType) -> Any:
    """Parse a JSON document within the limits of nesting and numbers.

    Raises
    ------
    NapariUaiError
        Of the given type, if it is not valid JSON, or exceeds a limit.
    """
    try:
        document = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise error(f"{path} is nested too deeply{DEPTH.advice}") from None
    except ValueError as cause:
        raise error(f"{path} is not valid JSON ({one_line(cause, 160)}): save it again") from cause
    _check_depth(document, path, error)
    return document


def read_text(path: Path, *, error: ErrorType) -> str:
    """Read a text in UTF-8.

    Raises
    ------
    OSError
        If it does not exist or cannot be read.
    NapariUaiError
        Of the given type, if it is not such a text, or larger than a document may be.
    """
    data = read_whole(path, limit=DOCUMENT_BYTES, error=error)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as cause:
        raise error(f"{path} is not UTF-8 text ({cause}): save it again") from cause


def parse_toml(text: str, path: str | Path, *, error: ErrorType) -> dict[str, Any]:
    """Parse TOML within the limits of nesting and numbers.

    The standard library needs time and memory that grow with the square of the length of dotted
    keys, so that nesting is limited before it parses.

    Raises
    ------
    NapariUaiError
        Of the given type, if it is not valid TOML, or exceeds a limit.
    """
    _check_toml_depth(text, path, error)
    try:
        if len(text) < _SHORT:
            return tomllib.loads(text)
        with time_limited(path, n_bytes=len(text), error=error):
            return tomllib.loads(text)
    except RecursionError:
        raise error(f"{path} is nested too deeply{DEPTH.advice}") from None
    except ValueError as cause:  # TOMLDecodeError, and numbers of thousands of digits
        raise error(f"{path} is not valid TOML: {one_line(cause, 160)}") from cause


_SHORT = 65_536


def check_xml(data: bytes, path: str | Path, *, error: ErrorType) -> None:
    """Raise an error if XML declares a document type, is nested too deeply, or has endless tags.

    Entities are declared in the document type: they make a short file long, or stand for other
    files. No format of recordings or trails needs them.
    """
    if b"\0" in data[:200]:  # UTF-16 or UTF-32
        data = data.replace(b"\0", b"")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise error(f"{path} declares entities (DOCTYPE), which are not read: remove them")
    if re.search(rb"<[^<>]{%d}" % (HEADER_BYTES.value + 1), data):
        raise error(f"{path} has a tag that is too long{HEADER_BYTES.advice}")
    tags = (tag[0] for tag in _XML_TAG.finditer(data))
    depths = accumulate(
        0 if tag.endswith(b"/>") else -1 if tag.startswith(b"</") else 1 for tag in tags
    )
    if max(depths, default=0) > DEPTH.value:
        raise error(f"{path} is nested too deeply{DEPTH.advice}")


_XML_TAG = re.compile(rb"</?[A-Za-z_][^<>]*>")


def _integer(text: str) -> int:
    if len(text) > DIGITS.value:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _check_depth(document: Any, path: str | Path, error: ErrorType) -> None:
    """Raise an error if lists and tables are nested too deeply."""
    most, level = DEPTH.value, [document]
    for _ in range(most + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                inner += [value for value in item.values() if isinstance(value, (dict, list))]
            elif isinstance(item, list):
                inner += [value for value in item if isinstance(value, (dict, list))]
        if not inner:
            return
        level = inner
    raise error(f"{path} is nested too deeply{DEPTH.advice}")


# Texts and comments. One that is not closed goes to the end of the line or file, so that the search
# takes linear time.
_TOML_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)


def _check_toml_depth(text: str, path: str | Path, error: ErrorType) -> None:
    most = DEPTH.value
    bare = _TOML_TEXT.sub("_", text)
    depth = 0
    for mark in re.finditer(r"[\[\]{}]", bare):
        depth = depth + 1 if mark[0] in "[{" else max(depth - 1, 0)
        if depth > most:
            raise error(f"{path} is nested too deeply{DEPTH.advice}")
    dotted = re.compile(rf"(?<![\w-])(?:[\w-]+[ \t]*\.[ \t]*){{{most}}}")
    for line in bare.splitlines():
        if line.count(".") > most and dotted.search(line):
            raise error(f"{path} is nested too deeply{DEPTH.advice}")

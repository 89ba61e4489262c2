"""What a file holds, decompressed; parts that several formats look at are parsed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.json_arrays import parse_json
from napari_uai.trails.io.text_layout import decoded

_HEAD_BYTES = 65536


@dataclass(frozen=True, eq=False)
class Content:
    """Content of a file.

    Parameters
    ----------
    data
        Bytes, decompressed.
    path
        The file.
    """

    data: bytes
    path: Path

    @property
    def file(self) -> str:
        """Name of the file, for problems."""
        return self.path.name

    @cached_property
    def head(self) -> str:
        """The first characters, as text; empty if they are not text."""
        try:
            text, _ = decoded(self.data[:_HEAD_BYTES])
        except TrailFormatError:
            return ""
        return text.decode(errors="replace").lstrip()

    @property
    def is_json(self) -> bool:
        """Whether the text begins like JSON."""
        return self.head[:1] in ("{", "[")

    @property
    def is_xml(self) -> bool:
        """Whether the text begins like XML."""
        return self.head[:1] == "<"

    @cached_property
    def json(self) -> Any:
        """The JSON document; a list of the lines if each is one; None if it is neither."""
        if not self.is_json:
            return None
        text, _ = decoded(self.data)
        try:
            return parse_json(text)
        except TrailFormatError:
            return _json_lines(text)


def _json_lines(text: bytes) -> list[Any] | None:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    try:
        return [parse_json(line) for line in lines]
    except TrailFormatError:
        return None

"""What a file holds, decompressed; parts that several formats look at are parsed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.json_arrays import parse_json, parse_json_lines
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

    Attributes
    ----------
    memo
        What a reader has parsed to recognise the file, kept until it reads it.
    """

    data: bytes
    path: Path
    memo: dict[str, Any] = field(default_factory=dict, init=False)

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
            return parse_json_lines(text)

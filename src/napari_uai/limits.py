"""Limits of files from strangers, each far beyond real recordings and tables.

The error of a file that exceeds one names the environment variable that raises it.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from napari_uai.errors import BadValueError, NapariUaiError, VideoFormatError

ErrorType: TypeAlias = type[NapariUaiError]


@dataclass(frozen=True)
class Limit:
    """A limit that an environment variable raises.

    Attributes
    ----------
    name
        Of the variable, without ``NAPARI_UAI_MAX_``.
    default
        Its value if the variable is not set.
    unit
        What is counted.
    """

    name: str
    default: int
    unit: str

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return f"NAPARI_UAI_MAX_{self.name}"

    @property
    def value(self) -> int:
        """The limit that holds now.

        Raises
        ------
        BadValueError
            If the variable is not a whole number.
        """
        text = os.environ.get(self.variable, "")
        if not text:
            return self.default
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise BadValueError(f"{self.variable} must be a whole number, got {text!r}")
        return int(text)

    def check(
        self, path: str | Path, n: float, what: str, *, error: ErrorType = VideoFormatError
    ) -> None:
        """Raise an error if ``n`` is above the limit.

        Parameters
        ----------
        path
            The file.
        n
            What it asks for.
        what
            As the start of a phrase that the number follows, such as ``"unpacks to"``.
        error
            Type of the error.

        Raises
        ------
        NapariUaiError
            Of the given type.
        """
        if not n <= self.value:  # NaN is refused
            raise error(f"{path} {what} {amount(n, self.unit)}{self.advice}")

    @property
    def advice(self) -> str:
        """End of a message: the limit, and what raises it."""
        return (
            f", above the limit of {amount(self.value, self.unit)} for files from strangers: "
            f"if you trust it, raise {self.variable}"
        )


DOCUMENT_BYTES = Limit("DOCUMENT_BYTES", 64 * 2**20, "bytes")
"""Size of a JSON or TOML file: settings, descriptions, truths."""

DEPTH = Limit("DEPTH", 64, "levels")
"""Nesting of brackets in JSON, TOML and XML, and of groups in HDF5."""

DIGITS = Limit("DIGITS", 400, "digits")
"""Length of a number in a document."""

UNPACKED_BYTES = Limit("UNPACKED_BYTES", 32 * 2**20, "bytes")
"""Size to which any packed table may unpack, however small it is."""

UNPACKED_RATIO = Limit("UNPACKED_RATIO", 20, "times its size")
"""Beyond :data:`UNPACKED_BYTES`, how many times larger than the packed file its content may be."""

FILE_BYTES = Limit("FILE_BYTES", 2 * 2**30, "bytes")
"""Size of a file that is read into memory as a whole."""

MEMBERS = Limit("MEMBERS", 200_000, "members")
"""Files in an archive, datasets in a file."""

COLUMNS = Limit("COLUMNS", 10_000, "columns")
"""Columns of a table."""

HEADER_BYTES = Limit("HEADER_BYTES", 65_536, "bytes")
"""Length of the first line of a table, of any line of a table of results, and of a tag of XML."""

FRAME_BYTES = Limit("FRAME_BYTES", 2**29, "bytes")
"""Size of a frame or picture in memory."""

CHUNK_BYTES = Limit("CHUNK_BYTES", 2**29, "bytes")
"""Size of a chunk, the part of a stored array that is unpacked at once; it may be all of it."""

FRAMES = Limit("FRAMES", 10**8, "frames")
"""Frames of a recording."""

PIXELS = Limit("PIXELS", 10**14, "pixels")
"""Pixels of all frames of a recording."""

SECONDS = Limit("SECONDS", 15, "seconds")
"""Time to open a file of up to 1.5 MiB; for larger ones it grows with their size."""

LIMITS = (
    DOCUMENT_BYTES,
    DEPTH,
    DIGITS,
    UNPACKED_BYTES,
    UNPACKED_RATIO,
    FILE_BYTES,
    MEMBERS,
    COLUMNS,
    HEADER_BYTES,
    FRAME_BYTES,
    CHUNK_BYTES,
    FRAMES,
    PIXELS,
    SECONDS,
)
"""All limits."""


def amount(n: float, unit: str) -> str:
    """Return a number with its unit, short enough to be read."""
    if unit == "bytes" and n >= 2**20:
        scale = min(int(math.log2(n)) // 10, 5) if math.isfinite(n) else 5
        return f"{n / 2 ** (10 * scale):.3g} {('', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi')[scale]}B"
    return f"{n:,.0f} {unit}".replace(",", " ") if n < 1e15 else f"{float(n):.3g} {unit}"

"""Messages on stderr and exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

import typer

from napari_uai.errors import one_line

FAILED, CRASHED, INTERRUPTED = 2, 1, 130
"""Exit codes: user error, bug, Ctrl-C."""


def say(message: str, code: int) -> int:
    """Print a message on one line of stderr; return the exit code."""
    typer.echo(f"napari-uai: {one_line(message)}", err=True)
    return code


def notes(problems: Sequence[str]) -> None:
    """Print problems to stderr, one line each."""
    for problem in problems:
        typer.echo(f"note: {one_line(problem)}", err=True)


def colours_of(stream: TextIO, environment: Mapping[str, str]) -> Literal["true", "256"] | None:
    """Return the colours that a terminal shows; None if it is none, or shall show none.

    Parameters
    ----------
    stream
        Where the text goes.
    environment
        ``NO_COLOR`` switches colours off (https://no-color.org); ``TERM`` and ``COLORTERM`` state
        what the terminal knows.
    """
    try:
        "▀".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return None
    if not stream.isatty() or environment.get("NO_COLOR"):
        return None
    if environment.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return "true"
    return "256" if "256color" in environment.get("TERM", "") else None

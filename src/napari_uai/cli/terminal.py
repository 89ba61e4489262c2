"""Messages on stderr and exit codes."""

from __future__ import annotations

from collections.abc import Sequence

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

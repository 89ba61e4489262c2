"""Messages on stderr and exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

FAILED, CRASHED, INTERRUPTED = 2, 1, 130
"""Exit codes: something to mend, a bug, Ctrl-C."""


def say(message: str, code: int) -> int:
    """Print one line to stderr."""
    typer.echo(f"napari-uai: {' '.join(message.split())}", err=True)
    return code


def notes(problems: Sequence[str]) -> None:
    """Print problems on stderr, one line each."""
    for problem in problems:
        typer.echo(f"note: {' '.join(problem.split())}", err=True)

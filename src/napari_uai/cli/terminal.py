"""Messages on stderr and exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

FAILED, CRASHED, INTERRUPTED = 2, 1, 130
"""Exit codes: user error, bug, Ctrl-C."""


def say(message: str, code: int) -> int:
    """Print a message on one line of stderr; return the exit code."""
    typer.echo(f"napari-uai: {' '.join(message.split())}", err=True)
    return code


def notes(problems: Sequence[str]) -> None:
    """Print problems to stderr, one line each."""
    for problem in problems:
        typer.echo(f"note: {' '.join(problem.split())}", err=True)

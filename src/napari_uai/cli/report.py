"""``napari-uai report``: a page about results, with a methods paragraph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="Folder written by napari-uai iscat or trails, or a folder of such folders.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The page (.html); by default report.html in RESULTS."),
    ] = None,
) -> None:
    """Write a page about results: pictures, tables, parameters, limits, a methods paragraph.

    The page is one HTML file that needs no network; methods.txt beside it has the paragraph.
    """
    from napari_uai.report.writing import write_report

    for path in write_report(results, out).values():
        typer.echo(path)

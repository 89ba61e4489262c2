"""``napari-uai rate``: landings against time and concentration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_uai.cli.options import Out, Overwrite
from napari_uai.errors import BadValueError, one_line


def rate(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders of results of iscat.")
    ],
    out: Out,
    bins: Annotated[int, typer.Option(min=1, help="Number of spans of time.")] = 20,
    concentrations: Annotated[
        str | None,
        typer.Option(metavar="C1,C2,...", help="Concentration of each, for a line through rates."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Count landings against time, with errors; over a series of concentrations fit a line."""
    from napari_uai.iscat.recipes.rates import landing_rates, write_rates

    found = landing_rates(results, bins=bins, concentrations=_numbers(concentrations))
    write_rates(found, out, overwrite=overwrite)
    word = found.unit.replace("_", " ")
    for _, row in found.series.iterrows():
        ends = row[f"rate_low_{found.unit}"], row[f"rate_high_{found.unit}"]
        typer.echo(
            f"{one_line(row['recording'])}: {row['landings']} landings, "
            f"{row[f'rate_{found.unit}']:.3g} {word} ({ends[0]:.3g} to {ends[1]:.3g})"
        )
    if found.fit is not None:
        fit = found.fit
        typer.echo(
            f"slope {fit.slope:.3g} +- {fit.slope_error:.2g} {word} and unit of concentration, "
            f"background {fit.background:.3g} +- {fit.background_error:.2g}, p = {fit.p_value:.2g}"
        )
    typer.echo(f"tables and picture in {one_line(out)}")


def _numbers(text: str | None) -> list[float]:
    try:
        numbers = [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        raise BadValueError(f"--concentrations must be numbers such as 1,2,5, got {text}") from None
    if any(not 0 <= number < float("inf") for number in numbers):
        raise BadValueError(f"--concentrations must be numbers of at least 0, got {text}")
    return numbers

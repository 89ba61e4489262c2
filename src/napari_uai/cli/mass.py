"""``napari-uai mass``: masses of landings, their distribution, comparison of conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_uai.cli.options import Out, Overwrite
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError, counted

if TYPE_CHECKING:
    from napari_uai.iscat.mass.analysis import MassResult, MassSet
    from napari_uai.iscat.mass.calibration import Calibration


def mass(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            help="Folders of results or landings.csv; events of mass photometers (csv, HDF5).",
        ),
    ],
    out: Out,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Calibration of an earlier run: calibration.toml."),
    ] = None,
    standards: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE.csv",
            help="Calibrate with standards: mass_kda, contrast, and contrast_error if known.",
        ),
    ] = None,
    calibrant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RESULTS=KDA,KDA",
            help="Calibrate with the peaks of a recording, such as bsa=66.5,133; repeatable.",
        ),
    ] = None,
    contrast_per_kda: Annotated[
        float | None, typer.Option(metavar="SLOPE", help="Calibration as a number: 3.2e-5.")
    ] = None,
    contrast_per_kda_error: Annotated[
        float | None, typer.Option(metavar="ERROR", help="Standard error of that number.")
    ] = None,
    intercept: Annotated[
        bool,
        typer.Option("--intercept", help="Fit the contrast at mass 0; without, it is 0."),
    ] = False,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...", help="Compare conditions: the group of each of RESULTS."
        ),
    ] = None,
    sign: Annotated[
        str,
        typer.Option(
            metavar="SIGN", help="folded (both signs together), dark, bright, or separate."
        ),
    ] = "folded",
    components: Annotated[
        str, typer.Option(metavar="auto|N", help="Number of components; auto chooses it by BIC.")
    ] = "auto",
    most_components: Annotated[int, typer.Option(help="Largest number that auto tries.")] = 6,
    widths: Annotated[
        str,
        typer.Option(
            metavar="WIDTHS",
            help="Widths of components: auto, none (as narrow as the errors), common, or free.",
        ),
    ] = "auto",
    bandwidth: Annotated[
        str,
        typer.Option(
            metavar="RULE|KDA", help="Of the kernel density: isj, scott, silverman, or a number."
        ),
    ] = "isj",
    bin_kda: Annotated[
        float | None, typer.Option(metavar="KDA", help="Width of the bins of the histogram.")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option(help="Bootstrap samples for the intervals.")] = 400,
    permutations: Annotated[
        int, typer.Option(help="Exchanges between groups for p values of weights.")
    ] = 999,
    seed: Annotated[int, typer.Option(help="Seed of everything that is random.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Convert contrasts to masses, fit their distribution, and compare conditions.

    Writes tables, a picture (SVG and PDF) and the calibration.
    """
    from napari_uai.iscat.mass.analysis import analyse_masses
    from napari_uai.iscat.mass.events import read_landings
    from napari_uai.iscat.mass.outputs import write_masses

    if bin_kda is not None and not bin_kda > 0:
        raise BadValueError(f"--bin-kda must be above 0 (kDa), got {bin_kda:g}")
    number = _components(components)
    recordings, owners = [], []
    for i, source in enumerate(sources):
        read = read_landings(source)
        recordings += read
        owners += [i] * len(read)
    with announced_compiling(), progress_bar("masses") as monitor:
        chosen, problems = _calibration(
            calibration, standards, calibrant, contrast_per_kda, contrast_per_kda_error,
            intercept=intercept, replicates=replicates, seed=seed,
        )  # fmt: skip
        result = analyse_masses(
            recordings,
            calibration=chosen,
            groups=None if groups is None else _groups(groups, sources, owners),
            sign=sign,  # type: ignore[arg-type]  # checked there
            components=number,
            most_components=most_components,
            widths=widths,  # type: ignore[arg-type]  # checked there
            level=level,
            replicates=replicates,
            permutations=permutations,
            bandwidth=_bandwidth(bandwidth),
            seed=seed,
            monitor=monitor,
        )
        write_masses(result, out, bin_kda=bin_kda, inputs=sources, overwrite=overwrite)
    _report(result, out)
    notes([*problems, *result.problems])


def _calibration(
    path: Path | None, table: Path | None, calibrants: Sequence[str] | None, slope: float | None,
    slope_error: float | None, *, intercept: bool, replicates: int, seed: int,
) -> tuple[Calibration | None, list[str]]:  # fmt: skip
    """Return the calibration of the options, None if there is none, and notes about it."""
    import pandas as pd

    from napari_uai.iscat.mass.calibrants import calibrant_peaks, read_standards
    from napari_uai.iscat.mass.calibration import Calibration, fit_calibration, read_calibration
    from napari_uai.iscat.mass.events import read_landings

    ways = {
        "--calibration": path is not None,
        "--standards or --calibrant": table is not None or bool(calibrants),
        "--contrast-per-kda": slope is not None,
    }
    given = [name for name, used in ways.items() if used]
    if len(given) > 1:
        raise BadValueError(f"one calibration is enough, got {' and '.join(given)}")
    if slope_error is not None and slope is None:
        raise BadValueError("--contrast-per-kda-error needs --contrast-per-kda")
    if intercept and not ways["--standards or --calibrant"]:
        raise BadValueError("--intercept needs --standards or --calibrant")
    if path is not None:
        return read_calibration(path), []
    if slope is not None:
        return Calibration(slope, slope_error=slope_error or 0.0), []
    if not given:
        return None, []
    tables = [read_standards(table)] if table is not None else []
    problems: list[str] = []
    for text in calibrants or ():
        source, masses = _calibrant(text)
        for landings in read_landings(source):
            peaks, found = calibrant_peaks(landings, masses, replicates=replicates, seed=seed)
            tables.append(peaks)
            problems += [*landings.notes, *found]
    return fit_calibration(pd.concat(tables, ignore_index=True), intercept=intercept), problems


def _calibrant(text: str) -> tuple[Path, list[float]]:
    source, _, numbers = text.rpartition("=")
    try:
        masses = [float(number) for number in numbers.split(",")]
    except ValueError:
        masses = []
    if not source or not masses:
        raise BadValueError(
            f"--calibrant must be RESULTS=KDA,KDA, such as bsa=66.5,133, got {text!r}"
        )
    return Path(source), masses


def _components(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise BadValueError(f"--components must be auto or a whole number, got {text!r}")
    return int(text)


def _bandwidth(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _groups(text: str, sources: Sequence[Path], owners: Sequence[int]) -> list[str]:
    """Return the group of each recording; recordings of one folder share its group."""
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(sources) or not all(names):
        raise BadValueError(
            f"--groups must name the group of each of the {len(sources)} inputs, separated by "
            f"commas, got {text!r}"
        )
    return [names[owner] for owner in owners]


def _report(result: MassResult, out: Path) -> None:
    from napari_uai.errors import one_line

    calibration = result.calibration
    if calibration is not None:
        error = f" ± {calibration.slope_error:.1g}" if calibration.slope_error else ""
        shift = (
            f", intercept {calibration.intercept:.3g} ± {calibration.intercept_error:.1g}"
            if calibration.intercept
            else ""
        )
        typer.echo(f"calibration: {calibration.slope:.4g}{error} contrast per kDa{shift}")
        for row in calibration.standards.itertuples():
            residual = 100 * float(row.residual) / float(row.contrast)  # type: ignore[arg-type]
            typer.echo(
                f"  {one_line(row.name, 30):30} {row.mass_kda:8.1f} kDa  contrast "
                f"{row.contrast:.3e}  residual {residual:+.1f} %"
            )
    for one in result.sets:
        typer.echo(_set_text(one, float(str(result.settings["level"]))))
    if len(result.comparisons):
        typer.echo(_comparison_text(result))
    typer.echo(f"{counted(len(result.landings), 'landing')}; tables and pictures in {out}")


def _set_text(one: MassSet, level: float) -> str:
    title = f"{one.label}: {counted(len(one.landings), 'landing')}"
    if one.mixture is None:
        return title
    interval = f"{level:.0%} interval"
    heads = (
        ("mean (kDa)", 12), (interval, 19), ("width (kDa)", 13), ("share", 9), ("interval", 17),
    )  # fmt: skip
    lines = [
        f"{title}, {counted(len(one.mixture), 'component')}",
        "".join(("    ", *(f"{name:>{size}}" for name, size in heads))),
    ]
    lines += [_component_text(row) for row in one.components.itertuples()]
    return "\n".join(lines)


def _component_text(row: Any) -> str:
    mean, share = (
        f"{row.mean_low:.2f} to {row.mean_high:.2f}",
        f"{row.weight_low:.1%} to {row.weight_high:.1%}",
    )
    return (
        f"    {row.mean_kda:12.2f} {mean:>18} {row.width_kda:12.2f} {row.weight:8.1%} {share:>16}"
    )


def _comparison_text(result: MassResult) -> str:
    lines = ["comparison (p values corrected by Holm):"]
    for row in result.comparisons.itertuples():
        median = (
            f"{row.median_difference_kda:+.2f} kDa ({row.median_difference_kda_low:+.2f} to "
            f"{row.median_difference_kda_high:+.2f})"
        )
        delta = f"{row.delta:+.2f} ({row.delta_low:+.2f} to {row.delta_high:+.2f})"
        tests = (
            f"Kolmogorov-Smirnov p = {row.ks_p_holm:.2g}, "
            f"Mann-Whitney p = {row.mann_whitney_p_holm:.2g}"
        )
        lines += [
            f"  {_pair(row)}: {tests}",
            f"    difference of medians {median}, Cliff's delta {delta}",
        ]
    lines += [
        f"  {_pair(row)}: share at {row.mean_kda:.1f} kDa {row.weight:.1%} and "
        f"{row.weight_other:.1%}, p = {row.p_holm:.2g}"
        for row in result.weights.itertuples()
    ]
    return "\n".join(lines)


def _pair(row: Any) -> str:
    sign = "" if row.sign == "folded" else f" ({row.sign})"
    return f"{row.group} - {row.other}{sign}"

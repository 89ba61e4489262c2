"""Landing rates of runs: against time, and over a series of concentrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, counted
from napari_uai.figures import COLOURS, INK, missing_letters, print_style
from napari_uai.files import cannot_write
from napari_uai.iscat.measure.landing_rates import (
    RateFit,
    fit_rates,
    landing_rate,
    poisson_interval,
)
from napari_uai.iscat.recipes.outputs import RECORD, RECORD_FORMAT
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
from napari_uai.results import results_folder, versions, write_record, write_table
from napari_uai.untrusted import read_csv, read_json

RATES_RECORD = "rates.json"
FILES = ("rates.csv", "series.csv", "rates.png", RATES_RECORD)
"""Files that rates are written to; the record is moved into place last."""

RATES_FORMAT = "napari-uai rates 1"
"""First entry of rates.json; changes with the format."""

FONT_SIZE = 9


@dataclass(frozen=True)
class LandingRates:
    """Landing rates of several runs.

    Attributes
    ----------
    rates
        As from :func:`~napari_uai.iscat.landing_rate`, with ``recording``.
    series
        One row per recording: ``recording, concentration, landings, duration_*, rate_*`` with
        ``rate_low_*, rate_high_*``, ``area_um2`` if known.
    fit
        Line through rates and concentrations; None if they are not given.
    unit
        ``per_s``, or ``per_frame`` if a frame rate is unknown.
    """

    rates: pd.DataFrame
    series: pd.DataFrame
    fit: RateFit | None
    unit: str


def landing_rates(
    folders: Sequence[str | Path], *, bins: int = 20, concentrations: Sequence[float] = ()
) -> LandingRates:
    """Count the landings of runs against time, and fit their rates over concentrations.

    Parameters
    ----------
    folders
        Folders of results, with ``landings.csv`` and ``run.json``.
    bins
        Number of spans of time.
    concentrations
        Concentration in each recording; none: no fit.

    Raises
    ------
    BadValueError
        If a folder has no such results, or the concentrations are not as many.
    """
    if concentrations and len(concentrations) != len(folders):
        raise BadValueError(
            f"{counted(len(concentrations), 'concentration')} for "
            f"{counted(len(folders), 'folder')}: give one for each"
        )
    runs = [_Run.of(Path(folder)) for folder in folders]
    known = all(run.frame_rate_hz for run in runs)
    parts, rows = [], []
    for i, run in enumerate(runs):
        rate = run.frame_rate_hz if known else None
        table = landing_rate(
            run.landings, bins=bins, first_frame=run.first, last_frame=run.last, frame_rate_hz=rate
        )
        table.insert(0, "recording", run.name)
        parts.append(table)
        rows.append(_row(run, int(table["landings"].sum()), rate, concentrations[i : i + 1]))
    series = pd.DataFrame(rows)
    unit = "per_s" if known else "per_frame"
    fit = None
    if concentrations:
        duration = series["duration_s" if known else "duration_frames"]
        fit = fit_rates(series["landings"], duration, concentrations)
    return LandingRates(pd.concat(parts, ignore_index=True), series, fit, unit)


def write_rates(result: LandingRates, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write the tables, the picture and the record of landing rates.

    Parameters
    ----------
    result
        As from :func:`landing_rates`.
    folder
        Created if necessary.
    overwrite
        Replace files of your own with the names of results as well.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    with results_folder(
        folder, replaces=FILES, record=RATES_RECORD, overwrite=overwrite
    ) as partial:
        picture = rate_picture(result)
        try:
            write_table(result.rates, partial / "rates.csv")
            write_table(result.series, partial / "series.csv")
            with missing_letters():
                picture.savefig(partial / "rates.png", dpi=130)
            record = {
                "format": RATES_FORMAT,
                "unit": result.unit,
                "fit": None if result.fit is None else result.fit._asdict(),
                "versions": versions(),
            }
            write_record(record, partial / RATES_RECORD)
        except OSError as error:
            raise cannot_write(Path(folder), error) from error


def rate_picture(result: LandingRates) -> Any:
    """Draw rates and cumulative landings against time, and rates over concentrations.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen.
    """
    from matplotlib.figure import Figure

    unit = result.unit
    word = {"per_s": "landings per s", "per_frame": "landings per frame"}[unit]
    with print_style(FONT_SIZE):
        panels = 3 if result.fit else 2
        figure = Figure(figsize=(4 * panels, 3.4), layout="constrained")
        axes = figure.subplots(1, panels)
        for i, (name, table) in enumerate(result.rates.groupby("recording", sort=False)):
            colour = COLOURS[i % len(COLOURS)]
            x = (
                table["time_s"]
                if unit == "per_s"
                else table[["first_frame", "last_frame"]].mean(axis=1)
            )
            rate = table[f"rate_{unit}"]
            ends = [rate - table[f"rate_low_{unit}"], table[f"rate_high_{unit}"] - rate]
            axes[0].errorbar(x, rate, ends, fmt="o", ms=3, lw=0.8, color=colour, label=str(name))
            axes[1].step(x, table["cumulative"], where="mid", color=colour, label=str(name))
            low, high = table["cumulative_low"], table["cumulative_high"]
            axes[1].fill_between(x, low, high, step="mid", color=colour, alpha=0.2, lw=0)
        label = "time (s)" if unit == "per_s" else "frame of the file"
        axes[0].set(xlabel=label, ylabel=word, ylim=(0, None))
        axes[1].set(xlabel=label, ylabel="landings so far", ylim=(0, None))
        axes[1].legend(fontsize=7)
        if result.fit:
            _draw_series(axes[2], result, word)
    return figure


def _draw_series(axes: Any, result: LandingRates, word: str) -> None:
    series, fit, unit = result.series, result.fit, result.unit
    assert fit is not None
    rate = series[f"rate_{unit}"]
    ends = [rate - series[f"rate_low_{unit}"], series[f"rate_high_{unit}"] - rate]
    axes.errorbar(series["concentration"], rate, ends, fmt="o", ms=4, lw=0.8, color=INK)
    x = np.array([0, 1.05 * series["concentration"].max()])
    axes.plot(x, fit.slope * x + fit.background, color=COLOURS[1], lw=1.2)
    axes.set(xlabel="concentration", ylabel=word, ylim=(0, None), xlim=(0, None))
    axes.set_title(f"slope {fit.slope:.3g} ± {fit.slope_error:.2g}", fontsize=FONT_SIZE)


@dataclass(frozen=True)
class _Run:
    """What rates need of the results of a run."""

    name: str
    landings: pd.DataFrame
    first: int
    last: int
    frame_rate_hz: float | None
    area_um2: float | None

    @classmethod
    def of(cls, folder: Path) -> _Run:
        try:
            record = read_json(folder / RECORD, error=BadValueError)
        except OSError:
            raise BadValueError(
                f"{folder} has no {RECORD}: choose a folder of results of napari-uai iscat"
            ) from None
        try:
            given = record["input"]
            frames, rows, columns = map(int, given["shape"])
            first = int(given["first_frame"])
            stages = {each["name"]: each["parameters"] for each in record["stages"]}
            batch = int(stages.get(ROLLING_AVERAGE, {}).get("batch_size", 0))
            pixel, rate = given["pixel_size_um"], given["frame_rate_hz"]
            fits = record["format"] == RECORD_FORMAT and "landings" in record["outputs"]
        except (KeyError, TypeError, ValueError):
            fits = False
        if not fits:
            raise BadValueError(f"{folder / RECORD} is not the record of a run that finds landings")
        landings = read_csv(folder / "landings.csv", error=BadValueError)
        area = None if pixel is None else rows * columns * float(pixel) ** 2
        # Landings are found where a whole batch lies on either side.
        ends = first + batch, first + frames - 1 - batch
        return cls(folder.resolve().name, landings, *ends, rate, area)


def _row(
    run: _Run, landings: int, rate: float | None, concentration: Sequence[float]
) -> dict[str, Any]:
    unit, time = ("per_frame", "frames") if rate is None else ("per_s", "s")
    duration = (run.last - run.first + 1) / (rate or 1)
    low, high = (float(end) for end in poisson_interval(landings))
    return {
        "recording": run.name,
        **({"concentration": concentration[0]} if concentration else {}),
        "landings": landings,
        f"duration_{time}": duration,
        f"rate_{unit}": landings / duration,
        f"rate_low_{unit}": low / duration,
        f"rate_high_{unit}": high / duration,
        **({} if run.area_um2 is None else {"area_um2": run.area_um2}),
    }

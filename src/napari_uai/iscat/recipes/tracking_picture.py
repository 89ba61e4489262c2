"""Summary picture of particles that move: their paths, how far and how fast they go, and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from napari_uai.figures import COLOURS, INK, print_style
from napari_uai.iscat.measure.diffusing_population import diffusion_unit_of
from napari_uai.iscat.measure.displacements import free_diffusion, mean_over_particles
from napari_uai.iscat.measure.linking import spot_places
from napari_uai.iscat.recipes.mean_image import draw_mean_image, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from napari_uai.iscat.recipes.run import RunResult

FONT_SIZE = 9

N_CURVES = 80
"""Longest trajectories whose mean squared displacement is drawn."""

_UNITS = {"um2_per_s": "µm²/s", "px2_per_frame": "px²/frame"}
_COLOUR_MAP = "viridis"
_FAINT, _BARS = "#b9c3cc", "#c9d3dc"


def tracking_picture(result: RunResult) -> Figure:
    """Draw paths on the mean image, mean squared displacements, contrasts, diffusion and sizes.

    Parameters
    ----------
    result
        Of a recipe that tracks particles.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen; save it with ``savefig``.
    """
    trajectories = result.trajectories
    some = trajectories is not None and len(trajectories) > 0
    with print_style(FONT_SIZE):
        figure = Figure(figsize=(13, 6.8 if some else 5.2), layout="constrained")
        figure.suptitle(title_of(result), fontsize=11)
        if trajectories is None or not some:
            draw_mean_image(figure.subplots(), result)
            return figure
        grid = figure.add_gridspec(2, 3, width_ratios=(1.25, 1, 1))
        _draw_paths(figure.add_subplot(grid[:, 0]), result, trajectories)
        _draw_displacements(figure.add_subplot(grid[0, 1]), result)
        _draw_contrasts(figure.add_subplot(grid[0, 2]), trajectories)
        _draw_distribution(figure.add_subplot(grid[1, 1]), result)
        _draw_sizes(figure.add_subplot(grid[1, 2]), result, trajectories)
    return figure


def _draw_paths(axes: Axes, result: RunResult, trajectories: pd.DataFrame) -> None:
    """Draw each path in the colour of its diffusion constant."""
    draw_mean_image(axes, result)
    unit = diffusion_unit_of(trajectories)
    diffusion = trajectories[f"diffusion_{unit}"].to_numpy(np.float64)
    positive = diffusion[diffusion > 0]
    tracks = result.tracks
    if tracks is not None and len(positive):
        places = spot_places(tracks)[:, ::-1]
        groups = tracks.groupby("particle").indices
        low, high = np.percentile(positive, (5, 95))
        lines = LineCollection(
            [places[groups[particle]] for particle in trajectories["particle"]],
            cmap=_COLOUR_MAP,
            norm=LogNorm(low, high if high > low else 1.1 * low),
            linewidths=0.9,
        )
        lines.set_array(np.maximum(diffusion, low))
        axes.add_collection(lines)
        bar = axes.figure.colorbar(
            lines, ax=axes, location="bottom", shrink=0.8, pad=0.02, label=f"D ({_UNITS[unit]})",
            format="%g", ticks=_log_ticks(low, high),
        )  # fmt: skip
        bar.minorticks_off()
    axes.set_title("Paths on the mean image")


def _draw_displacements(axes: Axes, result: RunResult) -> None:
    """Draw mean squared displacements over lags, and their mean over all particles."""
    table = result.displacements
    if table is None or table.empty:
        axes.set_axis_off()
        return
    known = "lag_s" in table.columns
    time, area = ("lag_s", "um2") if known else ("lag_frames", "px2")
    lengths = table.groupby("particle")["pairs"].sum().sort_values(ascending=False)
    for particle in lengths.index[:N_CURVES]:
        curve = table[table["particle"] == particle]
        axes.plot(curve[time], curve[f"msd_{area}"], color=_FAINT, lw=0.6, alpha=0.7, zorder=1)
    mean = mean_over_particles(table)
    axes.errorbar(
        mean["lag"], mean["msd"], mean["error"],
        fmt="o", ms=4, color=COLOURS[0], label="mean", zorder=3, lw=1,
    )  # fmt: skip
    population = result.population
    if population is not None and len(population):
        value = float(population[f"diffusion_{diffusion_unit_of_population(population)}"].iloc[0])
        axes.plot(
            mean["lag"], free_diffusion(mean, value), color=COLOURS[1], lw=1.2, zorder=2,
            label="4 D t + constant (localisation, blur)",
        )  # fmt: skip
    axes.set(xlabel="lag (s)" if known else "lag (frames)", ylabel="µm²" if known else "px²")
    _logarithmic(axes, "x", "y")
    axes.legend()
    axes.set_title("Mean squared displacement")


def diffusion_unit_of_population(population: pd.DataFrame) -> str:
    """Return the unit of the diffusion constant of a population."""
    return next(unit for unit in _UNITS if f"diffusion_{unit}" in population.columns)


def _draw_contrasts(axes: Axes, trajectories: pd.DataFrame) -> None:
    """Draw diffusion constants over contrasts, with standard errors."""
    unit = diffusion_unit_of(trajectories)
    shown = trajectories[trajectories[f"diffusion_{unit}"] > 0]
    x, y = shown["contrast"].abs(), shown[f"diffusion_{unit}"]
    ends = [y - shown[f"diffusion_low_{unit}"], shown[f"diffusion_high_{unit}"] - y]
    for colour, sign, label in ((COLOURS[1], 1, "brighter"), (COLOURS[0], -1, "darker")):
        own = (np.sign(shown["contrast"]) == sign).to_numpy()
        if own.any():
            axes.errorbar(
                x[own], y[own], np.maximum([e[own] for e in ends], 0), shown["contrast_error"][own],
                fmt="o", ms=3, color=colour, ecolor=_FAINT, elinewidth=0.6, label=label,
            )  # fmt: skip
    if len(shown):
        _logarithmic(axes, "y")
        axes.legend()
    axes.set(xlabel="|contrast|, median of the trajectory", ylabel=f"D ({_UNITS[unit]})")
    axes.set_title("Diffusion against contrast (95 % intervals)")


def _draw_distribution(axes: Axes, result: RunResult) -> None:
    """Draw the shares of diffusion constants with the fitted distribution."""
    table, population = result.distribution, result.population
    if table is None or table.empty:
        axes.text(0.5, 0.5, "no positive diffusion constant", transform=axes.transAxes, ha="center")
        return
    unit = next(unit for unit in _UNITS if f"low_{unit}" in table.columns)
    low, high = table[f"low_{unit}"].to_numpy(float), table[f"high_{unit}"].to_numpy(float)
    _bars(axes, low, high, table)
    _logarithmic(axes, "x")
    axes.set(xlabel=f"D ({_UNITS[unit]})", ylabel="share of all spots")
    if population is None or population.empty:
        return
    row = population.iloc[0]
    median, ends = row[f"diffusion_{unit}"], row[[f"diffusion_{e}_{unit}" for e in ("low", "high")]]
    axes.axvspan(*ends, color=COLOURS[1], alpha=0.25, lw=0)
    axes.axvline(median, color=COLOURS[1], lw=1.2)
    spread = row["spread"]
    if spread > 0:
        fine = np.geomspace(low[0], high[-1], 300)
        width = np.log(high[0] / low[0])
        density = np.exp(-0.5 * (np.log(fine / median) / spread) ** 2)
        share = np.minimum(width * density / (np.sqrt(2 * np.pi) * spread), 1)
        axes.plot(fine, share, color=COLOURS[1], lw=1.2)
    axes.set_title(
        f"D = {median:.3g} ({ends.iloc[0]:.3g} to {ends.iloc[1]:.3g}) {_UNITS[unit]}\n"
        f"spread {_spread(row)}"
    )


def _spread(row: pd.Series[Any]) -> str:
    if not np.isfinite(row["spread"]):
        return "unknown"
    return f"{row['spread']:.0%} ({row['spread_low']:.0%} to {row['spread_high']:.0%})"


def _logarithmic(axes: Axes, *names: str) -> None:
    """Make axes logarithmic, with plain numbers at 1, 2 and 5."""
    for name in names:
        getattr(axes, f"set_{name}scale")("log")
        each: Axis = getattr(axes, f"{name}axis")
        each.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        each.set_major_formatter("{x:g}")
        each.set_minor_formatter(NullFormatter())


def _log_ticks(low: float, high: float) -> list[float]:
    """Return numbers of two digits between two others, evenly spaced on a logarithmic axis."""
    return [float(f"{x:.2g}") for x in np.geomspace(low, high, 4)]


def _bars(axes: Axes, low: Any, high: Any, table: pd.DataFrame) -> None:
    share, error = table["share"], table["share_error"]
    axes.bar(low, share, high - low, align="edge", color=_BARS, edgecolor="white", lw=0.5)
    axes.errorbar(np.sqrt(low * high), share, error, fmt="none", ecolor=INK, elinewidth=0.7)
    axes.set_ylim(0, 1.15 * float((share + error).max()))


def _draw_sizes(axes: Axes, result: RunResult, trajectories: pd.DataFrame) -> None:
    """Draw the shares of hydrodynamic diameters; without units, the lengths of trajectories."""
    table, population = result.distribution, result.population
    if table is None or "diameter_low_nm" not in table.columns:
        axes.hist(trajectories["n_spots"], bins=20, color=_BARS, edgecolor="white")
        axes.set(xlabel="spots", ylabel="trajectories")
        axes.set_title("Lengths (pixel size or frame rate unknown)")
        return
    low, high = (table[f"diameter_{end}_nm"].to_numpy(float) for end in ("low", "high"))
    _bars(axes, low, high, table)
    _logarithmic(axes, "x")
    axes.set(xlabel="hydrodynamic diameter (nm)", ylabel="share of all spots")
    if population is not None and len(population):
        row = population.iloc[0]
        axes.axvspan(
            row["diameter_low_nm"], row["diameter_high_nm"], color=COLOURS[1], alpha=0.25, lw=0
        )
        axes.axvline(row["diameter_nm"], color=COLOURS[1], lw=1.2)
        axes.set_title(
            f"{row['diameter_nm']:.3g} nm ({row['diameter_low_nm']:.3g} to "
            f"{row['diameter_high_nm']:.3g})\nby Stokes-Einstein"
        )

"""Picture of mass distributions for publication: histograms, mixtures, densities, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_uai.figures import COLOURS, INK, print_style
from napari_uai.iscat.mass.analysis import MassResult, MassSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_uai.iscat.mass.calibration import Calibration

PICTURES = ("masses.svg", "masses.pdf")
"""Pictures of a result, both of lines and letters rather than pixels."""

MOST_PANELS = 24
"""Largest number of distributions in one picture."""

_BARS = "#c9d3dc"
FONT_SIZE = 7
_PANEL_INCHES = (3.4, 1.9)
_BIN_STEPS = (1, 2, 2.5, 5, 10)
_LEGEND_LINE = 0.1  # of the height of a panel
_SHOWN = 0.995  # share of the landings that decides the range shown


def mass_picture(result: MassResult, *, bin_kda: float | None = None) -> Figure:
    """Draw the distributions of a result, one panel each, and the calibration if it has standards.

    Parameters
    ----------
    result
        As returned by :func:`analyse_masses`.
    bin_kda
        Width of the bins of the histograms; None for a round number above the bandwidth of the
        kernel density.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen; save it with ``savefig`` as SVG or PDF.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> contrasts = 3.2e-5 * np.random.default_rng(0).normal(66, 5, 200)
    >>> landings = mass.landing_table(pd.DataFrame({"contrast": contrasts}), "albumin")
    >>> result = mass.analyse_masses([landings], calibration=mass.Calibration(3.2e-5))
    >>> len(mass.mass_picture(result).axes)
    1
    """
    from matplotlib.figure import Figure

    drawn = shown_sets(result)
    has_standards = result.calibration is not None and len(result.calibration.standards) > 0
    panels = max(1, len(drawn) + has_standards)
    columns = 1 if panels == 1 else 2
    rows = -(-panels // columns)
    width, height = _PANEL_INCHES
    with print_style(FONT_SIZE):
        figure = Figure(figsize=(width * columns, height * rows + 0.2), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        limits = _limits(drawn)
        bins = histogram_edges(drawn, bin_kda)
        for axes, one in zip(grid, drawn, strict=False):
            _draw_set(axes, one, bins, limits)
        if has_standards and result.calibration is not None:
            _draw_calibration(grid[len(drawn)], result.calibration)
        for unused in grid[len(drawn) + has_standards :]:
            unused.set_axis_off()
    return figure


def shown_sets(result: MassResult) -> list[MassSet]:
    """Return the sets that the picture shows."""
    return [each for each in result.sets if each.mixture is not None][:MOST_PANELS]


def histogram_edges(sets: Sequence[MassSet], bin_kda: float | None = None) -> Any:
    """Return the edges of bins that all sets share."""
    if not sets:
        return np.array([0.0, 1.0])
    masses = np.concatenate([each.landings["mass_kda"].to_numpy(float) for each in sets])
    width = bin_kda or _round_bin(1.5 * sets[0].bandwidth_kda)
    # A mass far from all others must not make a million bins.
    low, high = masses.min(), masses.max()
    width = max(width, (high - low) / 5000)
    first = np.floor(low / width)
    return width * np.arange(first, np.floor(high / width) + 2)


def histogram_table(result: MassResult, *, bin_kda: float | None = None) -> pd.DataFrame:
    """Return the histograms of all sets: ``kind, name, sign, low_kda, high_kda, landings``."""
    sets = shown_sets(result)
    edges = histogram_edges(sets, bin_kda)
    tables = [
        pd.DataFrame(
            {
                "kind": each.kind,
                "name": each.name,
                "sign": each.sign,
                "low_kda": edges[:-1],
                "high_kda": edges[1:],
                "landings": np.histogram(each.landings["mass_kda"], edges)[0],
            }
        )
        for each in sets
    ]
    names = ["kind", "name", "sign", "low_kda", "high_kda", "landings"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)


def _draw_set(axes: Axes, one: MassSet, edges: Any, limits: tuple[float, float]) -> None:
    """Draw histogram, kernel density, mixture and its components, in landings per bin."""
    masses = one.landings["mass_kda"].to_numpy(float)
    per_bin = len(masses) * (edges[1] - edges[0])
    axes.hist(masses, edges, color=_BARS, lw=0)
    at = one.density["mass_kda"]
    axes.plot(at, per_bin * one.density["kernel"], color="0.45", lw=0.7, ls=":")
    axes.plot(at, per_bin * one.density["mixture"], color=INK, lw=1.4)
    for k, row in enumerate(one.components.itertuples()):
        colour = COLOURS[k % len(COLOURS)]
        curve = per_bin * one.density[f"component_{k + 1}"]
        axes.fill_between(at, curve, color=colour, alpha=0.25, lw=0)
        axes.plot(at, curve, color=colour, lw=0.8, label=_component_label(row))
    axes.set_xlim(*limits)
    # Room for the legend above the curves.
    axes.set_ylim(0, axes.get_ylim()[1] * (1 + _LEGEND_LINE * len(one.components)))
    axes.set(xlabel="mass (kDa)", ylabel=f"landings per {edges[1] - edges[0]:g} kDa")
    axes.set_title(f"{one.label} (n = {len(masses)})", fontsize=7.5, loc="left")
    axes.legend(fontsize=6, handlelength=1.2, loc="upper right", borderaxespad=0.2)


def _component_label(row: Any) -> str:
    error = float(np.hypot(row.mean_error_kda, row.calibration_error_kda))
    digits = max(0, min(3, 1 - int(np.floor(np.log10(error))))) if error > 0 else 1
    return f"{row.mean_kda:.{digits}f} ± {error:.{digits}f} kDa, {row.weight:.0%}"


def _draw_calibration(axes: Axes, calibration: Calibration) -> None:
    table = calibration.standards
    masses, contrasts = (table[name].to_numpy(float) for name in ("mass_kda", "contrast"))
    errors = np.nan_to_num(table["contrast_error"].to_numpy(float))
    line = np.linspace(0, 1.05 * masses.max(), 100)
    fitted, band = (
        1e3 * each
        for each in (
            calibration.contrasts(line),
            calibration.slope * calibration.error_at(line),
        )
    )
    axes.fill_between(line, fitted - band, fitted + band, color=_BARS, lw=0)
    axes.plot(line, fitted, color=INK, lw=0.9)
    axes.errorbar(masses, 1e3 * contrasts, 1e3 * errors, fmt="o", ms=3, lw=0.8, color=COLOURS[0])
    axes.set(xlabel="mass (kDa)", ylabel="contrast (1e-3)", xlim=(0, None), ylim=(0, None))
    power = int(np.floor(np.log10(calibration.slope)))
    slope, error = (v / 10.0**power for v in (calibration.slope, calibration.slope_error))
    title = f"calibration: ({slope:.3f} ± {error:.3f})e{power} per kDa"
    axes.set_title(title, fontsize=7.5, loc="left")


def _limits(sets: Sequence[MassSet]) -> tuple[float, float]:
    """Return the range of masses to show: 0 to beyond nearly all landings."""
    if not sets:
        return 0.0, 1.0
    masses = np.concatenate([each.landings["mass_kda"].to_numpy(float) for each in sets])
    high = float(np.quantile(masses, _SHOWN))
    means = [m for each in sets for m in each.components["mean_kda"] if m < 2 * high]
    return min(0.0, float(masses.min())), 1.15 * max([high, *means])


def _round_bin(width: float) -> float:
    """Return the round number nearest a width."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(min((step * power for step in _BIN_STEPS), key=lambda w: abs(w - width)))

"""Charts of particles that move: paths, mean squared displacement, diffusion constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.errors import counted
from napari_uai.iscat.measure.displacements import free_diffusion, mean_over_particles
from napari_uai.report.charts import Chart, padded
from napari_uai.report.landing_charts import field_chart
from napari_uai.report.markup import Markup, figure, tag
from napari_uai.report.quantities import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_uai.report.trajectory_records import TrajectoryResults
    from napari_uai.typing import Floats

MOST_PATHS = 300
"""Trajectories that are drawn, the longest ones."""

MOST_CURVES = 80
"""Mean squared displacements of single particles that are drawn, of the longest trajectories."""

_FAR = 1e12
"""Beyond it and its inverse, values are not drawn."""


def trajectory_charts(results: TrajectoryResults) -> Markup:
    """Return all charts of a recording with trajectories."""
    return tag("div", list(_charts(results)), class_="figures")


def _charts(results: TrajectoryResults) -> Iterator[Markup]:
    if results.tracks is not None:
        yield _paths(results)
    curves = results.displacements
    if curves is not None and np.isfinite(curves[results.units.lag]).any():
        yield _displacements(results)
    if results.distribution is not None and len(results.distribution):
        yield _distribution(results)
    yield _contrasts(results)


def _longest(results: TrajectoryResults, most: int) -> list[int]:
    """Return the particles of the longest trajectories."""
    table = results.trajectories.nlargest(most, "n_spots", keep="first")
    return [int(particle) for particle in table["particle"]]


def _paths(results: TrajectoryResults) -> Markup:
    tracks = results.tracks
    assert tracks is not None
    _, rows, columns = results.record.input.shape
    n = len(results.trajectories)
    chart = field_chart(f"Paths of {counted(n, 'particle')} in the field", rows, columns)
    contrasts = dict(zip(results.column("particle"), results.column("contrast"), strict=True))
    places = tracks[["x", "y"]].to_numpy(float)
    spots = tracks.groupby("particle").indices
    for particle in _longest(results, MOST_PATHS):
        path = places[spots.get(particle, np.zeros(0, int))]
        chart.line(path[:, 0], path[:, 1], "bright" if contrasts[particle] > 0 else "dark")
    some = f" The longest {MOST_PATHS} of {n} are shown." if n > MOST_PATHS else ""
    caption = "Paths in the full frame, orange of particles brighter than the background, blue of "
    return figure(chart.svg(), f"{caption}darker ones.{some}")


def _displacements(results: TrajectoryResults) -> Markup:
    table, units = results.displacements, results.units
    assert table is not None
    lag, msd = units.lag, f"msd_{units.area}"
    mean = mean_over_particles(table)
    lags, means, errors = (mean[c].to_numpy(float) for c in ("lag", "msd", "error"))
    limit = 1.3 * float(np.nanmax(means)) if np.isfinite(means).any() else 1.0
    chart = Chart(
        f"Mean squared displacement over the lag, up to {number(float(lags.max()), 3)} "
        f"{units.lag_text}.",
        (0.0, 1.05 * _positive(lags.max())),
        (0.0, _positive(limit)),
        f"lag ({units.lag_text})",
        f"mean squared displacement ({units.area_text})",
        margins=(58, 14, 28, 44),
    )
    for particle in _longest(results, MOST_CURVES):
        own = table[table["particle"] == particle]
        values = own[msd].to_numpy(float)
        shown = np.where(values <= limit, values, np.nan)  # lines would leave the axes
        chart.line(own[lag].to_numpy(float), shown, "grid")
    diffusion = _diffusion(results)
    if diffusion is not None:
        chart.line(lags, free_diffusion(mean, diffusion), "model")
        chart.legend([("model", "4 D t + constant")])
    chart.error_bars(lags, means, errors)
    titles = [
        f"lag {number(a, 3)} {units.lag_text}: {number(m, 3)}"
        for a, m in zip(lags, means, strict=True)
    ]
    chart.points(lags, means, ["bright"] * len(lags), titles)
    caption = (
        "Mean squared displacement: mean over all particles, weighted by pairs, with standard "
        "errors; grey, that of single particles. A straight line is free diffusion; the constant "
        "is the error of localisation, less the blur."
    )
    return figure(chart.svg(), caption)


def _distribution(results: TrajectoryResults) -> Markup:
    table, units = results.distribution, results.units
    assert table is not None
    known = (table[f"low_{units.diffusion}"] > 1 / _FAR) & (table[f"high_{units.diffusion}"] < _FAR)
    table = table[known]
    low, high = (np.log10(table[f"{e}_{units.diffusion}"].to_numpy(float)) for e in ("low", "high"))
    share, error = (table[c].to_numpy(float) for c in ("share", "share_error"))
    top = _positive(1.15 * float(np.nanmax(share + np.nan_to_num(error), initial=0.0)))
    edges = np.append(low, high) if len(low) else np.array([0.0, 1.0])
    chart = Chart(
        f"Distribution of diffusion constants in {counted(len(low), 'bin')}.",
        (float(edges.min()), float(edges.max())),
        (0.0, top),
        f"log₁₀ D ({units.diffusion_text})",
        "share of all spots",
    )
    chart.bars(low, high, np.zeros(len(low)), share, "dark")
    chart.error_bars((low + high) / 2, share, error)
    diffusion = _diffusion(results)
    if diffusion is not None and 1 / _FAR < diffusion < _FAR:
        at = np.log10(diffusion)
        chart.line(np.array([at, at]), np.array([0.0, top]), "model")
    caption = (
        "Diffusion constants, weighted by spots, with standard errors; dashed, the median of the "
        "population."
    )
    return figure(chart.svg(), caption)


def _contrasts(results: TrajectoryResults) -> Markup:
    units, shown = results.units, results.trajectories.head(2000)
    n = len(shown)
    x = results.column("contrast")[:n]
    y = results.column(f"diffusion_{units.diffusion}")[:n]
    errors = results.column(f"diffusion_error_{units.diffusion}")[:n]
    spread = np.nan_to_num(errors)
    chart = Chart(
        f"Diffusion constant over contrast of {counted(n, 'particle')}; values are in the table.",
        padded(x),
        padded(np.concatenate([y - spread, y + spread, [0.0]])),
        "contrast, median of the trajectory",
        f"D ({units.diffusion_text})",
    )
    chart.zero()
    chart.error_bars(x, y, errors)
    titles = [
        f"particle {number(particle)}: D {number(d, 3)} {units.diffusion_text}, contrast "
        f"{number(c, 3)}"
        for particle, d, c in zip(results.column("particle")[:n], y, x, strict=True)
    ]
    size = float(np.clip(40 / np.sqrt(max(n, 1)), 1.5, 4))
    chart.points(x, y, ["bright" if c > 0 else "dark" for c in x], titles, size=size)
    return figure(chart.svg(), "Diffusion against contrast; bars are one standard error.")


def _diffusion(results: TrajectoryResults) -> float | None:
    """Return the median diffusion constant of the population, None if it is not known."""
    table = results.population
    if table is None or table.empty:
        return None
    value = float(table[f"diffusion_{results.units.diffusion}"].iloc[0])
    return value if np.isfinite(value) else None


def _positive(value: float | Floats) -> float:
    """Return the end of an axis that begins at 0."""
    return float(value) if np.isfinite(value) and value > 0 else 1.0

"""Summary picture of a run: where and when landings occurred, how strong and how certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.figure import Figure, SubFigure

from napari_uai.iscat.recipes.mean_image import draw_mean_image, title_of
from napari_uai.iscat.recipes.recipe import RECORDING
from napari_uai.iscat.recipes.tracking_picture import tracking_picture
from napari_uai.videos.frames import frames_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

    from napari_uai.iscat.recipes.run import RunResult

N_SHOWN = 6
"""Landings shown with their image and trace."""

N_NUMBERED = 40
"""Landings numbered in the mean image."""

_HALF_WINDOW_PX = 9
_IMAGE_POINTS = 300  # size of the mean image on the page, in typographic points
# Margins and distances, as shares of a half of the page and of its axes. A layout that measures all
# texts takes as long as drawing the page.
_UPPER = {"left": 0.045, "right": 0.97, "bottom": 0.1, "top": 0.86, "wspace": 0.13, "hspace": 0.48}
_LOWER = {"left": 0.055, "right": 0.97, "bottom": 0.13, "top": 0.86, "wspace": 0.3, "hspace": 0.3}
_BRIGHT, _DARK = "#d95f02", "#1b6fb8"


def summary_picture(result: RunResult) -> Figure:
    """Draw the mean image, landings over time, drift if measured, and the strongest landings.

    Of a recipe that tracks particles, draw their motion instead (:func:`tracking_picture`).

    Parameters
    ----------
    result
        As returned by :func:`~napari_uai.run_recipe`.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen; save it with ``savefig``.
    """
    if result.trajectories is not None:
        return tracking_picture(result)
    landings = result.landings
    figure = Figure(figsize=(13, 9.2 if len(landings) else 5.2))
    figure.suptitle(title_of(result), fontsize=11)
    parts: Any = [figure]
    if len(landings):
        parts = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    drift = result.drift
    has_drift = drift is not None and len(drift) > 0
    grid = parts[0].add_gridspec(2 if has_drift else 1, 2, width_ratios=(1, 1.6), **_UPPER)
    _draw_mean_image(parts[0].add_subplot(grid[:, 0]), result)
    over_time = parts[0].add_subplot(grid[0, 1])
    _draw_over_time(over_time, result)
    if drift is not None and has_drift:
        _draw_drift(parts[0].add_subplot(grid[1, 1], sharex=over_time), drift)
    if len(landings):
        _draw_strongest(parts[1], result)
    return figure


def label_places(
    points: npt.NDArray[np.float64],
    size: tuple[float, float],
    bounds: tuple[float, float],
    clearance: float,
) -> list[tuple[float, float] | None]:
    """Choose a position for each point's label, so that labels cover neither each other nor points.

    Parameters
    ----------
    points
        (n, 2), y and x; labels of the first are placed first.
    size
        Height and width of a label, in the unit of the points.
    bounds
        Height and width of the picture.
    clearance
        Smallest distance between the centre of a point and the edge of any label.

    Returns
    -------
    list
        Centre (y, x) of each label, or None where there is no room.
    """
    half = np.array(size) / 2
    placed: list[npt.NDArray[np.float64]] = []
    chosen: list[tuple[float, float] | None] = []
    directions = [(-1, 1), (1, 1), (-1, -1), (1, -1), (0, 1), (0, -1), (-1, 0), (1, 0)]
    for point in points:
        place = None
        for direction in directions:
            centre = point + np.array(direction) * (half + clearance * 0.75)
            inside = np.all(centre - half >= -0.5) and np.all(
                centre + half <= np.array(bounds) - 0.5
            )
            beside = np.maximum(np.abs(points - centre) - half, 0)
            free = np.all(np.hypot(beside[:, 0], beside[:, 1]) >= clearance * 0.7)
            apart = all(np.any(np.abs(centre - other) >= 2 * half) for other in placed)
            if inside and free and apart:
                place = centre
                placed.append(centre)
                break
        chosen.append(None if place is None else (float(place[0]), float(place[1])))
    return chosen


def _draw_mean_image(axes: Axes, result: RunResult) -> None:
    shape = draw_mean_image(axes, result)
    table = result.landings.head(N_NUMBERED)
    points = table[["y", "x"]].to_numpy(float)
    point_px = max(shape) / _IMAGE_POINTS
    places = label_places(points, (13 * point_px, 15 * point_px), shape, 6 * point_px)
    for point, place, row in zip(points, places, table.itertuples(), strict=True):
        colour = _colour(cast("float", row.contrast))
        marker = {"marker": "o", "ms": 9, "mfc": "none", "mec": colour, "mew": 1.3}
        axes.plot(point[1], point[0], scalex=False, scaley=False, **marker)  # type: ignore[arg-type]
        if place is not None:
            axes.text(
                place[1], place[0], str(row.landing), color="white", fontsize=8,
                ha="center", va="center", clip_on=True,
                bbox={"boxstyle": "round,pad=0.12", "fc": colour, "ec": "none", "alpha": 0.85},
            )  # fmt: skip
    axes.set_title("Mean image; landings by score (orange: brighter, blue: darker)", fontsize=9)


def _draw_over_time(axes: Axes, result: RunResult) -> None:
    table = result.landings
    axes.axhline(0, color="0.7", lw=0.8)
    if len(table):
        colours = [_colour(c) for c in table["contrast"]]
        score = table["score"].to_numpy(float)
        sizes = 15 + 60 * np.nan_to_num(score / max(np.nanmax(score), 1e-12))
        axes.scatter(table["raw_frame"], table["contrast"], s=sizes, c=colours, alpha=0.85, lw=0)
        if "contrast_error" in table.columns:
            axes.errorbar(
                table["raw_frame"], table["contrast"], table["contrast_error"],
                fmt="none", ecolor="0.5", elinewidth=0.7, zorder=0,
            )  # fmt: skip
        top = 1.15 * np.nanmax(np.abs(table["contrast"]))
        axes.set_ylim(-top, top)
        for row in table.head(N_SHOWN).itertuples():
            axes.annotate(
                str(row.landing), (row.raw_frame, row.contrast), xytext=(6, 3),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
    else:
        axes.text(0.5, 0.5, "nothing above the threshold", transform=axes.transAxes, ha="center")
    start = result.recording.first_frame
    axes.set_xlim(start, start + len(result.videos[RECORDING]))
    axes.set(xlabel="frame of the file", ylabel="contrast")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes.set_title("Contrast over time (size: score)", fontsize=9)


def _draw_drift(axes: Axes, drift: pd.DataFrame) -> None:
    for column, label, colour in (("y_px", "rows", "#444444"), ("x_px", "columns", "#999999")):
        if column in drift.columns:
            axes.plot(drift["raw_frame"], drift[column], color=colour, lw=1, label=label)
    axes.legend(fontsize=8, frameon=False, ncols=2)
    axes.set(xlabel="frame of the file", ylabel="px")
    axes.set_title("Drift of the stage", fontsize=9)


def _draw_strongest(part: SubFigure, result: RunResult) -> None:
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

    table = result.landings.head(N_SHOWN)
    traces = result.traces
    has_traces = traces is not None and len(traces) > 0
    axes = part.subplots(
        2 if has_traces else 1, N_SHOWN, squeeze=False,
        height_ratios=(1.35, 1)[: 1 + has_traces], gridspec_kw=_LOWER,
    )  # fmt: skip
    for column in range(N_SHOWN):
        if column >= len(table):
            for unused in axes[:, column]:
                unused.set_axis_off()
            continue
        row = table.iloc[column]
        if ROLLING_AVERAGE in result.videos:
            _draw_cut_out(axes[0, column], result, row)
        error = f" ± {row['contrast_error']:.1e}" if "contrast_error" in table.columns else ""
        axes[0, column].set_title(
            f"{int(row['landing'])}: frame {int(row['raw_frame'])}\n"
            f"{row['contrast']:.1e}{error}, score {row['score']:.1f}",
            fontsize=8,
        )
        if traces is not None and has_traces:
            _draw_trace(axes[1, column], traces, row)
    if has_traces:
        axes[1, 0].set_ylabel("contrast", fontsize=8)


def _draw_cut_out(axes: Axes, result: RunResult, row: pd.Series[Any]) -> None:
    """Show the surroundings of a landing at its peak in the rolling average."""
    name = last_rolling_average(result)
    frames, origin = frames_of(result.videos[name]), result.origins[name]
    _, height, width = frames.shape
    frame = int(
        np.clip(row["raw_frame"] - result.recording.first_frame - origin.frames, 0, len(frames) - 1)
    )
    y, x = row["y"] - origin.rows, row["x"] - origin.columns
    top, left = (max(round(v) - _HALF_WINDOW_PX, 0) for v in (y, x))
    bottom, right = (
        min(round(y) + _HALF_WINDOW_PX + 1, height),
        min(round(x) + _HALF_WINDOW_PX + 1, width),
    )
    cut = frames.read(frame, frame + 1)[0, top:bottom, left:right]
    # Neither noise nor a hot pixel may mask the landing.
    limit = max(abs(row["contrast"]), np.nanpercentile(np.abs(cut), 90), 1e-12)
    extent = (
        left - 0.5 + origin.columns,
        right - 0.5 + origin.columns,
        bottom - 0.5 + origin.rows,
        top - 0.5 + origin.rows,
    )
    axes.imshow(cut, cmap="gray", vmin=-limit, vmax=limit, extent=extent)
    axes.plot(row["x"], row["y"], "o", ms=12, mfc="none", mec=_colour(row["contrast"]), mew=1)
    axes.tick_params(labelsize=7)


def _draw_trace(axes: Axes, traces: pd.DataFrame, row: pd.Series[Any]) -> None:
    trace = traces[traces["landing"] == row["landing"]]
    axes.axhline(0, color="0.8", lw=0.7)
    axes.plot(trace["raw_frame"], trace["contrast"], color=_colour(row["contrast"]), lw=1)
    axes.axvline(row["raw_frame"], color="0.6", lw=0.7, ls=":")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes.yaxis.get_offset_text().set_fontsize(7)
    axes.tick_params(labelsize=7)
    axes.locator_params(axis="x", nbins=3)
    axes.set_xlabel("frame of the file", fontsize=8)


def last_rolling_average(result: RunResult) -> str:
    """Return the last video that shares frames and pixels with the rolling average."""
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

    name = ROLLING_AVERAGE
    for step in result.recipe.steps:
        if step.name in result.videos and name in step.inputs[:1]:
            same = result.origins[step.name] == result.origins[ROLLING_AVERAGE]
            name = step.name if same else name
    return name


def _colour(contrast: float) -> str:
    return _BRIGHT if contrast > 0 else _DARK

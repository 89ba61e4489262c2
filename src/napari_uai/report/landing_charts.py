"""Charts of landings: where, when, how strong, the course of each, and the drift of the stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.errors import counted
from napari_uai.iscat.measure.contrast import contrast_histogram
from napari_uai.report.charts import Chart, padded
from napari_uai.report.markup import Markup, figure, tag
from napari_uai.report.quantities import common_power, number, power_of_ten, with_error

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.report.records import LandingResults
    from napari_uai.typing import Floats

MOST_MARKS = 2000
"""Landings marked in a chart, the first of the table."""

MOST_NUMBERED = 40
"""Landings whose number is written beside their mark, unless there are more."""

_PLOT_PX = (400, 400)
KEY = "Round marks are brighter than the background, square ones darker."


def landing_charts(results: LandingResults) -> Markup:
    """Return all charts of a recording with landings."""
    shown = results.landings.head(MOST_MARKS)
    charts = [_map(results, shown), _over_time(results, shown), histogram(results.landings)]
    if results.drift is not None and len(results.drift) > 1:
        charts.append(_drift(results.drift))
    return tag("div", charts, class_="figures")


def trace_charts(results: LandingResults) -> Markup | None:
    """Return the contrast over time of each of the first landings; None without traces."""
    traces, batch = results.traces, results.record.batch_size
    if traces is None or not len(traces) or batch is None:
        return None
    rows = [
        row for _, row in results.landings.iterrows() if row["landing"] in set(traces["landing"])
    ]
    charts = [_trace(traces[traces["landing"] == row["landing"]], row, batch) for row in rows]
    caption = (
        f"Contrast traces of the first {counted(len(charts), 'landing')} of the table, frame by "
        "frame at the position of the landing. Dashed: the V that contrast and time in the table "
        f"give, rising and falling over one batch ({batch} frames) each."
    )
    return figure(tag("div", charts, class_="multiples"), caption, wide=True)


def histogram(landings: pd.DataFrame, whose: str = "") -> Markup:
    """Return the histogram of contrasts, both signs stacked."""
    largest = _largest(landings["contrast"])
    bins = int(np.clip(2 * np.sqrt(len(landings)), 6, 40))
    counts = contrast_histogram(landings, bins=bins, largest=largest * 1.0001)
    bright, total = (counts[name].to_numpy(float) for name in ("bright", "all"))
    low, high = (counts[name].to_numpy(float) for name in ("low", "high"))
    n_bright, n_dark = int(counts["bright"].sum()), int(counts["dark"].sum())
    chart = Chart(
        f"Histogram of the absolute contrast of {counted(len(landings), 'landing')}: "
        f"{n_bright} brighter and {n_dark} darker than the background, up to {number(largest)}.",
        (0, float(high[-1])),
        (0, max(1.0, 1.08 * float(total.max()))),
        "absolute contrast",
        "landings",
        n_ticks=(6, min(5, int(total.max()) or 1)),
    )
    chart.bars(low, high, np.zeros(bins), bright, "bright")
    chart.bars(low, high, bright, total, "dark")
    caption = f"Absolute contrast{whose}: {n_bright} brighter, {n_dark} darker (on top)."
    return figure(chart.svg(), caption)


def field_chart(what: str, rows: int, columns: int) -> Chart:
    """Return axes of the full frame, to scale."""
    scale = min(_PLOT_PX[0] / columns, _PLOT_PX[1] / rows)
    margins = (58, 22, 12, 44)
    return Chart(
        f"{what} of {rows} rows and {columns} columns; positions are in the table.",
        (-0.5, columns - 0.5),
        (rows - 0.5, -0.5),
        "x (px)",
        "y (px)",
        width=columns * scale + margins[0] + margins[1],
        height=rows * scale + margins[2] + margins[3],
        margins=margins,
    )


def _map(results: LandingResults, shown: pd.DataFrame) -> Markup:
    _, rows, columns = results.record.input.shape
    chart = field_chart(f"Map of {counted(len(shown), 'landing')} in the field", rows, columns)
    x, y = _columns(shown, "x", "y")
    chart.points(x, y, _kinds(shown), _titles(shown), size=_mark_px(shown))
    _number_marks(chart, shown, "x", "y")
    return figure(chart.svg(), f"Where: positions in the full frame. {KEY}{_left_out(results)}")


def _over_time(results: LandingResults, shown: pd.DataFrame) -> Markup:
    recording = results.record.input
    errors = shown["contrast_error"] if "contrast_error" in shown else 0 * shown["contrast"]
    limit = 1.12 * _largest(np.abs(shown["contrast"]) + errors.fillna(0))
    chart = Chart(
        f"Contrast of {counted(len(shown), 'landing')} over the frames of the recording; values "
        "are in the table.",
        (recording.first_frame, recording.first_frame + recording.shape[0]),
        (-limit, limit),
        "frame of the file",
        "contrast",
        height=300,
    )
    chart.zero()
    x, y = _columns(shown, "raw_frame", "contrast")
    if "contrast_error" in shown:
        chart.error_bars(x, y, errors.to_numpy(float))
    chart.points(x, y, _kinds(shown), _titles(shown), size=_mark_px(shown))
    _number_marks(chart, shown, "raw_frame", "contrast")
    caption = "When, and how strong; bars are one standard error." if len(errors) else "When."
    return figure(chart.svg(), f"{caption}{_left_out(results)}")


def _drift(drift: pd.DataFrame) -> Markup:
    frames, y, x = (drift[name].to_numpy(float) for name in ("raw_frame", "y_px", "x_px"))
    distance = _largest(np.hypot(y - y[0], x - x[0]))
    chart = Chart(
        f"Position of the stage over time, up to {number(distance, 2)} px from the beginning.",
        (float(frames[0]), float(frames[-1])),
        padded(np.concatenate([x, y])),
        "frame of the file",
        "px",
        margins=(58, 14, 28, 44),
    )
    chart.line(frames, y, "first")
    chart.line(frames, x, "second")
    chart.legend([("first", "rows"), ("second", "columns")])
    errors = [drift[c].median() for c in ("y_error_px", "x_error_px") if c in drift]
    note = f"; standard error about {number(max(errors), 2)} px" if errors else ""
    return figure(chart.svg(), f"Drift of the stage along rows and columns{note}.")


def _trace(trace: pd.DataFrame, landing: pd.Series, batch: int) -> Markup:
    frames, contrast = (trace[name].to_numpy(float) for name in ("raw_frame", "contrast"))
    peak, height = float(landing["raw_frame"]), float(landing["contrast"])
    name = f"Landing {number(landing['landing'])}"
    model = height * np.clip(1 - np.abs(frames - peak) / batch, 0, None)
    chart = Chart(
        f"{name}: contrast over frames {number(frames[0])} to {number(frames[-1])}.",
        (float(frames[0]), max(float(frames[-1]), float(frames[0]) + 1)),
        padded(np.append(contrast, [0.0, height])),
        width=300,
        height=170,
        n_ticks=(3, 3),
        margins=(44, 16, 8, 26),
    )
    chart.zero()
    chart.line(frames, model, "model")
    chart.line(frames, contrast, "bright" if height > 0 else "dark")
    power = common_power(chart.y)
    unit = f" (axis in {power_of_ten(power)})" if power else ""
    about = f"{name}, frame {number(peak)}: {_contrast(landing)}{unit}"
    return figure(chart.svg(), about)


def _largest(values: Floats | pd.Series) -> float:
    """Return the largest absolute value, 1 if there is none."""
    finite = np.abs(np.asarray(values, float))
    finite = finite[np.isfinite(finite)]
    return float(finite.max()) or 1.0 if finite.size else 1.0


def _contrast(landing: pd.Series) -> str:
    power = common_power([landing["contrast"]])
    value = with_error(landing["contrast"], landing.get("contrast_error", np.nan), power=power)
    return f"({value}) × {power_of_ten(power)}" if power else value


def _columns(table: pd.DataFrame, *names: str) -> list[np.ndarray]:
    return [table[name].to_numpy(float) for name in names]


def _kinds(table: pd.DataFrame) -> list[str]:
    return ["bright" if contrast > 0 else "dark" for contrast in table["contrast"]]


def _mark_px(table: pd.DataFrame) -> float:
    """Return the size of marks, smaller where many would cover each other."""
    return float(np.clip(40 / np.sqrt(max(len(table), 1)), 1.5, 4))


def _number_marks(chart: Chart, table: pd.DataFrame, x: str, y: str) -> None:
    if len(table) <= MOST_NUMBERED:
        for at_x, at_y, landing in table[[x, y, "landing"]].to_numpy(float).tolist():
            chart.label(at_x, at_y, number(landing))


def _titles(table: pd.DataFrame) -> list[str]:
    return [
        f"landing {number(row['landing'])}: frame {number(row['raw_frame'])}, contrast "
        f"{_contrast(row)}, score {number(row['score'], 3)}"
        for _, row in table.iterrows()
    ]


def _left_out(results: LandingResults) -> str:
    n = len(results.landings)
    return f" The first {MOST_MARKS} of {n} are shown." if n > MOST_MARKS else ""

"""Recipes side by side: a table and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_uai.errors import BadValueError
from napari_uai.evaluate.evaluation import Evaluation, pool
from napari_uai.evaluate.metrics import FALSE_RATE_FRAMES
from napari_uai.files import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

Results: TypeAlias = Mapping[str, Mapping[str, Sequence[Evaluation]]]
"""Evaluations of recordings by recipe and scenario."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_TEXT_FORMATS = {
    "recordings": "d",
    "average_precision": ".3f",
    "standard_error": ".3f",
    "precision": ".2f",
    "recall": ".2f",
    "false_per_10000_frames": ".2f",
    "contrast_50": ".1e",
    "contrast_90": ".1e",
    "position_px": ".3f",
    "position_bound_px": ".3f",
    "contrast_error": ".1e",
    "contrast_bound": ".1e",
}


def comparison_table(results: Results) -> pd.DataFrame:
    """Put the figures of each recipe in each scenario side by side.

    Parameters
    ----------
    results
        Recipe name, then scenario name, then one evaluation per recording (at least one).

    Returns
    -------
    pandas.DataFrame
        One row per scenario and recipe: ``scenario``, ``recipe``, ``recordings``,
        ``average_precision`` (mean) and its ``standard_error`` (NaN of one recording),
        ``precision``, ``recall`` and ``false_per_10000_frames`` of what was reported,
        ``contrast_50``, ``contrast_90`` (see :class:`~napari_uai.evaluate.metrics.DetectionLimit`),
        ``position_px``, ``contrast_error`` (root mean square) and their Cramer-Rao bounds for one
        frame of the rolling average, ``position_bound_px``, ``contrast_bound``.

    Raises
    ------
    BadValueError
        If there is nothing to compare.
    """
    rows = [
        {"scenario": scenario, "recipe": recipe, **_figures(evaluations)}
        for scenario in _scenarios(results)
        for recipe, by_scenario in results.items()
        if (evaluations := by_scenario.get(scenario))
    ]
    if not rows:
        raise BadValueError("there is nothing to compare: evaluate at least one recording")
    return pd.DataFrame(rows)


def comparison_text(table: pd.DataFrame) -> str:
    """Return a table of :func:`comparison_table` as lines for a terminal."""
    shown = table.copy()
    for column, form in _TEXT_FORMATS.items():
        shown[column] = [_number(value, form) for value in table[column]]
    return str(shown.to_string(index=False))


def comparison_picture(results: Results) -> Figure:
    """Draw average precision, recall against signal-to-noise ratio, and precision against recall.

    One row of panels per scenario; the first also shows each recording as a dot.

    Parameters
    ----------
    results
        As for :func:`comparison_table`.

    Returns
    -------
    matplotlib.figure.Figure
        On the Agg canvas: needs no screen.
    """
    scenarios = _scenarios(results)
    if not scenarios:
        raise BadValueError("there is nothing to compare: evaluate at least one recording")
    figure = Figure(figsize=(11, 0.6 + 2.6 * len(scenarios)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(scenarios), 3, squeeze=False)
    for row, scenario in zip(panels, scenarios, strict=True):
        here = {recipe: by[scenario] for recipe, by in results.items() if by.get(scenario)}
        _draw_average_precision(row[0], here)
        _draw_recall(row[1], here)
        _draw_precision(row[2], here)
        row[0].set_title(scenario, loc="left", fontweight="bold")
    panels[0, 1].set_title("reported landings", loc="left")
    panels[0, 2].set_title("all recordings pooled", loc="left")
    return figure


def write_comparison(results: Results, folder: Path) -> pd.DataFrame:
    """Write ``comparison.csv`` and ``comparison.png`` into a folder; return the table.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    table, picture = comparison_table(results), comparison_picture(results)
    with (
        whole_file(folder / "comparison.csv") as table_file,
        whole_file(folder / "comparison.png") as picture_file,
    ):
        table.to_csv(table_file, index=False)
        picture.savefig(picture_file, dpi=120, format="png")
    return table


def _scenarios(results: Results) -> list[str]:
    """Names in the order in which they first appear."""
    return list(dict.fromkeys(name for by in results.values() for name, runs in by.items() if runs))


def _figures(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    together = pool(evaluations)
    limit, errors = together.detection_limit, together.errors
    each = np.array([e.average_precision for e in evaluations])
    spread = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else float("nan")
    frames = together.n_frames
    return {
        "recordings": len(evaluations),
        "average_precision": together.average_precision,
        "standard_error": spread,
        "precision": together.precision,
        "recall": together.recall,
        "false_per_10000_frames": (
            together.n_false * FALSE_RATE_FRAMES / frames if frames else float("nan")
        ),
        "contrast_50": limit.contrast_50,
        "contrast_90": limit.contrast_90,
        "position_px": errors.position_px,
        "position_bound_px": errors.position_bound_batch_px,
        "contrast_error": errors.contrast,
        "contrast_bound": errors.contrast_bound_batch,
    }


def _number(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)


def _draw_average_precision(panel: Axes, here: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, evaluations in enumerate(here.values()):
        each = np.array([e.average_precision for e in evaluations])
        panel.barh(i, np.nanmean(each), color=_colour(i), alpha=0.6)
        panel.plot(each, np.full(len(each), i), "o", color=_colour(i), markersize=4)
    panel.set(xlim=(0, 1), xlabel="average precision", yticks=range(len(here)))
    panel.set_yticklabels(list(here))
    panel.invert_yaxis()


def _draw_recall(panel: Axes, here: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, (recipe, evaluations) in enumerate(here.items()):
        together = pool(evaluations)
        if "snr" not in together.truth:
            continue
        table = together.recall_by_snr().query("landings > 0")
        ends = np.clip(table[["snr_from", "snr_to"]], together.truth["snr"].min(), None)
        ends = np.clip(ends, None, together.truth["snr"].max())
        panel.plot(ends.mean(axis=1), table["recall"], "o-", color=_colour(i), label=recipe)
    panel.set(ylim=(-0.03, 1.03), xlabel="signal-to-noise ratio of one batch", ylabel="recall")


def _draw_precision(panel: Axes, here: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, (recipe, evaluations) in enumerate(here.items()):
        table = pool(evaluations).precision_recall()
        panel.plot(table["recall"], table["precision"], color=_colour(i), label=recipe)
    panel.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    panel.legend(loc="lower left", fontsize="small", frameon=False)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]

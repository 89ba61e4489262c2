"""Comparison of recipes: a table and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_uai.errors import BadValueError
from napari_uai.evaluate.evaluation import Evaluation, pool
from napari_uai.evaluate.metrics import FALSE_RATE_FRAMES
from napari_uai.figures import COLOURS, missing_letters
from napari_uai.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results: TypeAlias = Mapping[str, Mapping[str, Sequence[Evaluation]]]
"""Evaluations of recordings, by name of the recipe and name of the scenario."""

_COLOURS = (*COLOURS, "#000000")
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
    """Return the figures of merit of each recipe in each scenario.

    Parameters
    ----------
    results
        Evaluations of recordings, by name of the recipe and name of the scenario:
        ``results[recipe][scenario]`` is a sequence with one evaluation per recording.

    Returns
    -------
    pandas.DataFrame
        One row per scenario and recipe: ``scenario``, ``recipe``, ``recordings`` (number),
        ``average_precision`` (mean) and its ``standard_error`` (NaN for one recording);
        ``precision``, ``recall`` and ``false_per_10000_frames`` of the reported landings;
        ``contrast_50``, ``contrast_90`` (see :class:`~napari_uai.evaluate.metrics.DetectionLimit`);
        ``position_px``, ``contrast_error`` (root mean square), and their Cramer-Rao bounds in one
        frame of the rolling average, ``position_bound_px``, ``contrast_bound``.

    Raises
    ------
    BadValueError
        If there are no evaluations.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.head(4).assign(score=1.0), truth)
    >>> table = uai.evaluate.comparison_table({"matched": {"sample": [evaluation]}})
    >>> table["recall"].tolist()
    [0.8]
    """
    rows = [
        {"scenario": scenario, "recipe": recipe, **_figures(evaluations)}
        for scenario in _scenarios(results)
        for recipe, by_scenario in results.items()
        if (evaluations := by_scenario.get(scenario))
    ]
    if not rows:
        raise BadValueError("nothing to compare: pass at least one evaluation")
    return pd.DataFrame(rows)


def comparison_text(table: pd.DataFrame) -> str:
    """Return a comparison table as lines for a terminal.

    Parameters
    ----------
    table
        Returned by :func:`~napari_uai.evaluate.report.comparison_table`.

    Returns
    -------
    str
        A heading, and one line per row.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.assign(score=1.0), truth)
    >>> table = uai.evaluate.comparison_table({"matched": {"sample": [evaluation]}})
    >>> uai.evaluate.comparison_text(table).splitlines()[1].split()[:4]
    ['sample', 'matched', '1', '1.000']
    """
    texts = table.copy()
    for column, form in _TEXT_FORMATS.items():
        texts[column] = [_number(value, form) for value in table[column]]
    return str(texts.to_string(index=False))


def comparison_picture(results: Results) -> Figure:
    """Plot average precision, recall over signal-to-noise ratio, and precision over recall.

    There is one row of panels per scenario; dots in its first panel are recordings.

    Parameters
    ----------
    results
        Evaluations, as in :func:`~napari_uai.evaluate.report.comparison_table`.

    Returns
    -------
    matplotlib.figure.Figure
        Figure on an Agg canvas, which works without a display.

    Raises
    ------
    BadValueError
        If there are no evaluations.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.assign(score=1.0), truth)
    >>> figure = uai.evaluate.comparison_picture({"matched": {"sample": [evaluation]}})
    >>> len(figure.axes)
    3
    """
    scenarios = _scenarios(results)
    if not scenarios:
        raise BadValueError("nothing to compare: pass at least one evaluation")
    figure = Figure(figsize=(11, 0.6 + 2.6 * len(scenarios)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(scenarios), 3, squeeze=False)
    for row, scenario in zip(panels, scenarios, strict=True):
        recipes = {recipe: by[scenario] for recipe, by in results.items() if by.get(scenario)}
        _draw_average_precision(row[0], recipes)
        _draw_recall(row[1], recipes)
        _draw_precision(row[2], recipes)
        row[0].set_title(scenario, loc="left", fontweight="bold")
    panels[0, 1].set_title("reported landings", loc="left")
    panels[0, 2].set_title("all recordings pooled", loc="left")
    return figure


def write_comparison(results: Results, folder: str | Path) -> pd.DataFrame:
    """Write the comparison of recipes as ``comparison.csv`` and ``comparison.png``.

    Parameters
    ----------
    results
        Evaluations, as in :func:`~napari_uai.evaluate.report.comparison_table`.
    folder
        Folder for the two files; created if it does not exist.

    Returns
    -------
    pandas.DataFrame
        The table.

    Raises
    ------
    BadValueError
        If there are no evaluations.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.assign(score=1.0), truth)
    >>> folder = Path(tempfile.mkdtemp())
    >>> table = uai.evaluate.write_comparison({"matched": {"sample": [evaluation]}}, folder)
    >>> sorted(path.name for path in folder.iterdir())
    ['comparison.csv', 'comparison.png']
    """
    folder = Path(folder)
    table, picture = comparison_table(results), comparison_picture(results)
    with (
        whole_file(folder / "comparison.csv") as table_file,
        whole_file(folder / "comparison.png") as picture_file,
    ):
        table.to_csv(table_file, index=False)
        with missing_letters():
            picture.savefig(picture_file, dpi=120, format="png")
    return table


def _scenarios(results: Results) -> list[str]:
    """Return names in the order of their first occurrence."""
    return list(dict.fromkeys(name for by in results.values() for name, runs in by.items() if runs))


def _figures(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    pooled = pool(evaluations)
    limit, errors = pooled.detection_limit, pooled.errors
    each = np.array([e.average_precision for e in evaluations])
    spread = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else float("nan")
    frames = pooled.n_frames
    return {
        "recordings": len(evaluations),
        "average_precision": pooled.average_precision,
        "standard_error": spread,
        "precision": pooled.precision,
        "recall": pooled.recall,
        "false_per_10000_frames": (
            pooled.n_false * FALSE_RATE_FRAMES / frames if frames else float("nan")
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


def _draw_average_precision(panel: Axes, recipes: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, evaluations in enumerate(recipes.values()):
        each = np.array([e.average_precision for e in evaluations])
        panel.barh(i, np.nanmean(each), color=_colour(i), alpha=0.6)
        panel.plot(each, np.full(len(each), i), "o", color=_colour(i), markersize=4)
    panel.set(xlim=(0, 1), xlabel="average precision", yticks=range(len(recipes)))
    panel.set_yticklabels(list(recipes))
    panel.invert_yaxis()


def _draw_recall(panel: Axes, recipes: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, (recipe, evaluations) in enumerate(recipes.items()):
        pooled = pool(evaluations)
        if "snr" not in pooled.truth:
            continue
        table = pooled.recall_by_snr().query("landings > 0")
        ends = np.clip(table[["snr_from", "snr_to"]], pooled.truth["snr"].min(), None)
        ends = np.clip(ends, None, pooled.truth["snr"].max())
        panel.plot(ends.mean(axis=1), table["recall"], "o-", color=_colour(i), label=recipe)
    panel.set(ylim=(-0.03, 1.03), xlabel="signal-to-noise ratio of one batch", ylabel="recall")


def _draw_precision(panel: Axes, recipes: Mapping[str, Sequence[Evaluation]]) -> None:
    for i, (recipe, evaluations) in enumerate(recipes.items()):
        table = pool(evaluations).precision_recall()
        panel.plot(table["recall"], table["precision"], color=_colour(i), label=recipe)
    panel.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    panel.legend(loc="lower left", fontsize="small", frameon=False)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]

"""Picture of detection limits: curves of recall, errors of what was found, false rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.figures import COLOURS, INK, print_style
from napari_uai.iscat.limit.result import RECALLS, LimitResult, LimitRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

PICTURES = ("limit.svg", "limit.png")
PIXELS_PER_INCH = 200

_COLOURS = (*COLOURS, INK)
FONT_SIZE = 8
_SIZE_INCHES = (7.2, 3.0)


def limit_picture(result: LimitResult) -> Figure:
    """Draw recall against contrast, and the contrast that was found against the true one.

    Parameters
    ----------
    result
        As returned by :func:`~napari_uai.detection_limit`.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen; save it with ``savefig``.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> video = np.random.default_rng(0).poisson(10_000, (240, 24, 24))
    >>> result = uai.detection_limit(video, batch_sizes=[60], injections=10, nulls=0)
    >>> len(uai.iscat.limit.limit_picture(result).axes)
    2
    """
    from matplotlib.figure import Figure

    with print_style(FONT_SIZE):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        draw_recall(left, result)
        _draw_contrasts(right, result)
    return figure


def draw_recall(axes: Axes, result: LimitResult) -> None:
    """Draw the curve of each run with its band, and the recall of groups of landings."""
    curves, in_groups = result.curves, result.groups
    for i, run in enumerate(result.runs):
        colour = _COLOURS[i % len(_COLOURS)]
        curve = curves[curves["label"] == run.label]
        groups = in_groups[in_groups["label"] == run.label]
        axes.fill_between(
            curve["contrast"], curve["low"], curve["high"], color=colour, alpha=0.2, lw=0
        )
        axes.plot(curve["contrast"], curve["recall"], color=colour, lw=1.4, label=_legend(run))
        errors = [groups["recall"] - groups["low"], groups["high"] - groups["recall"]]
        axes.errorbar(
            groups["contrast"], groups["recall"], np.abs(errors), fmt="o", ms=2.5, lw=0.6,
            color=colour,
        )  # fmt: skip
    for recall in RECALLS:
        axes.axhline(recall, color="0.6", lw=0.5, ls=":")
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="contrast", ylabel="recall")
    _plain_ticks(axes.xaxis)
    axes.legend(fontsize=6.5, loc="lower right", handlelength=1.2)
    if result.calibration is not None:
        calibration = result.calibration
        above = axes.secondary_xaxis(
            "top",
            functions=(
                lambda c: (np.asarray(c) - calibration.intercept) / calibration.slope,
                lambda m: np.asarray(m) * calibration.slope + calibration.intercept,
            ),
        )
        above.set_xlabel("mass (kDa)")
        _plain_ticks(above.xaxis, "{:g}")


def _draw_contrasts(axes: Axes, result: LimitResult) -> None:
    """Draw the contrast of found landings over the injected one."""
    for i, run in enumerate(result.runs):
        found = run.injections[run.injections["found"]]
        axes.plot(
            found["contrast"].abs(), found["found_contrast"] / found["contrast"], "o", ms=2,
            alpha=0.5, color=_COLOURS[i % len(_COLOURS)], mew=0,
        )  # fmt: skip
    axes.axhline(1, color="0.6", lw=0.5, ls=":")
    axes.set(xscale="log", xlabel="contrast", ylabel="found / injected contrast", ylim=(0, 2))
    _plain_ticks(axes.xaxis)


def _legend(run: LimitRun) -> str:
    value = run.curve.contrast_at(RECALLS[0])[0]
    return f"{run.label}: {RECALLS[0]:.0%} at {value:.1e}".replace("e-0", "e-")


def _plain_ticks(axis: Axis, form: str = "{:.0e}") -> None:
    """Label contrasts as in the tables: 2e-4."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: form.format(value).replace("e-0", "e-"))
    )

"""Detection limits in words, for the terminal and the window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_uai.errors import counted

if TYPE_CHECKING:
    from napari_uai.iscat.limit.result import LimitResult, LimitRun


def report_lines(result: LimitResult) -> list[str]:
    """Return what was found out: a line with the limits of each run, and more, indented."""
    lines = []
    for run in result.runs:
        lines += [_limits_text(result, run), f"  {_found_text(run)}"]
        if len(run.nulls):
            lines.append(f"  {_nulls_text(run)}")
    if len(result.runs) > 1:
        lines.append(f"lowest contrast at 50%: {result.best.label}")
    if result.suggested:
        lines.append(f"suggested: --set dra.batch_size={result.best.batch_size}")
    return lines


def contrast_text(value: float) -> str:
    """Return a contrast such as 2.1e-4, or that it is not reached."""
    return f"{value:.2e}".replace("e-0", "e-") if math.isfinite(value) else "not reached"


def _limits_text(result: LimitResult, run: LimitRun) -> str:
    rows = result.limits[result.limits["label"] == run.label]
    parts = []
    for row in rows.to_dict("records"):
        known = "mass_kda" in row and math.isfinite(row["mass_kda"])
        mass = f", {row['mass_kda']:.0f} kDa" if known else ""
        parts.append(
            f"{row['recall']:.0%} at {contrast_text(row['contrast'])} "
            f"({contrast_text(row['low'])} to {contrast_text(row['high'])}{mass})"
        )
    return f"{run.label}: {'; '.join(parts)}"


def _found_text(run: LimitRun) -> str:
    accepted = "" if run.accepted_false is None else f" at {run.accepted_false:g} accepted false"
    stopped = "" if run.complete else "; stopped early, another batch is better"
    return (
        f"{run.injections['found'].sum()} of {counted(len(run.injections), 'injected landing')} "
        f"found{accepted}; {counted(len(run.landings), 'landing')} without{stopped}"
    )


def _nulls_text(run: LimitRun) -> str:
    kinds = run.nulls["kind"].unique()
    each = ", ".join(f"{run.false_rows(kind):.2g} ({kind})" for kind in kinds)
    return f"reported per recording without landings: {each}"

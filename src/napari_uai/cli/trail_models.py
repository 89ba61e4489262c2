"""``napari-uai trails fit``, ``trails update`` and ``trails --model``: yesterday's traffic."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.progress import announced_compiling, progress_bar, signals_to_stop
from napari_uai.cli.terminal import notes
from napari_uai.cli.trail_options import with_trail_options
from napari_uai.errors import BadValueError, counted, one_line

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.trails.analysis.folder import TrailSource
    from napari_uai.trails.analysis.follow import TrailFollower
    from napari_uai.trails.analysis.scene_model import SceneModel

BY = {"hour": "hour of the day", "weekday": "weekday", "both": "hour of the week"}
"""Periods in words."""

POLL_S = 0.5
"""How often files are looked at."""

QUIET_S = 30.0
"""Seconds without anything new that may be due to a tracker that collects what it writes."""

MOST_NOTES = 20
"""Largest number of notes while files are followed."""

NOTES = 5
"""Largest number of problems that are printed; problems.csv lists all."""


@with_trail_options
def fit_trails(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Report folder or table of a tracker.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="SCENE.model", help="File of the model.")],
    options: TrailSource,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="Also a model for each hour of the day (hour), each weekday, or both.",
        ),
    ] = None,
    max_trails: Annotated[
        int | None,
        typer.Option(metavar="N", help="Trails of a class to compare with; default 5000."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the scores."),
    ] = None,
) -> None:
    """Learn the ordinary traffic of a scene, to score later trails against it."""
    from napari_uai.trails.analysis.model_file import write_model
    from napari_uai.trails.analysis.scene_model import SAMPLE, fit_scene

    with announced_compiling(), progress_bar(source.name) as monitor:
        trails = options.open(source, monitor=monitor.part(0.0, 0.4))
        model = fit_scene(
            trails,
            settings=settings or (),
            by=by,  # type: ignore[arg-type]  # checked there
            max_trails=SAMPLE if max_trails is None else max_trails,
            monitor=monitor.part(0.4, 1.0),
        )
    write_model(model, out)
    typer.echo(f"model of {counted(len(model), 'trail')}{_periods(model)} written to {out}")
    notes([str(problem) for problem in trails.problems["problem"].head(NOTES)])


@with_trail_options
def update_model(
    model: Annotated[Path, typer.Argument(metavar="SCENE.model", help="Model of the scene.")],
    source: Annotated[
        Path, typer.Argument(metavar="DAY", help="Report folder or table of a tracker.")
    ],
    options: TrailSource,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="SCENE.model", help="File of the new model; by default the same."
        ),
    ] = None,
) -> None:
    """Add the trails of another day to a model."""
    from napari_uai.trails.analysis.model_file import read_model, write_model
    from napari_uai.trails.analysis.scene_model import update_scene

    earlier = read_model(model)
    with announced_compiling(), progress_bar(source.name) as monitor:
        trails = options.open(source, monitor=monitor.part(0.0, 0.4))
        try:
            later = update_scene(earlier, trails, monitor=monitor.part(0.4, 1.0))
        except BadValueError as error:
            raise BadValueError(f"{source}: {error}") from None
    path = write_model(later, out or model)
    n_new = len(later) - len(earlier)
    typer.echo(
        f"{counted(n_new, 'trail')} added: model of {counted(len(later), 'trail')}"
        f"{_periods(later)} written to {path}"
    )
    n_known = len(trails) - n_new
    known = [f"{counted(n_known, 'trail')} in the model already: left out"] if n_known else []
    notes([*known, *map(str, trails.problems["problem"].head(NOTES))])


def refuse(options: Mapping[str, object], why: str) -> None:
    """Raise BadValueError if any of the options is given."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise BadValueError(f"{', '.join(given)} {why}: leave it out")


def score_with_model(source: Path, out: Path, model: Path, options: TrailSource) -> None:
    """Score the trails of a file against a model, write the scores and print the first."""
    from napari_uai.trails.analysis.model_folder import rank_against

    with announced_compiling(), progress_bar(source.name) as monitor:
        scores, problems = rank_against(source, out, model, source=options, monitor=monitor)
    typer.echo(
        f"{counted(len(scores), 'trail')} scored against {model.name}{_models(scores)} in {out}"
    )
    for row in scores.head(3).itertuples():
        percent = 100 * float(str(row.anomaly))
        typer.echo(f"  {row.rank:3}. {percent:.0f} %  p {row.p_value:.2g}  {one_line(row.trail)}")
    notes([str(problem) for problem in problems["problem"].head(NOTES)])


def _periods(model: SceneModel) -> str:
    """Return what to tell about the models of periods."""
    if model.by is None:
        return ""
    return f", with {counted(len(model.periods), 'model')} by {BY[model.by]},"


def _models(scores: pd.DataFrame) -> str:
    """Return how many trails were scored with the model of their period."""
    from napari_uai.trails.analysis.scene_scores import WHOLE

    if "model" not in scores:
        return ""
    n = int((scores["model"] != WHOLE).sum())
    return f" ({n} with the model of their period, {len(scores) - n} with that of all trails)"


def watch_trails(
    source: Path,
    model: Path | None,
    options: TrailSource,
    *,
    threshold: float | None,
    ended_after_s: float | None,
) -> None:
    """Print a line of JSON for each odd trail once it has ended, until asked to stop."""
    from napari_uai.trails.analysis.follow import ODD, TrailFollower
    from napari_uai.trails.analysis.model_file import read_model

    if model is None:
        raise BadValueError("--watch needs --model SCENE.model")
    follower = TrailFollower(
        source,
        read_model(model),
        source=options,
        threshold=ODD if threshold is None else threshold,
        ended_after_s=ended_after_s,
    )
    stop = threading.Event()
    with signals_to_stop(stop.set), announced_compiling():
        try:
            _follow(follower, stop)
        finally:
            follower.close()
    typer.echo(
        f"{counted(follower.n_ended, 'trail')} ended, {follower.n_odd} odd; "
        f"{follower.n_open} had not ended",
        err=True,
    )


def _follow(follower: TrailFollower, stop: threading.Event) -> None:
    told: set[str] = set()
    grew, before = time.monotonic(), -1.0
    while not stop.is_set():
        for record in follower.step(idle_s=max(time.monotonic() - grew - QUIET_S, 0.0)):
            typer.echo(json.dumps(record, ensure_ascii=False))
        sys.stdout.flush()
        if follower.latest_s != before:
            grew, before = time.monotonic(), follower.latest_s
        new = [text for text in follower.new_problems() if text not in told]
        notes(new[: max(MOST_NOTES - len(told), 0)])
        told.update(new[:MOST_NOTES])
        stop.wait(POLL_S)

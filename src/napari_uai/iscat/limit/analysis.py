"""Detection limit: what recipes would find on a recording, measured by injected landings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.limit.measuring import Measurement
from napari_uai.iscat.limit.point_image import check_choice
from napari_uai.iscat.limit.result import RECALLS, LimitResult, LimitRun
from napari_uai.iscat.limit.search import Search, batch_size_of, search_of
from napari_uai.iscat.mass.calibration import Calibration
from napari_uai.iscat.recipes.identity import with_checksum
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, Runnable, as_recording
from napari_uai.monitor import SILENT, Monitor, active_monitor
from napari_uai.parameters import checked
from napari_uai.threads import one_blas_thread
from napari_uai.videos.frames import frames_of
from napari_uai.videos.offset import Offset
from napari_uai.videos.recording import Recording

LONGEST_BATCH = 8
"""A suggested batch is at most one in so many of the recording."""

SERIES, SMALLEST_BATCH = 4, 40
"""Number of batches in a suggested series, each half of the one before, and the smallest."""

RACE = 0.5
"""Share of the injections after which batches that cannot be the best are given up."""

BEGIN_SHARE, NULL_SHARE = 0.2, 0.25
"""Of the progress of one recipe."""

Choice: TypeAlias = Recipe | str | Path


@one_blas_thread()
@checked
def detection_limit(
    recording: Runnable,
    recipe: Choice | Sequence[Choice] = "matched",
    *,
    batch_sizes: Sequence[int] = (),
    suggest: bool = False,
    settings: Sequence[str] = (),
    injections: Annotated[int, Ge(10)] = 180,
    point_spread_function: str = "",
    calibration: Calibration | None = None,
    nulls: Annotated[int, Ge(0)] = 1,
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> LimitResult:
    """Measure what recipes would find on a recording, by landings injected into it.

    Landings of known contrast, place and time are put into the frames, away from those that the
    recipe finds anyway, and the recipe is run again.

    Parameters
    ----------
    recording
        A recording, a video (frames, rows, columns), or the path of a file.
    recipe
        One or several recipes: names, or paths of TOML files.
    batch_sizes
        Batches to compare (frames); that of the recipe if there are none.
    suggest
        Compare a series of batches, each half of the one before, from an eighth of the recording
        on; those that are certainly not the best are given up halfway.
    settings
        Parameters that differ from the recipe's, as ``"events.false_landings=0.1"``.
    injections
        Number of injected landings per recipe and batch.
    point_spread_function
        Of the injected landings: ``fitted`` to the strong landings of the recording, ``gaussian``,
        or the path of an image; empty for the choice of the recipe.
    calibration
        Of contrast and mass, to state masses as well.
    nulls
        Recordings without landings of each kind, made of the frames of this one.
    seed
        Seed of everything that is random.
    monitor
        Progress and cancellation.

    Returns
    -------
    LimitResult
        Recall against contrast, limits, errors of what was found, false rows.

    Raises
    ------
    NapariUaiError
        If the recording is too short or unsuitable, or a value is not accepted.

    Notes
    -----
    Injected landings multiply the frames by 1 + contrast x image of a point. The variance of shot
    noise would change by contrast, that of the product by twice the contrast: a landing of 0.1 %
    has noise that is wrong by 0.05 %, and is not adjusted.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> video = np.random.default_rng(0).poisson(10_000, (240, 24, 24))
    >>> result = uai.detection_limit(video, batch_sizes=[60], injections=10, nulls=0)
    >>> bool(result.limits["contrast"].is_monotonic_increasing)
    True
    """
    if suggest and batch_sizes:
        raise BadValueError("give either batches or suggest, which chooses them, not both")
    check_choice(point_spread_function)
    opened = with_checksum(as_recording(recording))
    chosen = _recipes(recipe, settings, batch_sizes, suggest, len(frames_of(opened.video)))
    with active_monitor(monitor):
        measurements = _prepared(opened, chosen, seed, monitor.part(0, 0.1, "reading"))
        parts = [
            monitor.part(0.1 + 0.9 * i / len(chosen), 0.1 + 0.9 * (i + 1) / len(chosen), label)
            for i, label in enumerate(chosen)
        ]
        _measure(measurements, parts, injections, point_spread_function, nulls, race=suggest)
    opened.check_unchanged()
    runs = tuple(
        _run_of(label, measurement, injections)
        for label, measurement in zip(chosen, measurements, strict=True)
    )
    monitor.update(1.0, "done")
    stated = {
        "injections": injections, "point_spread_function": point_spread_function, "nulls": nulls,
        "seed": seed, "suggest": suggest, "settings": list(settings),
    }  # fmt: skip
    return LimitResult(opened, runs, calibration, suggest, stated)


def suggested_batches(n_frames: int) -> list[int]:
    """Return a geometric series of batches that a recording is long enough for.

    Parameters
    ----------
    n_frames
        Length of the recording.

    Returns
    -------
    list of int
        Shortest first; the longest is an eighth of the recording, rounded to two digits.

    Raises
    ------
    TooFewFramesError
        If no batch is short enough.

    Examples
    --------
    >>> from napari_uai.iscat import limit
    >>> limit.suggested_batches(20_000)
    [312, 625, 1250, 2500]
    """
    longest = n_frames // LONGEST_BATCH
    if longest < SMALLEST_BATCH:
        raise TooFewFramesError(
            f"suggesting a batch needs at least {LONGEST_BATCH * SMALLEST_BATCH} frames, got "
            f"{n_frames}"
        )
    scale = 10 ** max(len(str(longest)) - 2, 0)
    rounded = longest // scale * scale
    series = [rounded // 2**i for i in range(SERIES)]
    return sorted(batch for batch in series if batch >= SMALLEST_BATCH)


def _recipes(
    recipe: Choice | Sequence[Choice],
    settings: Iterable[str],
    batch_sizes: Sequence[int],
    suggest: bool,
    n_frames: int,
) -> dict[str, Recipe]:
    """Return recipes by label, each with one batch."""
    several = [recipe] if isinstance(recipe, (Recipe, str, Path)) else list(recipe)
    settings = list(settings)
    loaded = [
        (each if isinstance(each, Recipe) else load_recipe(each)).with_settings(settings)
        for each in several
    ]
    if not loaded:
        raise BadValueError("a limit needs at least one recipe")
    batches = suggested_batches(n_frames) if suggest else list(dict.fromkeys(batch_sizes))
    labelled: dict[str, Recipe] = {}
    for each in loaded:
        for one in [_with_batch(each, batch) for batch in batches] or [each]:
            names = [each.name] if len(loaded) > 1 or len(batches) < 2 else []
            names += [f"batch {batch_size_of(one)}"] if len(batches) > 1 else []
            label = ", ".join(names)
            if label in labelled:
                raise BadValueError(f"recipe {each.name} is given twice")
            labelled[label] = one
    return labelled


def _with_batch(recipe: Recipe, batch: int) -> Recipe:
    if ROLLING_AVERAGE not in [step.name for step in recipe.steps]:
        raise BadValueError(
            f"recipe {recipe.name} has no stage {ROLLING_AVERAGE} whose batch_size could be set: "
            "set the parameters of its stages"
        )
    return recipe.with_values(**{ROLLING_AVERAGE: {"batch_size": batch}})


def _prepared(
    recording: Recording, recipes: dict[str, Recipe], seed: int, monitor: Monitor
) -> list[Measurement]:
    searches: list[Search] = []
    for i, recipe in enumerate(recipes.values()):
        part = monitor.part(i / len(recipes), (i + 1) / len(recipes))
        searches.append(search_of(recording, recipe, part))
    # All runs are asked for the same landings: those that every one of them reports.
    window = (
        max(search.window[0] for search in searches),
        min(search.window[1] for search in searches),
    )
    reported = np.logical_and.reduce([search.reported for search in searches])
    streams = np.random.SeedSequence(seed).spawn(len(searches))
    return [
        Measurement(search, window, reported, np.random.default_rng(stream))
        for search, stream in zip(searches, streams, strict=True)
    ]


def _measure(
    measurements: Sequence[Measurement],
    parts: Sequence[Monitor],
    injections: int,
    image: str,
    nulls: int,
    *,
    race: bool,
) -> None:
    null_from = 1 - NULL_SHARE * bool(nulls)
    first = round(RACE * injections) if race else injections
    halfway = BEGIN_SHARE + (null_from - BEGIN_SHARE) * first / injections
    for measurement, part in zip(measurements, parts, strict=True):
        measurement.begin(image, part.part(0, BEGIN_SHARE))
        measurement.inject_all(first, part.part(BEGIN_SHARE, halfway))
    for i in _contenders(measurements) if race else range(len(measurements)):
        measurements[i].inject_all(injections, parts[i].part(halfway, null_from))
        if nulls:
            measurements[i].run_nulls(nulls, parts[i].part(null_from, 1.0))


def _contenders(measurements: Sequence[Measurement]) -> Iterator[int]:
    """Return which runs could still be the best."""
    limits = [m.curve.contrast_at(RECALLS[0]) for m in measurements if m.curve is not None]
    least = min(high for _, _, high in limits)
    yield from (i for i, (_, low, _) in enumerate(limits) if low <= least)


def _run_of(label: str, measurement: Measurement, injections: int) -> LimitRun:
    search = measurement.search
    assert measurement.curve is not None
    assert measurement.image is not None
    first = search.origin.frames
    return LimitRun(
        label,
        search.recipe,
        search.batch_size,
        _in_file(measurement.landings, search.origin),
        _in_file(measurement.injections, search.origin),
        measurement.curve.scaled(measurement.image.error),
        measurement.nulls,
        search.accepted_false,
        measurement.image_note,
        (measurement.window[0] + first, measurement.window[1] + first),
        search.sigma_px,
        search.fast,
        len(measurement.injections) >= injections,
        (*search.problems, *measurement.problems),
    )


def _in_file(table: pd.DataFrame, origin: Offset) -> pd.DataFrame:
    """Return a table in the coordinates of the file."""
    out = table.copy()
    for name, amount in zip(("frame", "y", "x"), origin, strict=True):
        for column in (name, f"found_{name}"):
            if column in out:
                out[column] = out[column] + amount
    return out

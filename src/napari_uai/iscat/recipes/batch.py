"""From files to folders of results: one recording or a folder of them, locally or on a cluster."""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.errors import BadValueError, CancelledError, NapariUaiError, OutputError
from napari_uai.iscat.recipes.cluster import ClusterWorkers, cluster_of, on_workers
from napari_uai.iscat.recipes.identity import is_of_this_package
from napari_uai.iscat.recipes.outputs import FILES, RECORD, is_record_of, write_files
from napari_uai.iscat.recipes.problem_list import PROBLEMS, check_problems, write_problems
from napari_uai.iscat.recipes.recipe import TRAJECTORIES, Recipe, load_recipe, parse_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import results_folder, settle
from napari_uai.store.keeping import keeping
from napari_uai.untrusted import read_json
from napari_uai.videos.folders import IMAGE_SUFFIXES, RECORDING_SUFFIXES, list_recordings
from napari_uai.videos.read_options import UNKNOWN, ReadOptions
from napari_uai.videos.recording import read_recording
from napari_uai.workers import computed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Result of the analysis of one recording.

    Attributes
    ----------
    source
        The recording.
    folder
        Folder of its results, unless there was an error.
    n_landings, n_localizations
        Rows of the tables.
    n_trajectories
        Number of particles that move; None unless the recipe tracks particles.
    problems
        Warnings, one line each.
    error
        Why there are no results; empty if there are.
    seconds
        Time that it took.
    earlier
        Whether the results are those of an earlier run, which are complete and would be the same.

    Examples
    --------
    >>> from pathlib import Path
    >>> outcome = Outcome(Path("a.bin"), Path("results/a"), error="a.bin: file not found")
    >>> bool(outcome.error), outcome.n_landings
    (True, 0)
    """

    source: Path
    folder: Path
    n_landings: int = 0
    n_localizations: int = 0
    n_trajectories: int | None = None
    problems: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0
    earlier: bool = False


@dataclass(frozen=True)
class _Task:
    """A recording to analyse; plain values that can be sent to a cluster."""

    source: Path
    folder: Path
    recipe: str
    recipe_name: str
    options: ReadOptions = UNKNOWN
    overwrite: bool = False


def analyse_recording(
    source: str | Path,
    folder: str | Path,
    recipe: Recipe | str | Path = "matched",
    *,
    options: ReadOptions = UNKNOWN,
    scheduler: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Outcome:
    """Run a recipe on one file and write the results.

    Parameters
    ----------
    source
        The file (or zarr store, or folder or pattern of images).
    folder
        Folder of the results.
    recipe
        A recipe, the name of one, or the path of a TOML file.
    options
        Shape and type of a headerless file, and the frames to use.
    scheduler
        Address of a dask.distributed scheduler whose workers can access the same files, and share
        the parts of the recording; None: local.
    workers
        Number of processes that are started on this machine for the parts of the recording; None:
        threads of this process, which is faster on one machine.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.
    monitor
        Progress and cancellation.

    Returns
    -------
    Outcome
        Numbers of rows and warnings.

    Raises
    ------
    NapariUaiError
        If the recording cannot be read or analysed, or the results cannot be written; the folder is
        then left as it was.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recipe = uai.load_recipe("classical").with_values(dra={"batch_size": 200})
    >>> outcome = uai.analyse_recording(uai.sample_path("landings.bin"), "results", recipe)
    >>> outcome.n_landings > 0
    True
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    task = _task(Path(source), Path(folder), recipe, options, overwrite=overwrite)
    if scheduler is None and workers is None:
        return _analyse(task, monitor)
    with (
        cluster_of(scheduler, workers, monitor) as client,
        computed_by(ClusterWorkers(client)),
    ):
        return _analyse(task, monitor)


def analyse_folder(
    source: str | Path,
    folder: str | Path,
    recipe: Recipe | str | Path = "matched",
    *,
    options: ReadOptions = UNKNOWN,
    scheduler: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    on_outcome: Callable[[Outcome], None] | None = None,
    monitor: Monitor = SILENT,
) -> list[Outcome]:
    """Run a recipe on all recordings of a folder, each into its own sub-folder.

    Results that are complete, of the same recordings by the same recipe and code, are left as they
    are: after a kill, the next run goes on. Recordings that cannot be analysed do not stop the
    others. ``problems.csv`` in ``folder`` lists
    failed recordings and the warnings of the others, one line each.

    Parameters
    ----------
    source
        The folder; sub-folders are searched as well.
    folder
        Folder of the results.
    recipe, options, overwrite, monitor
        As in :func:`analyse_recording`.
    scheduler
        As there, but each recording is one task.
    workers
        Number of processes that are started on this machine and share its cores, each with a
        recording at a time; None: one recording after the other, on all cores.
    on_outcome
        Called with each outcome as soon as it is known.

    Returns
    -------
    list of Outcome
        In the order of the recordings; those that failed have an ``error``.

    Raises
    ------
    BadValueError
        If the folder contains no recordings.
    OutputError
        If the results cannot be written.

    Examples
    --------
    >>> import shutil
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> Path("recordings").mkdir()
    >>> for name in ("landings.bin", "landings.json"):
    ...     _ = shutil.copy(uai.sample_path(name), "recordings")
    >>> recipe = uai.load_recipe("classical").with_values(dra={"batch_size": 200})
    >>> [outcome.source.name for outcome in uai.analyse_folder("recordings", "results", recipe)]
    ['landings.bin']
    >>> Path("results/landings/landings.csv").is_file()
    True
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    source, folder = Path(source), Path(folder)
    paths = recordings_to_analyse(source, folder)
    if not paths:
        raise BadValueError(
            f"{source} contains no recordings; choose a folder with .bin, .raw, .tif ..."
        )
    folders = [folder / name for name in _folder_names(paths, source)]
    return analyse_each(
        [(p, f, recipe) for p, f in zip(paths, folders, strict=True)],
        folder,
        [p.relative_to(source).as_posix() for p in paths],
        options=options,
        scheduler=scheduler,
        workers=workers,
        overwrite=overwrite,
        on_outcome=on_outcome,
        monitor=monitor,
    )


def analyse_each(
    runs: Sequence[tuple[Path, Path, Recipe]],
    folder: Path,
    names: Sequence[str],
    *,
    options: ReadOptions,
    scheduler: str | None,
    workers: int | None,
    overwrite: bool,
    on_outcome: Callable[[Outcome], None] | None,
    monitor: Monitor,
) -> list[Outcome]:
    """Run recipes on recordings: :func:`analyse_folder`.

    Parameters
    ----------
    runs
        Recording, folder of its results, and recipe of each.
    folder
        Folder of all results, for ``problems.csv``.
    names
        Names of the recordings in it.
    options, scheduler, workers, overwrite, on_outcome, monitor
        As in :func:`analyse_folder`.
    """
    tasks = [_task(*run, options, overwrite=overwrite) for run in runs]
    if not overwrite:
        check_problems(folder / PROBLEMS)
    with results_folder(folder) as partial:
        if scheduler is None and workers is None:
            coming = _one_by_one(tasks, monitor)
        else:
            coming = _on_cluster(tasks, scheduler, workers, monitor)
        done: dict[int, Outcome] = {}
        for i, outcome in coming:
            done[i] = outcome
            if on_outcome is not None:
                on_outcome(outcome)
        outcomes = [done[i] for i in range(len(tasks))]
        write_problems(_problems_of(outcomes, names), partial / PROBLEMS)
    return outcomes


def recordings_to_analyse(source: Path, folder: Path) -> list[Path]:
    """Return the recordings of a folder, without those in the folder of the results."""
    return [p for p in list_recordings(source) if not _is_within(p, folder, source)]


def is_folder_of_recordings(source: str | Path) -> bool:
    """Distinguish a folder of recordings from one that is a recording itself (images, zarr)."""
    from napari_uai.videos.formats import video_format

    source = Path(source)
    if not source.is_dir():
        return False
    try:
        one = video_format(source)
    except NapariUaiError:
        return True
    return one == "images" and _holds_other_recordings(source)


def _analyse(task: _Task, monitor: Monitor = SILENT) -> Outcome:
    recipe = parse_recipe(task.recipe, name=task.recipe_name)
    with (
        keeping() as store,
        results_folder(
            task.folder, replaces=FILES, record=RECORD, overwrite=task.overwrite
        ) as partial,
    ):
        recording = read_recording(task.source, task.options)
        with _named(task.source):
            result = run_recipe(recording, recipe, monitor=monitor.part(0.0, 0.9))
        write_files(result, partial, monitor=monitor.part(0.9, 1.0))
    return _done(task, result.found(), (*result.problems, *store.not_kept))


def _done(task: _Task, found: Mapping[str, int], problems: Iterable[str]) -> Outcome:
    """Return the outcome of a task from what the record of its run holds."""
    return Outcome(
        task.source,
        task.folder,
        n_landings=found.get("landings", 0),
        n_localizations=found.get("localizations", 0),
        n_trajectories=found.get(TRAJECTORIES),
        problems=tuple(problems),
    )


def _earlier(task: _Task, monitor: Monitor) -> Outcome | None:
    """Return the results of an earlier run if this one would write the same."""
    steps = parse_recipe(task.recipe, name=task.recipe_name).steps
    if task.overwrite or not all(map(is_of_this_package, steps)):
        return None
    settle(task.folder)
    try:
        record = read_json(task.folder / RECORD, error=OutputError)
        recipe = (task.folder / "recipe.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    recording = read_recording(task.source, task.options)
    if recipe != task.recipe or not is_record_of(
        record, recording, task.folder, name=task.recipe_name, monitor=monitor
    ):
        return None
    return replace(_done(task, record["found"], record["problems"]), earlier=True)


@contextmanager
def _named(source: Path) -> Iterator[None]:
    """Add the name of the recording to errors."""
    try:
        yield
    except CancelledError:
        raise
    except NapariUaiError as error:
        if source.name in str(error):
            raise
        raise type(error)(f"{source}: {error}") from error


def _analyse_or_say_why(task: _Task, monitor: Monitor = SILENT) -> Outcome:
    started = time.perf_counter()
    return replace(_outcome(task, monitor), seconds=time.perf_counter() - started)


def _outcome(task: _Task, monitor: Monitor) -> Outcome:
    try:
        return _earlier(task, monitor) or _analyse(task, monitor)
    except CancelledError:
        raise
    except NapariUaiError as error:
        return Outcome(task.source, task.folder, error=str(error))
    except Exception as error:  # noqa: BLE001  # a bug must not affect the other recordings
        _LOG.debug("%s", task.source, exc_info=True)
        reason = " ".join(f"unexpected {type(error).__name__}: {error}".split())
        return Outcome(task.source, task.folder, error=reason)


def _one_by_one(tasks: Sequence[_Task], monitor: Monitor) -> Iterator[tuple[int, Outcome]]:
    for i, task in enumerate(tasks):
        part = monitor.part(i / len(tasks), (i + 1) / len(tasks), task.source.name)
        yield i, _analyse_or_say_why(task, part)


def _on_cluster(
    tasks: Sequence[_Task], scheduler: str | None, workers: int | None, monitor: Monitor
) -> Iterator[tuple[int, Outcome]]:
    """Analyse recordings on the workers of a cluster; yield them as they are done."""
    with cluster_of(scheduler, workers, monitor) as client:
        absolute = [_absolute(task) for task in tasks]
        for i, result in on_workers(client, _analyse_or_say_why, absolute, monitor):
            if isinstance(result, CancelledError):
                raise result
            source, folder = tasks[i].source, tasks[i].folder
            if isinstance(result, Exception):
                reason = " ".join(str(result).split())
                yield i, Outcome(source, folder, error=f"{source}: no worker survived: {reason}")
            else:
                yield i, replace(result, source=source, folder=folder)


def _task(
    source: Path, folder: Path, recipe: Recipe, options: ReadOptions, *, overwrite: bool
) -> _Task:
    return _Task(source, folder, recipe.to_toml(), recipe.name, options, overwrite)


def _absolute(task: _Task) -> _Task:
    return replace(
        task,
        source=Path(os.path.abspath(task.source)),  # noqa: PTH100  # links stay as the user wrote
        folder=Path(os.path.abspath(task.folder)),  # noqa: PTH100
    )


def _folder_names(paths: Sequence[Path], source: Path) -> list[Path]:
    """Name sub-folders after the recordings, with the suffix if two would have the same name."""
    names = [p.relative_to(source).with_suffix("") for p in paths]
    return [
        name if names.count(name) == 1 else path.relative_to(source)
        for name, path in zip(names, paths, strict=True)
    ]


def _is_within(path: Path, folder: Path, source: Path) -> bool:
    """Return whether a recording is in the folder of results, if that is below the source."""
    folder = folder.resolve()
    return folder != source.resolve() and folder in path.resolve().parents


def _holds_other_recordings(source: Path) -> bool:
    others = [suffix for suffix in RECORDING_SUFFIXES if suffix not in IMAGE_SUFFIXES]
    return bool(list_recordings(source, others))


def _problems_of(
    outcomes: Sequence[Outcome], names: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    for outcome, name in zip(outcomes, names, strict=True):
        if outcome.error:
            yield name, "yes", outcome.error
        for problem in outcome.problems:
            yield name, "no", problem

"""Running a recipe on a recording."""

from __future__ import annotations

import threading
import time
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.iscat.correct.camera_offset import NO_OFFSET
from napari_uai.iscat.disturbances.finding import find_disturbances
from napari_uai.iscat.disturbances.mending import mended_frames
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.recipes.batches import warning_of_batch
from napari_uai.iscat.recipes.identity import identity_of_recording, identity_of_step, with_checksum
from napari_uai.iscat.recipes.recipe import (
    OUTPUTS,
    RECORDING,
    TRAJECTORIES,
    Recipe,
    Step,
    load_recipe,
)
from napari_uai.monitor import SILENT, Monitor, active_monitor
from napari_uai.store.keeping import content_of, identity_of, kept, pieces_of
from napari_uai.threads import one_blas_thread
from napari_uai.videos.frames import Frames, Video, frames_of, lazy_video
from napari_uai.videos.health import Health, finite_video, recording_health
from napari_uai.videos.offset import Offset
from napari_uai.videos.recording import Recording, open_recording
from napari_uai.videos.status_line import (
    find_status_line,
    read_status_line,
    remove_status_line,
)
from napari_uai.videos.status_report import StatusReport, status_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROLLING_AVERAGE = "dra"
"""Name of the rolling average in recipes; ``frame`` of the results counts its frames."""

LANDING_COLUMNS = (
    "landing",
    "frame",
    "raw_frame",
    "y",
    "x",
    "contrast",
    "score",
    "n_localizations",
)
"""First columns of the landings."""

LOCALIZATION_COLUMNS = ("landing", "frame", "raw_frame", "y", "x")
"""First columns of the localizations."""

NO_SCALE = (
    "pixel size or frame rate unknown: diffusion constants in px^2 per frame, no diameters; set "
    "trajectories.pixel_size_um and trajectories.frame_rate_hz"
)
"""What is said of a run without a scale that needs one."""

_BEFORE_STEPS = 0.05
"""Fraction of the progress bar for checking the whole recording."""

_AXES = (
    ("frame", "first_frame", "last_frame"),
    ("y", "Fit_Y-Center", "Psf_Y-Center"),
    ("x", "Fit_X-Center", "Psf_X-Center"),
)
"""Columns that hold positions along frames, rows and columns."""

Runnable: TypeAlias = Recording | Video | str | Path


@dataclass(frozen=True, eq=False)
class RunResult:
    """Results of a recipe on a recording.

    Attributes
    ----------
    recording, recipe
        What was analysed, and how.
    videos
        Lazy video of each step that returns one, and of ``recording``.
    tables
        Table of each step that returns one, in the coordinates of the video of that step.
    origins
        For each step: what to add to a position in its output to obtain frame, row and column of
        the recording.
    weights
        SHA-256 of the weights of each step that uses a network.
    timings_s
        Seconds per step. Videos are lazy: their computation is included in the steps that read
        them.
    problems
        Warnings, one line each.
    status
        Dropped frames and missed triggers according to the camera's counters; None if the recording
        has no status line.
    disturbances
        Frames and pixels that were left out, and jumps of the whole image, in the coordinates of
        the recording; None if it was not searched for any.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> result = uai.run_recipe(video, "classical", dra={"batch_size": 200})
    >>> list(result.landings.columns)[:6]
    ['landing', 'frame', 'raw_frame', 'y', 'x', 'contrast']
    """

    recording: Recording
    recipe: Recipe
    videos: dict[str, Video] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    origins: dict[str, Offset] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    timings_s: dict[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    status: StatusReport | None = None
    disturbances: Disturbances | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Frames of each video and rows of each table."""
        outputs: dict[str, Any] = {**self.videos, **self.tables}
        return {name: len(outputs[name]) for name in self.origins}

    @property
    def landings(self) -> pd.DataFrame:
        """One row per landing, highest score first, numbered from 1.

        ``frame`` counts frames of the rolling average, ``raw_frame`` those of the file; ``y`` and
        ``x`` are px of the full input frame.
        """
        table = self._output("landings", LANDING_COLUMNS)
        return _numbered(table, self._ranks())

    @property
    def localizations(self) -> pd.DataFrame:
        """One row per spot and frame, in the coordinates of :attr:`landings`.

        ``landing`` is the landing to which the spot belongs, 0 if none.
        """
        table = _numbered(self._output("localizations", LOCALIZATION_COLUMNS), self._ranks())
        return table.sort_values(["frame", "y", "x"], kind="stable", ignore_index=True)

    @property
    def candidates(self) -> pd.DataFrame | None:
        """Events down to weak candidates, strongest first; None if the recipe does not keep them.

        In the coordinates of :attr:`landings`, which contains the accepted ones.
        """
        if "candidates" not in self.recipe.outputs:
            return None
        return self._output("candidates", ("frame", "raw_frame", "y", "x"))

    @property
    def traces(self) -> pd.DataFrame | None:
        """Contrast of each landing frame by frame; None if the recipe does not compute traces."""
        if "traces" not in self.recipe.outputs:
            return None
        return _numbered(self._output("traces", ("landing", "frame", "raw_frame")), self._ranks())

    @property
    def drift(self) -> pd.DataFrame | None:
        """Stage drift by frame of the file; None if the recipe does not measure it."""
        if "drift" not in self.recipe.outputs:
            return None
        return self._output("drift", ("raw_frame",)).drop(columns="frame", errors="ignore")

    @property
    def tracks(self) -> pd.DataFrame | None:
        """Linked spots, one row each, sorted by particle; None if the recipe does not link any."""
        if "tracks" not in self.recipe.outputs:
            return None
        table = self._output("tracks", ("particle", "frame", "raw_frame", "y", "x"))
        return table.sort_values(["particle", "frame"], kind="stable", ignore_index=True)

    @property
    def trajectories(self) -> pd.DataFrame | None:
        """One row per particle that moves; None if the recipe does not look for any.

        ``first_frame`` and ``last_frame`` are those of the file.
        """
        table = self._plain(TRAJECTORIES)
        if table is None:
            return None
        frames = {name: table[name] + self.recording.first_frame for name in _AXES[0][1:]}
        return table.assign(**frames)

    @property
    def displacements(self) -> pd.DataFrame | None:
        """Mean squared displacement of each particle by lag; None if it is not computed."""
        return self._plain("displacements")

    @property
    def population(self) -> pd.DataFrame | None:
        """Diffusion of all particles together, in one row; None if it is not computed."""
        return self._plain("population")

    @property
    def distribution(self) -> pd.DataFrame | None:
        """Histogram of diffusion constants; None if it is not computed."""
        return self._plain("distribution")

    def _plain(self, output: str) -> pd.DataFrame | None:
        """Return a result in the coordinates of the recording, None if there is none."""
        step = self.recipe.outputs.get(output)
        return None if step is None else self.table_in(step, RECORDING)

    def written_tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables to be written, by the names of :data:`OUTPUTS`.

        Landings and localizations are always among them, unless the recipe tracks particles.
        """
        tables = {output: getattr(self, output) for output in self.recipe.outputs}
        if not self.recipe.tracks_particles:
            tables |= {"landings": self.landings, "localizations": self.localizations}
        return {output: tables[output] for output in OUTPUTS if output in tables}

    def found(self) -> dict[str, int]:
        """Return the numbers of landings and localizations, or of trajectories and their spots."""
        if self.trajectories is None:
            return {"landings": len(self.landings), "localizations": len(self.localizations)}
        return {
            TRAJECTORIES: len(self.trajectories),
            "spots": int(self.trajectories["n_spots"].sum()),
        }

    def table_in(self, table: str, video: str) -> pd.DataFrame:
        """Return the table of a step in the coordinates of the video of another.

        Parameters
        ----------
        table
            Name of a step that returns a table.
        video
            Name of a step that returns a video, or ``recording``.
        """
        return shifted(self.tables[table], self.origins[table].minus(self.origins[video]))

    def _output(self, output: str, first: tuple[str, ...]) -> pd.DataFrame:
        """Add frame, raw_frame and position in the full frame of the file to a result."""
        step = self.recipe.outputs.get(output)
        if step is None:
            return pd.DataFrame(columns=list(first))
        table = self.table_in(step, RECORDING)
        if "frame" in table.columns:
            in_recording = np.rint(table["frame"].to_numpy(float)).astype(np.int64)
            rolling = self.origins.get(ROLLING_AVERAGE, self.origins[step]).frames
            table["frame"] = in_recording - rolling
            table["raw_frame"] = in_recording + self.recording.first_frame
        for column in first:
            if column not in table.columns:
                table[column] = pd.Series(dtype=float) if table.empty else np.nan
        rest = [column for column in table.columns if column not in first]
        return table[[*first, *rest]]

    def _ranks(self) -> dict[Any, int]:
        """Rank of each landing, highest score first, by its number in the steps' tables."""
        table = self._output("landings", LANDING_COLUMNS)
        order = table.sort_values(
            ["score", "raw_frame", "y", "x"], ascending=[False, True, True, True], kind="stable"
        )
        return {landing: rank for rank, landing in enumerate(order["landing"], start=1)}


@one_blas_thread()
def run_recipe(
    recording: Runnable,
    recipe: Recipe | str | Path = "matched",
    *,
    settings: Iterable[str] = (),
    monitor: Monitor = SILENT,
    **values: Mapping[str, Any],
) -> RunResult:
    """Run a recipe on a recording.

    Parameters
    ----------
    recording
        A recording, a video (frames, rows, columns), or the path of a file.
    recipe
        A recipe, the name of one, or the path of a TOML file.
    settings
        Parameters that differ from the recipe's, as ``"dra.batch_size=500"``.
    monitor
        Progress and cancellation.
    **values
        Parameters that differ, as Python values: ``dra={"batch_size": 500}``.

    Returns
    -------
    RunResult
        Tables and lazy videos; no files are written.

    Raises
    ------
    NapariUaiError
        If the recording or a value is not suitable; the message names the stage.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> result = uai.run_recipe(video, "classical", dra={"batch_size": 200})
    >>> len(result.landings) > 0
    True
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    recipe = recipe.with_settings(settings).with_values(**values)
    with ExitStack() as stack:
        stack.enter_context(active_monitor(monitor))
        problems, warned = stack.enter_context(_collected_warnings(monitor))
        before = monitor.part(0.0, _BEFORE_STEPS)
        recording = with_checksum(as_recording(recording), before.part(0.0, 0.1))
        frames = frames_of(recording.video)
        identity = identity_of_recording(recording, frames, recipe)
        check = recording.check_unchanged
        stack.enter_context(pieces_of(identity, recording.name, check=check, warned=warned))
        status = kept("status line", None, partial(_status, frames, before.part(0.1, 0.2)))
        health = kept("health", None, partial(_health, frames, before.part(0.2, 0.4)))
        if health.not_finite.size:
            frames = frames_of(finite_video(frames, health))
        moving_too = not recipe.tracks_particles
        find = partial(_disturbances, frames, moving_too, before.part(0.4, 1.0))
        found = kept("disturbances" if moving_too else "disturbed frames", None, find)
        said = health.problems
        if found.any:
            frames = mended_frames(frames, found)
            again = partial(_health, frames, before.part(1.0, 1.0))
            said = (*health.of_not_finite, *kept("health of the rest", None, again).problems)
        recording = replace(recording, video=lazy_video(frames))
        result = RunResult(recording, recipe, disturbances=found)
        result.videos[RECORDING] = lazy_video(frames)
        result.origins[RECORDING] = Offset()
        identities = {RECORDING: identity}
        for step, part in _parts(recipe, monitor.part(_BEFORE_STEPS, 1.0)):
            started = time.perf_counter()
            _run_step(result, step, identities, part)
            recording.check_unchanged(quickly=True)
            result.timings_s[step.name] = time.perf_counter() - started
        monitor.update(1.0, "done")
    if result.trajectories is not None and "diffusion_um2_per_s" not in result.trajectories:
        problems.append(NO_SCALE)
    long_batch = warning_of_batch(recipe, len(frames))
    problems[:0] = (
        *([long_batch] if long_batch else []),
        *said,
        *found.sentences(
            recording.first_frame, offset_subtracted=any(map(_takes_off_offset, recipe.steps))
        ),
    )
    if status is not None and not status.complete:
        problems.insert(0, status.text)
    return replace(result, problems=(*recording.problems, *problems), status=status)


def progress_of_steps(recipe: Recipe, fraction: float) -> dict[str, float]:
    """Return the progress of each step (0 to 1) when :func:`run_recipe` reports ``fraction``."""
    done = (fraction - _BEFORE_STEPS) / (1 - _BEFORE_STEPS)
    return {
        step.name: float(np.clip((done - start) / max(end - start, 1e-12), 0, 1))
        for step, start, end in _shares(recipe)
    }


def shifted(table: pd.DataFrame, offset: Offset) -> pd.DataFrame:
    """Return a table with its positions shifted by frames, rows and columns."""
    table = table.copy()
    for columns, amount in zip(_AXES, offset, strict=True):
        for column in columns:
            if amount and column in table.columns:
                table[column] = table[column] + amount
    return table


def _run_step(
    result: RunResult, step: Step, identities: dict[str, str | None], monitor: Monitor
) -> None:
    stage, values = step.stage, result.recipe.values(step.name, result.recording)
    video = next((n for n in step.inputs if n in result.videos), None)
    origin = result.origins[video or step.inputs[0]]
    inputs = [
        result.videos[name]
        if name in result.videos
        else shifted(result.tables[name], result.origins[name].minus(origin))
        for name in step.inputs
    ]
    monitor.update(0.0)
    extra: dict[str, Any] = {"monitor": monitor} if stage.takes_monitor else {}
    if stage.takes_disturbances and result.disturbances is not None and video is not None:
        extra["disturbances"] = result.disturbances.seen_from(origin, result.videos[video].shape)
    with named_in_errors(step):
        if stage.checksum is not None:
            result.weights[step.name] = stage.checksum(values["weights"])
        identity = identity_of_step(step, values, result.weights.get(step.name), identities)
        compute = partial(stage.function, *inputs, **values, **extra)
        keep = stage.output == "table" and identity is not None
        output = kept(stage.title, identity, compute) if keep else compute()
        if stage.origin is not None and video is not None:
            origin = origin.plus(Offset(*stage.origin(result.videos[video], values)))
    result.origins[step.name] = origin
    if keep:  # the same table leads to the same results, whatever it came from
        content = content_of(output)
        identity = identity if content is None else identity_of(content, [*origin])
    identities[step.name] = identity
    if stage.output == "table":
        result.tables[step.name] = output
    else:
        result.videos[step.name] = output


@contextmanager
def named_in_errors(step: Step) -> Iterator[None]:
    """Name a step in the errors that it raises."""
    try:
        yield
    except CancelledError:
        raise
    except NapariUaiError as error:
        raise type(error)(f"{step.label}: {error}") from error


def _status(frames: Frames, monitor: Monitor) -> StatusReport | None:
    """Read the camera's counters, if there are any."""
    if find_status_line(lazy_video(frames)) is None:
        return None
    return status_report(read_status_line(lazy_video(frames), monitor=monitor))


def _health(frames: Frames, monitor: Monitor) -> Health:
    """Find unreliable frames and pixels; the status line is excluded."""
    return recording_health(remove_status_line(lazy_video(frames)), monitor=monitor)


def _disturbances(frames: Frames, moving_too: bool, monitor: Monitor) -> Disturbances:
    """Find what disturbs the recording; the status line is excluded, but counted in its shape."""
    picture = remove_status_line(lazy_video(frames))
    found = find_disturbances(picture, moving_too=moving_too, monitor=monitor)
    return found.of_shape(frames.shape[1:])


def _takes_off_offset(step: Step) -> bool:
    """Return whether a step subtracts what the camera adds without light."""
    return step.stage.name == "dark_frame_subtraction" or (
        dict(step.parameters).get("offset", NO_OFFSET) != NO_OFFSET
    )


def _parts(recipe: Recipe, monitor: Monitor) -> Iterator[tuple[Step, Monitor]]:
    """Divide the progress bar among the steps; lazy ones take next to none of it."""
    for step, start, end in _shares(recipe):
        yield step, monitor.part(start, end, step.stage.title)


def _shares(recipe: Recipe) -> Iterator[tuple[Step, float, float]]:
    weights = [
        1.0 if s.stage.takes_monitor or s.stage.output == "table" else 0.02 for s in recipe.steps
    ]
    ends = np.cumsum(weights) / sum(weights)
    for step, weight, end in zip(recipe.steps, weights, ends, strict=True):
        yield step, float(end - weight / sum(weights)), float(end)


def as_recording(recording: Runnable) -> Recording:
    """Return a recording; a path is opened, and a video has no scale."""
    if isinstance(recording, Recording):
        return recording
    if isinstance(recording, (str, Path)):
        return open_recording(recording)
    return Recording(recording)


def _numbered(table: pd.DataFrame, ranks: Mapping[Any, int]) -> pd.DataFrame:
    """Replace numbers of landings by their ranks, and sort by rank."""
    numbers = [ranks.get(landing, 0) for landing in table["landing"]]
    table = table.assign(landing=np.array(numbers, np.int64))
    return table.sort_values("landing", kind="stable", ignore_index=True)


_COLLECTING = threading.Lock()


@contextmanager
def _collected_warnings(
    monitor: Monitor,
) -> Iterator[tuple[list[str], list[warnings.WarningMessage]]]:
    """Collect warnings as one line each, at the end; they are recorded as they come.

    Python's warning filters are shared by all threads, so runs take turns; each run uses all cores
    anyway.
    """
    while not _COLLECTING.acquire(timeout=0.1):
        monitor.update(0.0, "waiting for another run")
    problems: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield problems, caught
            lines = [" ".join(str(w.message).split()) for w in caught]
            problems += cast("list[str]", list(dict.fromkeys(lines)))
    finally:
        _COLLECTING.release()

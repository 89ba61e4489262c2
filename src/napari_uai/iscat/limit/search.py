"""Running a recipe again and again on changed frames, without what the changes do not touch.

The step detector sees a recording as bins of frames after power normalisation. For recipes that
detect in this way, the bins are computed once and changed directly. Other recipes run as a whole on
changed frames: slower, with the same meaning.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import RecipeError, TooFewFramesError
from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.iscat.correct.stage_drift import binned_frames
from napari_uai.iscat.detect.steps.detector import ChangingBackgroundWarning, detect_steps
from napari_uai.iscat.detect.steps.parts import BINS_PER_BATCH, END_BATCHES
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.limit.injection import (
    InjectedFrames,
    PointImage,
    SteppedFrames,
    injected_bins,
)
from napari_uai.iscat.parameters import Polarity
from napari_uai.iscat.recipes.identity import identity_of_recording, identity_of_step
from napari_uai.iscat.recipes.recipe import RECORDING, Recipe, Step, is_reference
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, named_in_errors, run_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import Parameters
from napari_uai.stages import Kind
from napari_uai.store.keeping import content_of, identity_of, kept, pieces_of
from napari_uai.typing import Bools
from napari_uai.videos.frames import Frames, Video, frames_of, lazy_video
from napari_uai.videos.offset import Offset
from napari_uai.videos.recording import Recording

Bins: TypeAlias = npt.NDArray[np.float32]

UNTOUCHED = ("crop", "remove_status_line")
"""Stages before which nothing is injected: outside the region, or in what the camera wrote."""

PROPORTIONAL = (*UNTOUCHED, "dark_frame_subtraction", "power_normalization")
"""Stages whose output a landing multiplies as it does the recording itself."""

SCORING = ("rescore_steps",)
ACCEPTING = "accept_events"
DETECTING = "detect_steps"
DESCRIBING = (
    "localize_landings",
    "summarize_landings",
    "contrast_traces",
    "measure_contrasts",
    "landing_masses",
)
"""Stages after which the same landings remain, with the same contrasts, times and places."""

FEWEST_BATCHES = 4
"""Landings are injected where a batch before and after belongs to the recording, and need room."""

NOWHERE = Offset()


@dataclass(frozen=True, eq=False)
class Search(ABC):
    """A recipe that is run on changed versions of one recording.

    Attributes
    ----------
    recording
        Without its status line; positions refer to it.
    recipe
        All steps.
    frames
        What the changes apply to.
    bins
        Their means, as the step detector would compute them; (bins, rows, columns).
    disturbances
        What disturbs ``frames``, for bins: it is left out of these, and nothing is injected there.
    fast
        Whether changes of the bins are all that a run needs.
    origin
        Frame, row and column of the file that are the first of ``frames``.
    problems
        Warnings, one line each.
    """

    fast: ClassVar[bool]
    recording: Recording
    recipe: Recipe
    frames: Frames
    bins: Bins
    disturbances: Disturbances
    origin: Offset = NOWHERE
    problems: tuple[str, ...] = ()

    @abstractmethod
    def injected(self, landings: pd.DataFrame, image: PointImage) -> Frames:
        """Return frames with additional landings."""

    @abstractmethod
    def with_bins(self, bins: Bins) -> Frames:
        """Return frames whose means over :attr:`bin_size` frames are those of ``bins``."""

    @abstractmethod
    def rows(self, frames: Frames, monitor: Monitor = SILENT) -> pd.DataFrame:
        """Return the landings that the recipe reports: ``frame, y, x, contrast`` and more."""

    @property
    def batch_size(self) -> int:
        """Batch of the recipe (frames)."""
        return batch_size_of(self.recipe)

    @property
    def bin_size(self) -> int:
        """Frames per bin of the step detector."""
        return bin_size_of(self.batch_size)

    @property
    def sigma_px(self) -> float:
        """Width of the point-spread function that the recipe states."""
        return float(_parameter(self.recipe, "sigma_px", ("steps", "spots")))

    @property
    def border_px(self) -> float:
        """Distance from the edge within which nothing is reported."""
        return float(_parameter(self.recipe, "border_px", ("steps",)))

    @property
    def polarity(self) -> Polarity:
        """Sign of the contrasts that the recipe reports."""
        polarity: Polarity = _parameter(self.recipe, "polarity", ("steps",), default="both")
        return polarity

    @property
    def point_spread_function(self) -> str:
        """Choice of the recipe: ``fitted``, ``gaussian`` or a path."""
        return str(_parameter(self.recipe, "point_spread_function", ("steps",)))

    @property
    def drift_order(self) -> int:
        """Highest derivative of the mean image that describes drift."""
        return int(_parameter(self.recipe, "drift_order", ("steps",)))

    @property
    def tile_px(self) -> int:
        """Size of the tiles of the step detector."""
        return int(_parameter(self.recipe, "tile_px", ("steps",)))

    @property
    def accepted_false(self) -> float | None:
        """Accepted number of false landings; None if the recipe does not control it."""
        steps = self.recipe.steps_of(ACCEPTING)
        return float(self.recipe.values(steps[0].name)["false_landings"]) if steps else None

    @property
    def window(self) -> tuple[int, int]:
        """First and last frame + 1 between which landings are reported."""
        return self._end, len(self.frames) - self._end

    @property
    def reported(self) -> Bools:
        """Frames at which landings are reported: not where frames are left out, nor near jumps."""
        reported = np.zeros(len(self.frames), np.bool_)
        for numbers in self.disturbances.pieces(2 * self.batch_size):
            reported[numbers[self._end : max(len(numbers) - self._end, 0)]] = True
        return reported

    @property
    def _end(self) -> int:
        """Frames at either end at which nothing is reported."""
        return int(np.ceil((END_BATCHES if self.fast else 1.0) * self.batch_size))


class BinnedSearch(Search):
    """A recipe of the step detector, run on bins in memory."""

    fast = True

    def injected(self, landings: pd.DataFrame, image: PointImage) -> Frames:
        """Inject into the bins."""
        return self.with_bins(injected_bins(self.bins, self.bin_size, landings, image))

    def with_bins(self, bins: Bins) -> Frames:
        """Repeat each bin."""
        return SteppedFrames(bins, self.bin_size, len(self.frames))

    def rows(self, frames: Frames, monitor: Monitor = SILENT) -> pd.DataFrame:
        """Run the steps that return tables, up to acceptance; each table is kept."""
        tables: dict[str, pd.DataFrame] = {}
        steps = [s for s in self.recipe.steps if s.stage.name in (DETECTING, *SCORING, ACCEPTING)]
        changed = identity_of(frames.name, self.disturbances.record())
        identities: dict[str, str | None] = {n: changed for step in steps for n in step.inputs}
        source = identity_of_recording(self.recording, frames, self.recipe)
        with pieces_of(source, self.recording.name, check=self.recording.check_unchanged):
            for i, step in enumerate(steps):
                part = monitor.part(i / len(steps), (i + 1) / len(steps))
                inputs = [tables.get(name, frames) for name in step.inputs]
                values = self.recipe.values(step.name)
                if step.stage.takes_disturbances:
                    values["disturbances"] = self.disturbances
                compute = partial(_run, step, inputs, values, part)
                table, identity = self._kept(step, identities, compute)
                tables[step.name], identities[step.name] = table, identity
        return tables[steps[-1].name]

    def _kept(
        self,
        step: Step,
        identities: dict[str, str | None],
        compute: Callable[[], pd.DataFrame],
    ) -> tuple[pd.DataFrame, str | None]:
        """Return the table of a step, and what identifies it."""
        values = self.recipe.values(step.name)
        weights = step.stage.checksum and step.stage.checksum(values["weights"])
        identity = identity_of_step(step, values, weights, identities)
        table = compute() if identity is None else kept(step.stage.title, identity, compute)
        content = None if identity is None else content_of(table)
        return table, identity if content is None else content


class WholeSearch(Search):
    """Any recipe, run as a whole on changed frames."""

    fast = False

    def injected(self, landings: pd.DataFrame, image: PointImage) -> Frames:
        """Inject while frames are read."""
        return InjectedFrames(self.frames, landings, image)

    def with_bins(self, bins: Bins) -> Frames:
        """Shift the frames of each bin together."""
        return ShiftedFrames(self.frames, bins, self.bin_size)

    def rows(self, frames: Frames, monitor: Monitor = SILENT) -> pd.DataFrame:
        """Run the recipe."""
        changed = replace(self.recording, video=lazy_video(frames), first_frame=0)
        table = run_recipe(changed, self.recipe, monitor=monitor).landings
        return table.assign(frame=table["raw_frame"])


class ShiftedFrames(Frames):
    """Frames moved so that their means over bins are given ones; what differs within bins stays."""

    def __init__(self, source: Frames, bins: Bins, bin_size: int) -> None:
        self.source = source
        self.bins = bins
        self.bin_size = bin_size
        self.shape = (len(bins) * bin_size, *source.shape[1:])
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the source, and a hash of the bins."""
        return f"shifted-{SteppedFrames(self.bins, self.bin_size, len(self)).name}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read whole bins, and move each."""
        size = self.bin_size
        first, last = start // size, -(-stop // size)
        block = np.array(self.source.read(first * size, last * size), np.float32)
        shaped = block.reshape(last - first, size, *self.shape[1:])
        shaped += (self.bins[first:last] - shaped.mean(axis=1, dtype=np.float64))[:, None]
        return block[start - first * size : stop - first * size]


def search_of(recording: Recording, recipe: Recipe, monitor: Monitor = SILENT) -> Search:
    """Prepare a recipe for runs on changed versions of a recording.

    Raises
    ------
    NapariUaiError
        If the recipe has no landings, or the recording is too short for it or cannot be read.
    """
    if "landings" not in recipe.outputs:
        raise RecipeError(f"recipe {recipe.name} has no output landings, of which a limit could be")
    fast = can_reuse_bins(recipe)
    first = _leading(recipe, PROPORTIONAL if fast else UNTOUCHED)
    last = first[-1].name if first else RECORDING
    before = replace(recipe, steps=first, outputs={})
    prepared = run_recipe(recording, before, monitor=monitor.part(0, 0.5))
    frames = frames_of(prepared.videos[last])
    size = bin_size_of(batch_size_of(recipe))
    if len(frames) < FEWEST_BATCHES * batch_size_of(recipe):
        raise TooFewFramesError(
            f"a limit needs at least {FEWEST_BATCHES} batches, but the recording has {len(frames)} "
            f"frames and a batch {batch_size_of(recipe)}: use a smaller batch_size"
        )
    binned = BinnedFrames(frames, size)
    bins = binned_frames(binned, 0, len(binned), monitor=monitor.part(0.5, 1.0)).astype(np.float32)
    origin = prepared.origins[last].plus(Offset(recording.first_frame))
    found = prepared.disturbances
    seen = found and found.seen_from(prepared.origins[last], frames.shape)
    disturbances = (seen or Disturbances.none_of(frames.shape)).in_bins(size)
    kind = BinnedSearch if fast else WholeSearch
    rest = recipe if fast else needed_for_landings(_after(recipe, first, last))
    return kind(recording, rest, frames, bins, disturbances, origin, prepared.problems)


def batch_size_of(recipe: Recipe) -> int:
    """Return the batch of a recipe (frames)."""
    return int(_parameter(recipe, "batch_size", (ROLLING_AVERAGE,)))


def bin_size_of(batch_size: int) -> int:
    """Return the frames per bin of the step detector."""
    return max(batch_size // BINS_PER_BATCH, 1)


def can_reuse_bins(recipe: Recipe) -> bool:
    """Return whether a recipe's landings follow from bins of frames proportional to the light."""
    names = [step.stage.name for step in recipe.steps]
    if names.count(DETECTING) != 1 or names.count(ACCEPTING) != 1:
        return False
    by_name = {step.name: step for step in recipe.steps}
    allowed = {*PROPORTIONAL, DETECTING, *SCORING, ACCEPTING}
    (accepting,) = recipe.steps_of(ACCEPTING)
    videos = set()
    waiting = [accepting]
    while waiting:
        step = waiting.pop()
        if step.stage.name not in allowed:
            return False
        if step.stage.output == "table":
            videos |= {name for name in step.inputs if _kind(by_name, name) == "video"}
        waiting += [by_name[name] for name in step.inputs if name in by_name]
    leading = _leading(recipe, PROPORTIONAL)
    last = leading[-1].name if leading else RECORDING
    return videos == {last} and _follows(recipe, accepting)


def needed_for_landings(recipe: Recipe) -> Recipe:
    """Return the recipe without the steps on which its landings do not depend."""
    by_name = {step.name: step for step in recipe.steps}
    needed: set[str] = set()
    waiting = [recipe.outputs["landings"]]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in by_name:
            continue
        needed.add(name)
        step = by_name[name]
        waiting += step.inputs
        waiting += [
            value[1:].split(".")[0] for value in step.parameters.values() if is_reference(value)
        ]
    steps = tuple(step for step in recipe.steps if step.name in needed)
    return replace(recipe, steps=steps, outputs={"landings": recipe.outputs["landings"]})


def _follows(recipe: Recipe, accepting: Step) -> bool:
    """Return whether the landings are the accepted events, described further."""
    by_name = {step.name: step for step in recipe.steps}
    name = recipe.outputs.get("landings", "")
    while name in by_name and by_name[name].stage.name in DESCRIBING:
        name = by_name[name].inputs[0]
    return name == accepting.name


def _kind(by_name: dict[str, Step], name: str) -> Kind:
    return "video" if name == RECORDING else by_name[name].stage.output


def _leading(recipe: Recipe, stages: Iterable[str]) -> tuple[Step, ...]:
    """Return the first steps as long as they are of some stages, each on the one before."""
    first: list[Step] = []
    for step in recipe.steps:
        before = first[-1].name if first else RECORDING
        if step.stage.name not in stages or step.inputs != (before,):
            break
        first.append(step)
    return tuple(first)


def _after(recipe: Recipe, first: tuple[Step, ...], last: str) -> Recipe:
    """Return the recipe as if the output of its first steps were the recording."""
    gone = {step.name for step in first}
    steps = tuple(
        replace(step, inputs=tuple(RECORDING if n == last else n for n in step.inputs))
        for step in recipe.steps
        if step.name not in gone
    )
    return replace(recipe, steps=steps)


def _parameter(
    recipe: Recipe, name: str, preferred: tuple[str, ...], *, default: Any = None
) -> Any:
    """Return a parameter of the first of some steps that has it, else of any step.

    If none has it, the default of the step detector, unless another is given.
    """
    names = [step.name for step in recipe.steps]
    for step in (*(p for p in preferred if p in names), *names):
        values = recipe.values(step)
        if name in values:
            return values[name]
    return Parameters.of(detect_steps)[name].default if default is None else default


def _run(
    step: Step, inputs: Sequence[Video | pd.DataFrame], values: dict[str, Any], monitor: Monitor
) -> pd.DataFrame:
    """Run a step, whose warning of false landings is needless where these are counted."""
    extra = {"monitor": monitor} if step.stage.takes_monitor else {}
    with named_in_errors(step), warnings.catch_warnings():
        warnings.simplefilter("ignore", ChangingBackgroundWarning)
        table: pd.DataFrame = step.stage.function(*inputs, **values, **extra)
    return table

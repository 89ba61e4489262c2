"""Runs of stages and recipes on layers, to be executed in any thread; uses no Qt and no viewer."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.iscat.linked_tracks import (
    is_newly_linked,
    linked_tracks,
    tracks_layer,
    trajectories_layer,
)
from napari_uai.widgets.kit.layers import (
    KEY,
    LayerTuple,
    Place,
    array_of,
    has_positions,
    image_layer,
    place_of,
    points_layer,
    table_of,
)
from napari_uai.widgets.kit.ring_looks import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from napari.layers import Image, Layer

    from napari_uai.iscat.correct.prefix_sums import PrefixSums
    from napari_uai.iscat.recipes.batch import Outcome
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.iscat.recipes.run import RunResult
    from napari_uai.stages import Stage
    from napari_uai.videos.frames import Video
    from napari_uai.videos.offset import Offset
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.iscat.review import Review

Average: TypeAlias = Literal["lazy", "memory", "stored"]
STORED_AVERAGE = "rolling_average.zarr"
TRAJECTORY_TABLES = ("population", "distribution", "displacements", "trajectories")
"""Outputs of a recipe that tracks particles that are shown as tables, the last one in front."""

_RUN_SHARE = 0.8


@dataclass(frozen=True)
class NamedTable:
    """A table to show in a dock.

    Attributes
    ----------
    name
        Title of the dock.
    table
        Rows to show.
    place
        Place of the video if the rows are positions in it.
    """

    name: str
    table: pd.DataFrame
    place: Place | None = None


@dataclass(frozen=True)
class CallResult:
    """Layers and tables to add to a viewer, and a summary.

    Attributes
    ----------
    layers
        Layers to add.
    tables
        Tables to show.
    message
        Summary in one line.
    notes
        Warnings.
    review
        Landings for review, stored in the metadata of one of the layers.
    result
        Result of a recipe.
    made
        The layers, once they are made.
    """

    layers: Sequence[LayerTuple] = ()
    tables: Sequence[NamedTable] = ()
    message: str = ""
    notes: Sequence[str] = field(default=())
    review: Review | None = None
    result: RunResult | None = None
    made: Sequence[Layer] = ()


@dataclass(frozen=True)
class StageCall:
    """A stage with inputs from layers.

    Layers are read on creation, in the main thread; later changes of the layers have no effect.

    Attributes
    ----------
    stage
        Stage to run.
    inputs
        Arrays and tables of the layers; :meth:`ready_inputs` converts arrays to lazy videos.
    parameters
        Checked values by name.
    place
        Place of the first video, with this stage as the last step of its history.
    keep
        Whether to compute the whole video and keep it in memory.
    """

    stage: Stage
    inputs: tuple[Any, ...]
    parameters: Mapping[str, Any]
    place: Place
    keep: bool = False

    @classmethod
    def of_layers(
        cls,
        stage: Stage,
        layers: Sequence[Layer | None],
        parameters: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> StageCall:
        """Read the inputs from layers.

        Parameters
        ----------
        stage
            Stage to run.
        layers
            Layer of each input of the stage; None for an optional input.
        parameters
            Values by name; checked here.
        keep
            Whether to compute the whole video and keep it in memory; otherwise it stays lazy.

        Raises
        ------
        NapariUaiError
            If a value is invalid, or a layer is missing or of the wrong type.
        """
        values = stage.check(parameters)
        pairs = list(zip(stage.inputs_of(len(layers)), layers, strict=True))
        for wanted, layer in pairs:
            if layer is None and wanted.required:
                kind = "an Image" if wanted.kind == "video" else "a Points or Tracks"
                raise BadValueError(
                    f"{stage.title} needs {kind} layer as {wanted.name}: open or create one, then "
                    "choose it"
                )
        videos = [layer for i, layer in pairs if layer is not None and i.kind == "video"]
        given = [layer for layer in layers if layer is not None]
        place = place_of((videos or given)[0])
        values = _with_scale(values, place)
        inputs = [
            None
            if layer is None
            else array_of(layer)
            if i.kind == "video"
            else table_of(layer, place)
            for i, layer in pairs
            if layer is not None or not i.many
        ]
        while inputs and inputs[-1] is None:
            inputs.pop()
        place = place.with_step(stage.name, values, [layer.name for layer in given])
        return cls(stage, tuple(inputs), values, place, keep)

    def ready_inputs(self) -> list[Any]:
        """Return the inputs with lazy videos; may take a while for arrays in memory."""
        from napari_uai.widgets.kit.layers import lazily

        pairs = zip(self.stage.inputs_of(len(self.inputs)), self.inputs, strict=False)
        return [i if i is None or w.kind == "table" else lazily(i) for w, i in pairs]

    def make(self, inputs: Sequence[Any], monitor: Monitor = SILENT) -> tuple[Any, Place]:
        """Call the stage; return its output and the place of the output."""
        progress = {"monitor": monitor} if self.stage.takes_monitor else {}
        output = self.stage.function(*inputs, **self.parameters, **progress)
        origin, raster = self.stage.origin, self.stage.raster
        if raster is not None:
            return output, self.place.rastered(raster(inputs, self.parameters))
        return output, self.place.moved(origin(inputs[0], self.parameters) if origin else (0, 0, 0))

    def run(self, monitor: Monitor = SILENT) -> CallResult:
        """Run the stage and return the result as layers or tables."""
        monitor.update(0.0, self.stage.title)
        result, place = self.make(
            self.ready_inputs(), monitor.part(0.0, 0.5 if self.stage.output == "video" else 0.95)
        )
        name = f"{self.place.name}: {self.stage.title.lower()}"
        if self.stage.output == "video":
            return self._video(result, place, name, monitor)
        monitor.update(1.0)
        return _table(result, place, name, newly_linked=is_newly_linked(result, self.inputs))

    def _video(self, video: Video, place: Place, name: str, monitor: Monitor) -> CallResult:
        from napari_uai.videos.frames import compute_video, frames_of

        for sums in sums_behind(frames_of(video)):  # otherwise the window would wait for them
            sums.prepare(monitor.part(0.5, 0.6, self.stage.title))
        if self.keep:
            video = compute_video(video, monitor=monitor.part(0.6, 0.95, self.stage.title))
        monitor.update(0.95, "contrast limits")
        layer = image_layer(video, place, name=name)
        shape = " x ".join(map(str, video.shape))
        storage = "in memory" if self.keep else "lazy"
        return CallResult(layers=[layer], message=f"{shape} px, {storage}")


@dataclass(frozen=True)
class RecipeCall:
    """A recipe with the recording of a layer.

    Attributes
    ----------
    recipe
        Recipe to run.
    array, place
        Video of the layer and its place.
    folder
        Folder for the files of the run; None for none.
    average
        Whether the rolling average stays lazy, is kept in memory or stored in the folder.
    """

    recipe: Recipe
    array: Video
    place: Place
    folder: Path | None = None
    average: Average = "lazy"

    @classmethod
    def of_layer(
        cls,
        recipe: Recipe,
        layer: Image | None,
        *,
        span: tuple[int, int] | None = None,
        region: tuple[int, int, int, int] | None = None,
        folder: Path | None = None,
        average: Average = "lazy",
    ) -> RecipeCall:
        """Read the recording from a layer, or a span of its frames (start, stop).

        A region (first row, last row + 1, first column, last column + 1) limits the recipe to it.

        Raises
        ------
        BadValueError
            If the layer is missing or not a video.
        """
        from napari_uai.iscat.recipes.editing import limited_to

        array, place = video_of(layer, "a recipe")
        if span is not None:
            array, place = _spanned(array, place, *span)
        if region is not None:
            recipe = limited_to(recipe, region)
        return cls(recipe, array, place, folder, average)

    def progress(self, fraction: float) -> dict[str, float]:
        """Return the progress of each stage, 0 to 1, by name."""
        from napari_uai.iscat.recipes.run import progress_of_steps

        return progress_of_steps(self.recipe, fraction / _RUN_SHARE)

    def run(self, monitor: Monitor = SILENT) -> CallResult:
        """Run the recipe; return rolling average, landings and localizations as layers."""
        from napari_uai.iscat.recipes.outputs import FILES, RECORD, write_files
        from napari_uai.results import results_folder

        # Entering the folder first reports a folder that is not writable before the run.
        with (
            results_folder(self.folder, replaces=FILES, record=RECORD)
            if self.folder
            else nullcontext() as partial
        ):
            result = self._result(monitor.part(0.0, _RUN_SHARE))
            if isinstance(partial, Path):
                write_files(result, partial, monitor=monitor.part(_RUN_SHARE, 0.83))
        return self._call_result(result, monitor)

    def _result(self, monitor: Monitor) -> RunResult:
        from napari_uai.iscat.recipes.run import run_recipe
        from napari_uai.store.keeping import keeping

        recording = recording_of(self.array, self.place)
        with keeping():
            return run_recipe(recording, self.recipe, monitor=monitor)

    def _call_result(self, result: RunResult, monitor: Monitor) -> CallResult:
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
        from napari_uai.videos.offset import Offset

        place = self.place.with_step(
            f"recipe {self.recipe.name}", {"toml": self.recipe.to_toml()}, [self.place.name]
        )
        if result.trajectories is not None:
            return self._tracked(result, result.trajectories, place)
        origin = result.origins.get(ROLLING_AVERAGE)
        average_place = place.moved(origin or Offset())
        layers: list[LayerTuple] = []
        if ROLLING_AVERAGE in result.videos:
            name = name_of_result("average", self.recipe, place.name)
            video = self._average(result.videos[ROLLING_AVERAGE], monitor.part(0.83, 0.98))
            layers.append(image_layer(video, average_place, name=name))
        monitor.update(0.98, "layers")
        review = _review(result, average_place)
        if len(result.localizations):
            name = name_of_result("localizations", self.recipe, place.name)
            layers.append(localizations_layer(result.localizations, average_place, origin, name))
        if len(review.placed):
            name = name_of_result("landings", self.recipe, place.name)
            layers.append(landings_layer(review, name))
        n = len(review.table)
        message = counted(n, "landing") if n else "no landings found"
        message += f", written to {self.folder}" if self.folder else ""
        return CallResult(layers, (), message, result.problems, review, result)

    def _tracked(self, result: RunResult, trajectories: pd.DataFrame, place: Place) -> CallResult:
        """Return paths as a layer, and the tables about them."""
        layers: list[LayerTuple] = []
        if result.tracks is not None and len(trajectories):
            name = name_of_result("tracks", self.recipe, place.name)
            layers.append(trajectories_layer(result.tracks, trajectories, place, name))
        tables = [
            NamedTable(name_of_result(output, self.recipe, place.name), table)
            for output in TRAJECTORY_TABLES
            if (table := getattr(result, output)) is not None and len(table)
        ]
        n = len(trajectories)
        message = counted(n, "trajectory") if n else "no trajectories found"
        message += f", written to {self.folder}" if self.folder else ""
        return CallResult(layers, tables, message, result.problems, None, result)

    def _average(self, video: Video, monitor: Monitor) -> Video:
        """Return the rolling average: lazy, in memory or stored."""
        from napari_uai.videos.frames import compute_video
        from napari_uai.videos.recording import open_recording
        from napari_uai.videos.writing.writers import write_video

        if self.average == "memory":
            return compute_video(video, monitor=monitor)
        if self.average == "stored" and self.folder is not None:
            path = self.folder / STORED_AVERAGE
            write_video(video, path, overwrite=True, monitor=monitor)
            return open_recording(path).video
        return video


@dataclass(frozen=True)
class FolderCall:
    """A recipe with a folder of recordings.

    Attributes
    ----------
    recipe
        Recipe to run.
    source
        Folder of the recordings.
    folder
        Folder for the results.
    outcomes
        What has been analysed so far.
    """

    recipe: Recipe
    source: Path
    folder: Path
    outcomes: list[Outcome] = field(default_factory=list)

    def recordings(self) -> list[Path]:
        """Return what will be analysed, in this order."""
        from napari_uai.iscat.recipes.batch import recordings_to_analyse

        return recordings_to_analyse(self.source, self.folder) if self.source.is_dir() else []

    def progress(self, fraction: float) -> dict[str, float]:  # noqa: ARG002  # as RecipeCall
        """Return nothing, because each stage runs once per recording."""
        return {}

    def run(self, monitor: Monitor = SILENT) -> CallResult:
        """Run the recipe on all recordings; each joins the outcomes as it is done."""
        from napari_uai.iscat.recipes.batch import analyse_folder

        if not self.source.is_dir():
            raise BadValueError(
                f"{self.source} is not a folder: choose the folder of the recordings"
            )
        outcomes = analyse_folder(
            self.source, self.folder, self.recipe, on_outcome=self.outcomes.append, monitor=monitor
        )
        failed = sum(bool(outcome.error) for outcome in outcomes)
        n = len(outcomes)
        message = f"{n - failed} of {counted(n, 'recording')} analysed, results in {self.folder}"
        if failed:
            message += f"; {failed} failed: see the list"
        return CallResult(message=message)


def _with_scale(values: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return parameters with what the recording is known to have where they leave it open."""
    from napari_uai.iscat.recipes.recipe import RECORDED

    known = {name: place.record.get(name) for name in RECORDED}
    return {n: known.get(n) or None if v is None else v for n, v in values.items()}


def name_of_result(what: str, recipe: Recipe, recording: str) -> str:
    """Return the name of a layer, which begins with what sets it apart from others.

    Examples
    --------
    >>> import napari_uai as uai
    >>> name_of_result("landings", uai.load_recipe("matched"), "sample")
    'landings · matched b500 · sample'
    """
    from napari_uai.iscat.recipes.batches import batches_of

    batch = next(iter(batches_of(recipe).values()), None)
    run = recipe.name if batch is None else f"{recipe.name} b{batch}"
    return f"{what} · {run} · {recording}"


def landings_layer(review: Review, name: str) -> LayerTuple:
    """Return landings as a layer of rings, with the review in its metadata."""
    table = review.placed.assign(**{ACCEPTED: review.verdicts})
    data, attributes, kind = points_layer(
        table, review.place, name=name, kind="landing", around=review.around
    )
    attributes["metadata"][KEY]["review"] = review
    return data, attributes, kind


def localizations_layer(
    table: pd.DataFrame, place: Place, origin: Offset | None, name: str
) -> LayerTuple:
    """Return localizations, in px of the recording, as rings over the rolling average."""
    rows, columns = (origin.rows, origin.columns) if origin else (0, 0)
    return points_layer(
        in_video(table, origin),
        place,
        name=name,
        kind="localization",
        offset=(0, rows, columns),
    )


def _review(result: RunResult, place: Place) -> Review:
    from napari_uai.iscat.limit.search import batch_size_of
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
    from napari_uai.iscat.recipes.summary_picture import last_rolling_average
    from napari_uai.widgets.iscat.disturbed_times import disturbed_times
    from napari_uai.widgets.iscat.review import Review, half_batch

    landings = result.landings
    placed = in_video(landings, result.origins.get(ROLLING_AVERAGE)) if len(landings) else landings
    video = None
    if ROLLING_AVERAGE in result.videos:
        video = result.videos[last_rolling_average(result)]
    first = result.recording.first_frame
    return Review(
        landings,
        placed,
        place,
        result.traces,
        video,
        around=half_batch(landings, batch_size_of(result.recipe)),
        frames=(first, first + len(result.recording.video) - 1),
        spans=disturbed_times(result),
    )


def video_of(layer: Image | None, what: str) -> tuple[Video, Place]:
    """Return the video of a layer and its place.

    Raises
    ------
    BadValueError
        If the layer is missing, which ``what`` needs, or not a video.
    """
    if layer is None:
        raise BadValueError(
            f"{what} needs an Image layer (frames, rows, columns): open a recording first"
        )
    return array_of(layer), place_of(layer)


def _spanned(array: Video, place: Place, start: int, stop: int) -> tuple[Video, Place]:
    """Return some frames of a video, and their place; results keep the numbers of the file."""
    from napari_uai.videos.sources.joined import ChosenFrames
    from napari_uai.widgets.kit.layers import frames_in

    first = int(place.record.get("first_frame") or 0) + start
    moved = replace(place.moved((start, 0, 0)), record={**place.record, "first_frame": first})
    return ChosenFrames(frames_in(array), start, stop), moved


def recording_of(array: Video, place: Place) -> Recording:
    """Return the recording of a layer, with its known properties."""
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.kit.layers import lazily

    record = place.record
    steps = record.get("history", ())
    is_file = record.get("source") and not any("inputs" in step for step in steps)
    return Recording(
        lazily(array),
        source=Path(record["source"]) if is_file else None,
        pixel_size_um=record.get("pixel_size_um"),
        frame_rate_hz=record.get("frame_rate_hz"),
        first_frame=int(record.get("first_frame") or 0),
        history=tuple(f"{s['stage']} {s['parameters'] or ''}".strip() for s in steps),
        reading=record.get("reading", {}),
    )


def sums_behind(frames: Any) -> Iterator[PrefixSums]:
    """Yield the prefix sums behind frames, to be prepared once so that frames are fast to read."""
    if hasattr(frames, "prepare") and hasattr(frames, "at"):
        yield frames
    for attribute in ("sums", "source", "sources", "relative", "mean_image", "stack"):
        behind = getattr(frames, attribute, ())
        for one in behind if isinstance(behind, tuple) else (behind,):
            yield from sums_behind(one)


def recipe_entry(stage: Stage, parameters: Mapping[str, Any]) -> str:
    """Return a stage with its parameters in the TOML format of a recipe."""
    import tomli_w

    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
    from napari_uai.setting_text import toml_plain

    name = ROLLING_AVERAGE if stage.name == "differential_rolling_average" else stage.name
    entry = {
        "name": name,
        "use": stage.name,
        "parameters": {p: toml_plain(v) for p, v in parameters.items()},
    }
    return tomli_w.dumps({"stage": [entry]})


def in_video(table: pd.DataFrame, origin: Offset | None) -> pd.DataFrame:
    """Convert positions from px of the recording to px of the rolling average."""
    if origin is None:
        return table
    return table.assign(y=table["y"] - origin.rows, x=table["x"] - origin.columns)


def _table(table: pd.DataFrame, place: Place, name: str, *, newly_linked: bool) -> CallResult:
    rows = counted(len(table), "row")
    if not has_positions(table):
        return CallResult(tables=[NamedTable(name, table)], message=rows)
    if table.empty:
        return CallResult(message="nothing found")
    layers, message = [points_layer(table, place, name=name)], f"{rows} found"
    if newly_linked:
        tracks = linked_tracks(table)
        if len(tracks):
            layers.append(tracks_layer(tracks, place, name=f"{place.name}: tracks"))
        message = f"{counted(len(np.unique(tracks[:, 0])), 'track')} of two or more spots"
    return CallResult(layers, [NamedTable(name, table, place)], message)

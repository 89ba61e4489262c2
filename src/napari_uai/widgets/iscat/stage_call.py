"""What the widgets compute in a thread: layers in, layers out, without Qt and without a viewer."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.kit.layers import (
    KEY,
    RING_COLOURS,
    LayerTuple,
    Place,
    array_of,
    has_positions,
    image_layer,
    place_of,
    points_layer,
    table_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from napari_uai.iscat.correct.prefix_sums import PrefixSums
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.iscat.recipes.run import RunResult
    from napari_uai.stages import Stage
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.iscat.review import Review

Average: TypeAlias = Literal["lazy", "memory", "stored"]
STORED_AVERAGE = "rolling_average.zarr"
_RUN_SHARE = 0.8


@dataclass(frozen=True)
class NamedTable:
    """A table to show in a dock; ``place`` is that of the video which its rows are places in."""

    name: str
    table: pd.DataFrame
    place: Place | None = None


@dataclass(frozen=True)
class Made:
    """What was made: layers to add, tables to show, and one line about it.

    Attributes
    ----------
    review
        Landings to go through, shown by the layer among ``layers`` that carries it.
    result
        Of a whole run, to be written.
    """

    layers: Sequence[LayerTuple] = ()
    tables: Sequence[NamedTable] = ()
    message: str = ""
    notes: Sequence[str] = field(default=())
    review: Review | None = None
    result: RunResult | None = None


@dataclass(frozen=True)
class StageCall:
    """A stage with its inputs taken from layers, ready to be run in any thread.

    Layers are looked at when this is made, in the main thread; what happens to them later does
    not matter.

    Attributes
    ----------
    inputs
        Arrays and tables as the layers hold them; :meth:`ready_inputs` makes lazy videos of them.
    place
        Of the first video, with this stage as the last entry of its history.
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
        layers: Sequence[Any],
        parameters: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> StageCall:
        """Take the inputs from layers.

        Parameters
        ----------
        stage
            What to run.
        layers
            A layer for each input of the stage, or None for one that may be left out.
        parameters
            Values by name; they are checked here.
        keep
            Compute the whole video now and keep it in memory; otherwise it stays lazy.

        Raises
        ------
        NapariUaiError
            If a value does not fit, or a layer is missing or of the wrong kind.
        """
        values = stage.check(parameters)
        pairs = list(zip(stage.inputs_of(len(layers)), layers, strict=True))
        for wanted, layer in pairs:
            if layer is None and wanted.required:
                kind = "an Image" if wanted.kind == "video" else "a Points"
                raise BadValueError(
                    f"{stage.title} needs {kind} layer as its {wanted.name}: open or make one, "
                    "and choose it"
                )
        videos = [layer for i, layer in pairs if layer is not None and i.kind == "video"]
        given = [layer for layer in layers if layer is not None]
        place = place_of((videos or given)[0])
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
        made = place.with_step(stage.name, values, [layer.name for layer in given])
        return cls(stage, tuple(inputs), values, made, keep)

    def ready_inputs(self) -> list[Any]:
        """Return the inputs with lazy videos; may take a while for arrays in memory."""
        from napari_uai.widgets.kit.layers import lazily

        pairs = zip(self.stage.inputs_of(len(self.inputs)), self.inputs, strict=False)
        return [i if i is None or w.kind == "table" else lazily(i) for w, i in pairs]

    def make(self, inputs: Sequence[Any], monitor: Monitor = SILENT) -> tuple[Any, Place]:
        """Call the stage; return what it gives and where that lies."""
        takes = {"monitor": monitor} if self.stage.takes_monitor else {}
        made = self.stage.function(*inputs, **self.parameters, **takes)
        origin = self.stage.origin
        return made, self.place.moved(origin(inputs[0], self.parameters) if origin else (0, 0, 0))

    def run(self, monitor: Monitor = SILENT) -> Made:
        """Run the stage and make layers of the result."""
        monitor.update(0.0, self.stage.title)
        result, place = self.make(
            self.ready_inputs(), monitor.part(0.0, 0.5 if self.stage.output == "video" else 0.95)
        )
        name = f"{self.place.name}: {self.stage.title.lower()}"
        if self.stage.output == "video":
            return self._video(result, place, name, monitor)
        monitor.update(1.0)
        return _table(result, place, name)

    def _video(self, video: Any, place: Place, name: str, monitor: Monitor) -> Made:
        from napari_uai.videos.frames import compute_video, frames_of

        for sums in sums_behind(frames_of(video)):  # or the window would wait for them
            sums.prepare(monitor.part(0.5, 0.6, self.stage.title))
        if self.keep:
            video = compute_video(video, monitor=monitor.part(0.6, 0.95, self.stage.title))
        monitor.update(0.95, "contrast limits")
        layer = image_layer(video, place, name=name)
        shape = " x ".join(map(str, video.shape))
        return Made(layers=[layer], message=f"{shape} px, {'in memory' if self.keep else 'lazy'}")


@dataclass(frozen=True)
class RecipeCall:
    """A recipe and the video of a layer, ready to be run in any thread.

    Attributes
    ----------
    folder
        Where the files of the run are written; None: nowhere.
    average
        Whether the rolling average stays lazy, is kept in memory or stored in the folder.
    """

    recipe: Recipe
    array: Any
    place: Place
    folder: Path | None = None
    average: Average = "lazy"

    @classmethod
    def of_layer(
        cls,
        recipe: Recipe,
        layer: Any,
        *,
        folder: Path | None = None,
        average: Average = "lazy",
    ) -> RecipeCall:
        """Take the recording from a layer.

        Raises
        ------
        BadValueError
            If it is no video.
        """
        if layer is None:
            raise BadValueError(
                "a recipe needs an Image layer (frames, rows, columns): open a recording first"
            )
        return cls(recipe, array_of(layer), place_of(layer), folder, average)

    def progress(self, fraction: float) -> dict[str, float]:
        """Return how much of each stage is done, by its name."""
        from napari_uai.iscat.recipes.run import progress_of_steps

        return progress_of_steps(self.recipe, fraction / _RUN_SHARE)

    def run(self, monitor: Monitor = SILENT) -> Made:
        """Run the recipe; make layers of its rolling average, landings and localizations."""
        from napari_uai.iscat.recipes.outputs import FILES, write_files
        from napari_uai.results import results_folder

        # Entering the folder proves that it can be written before any long work is done.
        with (
            results_folder(self.folder, replaces=FILES) if self.folder else nullcontext() as partial
        ):
            result = self._result(monitor.part(0.0, _RUN_SHARE))
            if isinstance(partial, Path):
                write_files(result, partial, monitor=monitor.part(_RUN_SHARE, 0.83))
        return self._made(result, monitor)

    def _result(self, monitor: Monitor) -> RunResult:
        from napari_uai.iscat.recipes.run import run_recipe

        recording = recording_of(self.array, self.place)
        return run_recipe(recording, self.recipe, monitor=monitor)

    def _made(self, result: RunResult, monitor: Monitor) -> Made:
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
        from napari_uai.videos.offset import Offset

        place = self.place.with_step(
            f"recipe {self.recipe.name}", {"toml": self.recipe.to_toml()}, [self.place.name]
        )
        origin = result.origins.get(ROLLING_AVERAGE)
        over = place.moved(origin or Offset())
        layers: list[LayerTuple] = []
        if ROLLING_AVERAGE in result.videos:
            name = f"{place.name}: rolling average ({self.recipe.name})"
            video = self._average(result.videos[ROLLING_AVERAGE], monitor.part(0.83, 0.98))
            layers.append(image_layer(video, over, name=name))
        monitor.update(0.98, "layers")
        review = _review(result, over)
        if len(result.localizations):
            shown = _in_video(result.localizations, origin)
            name = f"{place.name}: localizations ({self.recipe.name})"
            rows, columns = (origin.rows, origin.columns) if origin else (0, 0)
            layers.append(
                points_layer(
                    shown, over, name=name, colour=RING_COLOURS[1], offset=(0, rows, columns)
                )
            )
        if len(review.placed):
            layers.append(landings_layer(review, f"{place.name}: landings ({self.recipe.name})"))
        n = len(review.table)
        found = f"{n} landing{'' if n == 1 else 's'}" if n else "no landing found"
        found += f", written to {self.folder}" if self.folder else ""
        return Made(layers, (), found, result.problems, review, result)

    def _average(self, video: Any, monitor: Monitor) -> Any:
        """Return the rolling average as it is to be kept."""
        from napari_uai.videos.frames import compute_video
        from napari_uai.videos.recording import open_recording
        from napari_uai.videos.writers import write_video

        if self.average == "memory":
            return compute_video(video, monitor=monitor)
        if self.average == "stored" and self.folder is not None:
            path = self.folder / STORED_AVERAGE
            write_video(video, path, overwrite=True, monitor=monitor)
            return open_recording(path).video
        return video


@dataclass(frozen=True)
class FolderCall:
    """A recipe and a folder of recordings, ready to be run in any thread."""

    recipe: Recipe
    source: Path
    folder: Path

    def progress(self, fraction: float) -> dict[str, float]:  # noqa: ARG002  # as RecipeCall
        """Return nothing: the stages run once for each recording."""
        return {}

    def run(self, monitor: Monitor = SILENT) -> Made:
        """Run the recipe on all recordings; make a table of what became of each."""
        import pandas as pd

        from napari_uai.iscat.recipes.batch import analyse_folder

        if not self.source.is_dir():
            raise BadValueError(f"{self.source} is no folder: choose the folder of the recordings")
        outcomes = analyse_folder(self.source, self.folder, self.recipe, monitor=monitor)
        rows = [
            {
                "recording": outcome.source.relative_to(self.source).as_posix(),
                "landings": outcome.n_landings,
                "localizations": outcome.n_localizations,
                "failed": outcome.error,
                "problems": "; ".join(outcome.problems),
            }
            for outcome in outcomes
        ]
        failed = sum(bool(outcome.error) for outcome in outcomes)
        n = len(outcomes)
        message = f"{n - failed} of {n} recordings analysed, results in {self.folder}"
        if failed:
            message += f"; {failed} failed: see the table"
        return Made(tables=[NamedTable(f"{self.source.name}: recordings", pd.DataFrame(rows))],
                    message=message)  # fmt: skip


def landings_layer(review: Review, name: str) -> LayerTuple:
    """Return landings as rings that carry their review."""
    from napari_uai.widgets.iscat.review import ACCEPTED

    table = review.placed.assign(**{ACCEPTED: review.verdicts})
    data, attributes, kind = points_layer(table, review.place, name=name, colour=RING_COLOURS[0])
    attributes["metadata"][KEY]["review"] = review
    return data, attributes, kind


def _review(result: RunResult, place: Place) -> Review:
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
    from napari_uai.iscat.recipes.summary_picture import last_rolling_average
    from napari_uai.widgets.iscat.review import Review

    landings = result.landings
    placed = _in_video(landings, result.origins.get(ROLLING_AVERAGE)) if len(landings) else landings
    video = None
    if ROLLING_AVERAGE in result.videos:
        video = result.videos[last_rolling_average(result)]
    return Review(landings, placed, place, result.traces, video)


def recording_of(array: Any, place: Place) -> Recording:
    """Return the recording that a layer holds, with what is known about it."""
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.kit.layers import lazily

    record = place.record
    steps = record.get("history", ())
    opened = record.get("source") and not any("inputs" in step for step in steps)
    return Recording(
        lazily(array),
        source=Path(record["source"]) if opened else None,
        pixel_size_um=record.get("pixel_size_um"),
        frame_rate_hz=record.get("frame_rate_hz"),
        first_frame=int(record.get("first_frame") or 0),
        history=tuple(f"{s['stage']} {s['parameters'] or ''}".strip() for s in steps),
    )


def sums_behind(frames: Any) -> Iterator[PrefixSums]:
    """Find the sums of frames that have to be made, once, before frames are quick to read."""
    if hasattr(frames, "prepare") and hasattr(frames, "at"):
        yield frames
    for attribute in ("sums", "source", "sources", "relative", "mean_image", "stack"):
        behind = getattr(frames, attribute, ())
        for one in behind if isinstance(behind, tuple) else (behind,):
            yield from sums_behind(one)


def recipe_entry(stage: Stage, parameters: Mapping[str, Any]) -> str:
    """Return a stage with its parameters as a recipe's TOML has it."""
    import tomli_w

    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
    from napari_uai.parameters import toml_plain

    name = ROLLING_AVERAGE if stage.name == "differential_rolling_average" else stage.name
    entry = {
        "name": name,
        "use": stage.name,
        "parameters": {p: toml_plain(v) for p, v in parameters.items()},
    }
    return tomli_w.dumps({"stage": [entry]})


def _in_video(table: pd.DataFrame, origin: Any) -> pd.DataFrame:
    """Return results, whose y and x are px of the recording, in px of the rolling average."""
    if origin is None:
        return table
    return table.assign(y=table["y"] - origin.rows, x=table["x"] - origin.columns)


def _table(table: pd.DataFrame, place: Place, name: str) -> Made:
    rows = f"{len(table)} row{'' if len(table) == 1 else 's'}"
    if not has_positions(table):
        return Made(tables=[NamedTable(name, table)], message=rows)
    if table.empty:
        return Made(message="nothing found")
    return Made(layers=[points_layer(table, place, name=name)], message=f"{rows} found")

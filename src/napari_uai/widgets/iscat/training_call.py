"""Training on the video of a layer, to be executed in any thread; uses no Qt and no viewer."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import NapariUaiError
from napari_uai.iscat.fastdvdnet.training_files import (
    SUFFIX,
    Unfinished,
    best_epoch,
    state_path,
    unfinished_training,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.iscat.stage_call import recording_of, sums_behind
from napari_uai.widgets.kit.layers import KEY, LayerTuple, Place, array_of, image_layer, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    from napari.layers import Image

    from napari_uai.iscat.fastdvdnet.settings import Device
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.videos.frames import Video

AVERAGING = "differential_rolling_average"
"""Stage whose result the network learns to predict."""

_PREPARING = 0.05


@dataclass(frozen=True)
class Losses:
    """Loss of each epoch, in noise variances of the video; epoch 0 is before training."""

    epochs: tuple[float, ...] = ()
    training: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()

    @classmethod
    def of(cls, history: pd.DataFrame | Mapping[str, Any]) -> Losses:
        """Read the losses from the history of a training: a table, or its columns by name."""
        columns = ("epoch", "training_loss", "validation_loss")
        return cls(*(tuple(map(float, history[column])) for column in columns))

    @property
    def best(self) -> int:
        """Epoch with the lowest loss on held-out frames."""
        return best_epoch(self.validation)

    @property
    def text(self) -> str:
        """Summary in one line."""
        loss, before = self.validation[self.best], self.validation[0]
        text = f"best epoch {self.best}: loss {loss:.4f} on held-out frames"
        return f"{text} ({before:.4f} before training)" if math.isfinite(before) else text


@dataclass(frozen=True)
class Trained:
    """Result of a training.

    Attributes
    ----------
    weights
        Path of the weights.
    losses
        Loss of each epoch.
    """

    weights: Path
    losses: Losses


@dataclass(frozen=True)
class TrainingCall:
    """A recording or rolling average with the settings of a training.

    Attributes
    ----------
    array, place
        Video of the layer and its place.
    weights
        Path of the weights to write.
    batch_size
        Batch size of the rolling average, frames.
    recipe
        Recipe whose stages compute the rolling average; None if the layer is a rolling average.
    settings
        Settings in the notation of ``--set``.
    start_from
        Path of the initial weights, or ``packaged``; None for random weights.
    device
        Device on which the network is trained.
    """

    array: Video
    place: Place
    weights: Path
    batch_size: int
    recipe: Recipe | None = None
    settings: tuple[str, ...] = ()
    start_from: str | None = None
    device: Device = "auto"

    @classmethod
    def of_layer(cls, layer: Image, weights: Path, **options: Any) -> TrainingCall:
        """Read the video from a layer.

        Raises
        ------
        BadValueError
            If the layer is not a video.
        """
        return cls(array_of(layer), place_of(layer), weights, **options)

    def run(
        self,
        on_layer: Callable[[LayerTuple], None],
        on_epoch: Callable[[Losses], None],
        monitor: Monitor = SILENT,
    ) -> Trained:
        """Train the network.

        Parameters
        ----------
        on_layer
            Called with the layer of the rolling average, before training.
        on_epoch
            Called with the losses after each epoch.
        monitor
            Progress and cancellation.
        """
        from napari_uai.iscat.recipes.training import TrainingPlan

        monitor.update(0.0, "loading torch")
        plan = TrainingPlan.of(
            self.weights,
            batch_size=self.batch_size,
            settings=self.settings,
            start_from=self.start_from,
            device=self.device,
        )
        video, place = self._rolling_average(monitor.part(0.0, _PREPARING))
        on_layer(image_layer(video, place, name=f"{self.place.name}: rolling average"))
        training = plan.carry_out(
            video,
            on_epoch=lambda history: on_epoch(Losses.of(history)),
            monitor=monitor.part(_PREPARING, 1.0),
        )
        return Trained(training.path, Losses.of(training.history))

    def _rolling_average(self, monitor: Monitor) -> tuple[Video, Place]:
        """Return the rolling average and its place, with its prefix sums prepared."""
        from napari_uai.iscat.recipes.training import placed_rolling_average
        from napari_uai.videos.frames import frames_of
        from napari_uai.widgets.kit.layers import lazily

        if self.recipe is None:
            video, place = lazily(self.array), self.place
        else:
            recording = recording_of(self.array, self.place)
            part = monitor.part(0.0, 0.5, "rolling average")
            video, origin = placed_rolling_average(recording, self.recipe, monitor=part)
            step = f"recipe {self.recipe.name}"
            toml = {"toml": self.recipe.to_toml()}
            place = self.place.with_step(step, toml, [self.place.name]).moved(origin)
        for sums in sums_behind(frames_of(video)):
            sums.prepare(monitor.part(0.5, 1.0, "rolling average"))
        return video, place


def batch_size_of(layer: Image) -> int | None:
    """Return the batch size of a rolling average, or None if the layer is something else."""
    for step in reversed(layer.metadata.get(KEY, {}).get("history", ())):
        parameters = step.get("parameters") or {}
        if step["stage"] == AVERAGING:
            return int(parameters["batch_size"])
        if "toml" in parameters:
            return _batch_size_in(parameters["toml"])
    return None


def looks_averaged(layer: Image) -> bool:
    """Return whether a layer is probably a rolling average, which is signed."""
    if batch_size_of(layer) is not None:
        return True
    low, high = layer.contrast_limits
    return layer.dtype.kind == "f" and low < 0 < high


def suggested_weights(layer: Image) -> Path:
    """Return an unused path for weights, next to the recording if that folder is writable.

    The path of a stopped training counts as unused, because the training can be resumed.
    """
    place = place_of(layer)
    source = place.record.get("source")
    folder = Path(source).parent if source and layer.source.sample is None else None
    if folder is None or not os.access(folder, os.W_OK):
        folder = Path.home()
    stem = Path(source).stem if source else "".join(c if c.isalnum() else "_" for c in place.name)
    first = folder / f"{stem}_weights{SUFFIX}"
    return next(p for p in _numbered(first) if not p.exists() or state_path(p).exists())


def next_free(path: Path) -> Path:
    """Return an unused path with a number added to the name."""
    candidates = islice(_numbered(path), 1, None)
    return next(p for p in candidates if not (p.exists() or state_path(p).exists()))


def stopped_at(path: Path | None) -> tuple[Unfinished | None, str]:
    """Return the stopped training at a path, if there is one, and a note about the file."""
    if path is None:
        return None, ""
    try:
        state = unfinished_training(path)
    except NapariUaiError as error:
        return None, str(error)
    if state is not None:
        losses = Losses.of(state.history)
        note = f"Stopped after {state.epochs} of {state.training.epochs} epochs"
        note += f"; {losses.text}" if losses.best else ""
        return state, f"{note}. Resume continues with the same settings."
    return None, "The file exists: Train overwrites it." if path.exists() else ""


def _numbered(path: Path) -> Iterator[Path]:
    """Yield a path, then paths with a number from 2 appended to the name."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def _batch_size_in(toml: str) -> int | None:
    from napari_uai.iscat.recipes.recipe import parse_recipe
    from napari_uai.iscat.recipes.run import ROLLING_AVERAGE

    try:
        return int(parse_recipe(toml, name="").values(ROLLING_AVERAGE)["batch_size"])
    except NapariUaiError:
        return None

"""What training takes from layers and gives back, without Qt and without a viewer."""

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
    from collections.abc import Callable, Iterator

    from napari_uai.iscat.fastdvdnet.settings import Device
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.videos.frames import Video

AVERAGING = "differential_rolling_average"
"""Stage whose result a network learns."""

_PREPARING = 0.05


@dataclass(frozen=True)
class Losses:
    """Losses epoch by epoch, in variances of the video's noise; epoch 0 is before training."""

    epochs: tuple[float, ...] = ()
    training: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()

    @classmethod
    def of(cls, history: Any) -> Losses:
        """Take them out of a history: a table, or its columns by name."""
        columns = ("epoch", "training_loss", "validation_loss")
        return cls(*(tuple(map(float, history[column])) for column in columns))

    @property
    def best(self) -> int:
        """The epoch with the lowest loss on frames that are not trained on."""
        return best_epoch(self.validation)

    @property
    def text(self) -> str:
        """What was reached, in a line."""
        loss, before = self.validation[self.best], self.validation[0]
        text = f"best epoch {self.best}: loss {loss:.4f} on held-out frames"
        return f"{text} ({before:.4f} before training)" if math.isfinite(before) else text


@dataclass(frozen=True)
class Trained:
    """What came of training.

    Attributes
    ----------
    weights
        Path of the file.
    losses
        Epoch by epoch.
    """

    weights: Path
    losses: Losses


@dataclass(frozen=True)
class TrainingCall:
    """A recording or rolling average and how to train on it, ready to be run in any thread.

    Attributes
    ----------
    array, place
        Of the layer, as they were when this was made.
    weights
        Path to be written.
    batch_size
        Of the rolling average.
    recipe
        Whose stages make the rolling average; None: the layer is one.
    settings
        As ``--set`` of the command line takes them.
    start_from
        Path of weights to begin with, or ``packaged``; None: random ones.
    device
        Where the network is trained.
    """

    array: Any
    place: Place
    weights: Path
    batch_size: int
    recipe: Recipe | None = None
    settings: tuple[str, ...] = ()
    start_from: str | None = None
    device: Device = "auto"

    @classmethod
    def of_layer(cls, layer: Any, weights: Path, **how: Any) -> TrainingCall:
        """Take the video from a layer.

        Raises
        ------
        BadValueError
            If it is no video.
        """
        return cls(array_of(layer), place_of(layer), weights, **how)

    def run(
        self,
        on_layer: Callable[[LayerTuple], None],
        on_epoch: Callable[[Losses], None],
        monitor: Monitor = SILENT,
    ) -> Trained:
        """Train; tell the layer of the rolling average that is learnt, and each epoch's losses."""
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
        """Return what is learnt, and where it lies; read what its frames need, once."""
        from napari_uai.iscat.recipes.training import placed_rolling_average
        from napari_uai.videos.frames import frames_of
        from napari_uai.widgets.kit.layers import lazily

        if self.recipe is None:
            video, place = lazily(self.array), self.place
        else:
            recording = recording_of(self.array, self.place)
            part = monitor.part(0.0, 0.5, "rolling average")
            video, origin = placed_rolling_average(recording, self.recipe, monitor=part)
            made = f"recipe {self.recipe.name}"
            toml = {"toml": self.recipe.to_toml()}
            place = self.place.with_step(made, toml, [self.place.name]).moved(origin)
        for sums in sums_behind(frames_of(video)):
            sums.prepare(monitor.part(0.5, 1.0, "rolling average"))
        return video, place


def batch_size_of(layer: Any) -> int | None:
    """Return the batch size of the rolling average that a layer holds; None if it holds none."""
    for step in reversed(layer.metadata.get(KEY, {}).get("history", ())):
        parameters = step.get("parameters") or {}
        if step["stage"] == AVERAGING:
            return int(parameters["batch_size"])
        if "toml" in parameters:
            return _batch_size_in(parameters["toml"])
    return None


def looks_averaged(layer: Any) -> bool:
    """Tell a rolling average, which is signed, from a recording in counts."""
    if batch_size_of(layer) is not None:
        return True
    low, high = layer.contrast_limits
    return layer.dtype.kind == "f" and low < 0 < high


def suggested_weights(layer: Any) -> Path:
    """Return where weights may be written: beside the recording, under a name that is free.

    The name of a training that was stopped counts as free: it can go on.
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
    """Return a name like this one under which nothing stands."""
    others = islice(_numbered(path), 1, None)
    return next(p for p in others if not (p.exists() or state_path(p).exists()))


def found_at(path: Path | None) -> tuple[Unfinished | None, str]:
    """Return what a training into this file would go on from, and what to say about the file."""
    if path is None:
        return None, ""
    try:
        state = unfinished_training(path)
    except NapariUaiError as error:
        return None, str(error)
    if state is not None:
        losses = Losses.of(state.history)
        said = f"Stopped after {state.epochs} of {state.training.epochs} epochs"
        said += f"; {losses.text}" if losses.best else ""
        return state, f"{said}. Resume goes on with the same settings."
    return None, "There are weights already: Train replaces them." if path.exists() else ""


def _numbered(path: Path) -> Iterator[Path]:
    """Give a path, then others with a number from 2 at the end of the name."""
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

"""Training on a recording: the network that predicts its background, from the recording itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from napari_uai.errors import BadValueError, RecipeError
from napari_uai.iscat.fastdvdnet.loading import torch_module
from napari_uai.iscat.fastdvdnet.settings import Device, NetworkSettings, TrainingSettings
from napari_uai.iscat.fastdvdnet.stages import background_weights
from napari_uai.iscat.fastdvdnet.training_files import best_epoch, writable_target
from napari_uai.iscat.recipes.recipe import PREDICTION, RECORDING, Recipe, Step, load_recipe
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, run_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import Parameters
from napari_uai.videos.frames import compute_video, frames_of
from napari_uai.videos.offset import Offset
from napari_uai.videos.raw_shape import UNKNOWN, RawShape
from napari_uai.videos.recording import Recording, read_recording

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.iscat.fastdvdnet.weights import Weights
    from napari_uai.videos.frames import Video

RECIPE = "recipe"

GROUPS = ("network", "training")
"""What stands before the dot in a setting that is not one of the recipe's."""

CORRECTED = "stage_drift_correction"
PURPOSE = "training"

READING = 0.05
"""Share of the progress bar that making the rolling average takes."""

KEPT_BYTES = 2**30
"""Rolling averages up to this size are computed once: training takes each frame many times."""

Settings = TypeVar("Settings", NetworkSettings, TrainingSettings)
Told: TypeAlias = Callable[["pd.DataFrame"], None]


@dataclass(frozen=True, eq=False)
class Training:
    """What came of training.

    Attributes
    ----------
    weights
        Of the best epoch.
    path
        Where they stand.
    history
        ``epoch, training_loss, validation_loss, learning_rate, seconds``; losses in variances of
        the video's noise; row 0 is before training.
    """

    weights: Weights
    path: Path
    history: pd.DataFrame

    @property
    def best(self) -> pd.Series:
        """Row of the history of the best epoch."""
        return self.history.iloc[best_epoch(self.history["validation_loss"])]

    @property
    def gain(self) -> float:
        """By what part of the noise's variance the best epoch is below no training at all."""
        return float(1 - self.best.validation_loss / self.history["validation_loss"].iloc[0])


def train_on_recording(
    source: str | Path | Recording,
    out: str | Path,
    *,
    recipe: Recipe | str | Path = PREDICTION,
    settings: Iterable[str] = (),
    shape: RawShape = UNKNOWN,
    start_from: str | Path | None = None,
    device: Device = "auto",
    on_epoch: Told | None = None,
    monitor: Monitor = SILENT,
) -> Training:
    """Train a network to predict the drift-corrected rolling average of a recording.

    A training that was stopped goes on where it was when it is called again in the same way.

    Parameters
    ----------
    source
        A recording, or the file of one.
    out
        ``NAME.safetensors``; ``NAME.json`` (what it is) and ``NAME.csv`` (history) stand beside it.
    recipe
        Whose stages make the rolling average: up to the one that corrects its stage drift.
    settings
        Parameters that differ, as ``training.epochs=5``, ``network.channels=8`` or
        ``dra.batch_size=500``.
    shape
        Shape and type of a headerless file, and the frames to take.
    start_from
        Weights to begin with: a path, or ``packaged``; the network then has their shape.
    device
        Where the network is trained; ``auto``: on a GPU if there is one.
    on_epoch
        Called with the history after each epoch.
    monitor
        Progress and cancelling, once per batch of windows; the last whole epoch stays.

    Raises
    ------
    NapariUaiError
        If a setting does not fit, the recording is too short, or the folder cannot be written.
    """
    groups = _grouped(settings)
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    chosen = chosen.with_settings(groups.pop(RECIPE))
    plan = TrainingPlan.of(
        out,
        batch_size=int(chosen.values(ROLLING_AVERAGE)["batch_size"]),
        settings=[f"{group}.{setting}" for group in groups for setting in groups[group]],
        start_from=start_from,
        device=device,
    )
    recording = source if isinstance(source, Recording) else read_recording(source, shape)
    video = rolling_average(recording, chosen, monitor=monitor.part(0, READING, "reading"))
    return plan.carry_out(video, on_epoch=on_epoch, monitor=monitor.part(READING, 1))


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A training that was checked before anything is read.

    Attributes
    ----------
    out
        Where the weights will stand.
    network, training
        Settings.
    start_from
        Weights to begin with.
    device
        Where the network is trained.
    """

    out: Path
    network: NetworkSettings
    training: TrainingSettings
    start_from: Weights | None = None
    device: Device = "auto"

    @classmethod
    def of(
        cls,
        out: str | Path,
        *,
        batch_size: int,
        settings: Iterable[str] = (),
        start_from: str | Path | None = None,
        device: Device = "auto",
    ) -> TrainingPlan:
        """Plan to train on a rolling average.

        Parameters
        ----------
        out, start_from, device
            As in :func:`train_on_recording`.
        batch_size
            Of the rolling average, in frames.
        settings
            Of ``training`` and ``network``, as in :func:`train_on_recording`.

        Raises
        ------
        NapariUaiError
            If torch or the device is not there, a setting does not fit, or the folder cannot be
            written.
        """
        groups = _grouped(settings)
        if groups[RECIPE]:
            raise BadValueError(f"{groups[RECIPE][0]} is a setting of a recipe, not of training")
        training = _changed("training", TrainingSettings(), groups["training"])
        torch_module("train", PURPOSE).chosen_device(device)
        begin = None if start_from is None else background_weights(str(start_from))
        shape = NetworkSettings() if begin is None else begin.settings
        network = _changed("network", replace(shape, stride=batch_size), groups["network"])
        return cls(writable_target(out), network, training, begin, device)

    def carry_out(
        self, video: Video, *, on_epoch: Told | None = None, monitor: Monitor = SILENT
    ) -> Training:
        """Train on a rolling average; see :func:`train_on_recording`."""
        frames = frames_of(video)
        size = np.dtype(frames.dtype).itemsize * math.prod(frames.shape)
        if size <= KEPT_BYTES:
            kept = monitor.part(0, READING, "rolling average")
            video, monitor = compute_video(frames, monitor=kept), monitor.part(READING, 1)
        weights, history = torch_module("train", PURPOSE).train_network(
            video,
            self.out,
            network=self.network,
            training=self.training,
            start_from=self.start_from,
            device=self.device,
            on_epoch=on_epoch or _tell_nobody,
            monitor=monitor,
        )
        return Training(weights, self.out, history)


def rolling_average(recording: Recording, recipe: Recipe, *, monitor: Monitor = SILENT) -> Video:
    """Return the rolling average of a recipe, its stage drift corrected if the recipe does that.

    Raises
    ------
    RecipeError
        If the recipe makes none.
    """
    return placed_rolling_average(recording, recipe, monitor=monitor)[0]


def placed_rolling_average(
    recording: Recording, recipe: Recipe, *, monitor: Monitor = SILENT
) -> tuple[Video, Offset]:
    """Return :func:`rolling_average`, and what to add to its positions for those in the recording.

    Raises
    ------
    RecipeError
        If the recipe makes none.
    """
    steps = recipe.steps_of(CORRECTED)
    steps = steps or [s for s in recipe.steps if s.name == ROLLING_AVERAGE]
    if not steps:
        raise RecipeError(f"recipe {recipe.name} makes no rolling average: choose another")
    last = steps[0].name
    only = replace(recipe, steps=_needed(recipe, last), outputs={})
    result = run_recipe(recording, only, monitor=monitor)
    return result.videos[last], result.origins[last]


def training_parameters() -> Mapping[str, Any]:
    """Return the default of every setting by its name, as ``--set`` takes it."""
    both = {"network": asdict(NetworkSettings()), "training": asdict(TrainingSettings())}
    return {f"{group}.{name}": v for group, values in both.items() for name, v in values.items()}


def _needed(recipe: Recipe, last: str) -> tuple[Step, ...]:
    """Return the steps that one step needs, itself included."""
    needed = {last}
    for step in reversed(recipe.steps):
        if step.name in needed:
            needed |= set(step.inputs) - {RECORDING}
    return tuple(step for step in recipe.steps if step.name in needed)


def _grouped(settings: Iterable[str]) -> dict[str, list[str]]:
    """Tell settings of the network and of training from those of the recipe."""
    groups: dict[str, list[str]] = {RECIPE: [], **{group: [] for group in GROUPS}}
    for setting in settings:
        group, dot, rest = setting.partition(".")
        known = dot and group.strip() in GROUPS
        groups[group.strip() if known else RECIPE].append(rest if known else setting)
    return groups


def _changed(group: str, base: Settings, settings: Iterable[str]) -> Settings:
    """Change settings by NAME=VALUE texts, each in the type of its field."""
    texts = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise BadValueError(f"invalid setting {group}.{setting}; write NAME=VALUE")
        texts[name] = text
    changed: Settings = replace(base, **Parameters.of_settings(base).read(texts, label=group))
    return changed


def _tell_nobody(history: pd.DataFrame) -> None:
    del history

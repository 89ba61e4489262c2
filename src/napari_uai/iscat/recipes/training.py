"""Training on a recording: the network that predicts its background, from the recording itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_uai.errors import RecipeError
from napari_uai.iscat.fastdvdnet.loading import torch_module
from napari_uai.iscat.fastdvdnet.settings import Device, NetworkSettings, TrainingSettings
from napari_uai.iscat.fastdvdnet.stages import background_weights
from napari_uai.iscat.fastdvdnet.training_files import best_epoch, writable_target
from napari_uai.iscat.recipes.recipe import PREDICTION, RECORDING, Recipe, Step, load_recipe
from napari_uai.iscat.recipes.run import ROLLING_AVERAGE, run_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import with_texts
from napari_uai.setting_text import split_setting
from napari_uai.videos.frames import compute_video, frames_of
from napari_uai.videos.offset import Offset
from napari_uai.videos.read_options import UNKNOWN, ReadOptions
from napari_uai.videos.recording import Recording, read_recording

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.iscat.fastdvdnet.weights import Weights
    from napari_uai.videos.frames import Video

RECIPE = "recipe"

GROUPS = ("network", "training")
"""Prefixes of settings that are not those of the recipe."""

CORRECTED = "stage_drift_correction"
PURPOSE = "training"

READING = 0.05
"""Fraction of the progress bar for computing the rolling average."""

KEPT_BYTES = 2**30
"""Rolling averages up to this size are kept in memory, because training reads frames repeatedly."""

OnEpoch: TypeAlias = Callable[["pd.DataFrame"], None]


@dataclass(frozen=True, eq=False)
class Training:
    """Result of a training.

    Attributes
    ----------
    weights
        Of the best epoch.
    path
        Their file.
    history
        ``epoch, training_loss, validation_loss, learning_rate, seconds``; losses in units of the
        variance of the video's noise; row 0 is before training.
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
        """Fraction of the initial validation loss by which the best epoch is below it."""
        return float(1 - self.best.validation_loss / self.history["validation_loss"].iloc[0])


def train_on_recording(
    source: str | Path | Recording,
    out: str | Path,
    *,
    recipe: Recipe | str | Path = PREDICTION,
    settings: Iterable[str] = (),
    options: ReadOptions = UNKNOWN,
    start_from: str | Path | None = None,
    device: Device = "auto",
    on_epoch: OnEpoch | None = None,
    monitor: Monitor = SILENT,
) -> Training:
    """Train a network to predict the drift-corrected rolling average of a recording.

    A training that was stopped resumes when it is called again in the same way.

    Parameters
    ----------
    source
        A recording, or its file.
    out
        ``NAME.safetensors``; ``NAME.json`` (description) and ``NAME.csv`` (history) are written
        beside it.
    recipe
        Recipe whose stages compute the rolling average, up to the correction of stage drift.
    settings
        Parameters that differ, as ``training.epochs=5``, ``network.channels=8`` or
        ``dra.batch_size=500``.
    options
        Shape and type of a headerless file, and the frames to use.
    start_from
        Initial weights: a path, or ``packaged``; the network then has their shape.
    device
        Where the network is trained; ``auto``: on a GPU if available.
    on_epoch
        Called with the history after each epoch.
    monitor
        Progress and cancellation, once per batch of windows; the last completed epoch is kept.

    Raises
    ------
    NapariUaiError
        If a setting is not accepted, the recording is too short, or the folder cannot be written.
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
    recording = source if isinstance(source, Recording) else read_recording(source, options)
    video = rolling_average(recording, chosen, monitor=monitor.part(0, READING, "reading"))
    return plan.carry_out(video, on_epoch=on_epoch, monitor=monitor.part(READING, 1))


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A training whose settings were checked before any data are read.

    Attributes
    ----------
    out
        File of the weights.
    network, training
        Settings.
    start_from
        Initial weights.
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
            If torch or the device is not available, a setting is not accepted, or the folder cannot
            be written.
        """
        groups = _grouped(settings)
        if groups[RECIPE]:
            raise RecipeError(
                f"setting {groups[RECIPE][0]!r} belongs to a recipe; choose from "
                f"{', '.join(f'{group}.NAME=VALUE' for group in GROUPS)}"
            )
        training = with_texts(TrainingSettings(), groups["training"], label="training")
        torch_module("train", PURPOSE).chosen_device(device)
        begin = None if start_from is None else background_weights(str(start_from))
        shape = NetworkSettings() if begin is None else begin.settings
        network = replace(shape, stride=batch_size)
        network = with_texts(network, groups["network"], label="network")
        return cls(writable_target(out), network, training, begin, device)

    def carry_out(
        self, video: Video, *, on_epoch: OnEpoch | None = None, monitor: Monitor = SILENT
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
            on_epoch=on_epoch or _ignore,
            monitor=monitor,
        )
        return Training(weights, self.out, history)


def rolling_average(recording: Recording, recipe: Recipe, *, monitor: Monitor = SILENT) -> Video:
    """Return the rolling average of a recipe, drift-corrected if the recipe does that.

    Raises
    ------
    RecipeError
        If the recipe computes none.
    """
    return placed_rolling_average(recording, recipe, monitor=monitor)[0]


def placed_rolling_average(
    recording: Recording, recipe: Recipe, *, monitor: Monitor = SILENT
) -> tuple[Video, Offset]:
    """Return :func:`rolling_average` and its offset in the recording.

    Raises
    ------
    RecipeError
        If the recipe computes none.
    """
    steps = recipe.steps_of(CORRECTED)
    steps = steps or [s for s in recipe.steps if s.name == ROLLING_AVERAGE]
    if not steps:
        raise RecipeError(f"recipe {recipe.name} computes no rolling average: choose another")
    last = steps[0].name
    only = replace(recipe, steps=_needed(recipe, last), outputs={})
    result = run_recipe(recording, only, monitor=monitor)
    return result.videos[last], result.origins[last]


def training_parameters() -> Mapping[str, Any]:
    """Return the default of every setting by its name, as accepted by ``--set``."""
    both = {"network": asdict(NetworkSettings()), "training": asdict(TrainingSettings())}
    return {f"{group}.{name}": v for group, values in both.items() for name, v in values.items()}


def _needed(recipe: Recipe, last: str) -> tuple[Step, ...]:
    """Return the steps on which a step depends, including itself."""
    needed = {last}
    for step in reversed(recipe.steps):
        if step.name in needed:
            needed |= set(step.inputs) - {RECORDING}
    return tuple(step for step in recipe.steps if step.name in needed)


def _grouped(settings: Iterable[str]) -> dict[str, list[str]]:
    """Separate settings of the network and of training from those of the recipe."""
    groups: dict[str, list[str]] = {RECIPE: [], **{group: [] for group in GROUPS}}
    for text in settings:
        setting = split_setting(text, form="GROUP.NAME=VALUE", example="training.epochs=5")
        if setting.group in GROUPS:
            groups[setting.group].append(f"{setting.name}={setting.value}")
        else:
            groups[RECIPE].append(text)
    return groups


def _ignore(history: pd.DataFrame) -> None:
    del history

"""Training: the network learns the background of a recording from the recording itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn import functional

from napari_uai.errors import BadValueError, CancelledError, TooFewFramesError, WeightsError
from napari_uai.files import write_files
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.predict import (
    check_room,
    chosen_device,
    chosen_precision,
    release_memory,
)
from napari_uai.iscat.fastdvdnet.settings import (
    Device,
    NetworkSettings,
    Precision,
    TrainingSettings,
)
from napari_uai.iscat.fastdvdnet.training_files import (
    STATE,
    best_epoch,
    read_state,
    state_path,
    unreadable,
    writable_target,
)
from napari_uai.iscat.fastdvdnet.weights import Weights, load_weights, weights_files
from napari_uai.iscat.fastdvdnet.windows import fewest_frames, noise_of, read_frames, window_index
from napari_uai.monitor import SILENT, Monitor
from napari_uai.videos.frames import Frames, Video, frames_of

VALIDATION_WINDOWS = 64
"""Windows spaced evenly over the held-out part; neighbouring ones hardly differ."""

HISTORY = ("epoch", "training_loss", "validation_loss", "learning_rate", "seconds")

WARM_UP = 0.05
"""Fraction of the steps in which the learning rate rises."""

Result = TypeVar("Result")

OnEpoch: TypeAlias = Callable[[pd.DataFrame], None]
"""Called after each epoch with the history so far."""


def _ignore(history: pd.DataFrame) -> None:
    del history


def train_network(
    video: Video,
    out: str | Path,
    *,
    network: NetworkSettings,
    training: TrainingSettings | None = None,
    start_from: str | Path | Weights | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    on_epoch: OnEpoch = _ignore,
    monitor: Monitor = SILENT,
) -> tuple[Weights, pd.DataFrame]:
    """Train a network to predict frames of a video from their neighbours.

    After every epoch the state is written beside ``out``: a training that was stopped or killed
    resumes when it is called again in the same way, with the same result. If the memory of a GPU is
    insufficient for a batch, it is processed in parts.

    Parameters
    ----------
    video
        Frames, rows, columns; numpy or dask; windows are read as needed.
    out
        ``NAME.safetensors``: the weights of the best epoch, with ``NAME.json``, their description,
        and ``NAME.csv``, the history, beside them.
    network
        Architecture and frames of the windows.
    training
        Settings of the training.
    start_from
        Weights, or their path, from which to start instead of random ones; of the same
        architecture.
    device, precision
        As in :func:`~napari_uai.iscat.fastdvdnet.stages.predict_background`.
    on_epoch
        Called with the history after each epoch.
    monitor
        Progress and cancellation, once per batch.

    Returns
    -------
    Weights
        Of the best epoch. They are written once an epoch is better than random weights; if none is,
        the best epoch is number 0, with random weights.
    pandas.DataFrame
        ``epoch, training_loss, validation_loss, learning_rate, seconds``; losses in units of the
        variance of the video's noise. Row 0 is before training.

    Raises
    ------
    TooFewFramesError
        If either part of the video is shorter than a window requires.
    BadValueError
        If the video is constant or contains NaN or infinite pixels, the loss diverges, or the
        device is not available or too small for a window.
    WeightsError
        If ``start_from`` is not suitable, or an earlier state belongs to another training.
    OutputError
        If the folder cannot be written, or the disk is full; the files of the last completed epoch
        are kept.
    CancelledError
        If cancelled; the files of the last completed epoch are kept.
    """
    how = training or TrainingSettings()
    target = writable_target(out)
    source = frames_of(video)
    where = chosen_device(device)
    run = _Run(
        windows=_Windows.of(source, network, how, monitor),
        how=how,
        device=where,
        precision=chosen_precision(precision, where),
        out=target,
        room=_Room(how.windows),
        random_start=start_from is None,
    )
    model = _first_weights(network, how, start_from)
    model = model.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    history = run.go(model, on_epoch, monitor)
    return load_weights(run.out), history


def _first_weights(
    settings: NetworkSettings, how: TrainingSettings, start_from: str | Path | Weights | None
) -> FastDVDnet:
    if start_from is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(how.seed)
            return FastDVDnet(settings)
    start = start_from if isinstance(start_from, Weights) else load_weights(start_from)
    if replace(start.settings, stride=settings.stride) != settings:
        raise WeightsError(
            f"the initial weights belong to a network of another shape ({start.settings}): choose "
            "that shape, or train from random weights"
        )
    fresh = FastDVDnet(settings)
    fresh.load_state_dict(start.network.state_dict())
    return fresh


@dataclass(frozen=True)
class _Windows:
    """Source of windows: a first part for training, a last part for validation."""

    source: Frames
    settings: NetworkSettings
    noise: float
    split: int

    @classmethod
    def of(
        cls, source: Frames, settings: NetworkSettings, how: TrainingSettings, monitor: Monitor
    ) -> _Windows:
        n = len(source)
        split = n - round(n * how.validation)
        needed = fewest_frames(settings)
        if n - split < needed:
            split = n - needed
        if split < needed:
            raise TooFewFramesError(
                f"training with stride {settings.stride} needs {2 * needed} frames, part of them "
                f"for validation; the video has {n}: use a smaller batch"
            )
        noise = noise_of(source, monitor=Monitor(cancelled=monitor.cancelled))
        return cls(source, settings, noise if settings.standardize else 1.0, split)

    def training(self, targets: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Windows followed by their targets: (n, inputs + 1, rows, columns)."""
        return self._windows(targets, 0, self.split)

    def validation(self, at_a_time: int, monitor: Monitor) -> npt.NDArray[np.float32]:
        """Windows of the held-out part, as from :meth:`training`."""
        length = len(self.source) - self.split
        n = min(VALIDATION_WINDOWS, length)
        spread = np.linspace(0, length - 1, n).astype(np.int64)
        parts = []
        for start in range(0, n, at_a_time):
            monitor.update(0.0, "held-out windows")
            part = spread[start : start + at_a_time]
            parts.append(self._windows(part, self.split, length))
        return np.concatenate(parts)

    def _windows(
        self, targets: npt.NDArray[np.int64], first: int, length: int
    ) -> npt.NDArray[np.float32]:
        index = window_index(targets, length, self.settings)
        index = first + np.concatenate([index, targets[:, None]], axis=1)
        seen, place = np.unique(index, return_inverse=True)
        frames = read_frames(self.source, seen)
        return np.asarray(frames[place.reshape(index.shape)] / np.float32(self.noise))


@dataclass
class _Room:
    """Number of windows that fit into the device's memory; halved when it is insufficient."""

    windows: int

    def fit(self, work: Callable[[int], Result]) -> Result:
        """Call a function with the number of windows to process at a time."""
        while True:
            try:
                return work(self.windows)
            except RuntimeError as error:
                check_room(error, self.windows)
            # Outside the handler, whose traceback keeps the memory allocated.
            self.windows //= 2
            release_memory()


@dataclass(frozen=True)
class _Run:
    """One training, from its first epoch or from the state of a stopped one."""

    windows: _Windows
    how: TrainingSettings
    device: torch.device
    precision: torch.dtype
    out: Path
    room: _Room
    random_start: bool

    def go(self, model: FastDVDnet, on_epoch: OnEpoch, monitor: Monitor) -> pd.DataFrame:
        """Train to the end; return the history."""
        optimizer = torch.optim.Adam(model.parameters(), lr=self.how.learning_rate)
        held_out = torch.from_numpy(self.windows.validation(self.how.windows, monitor))
        history = self._resumed(model, optimizer)
        if not len(history):
            before = 0, np.nan, self._validated(model, held_out, monitor), 0.0, 0.0
            history = pd.DataFrame([before], columns=list(HISTORY))
            self._keep(model, optimizer, history)
        while not self._finished(history):
            epoch = len(history)
            part = monitor.part((epoch - 1) / self.how.epochs, epoch / self.how.epochs)
            begin = time.perf_counter()
            loss = self._epoch(model, optimizer, epoch, part)
            validated = self._validated(model, held_out, monitor)
            if not np.isfinite([loss, validated]).all():
                raise self._diverged(history)
            rate = optimizer.param_groups[0]["lr"]
            history.loc[epoch] = [epoch, loss, validated, rate, time.perf_counter() - begin]
            history = history.astype({"epoch": int})
            self._keep(model, optimizer, history)
            on_epoch(history)
        if self._random(best_epoch(history["validation_loss"])):
            first = _first_weights(self.windows.settings, self.how, None)
            write_files(self._weights_files(first, history[:1]))
        state_path(self.out).unlink(missing_ok=True)
        return history

    def _diverged(self, history: pd.DataFrame) -> BadValueError:
        """Return the error of a diverged training, which would diverge again if resumed."""
        state_path(self.out).unlink(missing_ok=True)
        best = best_epoch(history["validation_loss"])
        kept = "no weights were written" if self._random(best) else f"{self.out} has epoch {best}"
        return BadValueError(
            f"the loss diverged in epoch {len(history)}: lower the learning rate "
            f"({self.how.learning_rate:g}); {kept}"
        )

    def _random(self, epoch: int) -> bool:
        """Whether the weights of an epoch are the random ones before training."""
        return self.random_start and epoch == 0

    def _finished(self, history: pd.DataFrame) -> bool:
        best = best_epoch(history["validation_loss"])
        last = len(history) - 1
        return last >= self.how.epochs or last - best >= self.how.patience

    def _epoch(
        self, model: FastDVDnet, optimizer: torch.optim.Optimizer, epoch: int, monitor: Monitor
    ) -> float:
        # Seeded by the epoch, so that a resumed training equals an uninterrupted one.
        random = np.random.default_rng([self.how.seed, epoch])
        model.train()
        losses = []
        for step, batch in enumerate(self._batches(random), start=(epoch - 1) * self.how.steps):
            for group in optimizer.param_groups:
                group["lr"] = self._learning_rate(step)
            losses.append(self.room.fit(partial(self._gradients, model, batch)))
            if not np.isfinite(losses[-1]):
                return losses[-1]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            text = f"epoch {epoch} of {self.how.epochs}, loss {losses[-1]:.3f}"
            monitor.update(len(losses) / self.how.steps, text)
        return float(np.mean(losses))

    def _learning_rate(self, step: int) -> float:
        share = step / (self.how.epochs * self.how.steps)
        rise = min((share + 1e-3) / WARM_UP, 1.0)
        return self.how.learning_rate * rise * 0.5 * (1 + float(np.cos(np.pi * share)))

    def _batches(self, random: np.random.Generator) -> Iterator[Tensor]:
        for _ in range(self.how.steps):
            targets = np.sort(random.integers(0, self.windows.split, self.how.windows))
            yield torch.from_numpy(
                augmented(
                    self.windows.training(targets),
                    self.how.crop_px,
                    random,
                    signs=not self.windows.settings.non_negative,
                )
            )

    def _gradients(self, model: FastDVDnet, batch: Tensor, at_a_time: int) -> float:
        """Set the gradients of a batch's mean loss, and return the loss."""
        model.zero_grad(set_to_none=True)
        total = 0.0
        for part in batch.split(at_a_time):  # type: ignore[no-untyped-call]
            loss = self._loss(model, part.to(self.device)) * (len(part) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total

    def _loss(self, model: FastDVDnet, batch: Tensor) -> Tensor:
        with torch.autocast(
            self.device.type, self.precision, enabled=self.precision is not torch.float32
        ):
            predicted = model(batch[:, :-1].contiguous(memory_format=torch.channels_last))
        measure = functional.mse_loss if self.how.loss == "mse" else functional.huber_loss
        return measure(predicted.float()[:, 0], batch[:, -1])

    def _validated(self, model: FastDVDnet, held_out: Tensor, monitor: Monitor) -> float:
        """Mean squared error, whatever the loss."""
        model.eval()
        return self.room.fit(partial(self._squares, model, held_out, monitor))

    def _squares(
        self, model: FastDVDnet, held_out: Tensor, monitor: Monitor, at_a_time: int
    ) -> float:
        squares = []
        with torch.inference_mode():
            for part in held_out.split(at_a_time):  # type: ignore[no-untyped-call]
                if monitor.cancelled():
                    raise CancelledError("cancelled")
                batch = part.to(self.device)
                squares.append(torch.mean((model(batch[:, :-1])[:, 0] - batch[:, -1]) ** 2, (1, 2)))
        return float(torch.cat(squares).mean())

    # what is written ---------------------------------------------------------------------------

    def _described(self) -> dict[str, Any]:
        return {
            "training": asdict(self.how),
            "network": self.windows.settings.to_dict(),
            "video": [*self.windows.source.shape, f"{self.windows.noise:.6g}"],
        }

    def _keep(
        self, model: FastDVDnet, optimizer: torch.optim.Optimizer, history: pd.DataFrame
    ) -> None:
        """Write the weights if they are the best so far, and the state for resuming."""
        losses = history["validation_loss"]
        epoch = len(history) - 1
        files: dict[Path, bytes] = {}
        if best_epoch(losses) == epoch and not self._random(epoch):
            files |= self._weights_files(model, history)
        files[self.out.with_suffix(".csv")] = history.to_csv(index=False).encode()
        files[state_path(self.out)] = self._state(model, optimizer, history)
        write_files(files)

    def _weights_files(self, model: FastDVDnet, history: pd.DataFrame) -> dict[Path, bytes]:
        trained = self._described() | {
            "epochs": len(history) - 1,
            "validation_loss": float(history["validation_loss"].iloc[-1]),
            "torch": torch.__version__,
        }
        return weights_files(model, self.out, trained=trained)

    def _state(
        self, model: FastDVDnet, optimizer: torch.optim.Optimizer, history: pd.DataFrame
    ) -> bytes:
        tensors = {f"model.{k}": v.contiguous() for k, v in model.state_dict().items()}
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer.{i}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()
            }
        text = json.dumps(self._described() | {"history": history.to_dict("list")})
        return save_tensors(tensors, {STATE: text})

    def _resumed(self, model: FastDVDnet, optimizer: torch.optim.Optimizer) -> pd.DataFrame:
        """Restore an earlier state if there is one; return its history."""
        description = read_state(self.out)
        if description is None:
            return pd.DataFrame()
        path = state_path(self.out)
        history = pd.DataFrame(description.pop("history"))
        if description != json.loads(json.dumps(self._described())):
            raise WeightsError(
                f"{path} belongs to a training with other settings or on another video: delete it "
                "to start over, or choose another name"
            )
        try:
            tensors = load_tensors(path.read_bytes())
        except Exception as error:
            raise unreadable(path, error) from error
        model.load_state_dict(
            {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        )
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, i, name = key.split(".")
                state.setdefault(int(i), {})[name] = value
        optimizer.load_state_dict(
            {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
        )
        return history


def augmented(
    windows: npt.NDArray[np.float32],
    crop_px: int,
    random: np.random.Generator,
    *,
    signs: bool = True,
) -> npt.NDArray[np.float32]:
    """Crop, rotate and flip windows at random, each independently, and invert their signs.

    Augmentation decides whether the network generalises or memorises.

    Parameters
    ----------
    windows
        (n, images, rows, columns); the images of a window are transformed alike.
    crop_px
        Side of the cropped square; limited by the field.
    random
        Generator of the choices.
    signs
        Whether signs are inverted at random.
    """
    side = min(crop_px, *windows.shape[2:])
    out = np.empty((*windows.shape[:2], side, side), np.float32)
    for i, window in enumerate(windows):
        row, column = (int(random.integers(0, n - side + 1)) for n in window.shape[1:])
        turns, flip, sign = (int(random.integers(0, n)) for n in (4, 2, 2))
        part = np.rot90(window[:, row : row + side, column : column + side], turns, axes=(1, 2))
        out[i] = (part[:, :, ::-1] if flip else part) * (-1 if sign and signs else 1)
    return out

"""Prediction of every frame of a video from its neighbours."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from dask.base import tokenize
from torch import Tensor

from napari_uai.errors import BadValueError
from napari_uai.iscat.fastdvdnet.network import FastDVDnet, cropped, folded, padded
from napari_uai.iscat.fastdvdnet.settings import Device, Precision
from napari_uai.iscat.fastdvdnet.weights import Weights
from napari_uai.iscat.fastdvdnet.windows import (
    check_length,
    noise_of,
    read_frames,
    window_index,
    windows_per_chunk,
)
from napari_uai.monitor import raise_if_cancelled
from napari_uai.videos.frames import Frames, Video, frames_of, video_like

BATCH_PIXELS = 32 * 64 * 64
"""Pixels per batch; larger batches are not faster on a CPU."""

_ONE_AT_A_TIME = Lock()
"""torch uses all cores for one prediction; simultaneous ones would wait for each other."""


def predicted_video(
    video: Video, *, weights: Weights, device: Device = "auto", precision: Precision = "auto"
) -> Video:
    """Predict each frame from its neighbours by a given network.

    See :func:`napari_uai.iscat.fastdvdnet.stages.predict_background`.
    """
    frames = frames_of(video)
    check_length(len(frames), weights.settings)
    where = chosen_device(device)
    predicted = PredictedFrames(
        frames, weights.network, device=where, precision=chosen_precision(precision, where)
    )
    return video_like(predicted, video)


class PredictedFrames(Frames):
    """Frames predicted by a network.

    Parameters
    ----------
    source
        Frames to predict.
    network
        Network with trained weights.
    device, precision
        Of torch.
    """

    def __init__(
        self,
        source: Frames,
        network: FastDVDnet,
        *,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.source = source
        self.network = network
        self.device = device
        self.precision = precision
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)

    @cached_property
    def name(self) -> str:
        """Name of the source and of the weights with all their values."""
        numbers = {k: v.cpu().numpy() for k, v in self.network.state_dict().items()}
        how = str(self.device), str(self.precision)
        return (
            f"network-{tokenize(self.source.name, self.network.settings.to_dict(), numbers, how)}"
        )

    @cached_property
    def noise(self) -> float:
        """Standard deviation by which frames are divided for the network."""
        return noise_of(self.source) if self.network.settings.standardize else 1.0

    @cached_property
    def _predictor(self) -> FastDVDnet:
        layout = {"memory_format": torch.channels_last}
        return folded(self.network).to(self.device, self.precision, **layout)  # type: ignore[call-overload, no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_predictor"}

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Predict frames, part by part."""
        at_once = windows_per_chunk(self.source, self.network.settings)
        parts = [self._read_part(i, min(i + at_once, stop)) for i in range(start, stop, at_once)]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), np.float32)

    def _read_part(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        index = window_index(np.arange(start, stop), len(self.source), self.network.settings)
        noise = np.float32(self.noise)
        seen, place = np.unique(index, return_inverse=True)
        block = read_frames(self.source, seen) / noise
        with _ONE_AT_A_TIME, torch.inference_mode():
            images = torch.from_numpy(block)[:, None].to(self.device, self.precision)
            out = self._predict(images, place.reshape(index.shape))
        return out.float().cpu().numpy()[:, 0] * noise

    def _predict(self, images: Tensor, place: npt.NDArray[np.int64]) -> Tensor:
        """Predict from images (n, 1, rows, columns) and the indices of those in each window."""
        network = self._predictor
        images, size = padded(images)
        stages = []
        triples = [place[:, i : i + 3] for i in range(place.shape[1] - 2)]
        if network.settings.shared:  # overlapping windows share blocks
            distinct, which = np.unique(np.concatenate(triples), axis=0, return_inverse=True)
            done = self._in_batches(network.first_block(0), images[:, 0], distinct)
            stages = list(
                torch.split(done[torch.from_numpy(which.ravel()).to(self.device)], len(place))
            )
        else:
            stages = [
                self._in_batches(network.first_block(i), images[:, 0], triple)
                for i, triple in enumerate(triples)
            ]
        stacked = torch.cat(stages, dim=1)
        every = np.arange(len(place))[:, None]
        out = self._batches(lambda part: network.finish(stacked[part[:, 0]]), every, stacked)
        return cropped(out, size)

    def _in_batches(
        self, block: torch.nn.Module, images: Tensor, index: npt.NDArray[np.int64]
    ) -> Tensor:
        return self._batches(lambda part: block(images[part]), index, images)

    def _batches(self, run: Any, index: npt.NDArray[np.int64], images: Tensor) -> Tensor:
        """Process the rows of an index in batches, in smaller ones if memory is insufficient."""
        size = max(BATCH_PIXELS // (images.shape[-1] * images.shape[-2]), 1)
        if self.device.type != "cpu":
            size *= 16
        parts: list[Tensor] = []
        done = 0
        while done < len(index):
            raise_if_cancelled()
            rows = torch.from_numpy(index[done : done + size]).to(self.device)
            try:
                parts.append(run(rows))
                done += len(rows)
                continue
            except RuntimeError as error:
                check_room(error, size)
            # Outside the handler, whose traceback keeps the memory allocated.
            size //= 2
            release_memory()
        return torch.cat(parts)


def check_room(error: RuntimeError, windows: int) -> None:
    """Return if a GPU may have enough memory for half of the windows.

    Raises
    ------
    BadValueError
        If it was a single window.
    RuntimeError
        If the error does not concern memory.
    """
    # Only CUDA has a specific exception type.
    if not (isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)):
        raise error
    if windows == 1:
        raise BadValueError(
            "the device's memory is too small for a single window: use smaller frames or crops, a "
            "network with fewer channels, or the CPU (device cpu)"
        ) from error


def release_memory() -> None:
    """Release the memory that torch caches."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def chosen_device(device: Device) -> torch.device:
    """Return the torch device for a choice; ``auto`` selects a GPU if available.

    Raises
    ------
    BadValueError
        If the device is not available.
    """
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next((name for name, available in gpus.items() if available), "cpu"))
    if not gpus.get(device, True):
        raise BadValueError(f"torch finds no device {device} on this computer: choose auto or cpu")
    return torch.device(device)


def chosen_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the torch dtype for a choice; ``auto`` selects bfloat16 where it is fast."""
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = device.type == "cpu" and _multiplies_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def _multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for it; without them it is slower than float32."""
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))

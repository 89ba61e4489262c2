"""Recordings without landings, made of the user's own frames: what a recipe reports in them.

Two kinds, because no change of the frames removes landings and nothing else:

- *scrambled*: every frame's departure from the mean of its bin has its sign drawn at random, and
  the mean of the bin is replaced by that of the recording. Steps, drift and every slow change are
  gone; the noise of each pixel remains. Rows reported here are due to noise alone.
- *surrogate*: the accepted landings are subtracted, and the phases of the temporal Fourier
  components of the bins are drawn at random, the same for all pixels (Prichard & Theiler 1994). The
  power spectrum of each pixel and the correlations between pixels remain, so noise, drift and slow
  changes of the background; steps at known times do not. Rows reported here are due to noise and to
  changes that are Gaussian. A background that itself makes steps (a jump of focus, a blinking
  particle, a vesicle that passes) is not tested by either.

Reversing time does not test this, as it turns each landing into a departure of the opposite sign.
Shuffling bins does not, either: a landing then flickers at its place, as noise does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.iscat.limit.injection import PointImage, injected_bins
from napari_uai.iscat.limit.search import Bins, Search
from napari_uai.monitor import SILENT, Monitor
from napari_uai.videos.frames import frames_per_chunk

SCRAMBLED, SURROGATE = "scrambled", "surrogate"
NULLS = (SCRAMBLED, SURROGATE)
"""Kinds of recordings without landings."""

SMALLEST_BIN = 4
"""Frames per bin below which the signs within a bin cannot be scrambled."""


def null_bins(
    kind: str,
    search: Search,
    landings: pd.DataFrame,
    image: PointImage,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> Bins | None:
    """Return the bins of a recording without landings; None if it cannot be made.

    Parameters
    ----------
    kind
        One of :data:`NULLS`.
    search
        Recipe and recording.
    landings, image
        Landings of the recording itself, and the image of a point.
    rng
        Random numbers.
    monitor
        Progress and cancellation.
    """
    if kind == SURROGATE:
        return surrogate_bins(search, landings, image, rng)
    return scrambled_bins(search, rng, monitor) if search.bin_size >= SMALLEST_BIN else None


def scrambled_bins(search: Search, rng: np.random.Generator, monitor: Monitor = SILENT) -> Bins:
    """Return bins of the mean image and the noise of their own frames.

    The signs within a bin sum to zero, or to one if the number of its frames is odd: what does not
    change within the bin cancels to the same share in all bins.
    """
    size = search.bin_size
    mean = search.bins.mean(axis=0, dtype=np.float64)
    out = np.empty_like(search.bins)
    at_once = max(frames_per_chunk(search.frames.shape) // size, 1)
    for first in range(0, len(out), at_once):
        last = min(first + at_once, len(out))
        monitor.update(first / len(out), "noise")
        frames = search.frames.read(first * size, last * size)
        shaped = frames.reshape(last - first, size, *mean.shape).astype(np.float32)
        level = shaped.mean(axis=(2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        relative = shaped / level - shaped.mean(axis=1, keepdims=True) / level.mean(
            axis=1, keepdims=True
        )
        signs = rng.permuted(
            np.tile(np.where(np.arange(size) % 2, -1.0, 1.0), (last - first, 1)), axis=1
        ).astype(np.float32)
        # Signs that sum to 1 leave a share of the mean, which has been taken off.
        keep = 1 / np.sqrt(1 - (size % 2) / size**2)
        noise = keep * np.einsum("bf,bfyx->byx", signs, relative) / size
        out[first:last] = mean + noise * mean.mean()
    return out


def surrogate_bins(
    search: Search, landings: pd.DataFrame, image: PointImage, rng: np.random.Generator
) -> Bins:
    """Return bins without landings whose temporal phases are random.

    References
    ----------
    Prichard & Theiler, Phys. Rev. Lett. 73, 951 (1994), doi:10.1103/PhysRevLett.73.951.
    """
    gone = landings.assign(contrast=-landings["contrast"] / (1 + landings["contrast"]))
    bins = injected_bins(search.bins, search.bin_size, gone, image)
    mean = bins.mean(axis=0)
    n = len(bins)
    phases = np.exp(2j * np.pi * rng.random(n // 2 + 1))
    phases[0] = 1
    if n % 2 == 0:
        phases[-1] = rng.choice([-1, 1])
    for row in range(bins.shape[1]):  # row by row, so that memory is that of the bins
        changed = np.fft.rfft(bins[:, row] - mean[row], axis=0) * phases[:, None]
        bins[:, row] = mean[row] + np.fft.irfft(changed, n, axis=0)
    return bins

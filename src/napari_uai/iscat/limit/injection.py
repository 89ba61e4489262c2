"""Landings of known contrast, place and time, put into the frames of a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from dask.base import tokenize

from napari_uai.iscat.detect.point_profile import PointProfile
from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats
from napari_uai.videos.frames import Frames

INJECTION_COLUMNS = ("frame", "y", "x", "contrast")
"""First frame with the particle, place (px) and signed contrast of each injected landing."""


@dataclass(frozen=True)
class PointImage:
    """Image of a point of contrast 1.

    Attributes
    ----------
    values
        Takes offsets from the point along rows and columns (px); returns the relative change of
        intensity there.
    radius
        Distance (px) beyond which it is 0.
    error
        Relative standard error of its norm, in proportion to which landings are seen.
    """

    values: Callable[[Floats, Floats], Floats]
    radius: float
    error: float = 0.0

    @classmethod
    def of(cls, image: PointSpreadFunction | PointProfile) -> PointImage:
        """Return the image of a point that the detector uses."""
        if isinstance(image, PointSpreadFunction):
            return cls(image.contrast_between, float(image.radius))
        return cls(image.image, image.radius, _norm_error(image))

    def at(self, y: float, x: float, shape: tuple[int, int]) -> tuple[slice, slice, Floats]:
        """Return the rows and columns that a point at (y, x) covers, and its image there."""
        rows, columns = (
            slice(
                max(int(np.ceil(place - self.radius)), 0),
                max(min(int(np.floor(place + self.radius)) + 1, n), 0),
            )
            for place, n in zip((y, x), shape, strict=True)
        )
        dy, dx = np.meshgrid(
            np.arange(rows.start, rows.stop) - y,
            np.arange(columns.start, columns.stop) - x,
            indexing="ij",
        )
        return rows, columns, self.values(dy, dx)


def _norm_error(profile: PointProfile) -> float:
    """Return the relative error of the norm of an image by that of its profile, to first order."""
    offsets = np.arange(-int(profile.radius), int(profile.radius) + 1.0)
    dy, dx = np.meshgrid(offsets, offsets, indexing="ij")
    image = profile.image(dy, dx)
    change = np.tensordot(profile.parameter_derivatives(dy, dx), image, 2) / np.sum(image**2)
    return float(np.sqrt(change @ profile.covariance @ change))


class InjectedFrames(Frames):
    """Frames multiplied by 1 + contrast x image from the frame of each landing on.

    Parameters
    ----------
    source
        Frames proportional to light.
    landings
        ``frame``, ``y``, ``x``, ``contrast``.
    image
        Image of a point.
    """

    def __init__(self, source: Frames, landings: pd.DataFrame, image: PointImage) -> None:
        self.source = source
        self.landings = landings
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._placed = _placed(landings, image, source.shape)

    @property
    def name(self) -> str:
        """Name of the source, and the landings."""
        patches = [(first, contrast, patch) for first, contrast, (*_, patch) in self._placed]
        return f"injected-{tokenize(self.source.name, self.landings.to_numpy(), patches)}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read the source's frames and multiply them."""
        raise_if_cancelled()
        block = np.array(self.source.read(start, stop), np.float32)
        for first, contrast, (rows, columns, patch) in self._placed:
            if first < stop:
                block[max(int(first) - start, 0) :, rows, columns] *= 1 + contrast * patch
        return block


class SteppedFrames(Frames):
    """Frames that are constant within each bin, so that binning them again is exact and fast.

    Parameters
    ----------
    bins
        Bins, rows, columns; float32.
    bin_size
        Frames per bin.
    n_frames
        Number of frames; those after the last whole bin repeat it.
    """

    def __init__(self, bins: npt.NDArray[np.float32], bin_size: int, n_frames: int) -> None:
        self.bins = bins
        self.bin_size = bin_size
        self.shape = (n_frames, *bins.shape[1:])
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Hash of the bins."""
        return f"stepped-{tokenize(self.bins, self.bin_size, self.shape)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Repeat the bins."""
        raise_if_cancelled()
        which = np.minimum(np.arange(start, stop) // self.bin_size, len(self.bins) - 1)
        return np.asarray(self.bins[which])


def injected_bins(
    bins: npt.NDArray[np.float32], bin_size: int, landings: pd.DataFrame, image: PointImage
) -> npt.NDArray[np.float32]:
    """Return the bins of power-normalised frames that contain additional landings.

    The product of a frame and a landing is averaged as the product of the averages, and the power
    that the landings change is divided out, which is exact up to the product of contrast and noise.

    Parameters
    ----------
    bins
        Means of consecutive frames after power normalisation, (bins, rows, columns).
    bin_size
        Frames per bin.
    landings
        As for :class:`InjectedFrames`.
    image
        Image of a point.
    """
    out = bins.copy()
    for first, contrast, (rows, columns, patch) in _placed(landings, image, bins.shape):
        present = np.clip(np.arange(1, len(bins) + 1) - first / bin_size, 0, 1)
        since = int(first // bin_size)
        course = (contrast * present[since:]).astype(np.float32)
        out[since:, rows, columns] *= 1 + course[:, None, None] * patch.astype(np.float32)
    power = out.mean(axis=(1, 2), dtype=np.float64) / bins.mean(axis=(1, 2), dtype=np.float64)
    out *= (power.mean() / power)[:, None, None].astype(np.float32)
    return out


def _placed(
    landings: pd.DataFrame, image: PointImage, shape: tuple[int, ...]
) -> list[tuple[float, float, tuple[slice, slice, Floats]]]:
    values = landings[list(INJECTION_COLUMNS)].to_numpy(np.float64)
    return [
        (frame, contrast, image.at(y, x, (shape[1], shape[2]))) for frame, y, x, contrast in values
    ]

"""Choice of the point-spread function from several, such as images of a point through focus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_uai.iscat.detect.point_spread_function import PointSpreadFunction
from napari_uai.iscat.detect.steps.background import PSF_SIDE_BATCHES
from napari_uai.iscat.detect.steps.parts import BINS_PER_BATCH
from napari_uai.typing import Floats

MOST_EVENTS = 40
"""Strongest events that choose; more of them change nothing."""


def most_typical(bank: Sequence[PointSpreadFunction]) -> int:
    """Return which image resembles the others most: the one to begin with."""
    images = np.stack([psf.image.ravel() for psf in bank])
    return int(np.argmax(np.sum((images @ images.T) ** 2, axis=0)))


def likeliest(
    bank: Sequence[PointSpreadFunction],
    frames: Floats,
    weights: Floats,
    places: Floats,
    times: Floats,
    contrasts: Floats,
) -> int:
    """Return the image that explains most of the events.

    The likelihood of all events together, each with the contrast of either sign that fits best:
    in white noise, half the sum of the squared signal-to-noise ratios.

    Parameters
    ----------
    bank
        Images of one size.
    frames
        Bins without background, but with the events.
    weights
        Inverse variance of each pixel of a bin.
    places, times, contrasts
        y and x (px), bins, and contrasts of the events.
    """
    gains = np.zeros(len(bank))
    side = PSF_SIDE_BATCHES * BINS_PER_BATCH
    shape = weights.shape[0], weights.shape[1]
    for i in np.argsort(-np.abs(contrasts))[:MOST_EVENTS]:
        first, last = int(np.floor(times[i])), int(np.ceil(times[i]))
        before, after = frames[max(first - side, 0) : first], frames[last + 1 : last + 1 + side]
        if len(before) < 2 or len(after) < 2:
            continue
        y, x = places[i].tolist()
        step = weights * (after.mean(axis=0) - before.mean(axis=0))
        for k, psf in enumerate(bank):
            own, image = psf.at(y, x, shape)
            square = float(np.sum(weights[own] * image**2))
            if square > 0:
                of_bins = 1 / (1 / len(before) + 1 / len(after))
                gains[k] += of_bins * float(np.sum(step[own] * image)) ** 2 / square
    return int(np.argmax(gains))

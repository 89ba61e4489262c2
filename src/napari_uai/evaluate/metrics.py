"""Figures of merit: ranking, recall against signal, detection limit, errors against their bounds.

All functions take plain arrays; :mod:`napari_uai.evaluate.evaluation` puts them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from napari_uai.typing import AnyArray

FALSE_RATE_FRAMES = 10_000
"""The detection limit allows one false landing in so many frames."""

SNR_BINS = (0.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, np.inf)
"""Edges of the bins of the signal-to-noise ratio."""


def average_precision(is_true: AnyArray, n_true: int) -> float:
    """Average precision of a ranked list.

    The sum, over the true ones among the found, of the precision at their rank, divided by the
    number of true ones: what was never found counts as precision 0.

    Parameters
    ----------
    is_true
        Whether each found landing is true, strongest score first.
    n_true
        Number of true landings.

    Returns
    -------
    float
        0 to 1; NaN if there is nothing to find.
    """
    if n_true == 0:
        return float("nan")
    hits = np.asarray(is_true, bool)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / n_true)


def precision_recall(score: AnyArray, is_true: AnyArray, n_true: int) -> pd.DataFrame:
    """Precision and recall of what remains above each threshold.

    Parameters
    ----------
    score
        Score of each found landing, strongest first.
    is_true
        Whether it is true.
    n_true
        Number of true landings.

    Returns
    -------
    pandas.DataFrame
        One row per different score, strongest first: ``threshold``, ``true``, ``false`` (numbers
        at or above it), ``precision``, ``recall``.
    """
    score, hits = np.asarray(score, np.float64), np.asarray(is_true, bool)
    last = np.flatnonzero(np.append(np.diff(score) != 0, True)) if len(score) else np.empty(0, int)
    true, false = np.cumsum(hits)[last], np.cumsum(~hits)[last]
    return pd.DataFrame(
        {
            "threshold": score[last],
            "true": true,
            "false": false,
            "precision": true / np.maximum(true + false, 1),
            "recall": true / n_true if n_true else np.full(len(last), np.nan),
        }
    )


def recall_by_snr(
    snr: AnyArray, found: AnyArray, edges: tuple[float, ...] = SNR_BINS
) -> pd.DataFrame:
    """Share of the true landings that were found, in bins of their signal-to-noise ratio.

    Parameters
    ----------
    snr
        Signal-to-noise ratio of each true landing.
    found
        Whether it was found.
    edges
        Edges of the bins; the lower one belongs to the bin.

    Returns
    -------
    pandas.DataFrame
        ``snr_from``, ``snr_to``, ``landings``, ``recall`` (NaN in an empty bin).
    """
    which = np.digitize(snr, edges) - 1
    n = len(edges) - 1
    count = np.bincount(which, minlength=n)[:n]
    hits = np.bincount(which, np.asarray(found, np.float64), minlength=n)[:n]
    recall = np.divide(hits, count, out=np.full(n, np.nan), where=count > 0)
    return pd.DataFrame(
        {"snr_from": edges[:-1], "snr_to": edges[1:], "landings": count, "recall": recall}
    )


@dataclass(frozen=True)
class DetectionLimit:
    """Contrast that is found with a stated probability, at a stated rate of false landings.

    Attributes
    ----------
    threshold
        Lowest score at which there is at most one false landing per 10 000 frames.
    contrast_50
        Size of the contrast found with 50 % recall; 0 if even the weakest tested does better,
        infinite if even the strongest does worse, NaN if there is nothing to tell it from.
    contrast_90
        The same with 90 % recall.
    """

    threshold: float
    contrast_50: float
    contrast_90: float


def detection_limit(
    score: AnyArray, is_true: AnyArray, contrast: AnyArray, found_score: AnyArray, n_frames: int
) -> DetectionLimit:
    """Return the contrast found with 50 % and 90 % recall at one false landing per 10 000 frames.

    Recall is a logistic function of the logarithm of the contrast, fitted to which of the true
    landings were found above the threshold.

    Parameters
    ----------
    score
        Score of each found landing, strongest first.
    is_true
        Whether it is true.
    contrast
        Contrast of each true landing.
    found_score
        Score with which it was found; NaN if it was not.
    n_frames
        Length of all recordings together. In less than 10 000 frames no false one is allowed.
    """
    allowed = n_frames // FALSE_RATE_FRAMES
    threshold = threshold_for(score, is_true, allowed)
    hit = np.nan_to_num(np.asarray(found_score, np.float64), nan=-np.inf) >= threshold
    size = np.abs(np.asarray(contrast, np.float64))
    return DetectionLimit(threshold, recall_limit(size, hit, 0.5), recall_limit(size, hit, 0.9))


def threshold_for(score: AnyArray, is_true: AnyArray, allowed_false: int) -> float:
    """Lowest score of a found landing at or above which at most so many are false.

    Infinite if already the strongest are too many.
    """
    table = precision_recall(score, is_true, 1)
    good = table.loc[table["false"] <= allowed_false, "threshold"]
    return float(good.min()) if len(good) else float("inf")


def recall_limit(size: AnyArray, hit: AnyArray, recall: float) -> float:
    """Contrast at which a logistic fit of recall against log contrast reaches a value.

    A weak prior on the slope (one landing's worth: normal, standard deviation 10 per factor e)
    keeps it finite where the weakest that was found is stronger than the strongest that was missed.

    Parameters
    ----------
    size
        Contrasts, positive.
    hit
        Whether each was found.
    recall
        0 to 1.

    Returns
    -------
    float
        See :class:`DetectionLimit`.
    """
    if len(size) == 0:
        return float("nan")
    log = np.log(size)
    centre = log.mean()
    sign = np.where(hit, 1.0, -1.0)

    def cost(parameters: AnyArray) -> float:
        offset, slope = parameters
        margin = sign * (offset + slope * (log - centre))
        return float(np.logaddexp(0, -margin).sum() + offset**2 / 200 + slope**2 / 200)

    offset, slope = minimize(cost, np.array([0.0, 1.0]), method="Nelder-Mead").x
    ends = expit(offset + slope * (np.array([log.min(), log.max()]) - centre))
    if ends[0] >= recall:
        return 0.0
    if ends[1] < recall:
        return float("inf")
    return float(np.exp(centre + (np.log(recall / (1 - recall)) - offset) / slope))


def contrast_bound(contrast: AnyArray, snr: AnyArray) -> AnyArray:
    """Cramer-Rao bound of the contrast: the least standard deviation of any unbiased estimate.

    In white noise of standard deviation s, with a known point-spread function h, the Fisher
    information of the contrast is ``sum(h^2) / s^2``, so that the bound is ``s / |h|``, the
    contrast over the matched filter's signal-to-noise ratio, for any h. Position and contrast do
    not correlate, as h is symmetric.
    """
    return np.asarray(np.abs(contrast) / np.asarray(snr, np.float64))


def position_bound(snr: AnyArray, sigma_px: float) -> AnyArray:
    """Cramer-Rao bound of y, and of x, of a Gaussian spot in white noise; px.

    With ``h = exp(-r^2 / (2 sigma^2))`` on pixels that are small against sigma, the information
    about x is ``(c / s)^2 * integral((dh/dx)^2) = (c / s)^2 * pi / 2``, and
    ``snr^2 = (c / s)^2 * pi sigma^2``: the bound is ``sqrt(2) sigma / snr``.
    """
    return np.asarray(np.sqrt(2) * sigma_px / np.asarray(snr, np.float64))


def snr_of_whole_recording(
    snr: AnyArray, raw_frame: AnyArray, batch_size: int, n_frames: int
) -> AnyArray:
    """Signal-to-noise ratio of a step that all frames before and after it are averaged for.

    The variance of a difference of means of n and m frames is proportional to ``1/n + 1/m``; a
    rolling average has ``2 / batch_size``. Estimates from longer windows can fall below the bound
    of a single frame of the rolling average, but not below that of this ratio.
    """
    before = np.maximum(np.asarray(raw_frame, np.float64), 1)
    after = np.maximum(n_frames - np.asarray(raw_frame, np.float64), 1)
    return np.asarray(snr * np.sqrt(2 / batch_size / (1 / before + 1 / after)))


def root_mean_square(values: AnyArray) -> float:
    """Root of the mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")

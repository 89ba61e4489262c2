"""Figures of merit of detections: precision, recall, detection limit, Cramer-Rao bounds.

All functions take plain arrays; :mod:`napari_uai.evaluate.evaluation` combines them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from napari_uai.typing import AnyArray

FALSE_RATE_FRAMES = 10_000
"""Number of frames in which the detection limit allows one false landing."""

SNR_BINS = (0.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, np.inf)
"""Edges of the bins of the signal-to-noise ratio."""


def average_precision(is_true: AnyArray, n_true: int) -> float:
    """Return the average precision of a ranked list.

    The precision at the rank of each true detection, summed and divided by the number of true
    landings, so that a missed landing counts as precision 0 [1]_.

    Parameters
    ----------
    is_true
        Whether each detected landing is true, highest score first; bool.
    n_true
        Number of true landings.

    Returns
    -------
    float
        0 to 1; NaN if ``n_true`` is 0.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schuetze, "Introduction to Information Retrieval",
       section 8.4, Cambridge University Press, 2008.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.evaluate.average_precision([True, True, False], n_true=4)
    0.5
    """
    if n_true == 0:
        return float("nan")
    hits = np.asarray(is_true, bool)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / n_true)


def precision_recall(score: AnyArray, is_true: AnyArray, n_true: int) -> pd.DataFrame:
    """Return precision and recall at each threshold of the score.

    Parameters
    ----------
    score
        Score of each detected landing, in descending order.
    is_true
        Whether each of them is true; bool.
    n_true
        Number of true landings.

    Returns
    -------
    pandas.DataFrame
        One row per distinct score, in descending order: ``threshold``, ``true`` and ``false``
        (numbers of detections at or above it), ``precision``, ``recall``.

    Examples
    --------
    >>> import napari_uai as uai
    >>> table = uai.evaluate.precision_recall([9.0, 7.0, 5.0], [True, False, True], n_true=4)
    >>> table["recall"].tolist()
    [0.25, 0.25, 0.5]
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
    """Return the recall in bins of the signal-to-noise ratio.

    Parameters
    ----------
    snr
        Signal-to-noise ratio of each true landing.
    found
        Whether each of them was detected; bool.
    edges
        Edges of the bins; the lower edge is included.

    Returns
    -------
    pandas.DataFrame
        One row per bin: ``snr_from``, ``snr_to``, ``landings`` (number), ``recall`` (NaN in an
        empty bin).

    Examples
    --------
    >>> import napari_uai as uai
    >>> table = uai.evaluate.recall_by_snr([3.5, 7.0, 7.5], [False, True, True], (0, 5, 10))
    >>> table["recall"].tolist()
    [0.0, 1.0]
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
    """Contrast detected with a given recall, at one false landing per 10 000 frames.

    Attributes
    ----------
    threshold
        Lowest score with at most one false landing per 10 000 frames.
    contrast_50
        Absolute contrast detected with 50 % recall; 0 if the recall is higher even for the weakest
        true landing, infinite if it is lower even for the strongest, NaN if there are none.
    contrast_90
        The same for 90 % recall.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.assign(score=1.0), truth)
    >>> evaluation.detection_limit.contrast_90  # all five were detected
    0.0
    """

    threshold: float
    contrast_50: float
    contrast_90: float


def detection_limit(
    score: AnyArray, is_true: AnyArray, contrast: AnyArray, found_score: AnyArray, n_frames: int
) -> DetectionLimit:
    """Return the contrast detected with 50 % and 90 % recall.

    The threshold is the lowest score with at most one false landing per 10 000 frames; recall
    above it is fitted by a logistic function of the logarithm of the contrast.

    Parameters
    ----------
    score
        Score of each detected landing, in descending order.
    is_true
        Whether each of them is true; bool.
    contrast
        Contrast of each true landing.
    found_score
        Score with which each true landing was detected; NaN if it was missed.
    n_frames
        Total number of frames; below 10 000, no false landing is allowed.

    Returns
    -------
    DetectionLimit
        Threshold of the score, and the two contrasts.

    Examples
    --------
    >>> import napari_uai as uai
    >>> contrast = [0.001, 0.002, 0.003, 0.004]
    >>> detected = [float("nan"), float("nan"), 8.0, 9.0]
    >>> limit = uai.evaluate.detection_limit([9.0, 8.0], [True, True], contrast, detected, 5000)
    >>> 0.002 < limit.contrast_50 < 0.003
    True
    """
    allowed = n_frames // FALSE_RATE_FRAMES
    threshold = threshold_for(score, is_true, allowed)
    hit = np.nan_to_num(np.asarray(found_score, np.float64), nan=-np.inf) >= threshold
    size = np.abs(np.asarray(contrast, np.float64))
    return DetectionLimit(threshold, recall_limit(size, hit, 0.5), recall_limit(size, hit, 0.9))


def threshold_for(score: AnyArray, is_true: AnyArray, allowed_false: int) -> float:
    """Return the lowest score with at most a given number of false detections at or above it.

    Infinite if more than that have the highest score.
    """
    table = precision_recall(score, is_true, 1)
    allowed = table.loc[table["false"] <= allowed_false, "threshold"]
    return float(allowed.min()) if len(allowed) else float("inf")


def recall_limit(size: AnyArray, hit: AnyArray, recall: float) -> float:
    """Return the contrast at which a logistic fit of recall over log contrast reaches a value.

    A weak normal prior (standard deviation 10, of the slope per factor e) keeps the slope finite
    if every detected landing is stronger than every missed one.

    Parameters
    ----------
    size
        Absolute contrasts; positive.
    hit
        Whether each was detected; bool.
    recall
        Recall to reach, 0 to 1.

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
    """Return the Cramer-Rao bound of the contrast: the smallest error of an unbiased estimate.

    In white noise of standard deviation s, with a known point-spread function h, the Fisher
    information about the contrast is ``sum(h^2) / s^2``. The bound is therefore ``s / |h|``, which
    is the contrast divided by the signal-to-noise ratio of the matched filter [1]_. Estimates of
    position and contrast are uncorrelated, because h is symmetric.

    Parameters
    ----------
    contrast
        Contrast of each landing.
    snr
        Signal-to-noise ratio of a matched filter.

    Returns
    -------
    numpy.ndarray
        Standard deviation of the contrast; float64.

    References
    ----------
    .. [1] S. M. Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory",
       Prentice Hall, 1993.

    Examples
    --------
    >>> import napari_uai as uai
    >>> float(uai.evaluate.contrast_bound(-0.01, snr=5.0))
    0.002
    """
    return np.asarray(np.abs(contrast) / np.asarray(snr, np.float64))


def position_bound(snr: AnyArray, sigma_px: float) -> AnyArray:
    """Return the Cramer-Rao bound of a coordinate (y or x) of a Gaussian spot in white noise.

    For contrast c, noise s and ``h = exp(-r^2 / (2 sigma^2))`` on pixels much smaller than sigma,
    the Fisher information about x is ``(c / s)^2 * integral((dh/dx)^2) = (c / s)^2 * pi / 2``, and
    ``snr^2 = (c / s)^2 * pi sigma^2``. The bound is ``sqrt(2) sigma / snr`` [1]_.

    Parameters
    ----------
    snr
        Signal-to-noise ratio of a matched filter.
    sigma_px
        Standard deviation of the spot, in px.

    Returns
    -------
    numpy.ndarray
        Standard deviation of the coordinate, in px; float64.

    References
    ----------
    .. [1] S. M. Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory",
       Prentice Hall, 1993.

    Examples
    --------
    >>> import napari_uai as uai
    >>> round(float(uai.evaluate.position_bound(10.0, sigma_px=1.7)), 3)
    0.24
    """
    return np.asarray(np.sqrt(2) * sigma_px / np.asarray(snr, np.float64))


def snr_of_whole_recording(
    snr: AnyArray, raw_frame: AnyArray, batch_size: int, n_frames: int
) -> AnyArray:
    """Return the signal-to-noise ratio of steps if all frames before and after are averaged.

    The variance of the difference between means of n and m frames is proportional to ``1/n + 1/m``;
    in a rolling average it is ``2 / batch_size``. The error of an estimate from more frames can
    fall below the bound of one frame of the rolling average, but not below that of this ratio.

    Parameters
    ----------
    snr
        Signal-to-noise ratio in one frame of the rolling average.
    raw_frame
        First frame after each step.
    batch_size
        Batch of the rolling average, in frames.
    n_frames
        Number of frames of the recording.

    Returns
    -------
    numpy.ndarray
        Signal-to-noise ratios; float64.

    Examples
    --------
    >>> import napari_uai as uai
    >>> float(uai.evaluate.snr_of_whole_recording(5.0, 2000, batch_size=500, n_frames=4000))
    10.0
    """
    before = np.maximum(np.asarray(raw_frame, np.float64), 1)
    after = np.maximum(n_frames - np.asarray(raw_frame, np.float64), 1)
    return np.asarray(snr * np.sqrt(2 / batch_size / (1 / before + 1 / after)))


def root_mean_square(values: AnyArray) -> float:
    """Return the root of the mean square; NaN if there are no values."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")

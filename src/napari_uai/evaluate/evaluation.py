"""Evaluation of detected landings against the ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.evaluate.matching import match_landings
from napari_uai.evaluate.metrics import (
    DetectionLimit,
    average_precision,
    contrast_bound,
    detection_limit,
    position_bound,
    precision_recall,
    recall_by_snr,
    root_mean_square,
    snr_of_whole_recording,
)
from napari_uai.evaluate.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Errors:
    """Errors of the detected landings, and the smallest possible errors.

    A bound is the root mean square of the Cramer-Rao bounds of the same landings: ``batch`` for
    one frame of the rolling average, ``whole`` for an estimate from all frames. Bounds are NaN if
    the truth does not contain what they require.

    Attributes
    ----------
    landings
        Number of true landings that were detected.
    position_px
        Root-mean-square error of a coordinate (y or x, not the distance), in px.
    position_bound_batch_px, position_bound_whole_px
        Bounds of the position error, in px.
    contrast
        Root-mean-square error of the contrast; NaN if no contrast was reported.
    contrast_bound_batch, contrast_bound_whole
        Bounds of the contrast error.
    time_frames
        Root-mean-square error of the time, in frames.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> found = truth.landings.assign(y=truth.landings["y"] + 0.1, score=1.0)
    >>> errors = uai.evaluate_landings(found, truth).errors
    >>> print(f"{errors.position_px:.3f} px, bound {errors.position_bound_batch_px:.3f} px")
    0.071 px, bound 0.215 px
    """

    landings: int
    position_px: float
    position_bound_batch_px: float
    position_bound_whole_px: float
    contrast: float
    contrast_bound_batch: float
    contrast_bound_whole: float
    time_frames: float


@dataclass(frozen=True)
class Evaluation:
    """Figures of merit of detected landings, of one recording or of several pooled.

    Attributes
    ----------
    found
        Detected landings, highest score first, with the column ``is_true``.
    truth
        True landings with ``found_score`` (NaN if missed), ``found_raw_frame``, ``found_y``,
        ``found_x``, ``found_contrast``, and, if known, the bounds ``contrast_bound_batch``,
        ``contrast_bound_whole``, ``position_bound_batch_px``, ``position_bound_whole_px``.
    average_precision
        Average precision of the ranked list, 0 to 1; the mean over recordings if several were
        pooled. NaN if there are no true landings.
    n_frames
        Total number of frames of all recordings; None if unknown.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> evaluation = uai.evaluate_landings(truth.landings.head(4).assign(score=1.0), truth)
    >>> print(evaluation.as_text().splitlines()[0])
    4 found, 1 missed, 0 false
    >>> evaluation.precision, evaluation.recall
    (1.0, 0.8)
    """

    found: pd.DataFrame
    truth: pd.DataFrame
    average_precision: float
    n_frames: int | None

    @property
    def precision(self) -> float:
        """Fraction of the detected landings that are true; NaN if none was detected."""
        return float(self.found["is_true"].mean()) if len(self.found) else float("nan")

    @property
    def recall(self) -> float:
        """Fraction of the true landings that were detected; NaN if there are no true landings."""
        return float(self._hit.mean()) if len(self.truth) else float("nan")

    @property
    def n_found(self) -> int:
        """Number of true landings that were detected."""
        return int(self._hit.sum())

    @property
    def n_missed(self) -> int:
        """Number of true landings that were not detected."""
        return len(self.truth) - self.n_found

    @property
    def n_false(self) -> int:
        """Number of detected landings that are not true."""
        return len(self.found) - self.n_found

    @property
    def detection_limit(self) -> DetectionLimit:
        """Contrast detected with 50 % and 90 % recall; NaN if ``n_frames`` is None."""
        if self.n_frames is None:
            return DetectionLimit(*[float("nan")] * 3)
        return detection_limit(
            self.found["score"].to_numpy(),
            self.found["is_true"].to_numpy(),
            self.truth["contrast"].to_numpy(),
            self.truth["found_score"].to_numpy(),
            self.n_frames,
        )

    @property
    def errors(self) -> Errors:
        """Errors of position, contrast and time, with their bounds."""
        hits = self.truth[self._hit]
        differences = [hits[f"found_{axis}"] - hits[axis] for axis in ("y", "x")]
        contrast = (hits["found_contrast"] - hits["contrast"]).to_numpy(np.float64)
        return Errors(
            len(hits),
            root_mean_square(np.concatenate(differences)),
            _rms_of(hits, "position_bound_batch_px"),
            _rms_of(hits, "position_bound_whole_px"),
            root_mean_square(contrast),
            _rms_of(hits, "contrast_bound_batch"),
            _rms_of(hits, "contrast_bound_whole"),
            root_mean_square((hits["found_raw_frame"] - hits["raw_frame"]).to_numpy(np.float64)),
        )

    def precision_recall(self) -> pd.DataFrame:
        """Return precision and recall at each threshold of the score."""
        score, is_true = self.found["score"].to_numpy(), self.found["is_true"].to_numpy()
        return precision_recall(score, is_true, len(self.truth))

    def recall_by_snr(self) -> pd.DataFrame:
        """Return the recall of all reported landings in bins of the signal-to-noise ratio.

        Raises
        ------
        BadValueError
            If the truth has no column ``snr``.
        """
        if "snr" not in self.truth:
            raise BadValueError("table of true landings has no column 'snr': add it")
        return recall_by_snr(self.truth["snr"].to_numpy(), self._hit.to_numpy())

    def as_text(self) -> str:
        """Return the figures as lines for a terminal."""
        limit, errors = self.detection_limit, self.errors
        lines = [
            f"{self.n_found} found, {self.n_missed} missed, {self.n_false} false",
            f"average precision    {self.average_precision:.3f}",
            f"precision, recall    {self.precision:.3f}, {self.recall:.3f}",
        ]
        if self.n_frames is not None:
            low, high = (self._limit_text(c) for c in (limit.contrast_50, limit.contrast_90))
            lines.append(f"detection limit      contrast {low} (50 % recall), {high} (90 %)")
            lines.append("                     at one false landing per 10 000 frames")
        if errors.landings:
            lines += self._error_lines(errors)
        return "\n".join(lines)

    @property
    def _hit(self) -> pd.Series[bool]:
        return self.truth["found_score"].notna()

    def _limit_text(self, contrast: float) -> str:
        size = self.truth["contrast"].abs()
        if np.isnan(contrast):
            return "unknown"
        if contrast == 0:
            return f"below {size.min():.1e}"
        return f"above {size.max():.1e}" if np.isinf(contrast) else f"{contrast:.1e}"

    @staticmethod
    def _error_lines(errors: Errors) -> list[str]:
        figures = [
            ("position error", errors.position_px, errors.position_bound_batch_px, ".3f", " px"),
            ("contrast error", errors.contrast, errors.contrast_bound_batch, ".1e", ""),
        ]
        lines = []
        for name, value, bound, form, unit in figures:
            if not np.isnan(value):
                limit = "" if np.isnan(bound) else f"; bound of one batch {bound:{form}}{unit}"
                lines.append(f"{name:20} {value:{form}}{unit}{limit}")
        return [*lines, f"{'time error':20} {errors.time_frames:.0f} frames"]


def evaluate_landings(
    found: pd.DataFrame,
    truth: Truth | pd.DataFrame,
    *,
    max_frames: float | None = None,
    max_px: float = 2.5,
    same_sign: bool = False,
) -> Evaluation:
    """Compare detected landings with the ground truth.

    Detections are matched to true landings one to one, highest score first, each to the nearest
    landing within ``max_frames`` and ``max_px`` (see
    :func:`~napari_uai.evaluate.matching.match_landings`).

    Parameters
    ----------
    found
        One row per detected landing, in any order: ``raw_frame``, ``y``, ``x`` (in px of the
        recording), ``score`` (higher = more confident) and, optionally, ``contrast``, as in
        ``landings.csv``. May be empty.
    truth
        True landings, see :func:`~napari_uai.evaluate.truth.read_truth`; or only their table. Of a
        table, the figures that depend on the length of the recording, the batch or the
        point-spread function are NaN.
    max_frames
        Largest difference in time, in frames; if None, half the batch of the truth.
    max_px
        Largest distance, in px.
    same_sign
        Whether the contrast must have the sign of the true contrast.

    Returns
    -------
    Evaluation
        Precision, recall, average precision, detection limit and errors.

    Raises
    ------
    BadValueError
        If a column is missing or contains values that are not finite numbers, a limit is not
        positive, or ``max_frames`` is None and the batch unknown.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> found = truth.landings.head(3).assign(score=[9.0, 8.0, 7.0])
    >>> evaluation = uai.evaluate_landings(found, truth)
    >>> evaluation.n_found, evaluation.n_missed, evaluation.n_false
    (3, 2, 0)
    >>> evaluation.average_precision
    0.6
    """
    truth = truth if isinstance(truth, Truth) else Truth(truth)
    if max_frames is None:
        if truth.batch_size is None:
            raise BadValueError("max_frames is required, because the truth has no batch_size")
        max_frames = truth.batch_size / 2
    ranked = match_landings(
        found, truth.landings, max_frames=max_frames, max_px=max_px, same_sign=same_sign
    )
    table = _with_detections(truth.landings.reset_index(drop=True), ranked)
    ranked = ranked.assign(is_true=ranked["true_index"] >= 0).drop(columns="true_index")
    precision = average_precision(ranked["is_true"].to_numpy(), len(table))
    return Evaluation(ranked, _with_bounds(table, truth), precision, truth.n_frames)


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Combine the evaluations of several recordings.

    Average precision is the mean over the recordings; all other figures are those of all landings
    together.

    Parameters
    ----------
    evaluations
        One per recording; at least one.

    Returns
    -------
    Evaluation
        Evaluation of all recordings.

    Raises
    ------
    BadValueError
        If there are no evaluations.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> each = [uai.evaluate_landings(truth.landings.head(n).assign(score=1.0), truth)
    ...         for n in (3, 4)]
    >>> uai.evaluate.pool(each).recall
    0.7
    """
    if not evaluations:
        raise BadValueError("nothing to pool: pass at least one evaluation")
    detections = pd.concat([e.found for e in evaluations], ignore_index=True)
    lengths = [e.n_frames for e in evaluations]
    precisions = np.array([e.average_precision for e in evaluations])
    precisions = precisions[~np.isnan(precisions)]
    return Evaluation(
        detections.sort_values("score", ascending=False, kind="stable", ignore_index=True),
        pd.concat([e.truth for e in evaluations], ignore_index=True),
        float(precisions.mean()) if len(precisions) else float("nan"),
        None if None in lengths else sum(n for n in lengths if n is not None),
    )


def _with_detections(truth: pd.DataFrame, ranked: pd.DataFrame) -> pd.DataFrame:
    matches = ranked["true_index"].to_numpy()
    hits = ranked[matches >= 0]
    table = truth.copy()
    for column in ("score", "raw_frame", "y", "x", "contrast"):
        values = np.full(len(truth), np.nan)
        if column in ranked:
            values[matches[matches >= 0]] = pd.to_numeric(hits[column], errors="coerce")
        table[f"found_{column}"] = values
    return table


def _with_bounds(table: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    if "snr" not in table:
        return table
    ratios = {"batch": table["snr"].to_numpy(np.float64)}
    if truth.batch_size is not None and truth.n_frames is not None:
        ratios["whole"] = snr_of_whole_recording(
            ratios["batch"], table["raw_frame"].to_numpy(), truth.batch_size, truth.n_frames
        )
    for window, ratio in ratios.items():
        contrast = table["contrast"].to_numpy(np.float64)
        table[f"contrast_bound_{window}"] = contrast_bound(contrast, ratio)
        if truth.sigma_px is not None:
            table[f"position_bound_{window}_px"] = position_bound(ratio, truth.sigma_px)
    return table


def _rms_of(table: pd.DataFrame, column: str) -> float:
    return root_mean_square(table[column].to_numpy()) if column in table else float("nan")

"""A list of found landings against the truth, in one record."""

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
    """Errors of the landings that were found, and the least that is possible.

    A bound is the root mean square, over the same landings, of the Cramer-Rao bounds; ``batch``
    for one frame of the rolling average, ``whole`` for an estimate from all frames. NaN where the
    truth lacks what it takes.

    Attributes
    ----------
    landings
        Number of found true landings.
    position_px
        Root mean square error of y and of x (one coordinate, not the distance).
    position_bound_batch_px, position_bound_whole_px
        Its bounds.
    contrast
        Root mean square error of the contrast; NaN if none was reported.
    contrast_bound_batch, contrast_bound_whole
        Its bounds.
    time_frames
        Root mean square error of the time.
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
    """How good a list of landings is; of one recording, or of several pooled.

    Attributes
    ----------
    found
        The found landings, strongest first, with ``is_true``.
    truth
        The true landings with ``found_score`` (NaN if missed), ``found_raw_frame``, ``found_y``,
        ``found_x``, ``found_contrast``, and, where known, the bounds ``contrast_bound_batch``,
        ``contrast_bound_whole``, ``position_bound_batch_px``, ``position_bound_whole_px``.
    average_precision
        Of the ranked list, 0 to 1; the mean over recordings if several were pooled. NaN if there
        was nothing to find.
    n_frames
        Length of all recordings together; None if unknown.
    """

    found: pd.DataFrame
    truth: pd.DataFrame
    average_precision: float
    n_frames: int | None

    @property
    def precision(self) -> float:
        """Share of the found landings that are true; NaN if nothing was found."""
        return float(self.found["is_true"].mean()) if len(self.found) else float("nan")

    @property
    def recall(self) -> float:
        """Share of the true landings that were found; NaN if there was nothing to find."""
        return float(self._hit.mean()) if len(self.truth) else float("nan")

    @property
    def n_found(self) -> int:
        """Number of true landings that were found."""
        return int(self._hit.sum())

    @property
    def n_missed(self) -> int:
        """Number of true landings that were not."""
        return len(self.truth) - self.n_found

    @property
    def n_false(self) -> int:
        """Number of found landings that are not true."""
        return len(self.found) - self.n_found

    @property
    def detection_limit(self) -> DetectionLimit:
        """Contrast found with 50 % and 90 % recall; all NaN if the length is unknown."""
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
        """Position, contrast and time against their bounds."""
        hits = self.truth[self._hit]
        apart = [hits[f"found_{axis}"] - hits[axis] for axis in ("y", "x")]
        contrast = (hits["found_contrast"] - hits["contrast"]).to_numpy(np.float64)
        return Errors(
            len(hits),
            root_mean_square(np.concatenate(apart)),
            _rms_of(hits, "position_bound_batch_px"),
            _rms_of(hits, "position_bound_whole_px"),
            root_mean_square(contrast),
            _rms_of(hits, "contrast_bound_batch"),
            _rms_of(hits, "contrast_bound_whole"),
            root_mean_square((hits["found_raw_frame"] - hits["raw_frame"]).to_numpy(np.float64)),
        )

    def precision_recall(self) -> pd.DataFrame:
        """Return precision and recall over the threshold of the score."""
        found = self.found
        return precision_recall(
            found["score"].to_numpy(), found["is_true"].to_numpy(), len(self.truth)
        )

    def recall_by_snr(self) -> pd.DataFrame:
        """Return the recall in bins of the signal-to-noise ratio, of all that was reported.

        Raises
        ------
        BadValueError
            If the truth has no column ``snr``.
        """
        if "snr" not in self.truth:
            raise BadValueError("the truth has no column 'snr': simulate the recording anew")
        return recall_by_snr(self.truth["snr"].to_numpy(), self._hit.to_numpy())

    def as_text(self) -> str:
        """Return the figures as a few lines for a terminal."""
        limit, errors = self.detection_limit, self.errors
        lines = [
            f"{self.n_found} found, {self.n_missed} missed, {self.n_false} false",
            f"average precision    {self.average_precision:.3f}",
            f"precision, recall    {self.precision:.3f}, {self.recall:.3f}",
        ]
        if self.n_frames is not None:
            low, high = (self._limit_text(c) for c in (limit.contrast_50, limit.contrast_90))
            lines.append(f"contrast found       {low} (50 % recall), {high} (90 %)")
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
                against = "" if np.isnan(bound) else f"; bound of one batch {bound:{form}}{unit}"
                lines.append(f"{name:20} {value:{form}}{unit}{against}")
        return [*lines, f"{'time error':20} {errors.time_frames:.0f} frames"]


def evaluate_landings(
    found: pd.DataFrame,
    truth: Truth | pd.DataFrame,
    *,
    max_frames: float | None = None,
    max_px: float = 2.5,
    same_sign: bool = False,
) -> Evaluation:
    """Compare a ranked list of landings with the truth.

    Parameters
    ----------
    found
        One row per landing: ``raw_frame``, ``y``, ``x`` (px of the file's frame), ``score``
        (higher = surer), optionally ``contrast``; any order; may be empty.
    truth
        The true landings, or only their table; see :class:`~napari_uai.evaluate.truth.Truth`.
        What a bare table lacks (length, batch, point-spread function) is NaN in the result.
    max_frames
        Largest difference in time; None: half of the truth's batch; frames.
    max_px
        Largest distance; px.
    same_sign
        Whether a landing only counts as found with the right sign of the contrast.

    Returns
    -------
    Evaluation
        All figures.

    Raises
    ------
    BadValueError
        If a column is missing or holds anything but numbers, or ``max_frames`` is not known.
    """
    known = truth if isinstance(truth, Truth) else Truth(truth)
    if max_frames is None:
        if known.batch_size is None:
            raise BadValueError("max_frames is not given and the truth states no batch: give one")
        max_frames = known.batch_size / 2
    ranked = match_landings(
        found, known.landings, max_frames=max_frames, max_px=max_px, same_sign=same_sign
    )
    table = _with_found(known.landings.reset_index(drop=True), ranked)
    ranked = ranked.assign(is_true=ranked["true_index"] >= 0).drop(columns="true_index")
    precision = average_precision(ranked["is_true"].to_numpy(), len(table))
    return Evaluation(ranked, _with_bounds(table, known), precision, known.n_frames)


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Put several recordings together, for figures that one has too few landings for.

    Average precision is the mean over the recordings; all else is of all landings alike.

    Raises
    ------
    BadValueError
        If there is none.
    """
    if not evaluations:
        raise BadValueError("there is nothing to pool: give at least one evaluation")
    found = pd.concat([e.found for e in evaluations], ignore_index=True)
    lengths = [e.n_frames for e in evaluations]
    precisions = np.array([e.average_precision for e in evaluations])
    known = precisions[~np.isnan(precisions)]
    return Evaluation(
        found.sort_values("score", ascending=False, kind="stable", ignore_index=True),
        pd.concat([e.truth for e in evaluations], ignore_index=True),
        float(known.mean()) if len(known) else float("nan"),
        None if None in lengths else sum(n for n in lengths if n is not None),
    )


def _with_found(truth: pd.DataFrame, ranked: pd.DataFrame) -> pd.DataFrame:
    taken = ranked["true_index"].to_numpy()
    hits = ranked[taken >= 0]
    table = truth.copy()
    for column in ("score", "raw_frame", "y", "x", "contrast"):
        values = np.full(len(truth), np.nan)
        if column in ranked:
            values[taken[taken >= 0]] = pd.to_numeric(hits[column], errors="coerce")
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

"""How well a ranking of trails brings the anomalous ones to the top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.typing import AnyArray, Bools

ALL_KINDS = "all"
"""Name of the row in which all kinds of anomalies are counted together."""

RANKED_SCORES = ("anomaly", "heat", "worst_window", "direction", "nearest", "dwell", "speed")
"""Columns of a table of scores that are evaluated if they are there."""


def roc_auc(score: AnyArray, is_anomalous: AnyArray) -> float:
    """Return the area under the receiver operating characteristic.

    The probability that an anomalous trail scores higher than an ordinary one, ties counting half:
    the rank sum of Mann and Whitney (1947), https://doi.org/10.1214/aoms/1177730491.

    Parameters
    ----------
    score
        Of each trail, higher = more anomalous; NaN (not scored) is below all others.
    is_anomalous
        What is true of each trail.

    Returns
    -------
    float
        0 to 1, 0.5 by chance; NaN if all or none are anomalous.
    """
    values, hits = _checked(score, is_anomalous)
    n, ordinary = int(hits.sum()), int((~hits).sum())
    if n == 0 or ordinary == 0:
        return float("nan")
    ranks = rankdata(values)
    return float((ranks[hits].sum() - n * (n + 1) / 2) / (n * ordinary))


def average_precision_of_scores(score: AnyArray, is_anomalous: AnyArray) -> float:
    """Return the average precision of a ranking, tied trails taken together.

    The sum over different scores of precision at or above it, weighted by the recall gained there.
    Unlike :func:`napari_uai.evaluate.metrics.average_precision` it does not depend on the order in
    which equal scores happen to be listed.

    Parameters
    ----------
    score
        Of each trail, higher = more anomalous; NaN (not scored) is below all others.
    is_anomalous
        What is true of each trail.

    Returns
    -------
    float
        0 to 1, the share of anomalous trails by chance; NaN if none is anomalous.
    """
    values, hits = _checked(score, is_anomalous)
    if not hits.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    found = np.cumsum(hits)[last]
    gained = np.diff(found, prepend=0)
    return float(np.sum(gained * found / (last + 1)) / hits.sum())


def evaluate_trail_scores(
    scores: pd.DataFrame, truth: pd.DataFrame, *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare scores of trails with the truth, in all and for each kind of anomaly.

    Parameters
    ----------
    scores
        ``trail`` and one column per score, higher = more anomalous, as in ``scores.csv``.
    truth
        ``trail`` and ``anomaly``: the kind, empty if ordinary. A trail that ``scores`` lacks
        counts as least anomalous.
    columns
        Scores to evaluate; by default all of ``RANKED_SCORES`` that are there.

    Returns
    -------
    pandas.DataFrame
        A row per score and kind, ``all`` kinds first: ``score``, ``anomaly``, ``trails`` (how many
        are of this kind), ``roc_auc``, ``average_precision``. A kind is told from the ordinary
        trails alone: other anomalies are left out.

    Raises
    ------
    BadValueError
        If a column is missing, a trail has two rows, or no trail of the truth has a score.
    """
    for table, needed, name in (
        (scores, {"trail", *(columns or ())}, "scores"),
        (truth, {"trail", "anomaly"}, "truth"),
    ):
        if missing := needed - set(table.columns):
            raise BadValueError(
                f"the table of {name} lacks {', '.join(sorted(missing))}: add the column"
            )
        twice = table["trail"].astype(str).duplicated()
        if twice.any():
            first = table.loc[twice, "trail"].iloc[0]
            raise BadValueError(f"trail {first} stands twice in the table of {name}: keep one row")
    chosen = list(columns) if columns else [c for c in RANKED_SCORES if c in scores.columns]
    if not chosen:
        raise BadValueError(f"no score to evaluate: name a column, or give {RANKED_SCORES[0]!r}")
    names = truth["trail"].astype(str)
    values = scores.set_index(scores["trail"].astype(str))[chosen].reindex(names)
    if not np.isin(names, scores["trail"].astype(str)).any():
        raise BadValueError(
            "no trail of the truth stands in the scores: are they of one recording?"
        )
    anomaly = truth["anomaly"].fillna("").astype(str).to_numpy()
    rows = []
    for score in chosen:
        value = values[score].to_numpy(np.float64)
        for kind in (ALL_KINDS, *sorted(set(anomaly) - {""})):
            wanted = anomaly != "" if kind == ALL_KINDS else anomaly == kind
            counted = wanted | (anomaly == "")
            figures = (value[counted], wanted[counted])
            rows.append(
                {
                    "score": score,
                    "anomaly": kind,
                    "trails": int(wanted.sum()),
                    "roc_auc": roc_auc(*figures),
                    "average_precision": average_precision_of_scores(*figures),
                }
            )
    return pd.DataFrame(rows)


def read_trail_truth(path: Path) -> pd.DataFrame:
    """Read ``truth.csv`` as ``napari-uai simulate trails`` writes it.

    Parameters
    ----------
    path
        csv with ``trail`` and ``anomaly`` (empty: ordinary); other columns are kept.

    Returns
    -------
    pandas.DataFrame
        ``trail`` and ``anomaly`` as text.

    Raises
    ------
    TrailFormatError
        If the file cannot be read as such a table.
    """
    try:
        truth = pd.read_csv(path, dtype={"trail": str, "anomaly": str}, keep_default_na=True)
    except FileNotFoundError:
        raise TrailFormatError(f"{path} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrailFormatError(f"{path} is no table of true anomalies: {reason}") from error
    if missing := {"trail", "anomaly"} - set(truth.columns):
        raise TrailFormatError(
            f"{path} lacks the columns {', '.join(sorted(missing))}: "
            "give the truth.csv of a simulation"
        )
    return truth.assign(anomaly=truth["anomaly"].fillna(""))


def _checked(score: AnyArray, is_anomalous: AnyArray) -> tuple[AnyArray, Bools]:
    values, hits = np.asarray(score, np.float64), np.asarray(is_anomalous, bool)
    if values.shape != hits.shape or values.ndim != 1:
        raise BadValueError(
            f"{values.shape} scores for {hits.shape} trails: give one score per trail"
        )
    return np.where(np.isnan(values), -np.inf, values), hits

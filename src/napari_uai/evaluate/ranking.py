"""Evaluation of rankings of trails: whether the anomalous ones rank first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from napari_uai.errors import BadValueError, TrailFormatError, one_line
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.typing import AnyArray, Bools
from napari_uai.untrusted import read_csv

ALL_KINDS = "all"
"""Name of the row in which all kinds of anomalies are counted together."""

RANKED_SCORES = ("anomaly", *SCORES)
"""Columns of a table of scores that are evaluated by default."""


def roc_auc(score: AnyArray, is_anomalous: AnyArray) -> float:
    """Return the area under the receiver operating characteristic.

    This is the probability that an anomalous trail scores higher than an ordinary one, where ties
    count half, computed from the rank sum [1]_.

    Parameters
    ----------
    score
        Score of each trail, higher = more anomalous; NaN (not scored) ranks below all others.
    is_anomalous
        Whether each trail is anomalous; bool.

    Returns
    -------
    float
        0 to 1, 0.5 by chance; NaN if all trails are anomalous, or none.

    Raises
    ------
    BadValueError
        If the two differ in length.

    References
    ----------
    .. [1] H. B. Mann, D. R. Whitney, "On a Test of Whether one of Two Random Variables is
       Stochastically Larger than the Other", Ann. Math. Statist. 18, 50-60 (1947).
       https://doi.org/10.1214/aoms/1177730491

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.evaluate.roc_auc([0.9, 0.2, 0.4, 0.1], [True, False, False, False])
    1.0
    """
    values, hits = _checked(score, is_anomalous)
    n, ordinary = int(hits.sum()), int((~hits).sum())
    if n == 0 or ordinary == 0:
        return float("nan")
    ranks = rankdata(values)
    return float((ranks[hits].sum() - n * (n + 1) / 2) / (n * ordinary))


def average_precision_of_scores(score: AnyArray, is_anomalous: AnyArray) -> float:
    """Return the average precision of scores, with tied trails taken together.

    The precision at or above each distinct score, weighted by the gain in recall [1]_. Unlike
    :func:`~napari_uai.evaluate.metrics.average_precision`, the result does not depend on the order
    of trails with equal scores.

    Parameters
    ----------
    score
        Score of each trail, higher = more anomalous; NaN (not scored) ranks below all others.
    is_anomalous
        Whether each trail is anomalous; bool.

    Returns
    -------
    float
        0 to 1, by chance the fraction of anomalous trails; NaN if no trail is anomalous.

    Raises
    ------
    BadValueError
        If the two differ in length.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schuetze, "Introduction to Information Retrieval",
       section 8.4, Cambridge University Press, 2008.

    Examples
    --------
    >>> import napari_uai as uai
    >>> anomalous = [True, False, True, False]
    >>> uai.evaluate.average_precision_of_scores([0.9, 0.5, 0.5, 0.1], anomalous)
    0.8333333333333333
    """
    values, hits = _checked(score, is_anomalous)
    if not hits.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    n_hits = np.cumsum(hits)[last]
    gain = np.diff(n_hits, prepend=0)
    return float(np.sum(gain * n_hits / (last + 1)) / hits.sum())


def evaluate_trail_scores(
    scores: pd.DataFrame, truth: pd.DataFrame, *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare scores of trails with the ground truth, for all anomalies and for each kind.

    Parameters
    ----------
    scores
        One row per trail: ``trail`` and one column per score (higher = more anomalous), as in
        ``scores.csv``.
    truth
        One row per trail: ``trail`` and ``anomaly`` (kind; empty if ordinary), see
        :func:`~napari_uai.evaluate.ranking.read_trail_truth`. Trails without scores rank last.
    columns
        Scores to evaluate; by default ``anomaly`` and all single scores that exist.

    Returns
    -------
    pandas.DataFrame
        One row per score and kind of anomaly, first ``all`` kinds together: ``score``,
        ``anomaly``, ``trails`` (number of that kind), ``roc_auc``, ``average_precision``. Each
        kind is compared with the ordinary trails only; anomalies of other kinds are excluded.

    Raises
    ------
    BadValueError
        If a column is missing, a trail occurs more than once, or no trail of the truth has scores.

    Examples
    --------
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> scores = pd.DataFrame({"trail": ["a", "b", "c"], "anomaly": [0.2, 0.9, 0.4]})
    >>> truth = pd.DataFrame({"trail": ["a", "b", "c"], "anomaly": ["", "reversed", ""]})
    >>> table = uai.evaluate_trail_scores(scores, truth)
    >>> table["anomaly"].tolist(), table["roc_auc"].tolist()
    (['all', 'reversed'], [1.0, 1.0])
    """
    for table, needed, name in (
        (scores, {"trail", *(columns or ())}, "scores"),
        (truth, {"trail", "anomaly"}, "truth"),
    ):
        if missing := needed - set(table.columns):
            raise BadValueError(f"{name}: missing columns: {', '.join(sorted(missing))}")
        repeated = table["trail"].astype(str).duplicated()
        if repeated.any():
            first = table.loc[repeated, "trail"].iloc[0]
            raise BadValueError(f"{name}: trail {first} occurs more than once; keep one row")
    chosen = list(columns) if columns else [c for c in RANKED_SCORES if c in scores.columns]
    if not chosen:
        raise BadValueError(
            f"scores: no column to evaluate; add one of {', '.join(RANKED_SCORES)}, or pass columns"
        )
    names = truth["trail"].astype(str)
    values = scores.set_index(scores["trail"].astype(str))[chosen].reindex(names)
    if not np.isin(names, scores["trail"].astype(str)).any():
        raise BadValueError(
            "scores and truth have no trail in common; use those of the same recording"
        )
    anomaly = truth["anomaly"].fillna("").astype(str).to_numpy()
    rows = []
    for score in chosen:
        value = _numbers(values[score])
        for kind in (ALL_KINDS, *sorted(set(anomaly) - {""})):
            anomalous = anomaly != "" if kind == ALL_KINDS else anomaly == kind
            compared = anomalous | (anomaly == "")
            figures = (value[compared], anomalous[compared])
            rows.append(
                {
                    "score": score,
                    "anomaly": kind,
                    "trails": int(anomalous.sum()),
                    "roc_auc": roc_auc(*figures),
                    "average_precision": average_precision_of_scores(*figures),
                }
            )
    return pd.DataFrame(rows)


def read_trail_truth(path: str | Path) -> pd.DataFrame:
    """Read the anomalies of a simulated scene, as written by ``napari-uai simulate trails``.

    Parameters
    ----------
    path
        csv table with the columns ``trail`` and ``anomaly`` (empty if ordinary), usually
        ``truth.csv``.

    Returns
    -------
    pandas.DataFrame
        All columns of the file; ``trail`` and ``anomaly`` are strings.

    Raises
    ------
    TrailFormatError
        If the file cannot be read as such a table.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.evaluate.read_trail_truth(uai.sample_path("trails") / "truth.csv")
    >>> len(truth), int((truth["anomaly"] != "").sum())
    (400, 12)
    """
    truth = read_csv(path, types={"trail": str, "anomaly": str}, error=TrailFormatError)
    if missing := {"trail", "anomaly"} - set(truth.columns):
        raise TrailFormatError(
            f"{path}: missing columns: {', '.join(sorted(missing))}; "
            "choose a truth.csv written by napari-uai simulate"
        )
    return truth.assign(anomaly=truth["anomaly"].fillna(""))


def _numbers(column: pd.Series[Any]) -> AnyArray:
    """Return scores as numbers; NaN where there is none."""
    numbers = pd.to_numeric(column, errors="coerce")
    if (wrong := column[numbers.isna() & column.notna()]).size:
        raise BadValueError(
            f"scores: {column.name} must contain numbers, got {one_line(wrong.iloc[0], 40)!r}"
        )
    return numbers.to_numpy(np.float64)


def _checked(score: AnyArray, is_anomalous: AnyArray) -> tuple[AnyArray, Bools]:
    values, hits = np.asarray(score, np.float64), np.asarray(is_anomalous, bool)
    if values.shape != hits.shape or values.ndim != 1:
        raise BadValueError(
            "score and is_anomalous must be one-dimensional and of equal length, "
            f"got shapes {values.shape} and {hits.shape}"
        )
    return np.where(np.isnan(values), -np.inf, values), hits

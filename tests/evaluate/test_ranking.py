from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.evaluate.metrics import average_precision
from napari_uai.evaluate.ranking import (
    average_precision_of_scores,
    evaluate_trail_scores,
    read_trail_truth,
    roc_auc,
)


def pairs_won(score, hits):
    won = [
        np.sign(a - b) / 2 + 0.5 for a, x in zip(score, hits, strict=True) if x
        for b, y in zip(score, hits, strict=True) if not y
    ]  # fmt: skip
    return np.mean(won)


@pytest.mark.parametrize("levels", [3, 20, 10**6])
def test_roc_auc_is_the_share_of_pairs_in_order_ties_counting_half(levels):
    rng = np.random.default_rng(levels)
    score, hits = rng.integers(0, levels, 60), rng.random(60) < 0.2
    assert roc_auc(score, hits) == pytest.approx(pairs_won(score, hits))


def test_average_precision_without_ties_is_that_of_the_ranked_list():
    rng = np.random.default_rng(1)
    score, hits = rng.random(300), rng.random(300) < 0.1
    ranked = hits[np.argsort(-score)]
    expected = average_precision(ranked, int(hits.sum()))
    assert average_precision_of_scores(score, hits) == pytest.approx(expected)


def test_tied_trails_share_the_precision_at_the_end_of_the_tie():
    score, hits = [3, 2, 2, 2, 1], [False, True, False, True, True]
    assert average_precision_of_scores(score, hits) == pytest.approx((2 * 2 / 4 + 3 / 5) / 3)
    assert average_precision_of_scores([1] * 10, [True] + [False] * 9) == pytest.approx(0.1)


def test_equal_scores_give_the_same_figures_in_any_order():
    rng = np.random.default_rng(3)
    score, hits = rng.integers(0, 4, 80), rng.random(80) < 0.3
    order = rng.permutation(80)
    for figure in (roc_auc, average_precision_of_scores):
        assert figure(score[order], hits[order]) == pytest.approx(figure(score, hits))


def test_a_trail_without_score_ranks_last():
    assert roc_auc([0.1, np.nan, 0.5], [False, True, False]) == 0
    assert roc_auc([0.1, np.nan, 0.5], [True, False, True]) == 1


def test_nothing_to_tell_apart_gives_nan():
    assert np.isnan(roc_auc([1, 2], [True, True]))
    assert np.isnan(roc_auc([1, 2], [False, False]))
    assert np.isnan(average_precision_of_scores([1, 2], [False, False]))


def test_each_kind_is_told_from_ordinary_trails_alone():
    truth = pd.DataFrame({"trail": list("abcd"), "anomaly": ["shortcut", "", "reversed", ""]})
    scores = pd.DataFrame(
        {"trail": list("dcba"), "anomaly": [0.1, 0.3, 0.2, 0.9], "heat": [0.5] * 4}
    )
    table = evaluate_trail_scores(scores, truth).set_index(["score", "anomaly"])
    assert table.loc[("anomaly", "all"), "trails"] == 2
    # the reversed one ranks second behind the other anomaly, which does not count against it
    assert (table.loc["anomaly", ["roc_auc", "average_precision"]] == 1).all(axis=None)
    assert table.loc[("heat", "all"), "roc_auc"] == 0.5
    assert table.loc[("heat", "all"), "average_precision"] == 0.5


def test_a_trail_that_the_scores_lack_counts_as_least_anomalous():
    truth = pd.DataFrame({"trail": ["1", "2", "3"], "anomaly": ["reversed", "", ""]})
    scores = pd.DataFrame({"trail": [2, 3], "anomaly": [0.5, 0.1]})
    table = evaluate_trail_scores(scores, truth)
    assert table["roc_auc"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"name": ["a"]}, "scores: missing columns: trail"),
        ({"trail": ["a"]}, "scores: no column to evaluate"),
        ({"trail": ["a", "a"], "heat": [1, 2]}, "scores: trail a occurs more than once"),
        ({"trail": ["x"], "heat": [1]}, "scores and truth have no trail in common"),
    ],
)
def test_tables_that_do_not_fit_are_refused(scores, message):
    truth = pd.DataFrame({"trail": ["a", "b"], "anomaly": ["", "reversed"]})
    with pytest.raises(BadValueError, match=message):
        evaluate_trail_scores(pd.DataFrame(scores), truth)


def test_truth_reads_with_names_as_text_and_empty_kinds(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("trail,class,anomaly\n0012,car,\n13,car,late turn\n")
    truth = read_trail_truth(path)
    assert truth["trail"].tolist() == ["0012", "13"]
    assert truth["anomaly"].tolist() == ["", "late turn"]


def test_a_file_that_is_no_truth_is_named(tmp_path):
    with pytest.raises(TrailFormatError, match=r"none\.csv does not exist"):
        read_trail_truth(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("trail,x\n1,2\n")
    with pytest.raises(TrailFormatError, match=r"a\.csv: missing columns: anomaly"):
        read_trail_truth(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(TrailFormatError, match=r"b\.csv cannot be read as a table"):
        read_trail_truth(tmp_path / "b.csv")

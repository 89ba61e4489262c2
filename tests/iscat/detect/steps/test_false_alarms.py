import numpy as np
import pandas as pd
import pytest

from napari_uai.iscat.detect.steps.false_alarms import (
    DECAY,
    WEAK,
    expected_false,
    favour_common_sign,
)


def noise_scores(rng, n, decay):
    """Scores whose excess energy over the weak limit is exponential."""
    return np.sqrt(WEAK[0] ** 2 + 2 * rng.exponential(1 / decay, n))


# Gaussian noise is what is expected; heavier and lighter tails take more events to be believed.
@pytest.mark.parametrize(("decay", "n"), [(DECAY, 400), (0.5, 4000), (1.0, 4000)])
def test_false_events_beyond_the_weak_are_predicted(decay, n):
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(40):
        scores = noise_scores(rng, n, decay)
        limit = np.sqrt(WEAK[0] ** 2 + 2 * np.log(100) / decay)
        predicted = np.interp(limit, np.sort(scores), np.sort(expected_false(scores))[::-1])
        ratios.append(predicted / (n / 100))
    assert 0.75 < np.median(ratios) < 1.33


def test_it_falls_with_the_score_and_never_below_what_one_weak_event_allows():
    scores = np.array([3.0, 4.0, 5.0, 9.0])
    expected = expected_false(scores)
    assert (np.diff(expected) < 0).all()
    assert expected[-1] < 1e-6


def test_no_event_is_no_trouble():
    assert expected_false(np.empty(0)).shape == (0,)


def events(contrast, score):
    return pd.DataFrame({"contrast": contrast, "score": score})


def test_the_rare_sign_loses_and_the_common_gains():
    strong = events([-1e-3] * 15, [9.0] * 15)
    weak = events([-1e-4, 1e-4], [4.5, 4.5])
    dark, bright = favour_common_sign(pd.concat([strong, weak], ignore_index=True), "auto")[-2:]
    assert dark == pytest.approx(np.sqrt(4.5**2 + 2 * np.log(2 * 16 / 17)))
    assert bright == pytest.approx(np.sqrt(4.5**2 + 2 * np.log(2 / 17)))


def test_even_shares_change_nothing():
    table = events([1.0, -1.0, 1.0], [8.0, 8.0, 4.0])
    np.testing.assert_allclose(favour_common_sign(table.iloc[:2], "auto"), [8, 8])
    np.testing.assert_array_equal(favour_common_sign(table, "both"), table["score"])


def test_one_sign_only_on_request():
    table = events([1.0, -1.0], [8.0, 7.0])
    np.testing.assert_array_equal(favour_common_sign(table, "bright"), [8, 0])
    np.testing.assert_array_equal(favour_common_sign(table, "dark"), [0, 7])

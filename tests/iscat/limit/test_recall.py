from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from napari_uai.errors import BadValueError
from napari_uai.iscat.limit.recall import binned_recall, fit_recall


def drawn(rng, n, *, half=2e-4, width=0.25, top=0.98):
    contrasts = half * np.exp(rng.uniform(-1, 1, n))
    recall = top * ndtr(np.log(contrasts / half) / width)
    return contrasts, rng.random(n) < recall


def test_the_interval_contains_the_contrast_of_half_the_recall():
    rng = np.random.default_rng(0)
    exact = 2e-4 * np.exp(0.25 * 0.0257)  # Phi(0.0257) = 0.5 / 0.98 - 1e-4
    inside = 0
    for _ in range(20):
        _, low, high = fit_recall(*drawn(rng, 80)).contrast_at(0.5)
        inside += low <= exact <= high
    assert inside >= 17  # 19 are expected, fewer than 17 in 2 % of such tests


def test_many_landings_give_the_curve():
    contrasts, found = drawn(np.random.default_rng(1), 1500)
    curve = fit_recall(contrasts, found)
    assert curve.contrast_at(0.5)[0] == pytest.approx(2e-4, rel=0.04)
    recall, low, high = curve.at([1e-4, 2e-4, 4e-4])
    expected = 0.98 * ndtr(np.log([0.5, 1, 2]) / 0.25)
    np.testing.assert_allclose(recall, expected, atol=0.05)
    assert (low <= recall).all()
    assert (recall <= high).all()


def test_a_recall_that_is_not_reached_has_no_contrast():
    contrasts, found = drawn(np.random.default_rng(2), 600, top=0.7)
    curve = fit_recall(contrasts, found)
    assert np.isinf(curve.contrast_at(0.9)[0])
    assert np.isfinite(curve.contrast_at(0.5)[0])


def test_a_common_error_of_contrasts_widens_the_interval():
    curve = fit_recall(*drawn(np.random.default_rng(4), 1500))
    half, low, high = curve.scaled(0.2).contrast_at(0.5)
    assert half == pytest.approx(curve.contrast_at(0.5)[0], rel=0.02)
    assert np.log(high / low) == pytest.approx(2 * 1.96 * 0.2, rel=0.12)  # nine points
    assert curve.scaled(0.0) is curve


def test_signs_do_not_matter():
    contrasts, found = drawn(np.random.default_rng(3), 50)
    signs = np.where(np.arange(50) % 2, 1, -1)
    assert fit_recall(contrasts, found).contrast_at(0.5) == fit_recall(
        signs * contrasts, found
    ).contrast_at(0.5)


def test_all_found_and_none_found_have_intervals():
    for found in (True, False):
        _, low, high = fit_recall(np.full(20, 1e-3), np.full(20, found)).contrast_at(0.5)
        assert 0 < low < high


def test_recall_of_groups_has_jeffreys_intervals():
    contrasts = np.repeat([1e-4, -1e-3], 15)
    table = binned_recall(contrasts, np.abs(contrasts) > 5e-4)
    assert table["found"].tolist() == [0, 15]
    assert table["contrast"].tolist() == pytest.approx([1e-4, 1e-3])
    # Brown, Cai & DasGupta, Stat. Sci. 16, 101 (2001), table 5: 0 of 15
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx([0, 0.152], abs=5e-4)
    assert table.loc[1, ["low", "high"]].tolist() == pytest.approx([0.848, 1], abs=5e-4)


@pytest.mark.parametrize(
    ("contrasts", "found", "words"),
    [
        ([], [], "as many results"),
        ([1e-4], [True, False], "as many results"),
        ([0.0], [True], "other than 0"),
    ],
)
def test_nonsense_is_refused(contrasts, found, words):
    with pytest.raises(BadValueError, match=words):
        fit_recall(contrasts, found)

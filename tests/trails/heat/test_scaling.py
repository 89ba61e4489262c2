"""Scales of heat against their formulas in double precision."""

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import measure_heat
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.table import Scene, trails_of


def measured(n=60, classes=None, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (f"t{i}", t, 24 + y + 0.3 * rng.normal(), 2 + 2.0 * t)
        for i, y in enumerate(rng.normal(0, 3, n))
        for t in range(30)
    ]
    trails = trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x"]), Scene(64, 48))
    return measure_heat(paint_footprints(trails, longest_side_px=64), classes, blur_px=3)


FORMULAS = {
    "linear": lambda h, _: h,
    "sqrt": lambda h, _: np.sqrt(h),
    "log": lambda h, low: np.log(h - low + 1),
    "surprisal": lambda h, _: np.log(h + 0.5),
}


@pytest.mark.parametrize("scale", list(FORMULAS))
@pytest.mark.parametrize(("lower", "upper"), [(3, 12), (0, 5), (0, 1000)])
def test_a_scale_follows_its_formula_between_its_limits(scale, lower, upper):
    heat = measured()
    high = min(upper, heat.blurred.max())
    term = FORMULAS[scale](np.clip(heat.at_points.astype(float), lower, high), lower)
    ends = FORMULAS[scale](np.array([lower, high], float), lower)
    expected = (term - ends[0]) / (ends[1] - ends[0])
    found = rescale(heat, lower=lower, upper=upper, unit="trails", scale=scale)
    np.testing.assert_allclose(found.at_points, expected, atol=2e-6)
    assert (found.at_points[heat.at_points <= lower] == 0).all()


def test_the_logarithm_is_the_one_of_the_reference():
    heat = measured()
    scale = rescale(heat, lower=3, upper=50, unit="trails", scale="log").scales[0]
    values = heat.blurred[0, 0]
    expected = np.log(np.clip(values, 3, 50) - 3 + 1)
    np.testing.assert_allclose(scale.apply(values), expected / expected.max(), atol=2e-6)


def test_permille_are_of_the_included_trails_of_the_class():
    heat = measured(60, np.where(np.arange(60) < 40, "a", "b"))
    found = rescale(heat, lower=50, upper=100, unit="permille", scale="linear")
    assert [(s.lower, s.upper) for s in found.scales] == [(2, 4), (1, 2)]


def test_quantiles_are_of_the_heat_that_trails_meet():
    heat = measured()
    found = rescale(heat, lower=0.1, upper=0.9, unit="quantile", scale="linear").scales[0]
    low, high = np.quantile(heat.at_points, [0.1, 0.9])
    assert found.lower == pytest.approx(low, rel=0.01)
    assert found.upper == pytest.approx(high, rel=0.01)


def test_a_rank_is_the_share_of_places_met_that_are_colder():
    heat = measured()
    values = heat.at_points.astype(float)
    found = rescale(heat, lower=0, upper=1, unit="quantile", scale="rank").at_points
    order = np.sort(values)
    middle = 0.5 * (np.searchsorted(order, values) + np.searchsorted(order, values, "right"))
    rank = middle / len(values)
    expected = (rank - rank.min()) / (rank.max() - rank.min())
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("scale", [*FORMULAS, "rank"])
def test_scores_do_not_fall_with_heat(scale):
    heat = measured()
    found = rescale(heat, lower=1, upper=20, unit="trails", scale=scale).at_points
    order = np.argsort(heat.at_points, kind="stable")
    assert (np.diff(found[order]) >= -1e-6).all()
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("scale", [*FORMULAS, "rank"])
def test_a_class_below_the_lower_limit_is_not_ordinary_anywhere(scale):
    found = rescale(measured(3), lower=10, upper=50, unit="trails", scale=scale)
    assert (found.at_points == 0).all()


@pytest.mark.parametrize("unit", ["trails", "quantile", "permille"])
def test_a_trail_whose_class_has_no_included_trail_meets_nothing_ordinary(unit):
    heat = measured(5)
    nobody = measure_heat(heat.footprints, included=np.zeros(5, bool))
    found = rescale(nobody, lower=0, upper=1, unit=unit, scale="rank")
    assert (found.at_points == 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"lower": 5, "upper": 5},
        {"lower": 30},
        {"lower": -1},
        {"upper": np.inf},
        {"upper": np.nan},
        {"lower": 0.1, "upper": 2, "unit": "quantile"},
        {"lower": 1, "upper": 2000, "unit": "permille"},
        {"unit": "percent"},
        {"scale": "cubic"},
    ],
)
def test_wrong_limits_and_names_are_refused(wrong):
    with pytest.raises(BadValueError, match="must be"):
        rescale(measured(2), **wrong)

"""Calibration: against numpy, scipy and closed forms; its files are checked and read back."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from napari_uai.errors import BadValueError
from napari_uai.iscat import landing_masses
from napari_uai.iscat.mass import (
    Calibration,
    fit_calibration,
    read_calibration,
    read_standards,
    write_calibration,
)

MASSES = np.array([66.5, 133.0, 330.0, 480.0])
CONTRASTS = 3.2e-5 * MASSES + 1e-5 + np.array([1e-5, -2e-5, 3e-5, -1e-5])
ERRORS = np.array([2e-5, 4e-5, 5e-5, 8e-5])


def standards(**columns):
    return pd.DataFrame({"mass_kda": MASSES, "contrast": CONTRASTS, **columns})


def test_slope_intercept_and_covariance_are_those_of_scipy():
    fitted = fit_calibration(standards(contrast_error=ERRORS), intercept=True)
    line = lambda mass, slope, intercept: slope * mass + intercept  # noqa: E731
    values, covariance = curve_fit(
        line, MASSES, CONTRASTS, p0=(3e-5, 0), sigma=ERRORS, absolute_sigma=True
    )
    assert fitted.scatter < 1  # the errors explain the scatter, and stay as they are
    assert (fitted.slope, fitted.intercept) == pytest.approx(tuple(values), rel=1e-5)
    assert fitted.slope_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-5)
    assert fitted.intercept_error == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-5)
    assert fitted.covariance == pytest.approx(covariance[0, 1], rel=1e-5)


def test_without_errors_the_scatter_gives_them_as_in_polyfit():
    fitted = fit_calibration(standards(), intercept=True)
    values, covariance = np.polyfit(MASSES, CONTRASTS, 1, cov=True)
    assert (fitted.slope, fitted.intercept) == pytest.approx(tuple(values))
    assert fitted.slope_error == pytest.approx(np.sqrt(covariance[0, 0]))
    assert fitted.covariance == pytest.approx(covariance[0, 1])


def test_through_the_origin_the_slope_is_the_closed_form():
    fitted = fit_calibration(standards(contrast_error=ERRORS))
    weights = ERRORS**-2.0
    slope = (weights * MASSES * CONTRASTS).sum() / (weights * MASSES**2).sum()
    chi_square = (weights * (CONTRASTS - slope * MASSES) ** 2).sum() / 3
    assert fitted.slope == pytest.approx(slope)
    assert fitted.intercept == 0
    assert fitted.scatter == pytest.approx(chi_square)
    enlarged = max(1, chi_square)
    assert fitted.slope_error == pytest.approx(np.sqrt(enlarged / (weights * MASSES**2).sum()))
    np.testing.assert_allclose(fitted.standards["residual"], CONTRASTS - slope * MASSES)


def test_errors_that_do_not_explain_the_scatter_are_enlarged():
    small = fit_calibration(standards(contrast_error=ERRORS / 10))
    assert small.scatter > 1
    same = fit_calibration(standards(contrast_error=ERRORS / 20))
    assert small.slope_error == pytest.approx(same.slope_error)  # only their ratios count then


def test_the_sign_of_the_contrasts_makes_no_difference():
    dark = standards().assign(contrast=-CONTRASTS)
    assert fit_calibration(dark).slope == pytest.approx(fit_calibration(standards()).slope)
    with pytest.raises(BadValueError, match="both signs"):
        fit_calibration(standards().assign(contrast=CONTRASTS * [1, -1, 1, 1]))


def test_the_error_of_a_mass_is_that_of_simulated_calibrations():
    calibration = Calibration(3.2e-5, 2e-5, 4e-7, 3e-5, -0.7 * 4e-7 * 3e-5)
    covariance = [[16e-14, calibration.covariance], [calibration.covariance, 9e-10]]
    rng = np.random.default_rng(0)
    slopes, intercepts = rng.multivariate_normal((3.2e-5, 2e-5), covariance, 200_000).T
    contrasts = 3.22e-3 + 1e-4 * rng.normal(size=200_000)
    simulated = (contrasts - intercepts) / slopes
    masses, errors = calibration.masses([-3.22e-3], [1e-4])
    assert masses[0] == pytest.approx(100)
    assert errors[0] == pytest.approx(simulated.std(), rel=0.01)
    assert calibration.noise(1e-4) == pytest.approx(1e-4 / 3.2e-5)


def test_a_mass_and_its_contrast_are_inverse():
    calibration = Calibration(3.2e-5, 2e-5)
    masses, _ = calibration.masses(calibration.contrasts([20, 30, 60]))
    np.testing.assert_allclose(masses, [20, 30, 60])


@pytest.mark.parametrize("intercept", [False, True])
def test_a_calibration_is_read_back_as_written(tmp_path, intercept):
    path = tmp_path / "folder" / "calibration.toml"
    table = standards(contrast_error=ERRORS, name=["a", "b", "c", "d"])
    written = fit_calibration(table, intercept=intercept)
    write_calibration(written, path)
    read = read_calibration(path)
    for name in ("slope", "intercept", "slope_error", "intercept_error", "covariance", "scatter"):
        assert getattr(read, name) == getattr(written, name)
    pd.testing.assert_frame_equal(read.standards, written.standards)
    assert [file.name for file in path.parent.iterdir()] == ["calibration.toml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slope = 1", "not a calibration"),
        ('format = "napari-uai calibration 1"\nslope = "x"', "slope must be a number"),
        ('format = "napari-uai calibration 1"\nslope = -1.0', "above 0"),
        ('format = "napari-uai calibration 1"\nslope = nan', "must be a number"),
        ('format = "napari-uai calibration 1"\nslope = 1.0\nstandards = [3]', "corrupt or not"),
        ("[[[", "not valid TOML"),
    ],
)
def test_files_that_are_no_calibration_are_named(tmp_path, text, words):
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(BadValueError, match=words) as caught:
        read_calibration(path)
    assert "\n" not in str(caught.value)


def test_a_missing_calibration_is_named(tmp_path):
    with pytest.raises(BadValueError, match=r"no\.toml cannot be read"):
        read_calibration(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("table", "intercept", "words"),
    [
        ({"mass_kda": [1.0]}, False, "no column contrast"),
        ({"mass_kda": [1.0], "contrast": [1.0]}, False, "at least 2 standards"),
        ({"mass_kda": [1.0], "contrast": [1.0], "contrast_error": [0.1]}, True, "at least 2"),
        ({"mass_kda": [1.0, 1.0], "contrast": [1.0, 1.1], "contrast_error": [0.1, 0.1]}, True,
         "different masses"),
        ({"mass_kda": [1e300, 1.0], "contrast": [1.0, 1.0]}, False, "too large or too small"),
        ({"mass_kda": [0.0, 1.0], "contrast": [1.0, 1.0]}, False, "above 0"),
        ({"mass_kda": [2.0, 1.0], "contrast": [1.0, np.nan]}, False, "other than 0"),
        ({"mass_kda": [2.0, 1.0], "contrast": [1.0, 1.0], "contrast_error": [0.1, 0.0]}, False,
         "contrast_error"),
    ],
)  # fmt: skip
def test_standards_that_cannot_be_used_are_refused(table, intercept, words):
    with pytest.raises(BadValueError, match=words):
        fit_calibration(pd.DataFrame(table), intercept=intercept)


def test_one_standard_with_an_error_is_enough_through_the_origin():
    fitted = fit_calibration(
        pd.DataFrame({"mass_kda": [100.0], "contrast": [3.2e-3], "contrast_error": [3.2e-5]})
    )
    assert (fitted.slope, fitted.slope_error) == pytest.approx((3.2e-5, 3.2e-7))


def test_standards_are_read_in_several_spellings(tmp_path):
    path = tmp_path / "standards.csv"
    path.write_text("Protein;Mass (kDa);Contrast\n# measured in May\nBSA;66,5;-0,0021\n")
    read = read_standards(path)
    assert read.to_dict("records") == [{"name": "BSA", "mass_kda": 66.5, "contrast": -0.0021}]


def test_the_stage_adds_masses_with_both_kinds_of_errors(tmp_path):
    landings = pd.DataFrame({"contrast": [-0.0032, 0.0064], "contrast_error": [0.00016, 0.00032]})
    path = tmp_path / "calibration.toml"
    write_calibration(Calibration(3.2e-5, slope_error=3.2e-7), path)
    table = landing_masses(landings, calibration=str(path))
    np.testing.assert_allclose(table["mass_kda"], [100, 200])
    np.testing.assert_allclose(table["mass_noise_kda"], [5, 10])
    np.testing.assert_allclose(table["mass_error_kda"], [np.hypot(5, 1), np.hypot(10, 2)])
    same = landing_masses(landings, contrast_per_kda=3.2e-5, contrast_per_kda_error=3.2e-7)
    pd.testing.assert_frame_equal(table, same)
    assert "mass_kda" not in landings


def test_landings_without_errors_have_masses_without_errors():
    table = landing_masses(pd.DataFrame({"contrast": [0.0032]}), contrast_per_kda=3.2e-5)
    assert table["mass_kda"][0] == pytest.approx(100)
    assert table[["mass_error_kda", "mass_noise_kda"]].isna().all(axis=None)


def test_the_stage_needs_exactly_one_calibration(tmp_path):
    landings = pd.DataFrame({"contrast": [0.0032]})
    with pytest.raises(BadValueError, match="either"):
        landing_masses(landings)
    with pytest.raises(BadValueError, match="either"):
        landing_masses(landings, calibration="a.toml", contrast_per_kda=3.2e-5)
    with pytest.raises(BadValueError, match="contrast_per_kda must be"):
        landing_masses(landings, contrast_per_kda=0.0)

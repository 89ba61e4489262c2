"""Whole analyses of masses: simulated recordings with known masses, groups and calibrations."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.mass import (
    Calibration,
    analyse_masses,
    calibrant_peaks,
    fit_calibration,
    landing_table,
    mass_picture,
    write_masses,
)
from napari_uai.iscat.mass.outputs import FILES

SLOPE = 3.2e-5


def recording(name, counts, seed, *, bright=0.0, noise=1.28e-4, with_errors=True):
    """Landings of known masses; 1.28e-4 is an error of 4 kDa."""
    rng = np.random.default_rng(seed)
    masses = np.concatenate([np.full(n, mass) for mass, n in counts.items()])
    signs = np.where(rng.random(len(masses)) < bright, 1, -1)
    contrasts = signs * (SLOPE * masses + noise * rng.normal(size=len(masses)))
    table = pd.DataFrame({"contrast": contrasts})
    if with_errors:
        table["contrast_error"] = noise
    return landing_table(table, name)


def analyse(*recordings, **options):
    return analyse_masses(
        recordings, calibration=options.pop("calibration", Calibration(SLOPE)),
        replicates=options.pop("replicates", 60), permutations=99, **options,
    )  # fmt: skip


def test_components_are_those_that_were_simulated():
    result = analyse(recording("a", {40: 300, 80: 100}, 0), replicates=400)
    [pooled] = result.sets
    table = pooled.components
    assert (pooled.kind, pooled.name) == ("pooled", "a")
    np.testing.assert_allclose(table["mean_kda"], [40, 80], atol=1)
    np.testing.assert_allclose(table["weight"], [0.75, 0.25], atol=0.02)
    assert (table["width_kda"] < 1.5).all()  # the noise of 4 kDa is deconvolved
    masses = result.landings["mass_kda"]
    expected = [
        peak.std() / np.sqrt(len(peak)) for peak in (masses[masses < 60], masses[masses > 60])
    ]
    np.testing.assert_allclose(table["mean_error_kda"], expected, rtol=0.15)
    assert ((table["mean_low"] < [40, 80]) & (table["mean_high"] > [40, 80])).all()


def test_the_error_of_the_calibration_is_in_the_intervals_of_the_means():
    calibration = Calibration(SLOPE, slope_error=0.03 * SLOPE)
    table = analyse(
        recording("a", {60: 400}, 0), calibration=calibration, replicates=400
    ).sets[0].components  # fmt: skip
    assert table["calibration_error_kda"][0] == pytest.approx(0.03 * table["mean_kda"][0])
    assert table["mean_error_kda"][0] == pytest.approx(4 / 20, rel=0.2)
    width = table["mean_high"][0] - table["mean_low"][0]
    assert width == pytest.approx(2 * 1.96 * np.hypot(0.2, 1.8), rel=0.2)


def test_signs_are_taken_together_or_apart():
    mixed = recording("a", {60: 400}, 0, bright=0.25)
    assert len(analyse(mixed).sets[0].landings) == 400
    sizes = {each.sign: len(each.landings) for each in analyse(mixed, sign="separate").sets}
    n_bright = int((mixed.table["contrast"] > 0).sum())
    assert sizes == {"dark": 400 - n_bright, "bright": n_bright}
    assert len(analyse(mixed, sign="bright").sets[0].landings) == n_bright


def test_all_groups_and_each_recording_have_a_distribution():
    result = analyse(
        recording("a", {40: 100}, 0), recording("b", {40: 100}, 1), recording("c", {60: 100}, 2),
        groups=["control", "control", "drug"],
    )  # fmt: skip
    assert [(each.kind, each.name) for each in result.sets] == [
        ("pooled", "all"),
        ("group", "control"),
        ("group", "drug"),
        ("recording", "a"),
        ("recording", "b"),
    ]  # c is the group drug
    assert any("single recording" in problem for problem in result.problems)
    assert result.comparisons["delta"][0] < -0.9
    assert result.weights["p"].tolist() == [0.01, 0.01]


def test_recordings_of_one_name_stay_apart():
    result = analyse(recording("a", {40: 50}, 0), recording("a", {60: 50}, 1))
    assert [each.name for each in result.sets] == ["all", "a (1)", "a (2)"]


def test_without_errors_the_widths_contain_the_noise_and_a_note_says_so():
    result = analyse(recording("a", {60: 400}, 0, with_errors=False))
    assert result.sets[0].components["width_kda"][0] == pytest.approx(4, rel=0.15)
    assert any("widths contain the measurement noise" in problem for problem in result.problems)


def test_masses_of_a_file_are_used_without_a_calibration():
    rng = np.random.default_rng(0)
    masses = rng.normal(60, 4, 100) * np.where(np.arange(100) < 30, -1, 1)
    result = analyse(landing_table(pd.DataFrame({"masses_kDa": masses}), "a"), calibration=None)
    np.testing.assert_allclose(result.landings["mass_kda"], np.abs(masses))
    assert "a: the masses of the file are used" in result.problems
    dark = analyse(
        landing_table(pd.DataFrame({"masses_kDa": masses}), "a"), calibration=None, sign="dark"
    )
    assert len(dark.sets[0].landings) == 70  # those that bind


def test_few_landings_have_no_distribution_and_a_note_says_so():
    result = analyse(recording("a", {60: 5}, 0))
    assert result.sets[0].mixture is None
    assert "too few" in result.problems[0]


def test_the_number_of_components_can_be_given():
    result = analyse(recording("a", {40: 200, 80: 200}, 0), components=1)
    assert len(result.sets[0].components) == 1
    largest = analyse(recording("a", {40: 200, 80: 200}, 0), most_components=2)
    assert any("raise most_components" in problem for problem in largest.problems)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": ["a"]}, "one group per recording"),
        ({"groups": ["a", "a"]}, "two different groups"),
        ({"sign": "red"}, "sign must be one of"),
        ({"calibration": None}, "no masses"),
        ({"level": 1.0}, "level must be"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    two = (recording("a", {60: 20}, 0), recording("b", {60: 20}, 1))
    with pytest.raises(BadValueError, match=words):
        analyse(*two, **options)


def test_no_landings_are_refused():
    empty = landing_table(pd.DataFrame({"contrast": np.empty(0)}), "a")
    with pytest.raises(BadValueError, match="no landings"):
        analyse(empty)


def test_peaks_of_a_calibrant_give_back_the_slope():
    standards, notes = calibrant_peaks(
        recording("albumin", {66: 300, 132: 100}, 0), [132, 66], replicates=100
    )
    assert notes == ()
    assert standards["mass_kda"].tolist() == [66, 132]
    expected = 1.28e-4 / np.sqrt([300, 100])
    np.testing.assert_allclose(standards["contrast_error"], expected, rtol=0.3)
    calibration = fit_calibration(standards)
    assert abs(calibration.slope - SLOPE) < 3 * calibration.slope_error


def test_a_calibrant_with_more_peaks_than_masses_is_noted():
    _, notes = calibrant_peaks(
        recording("mix", {66: 200, 132: 200, 480: 200}, 0), [66, 480], replicates=20
    )
    assert "suggest 3 peaks" in notes[0]


@pytest.mark.parametrize(
    ("masses", "words"),
    [([], "above 0"), ([66, 66], "different"), ([-1.0], "above 0"), ([1, 2, 3, 4, 5], "at least")],
)
def test_masses_of_calibrants_are_checked(masses, words):
    with pytest.raises(BadValueError, match=words):
        calibrant_peaks(recording("a", {66: 20}, 0), masses)


def test_files_hold_what_was_found(tmp_path):
    standards = pd.DataFrame({"mass_kda": [66, 132, 480], "contrast": [0.0021, 0.0042, 0.0154]})
    result = analyse(
        recording("a", {40: 100, 80: 100}, 0), recording("b", {40: 40, 80: 160}, 1),
        groups=["control", "drug"], calibration=fit_calibration(standards),
    )  # fmt: skip
    (tmp_path / "landings.csv").write_text("kept\n")
    files = write_masses(result, tmp_path, inputs=[tmp_path])
    assert set(files) == set(FILES)
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "landings.csv"}
    assert pd.read_csv(files["masses.csv"]).shape == result.landings.shape
    histogram = pd.read_csv(files["histogram.csv"])
    assert histogram[histogram["name"] == "all"]["landings"].sum() == 400
    density = pd.read_csv(files["density.csv"])
    pooled = density[density["name"] == "all"]
    step = pooled["mass_kda"].diff().median()
    assert pooled["kernel"].sum() * step == pytest.approx(1, abs=0.01)
    assert pooled["mixture"].sum() * step == pytest.approx(1, abs=0.01)
    record = json.loads(files["mass.json"].read_text())
    assert [each["landings"] for each in record["recordings"]] == [200, 200]
    assert record["settings"]["sign"] == "folded"
    assert record["found"][0]["components"][0]["component"] == 1


def test_an_earlier_analysis_is_replaced_by_one_without_groups(tmp_path):
    two = (recording("a", {40: 60, 80: 60}, 0), recording("b", {40: 60, 80: 60}, 1))
    write_masses(analyse(*two, groups=["x", "y"]), tmp_path)
    assert (tmp_path / "comparisons.csv").exists()
    write_masses(analyse(*two), tmp_path)
    assert not (tmp_path / "comparisons.csv").exists()


def test_pictures_are_of_lines_and_letters_and_the_same_each_time(tmp_path):
    result = analyse(recording("a", {40: 100, 80: 100}, 0))
    first, second = (write_masses(result, tmp_path / name) for name in ("1", "2"))
    for name in ("masses.svg", "masses.pdf"):
        assert first[name].read_bytes() == second[name].read_bytes()
    svg = first["masses.svg"].read_text()
    assert "<image" not in svg
    assert "mass (kDa)" in svg


def test_the_histogram_has_the_bins_that_were_given():
    figure = mass_picture(analyse(recording("a", {40: 100, 80: 100}, 0)), bin_kda=10.0)
    [axes] = figure.axes
    assert axes.get_ylabel() == "landings per 10 kDa"
    assert sum(bar.get_height() for bar in axes.patches) == 200

"""``napari-uai mass``: calibrations, groups, tables and errors of the command line."""

import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.cli.terminal import FAILED

SLOPE = 3.2e-5
QUICK = ["--replicates", "40", "--permutations", "49"]


def write_landings(folder, counts, seed=0):
    rng = np.random.default_rng(seed)
    masses = np.concatenate([np.full(n, mass) for mass, n in counts.items()])
    contrasts = -(SLOPE * masses + 1.28e-4 * rng.normal(size=len(masses)))
    folder.mkdir(parents=True)
    table = pd.DataFrame({"contrast": contrasts, "contrast_error": 1.28e-4})
    table.to_csv(folder / "landings.csv", index=False)
    return str(folder)


def components(out):
    return pd.read_csv(out / "components.csv")


def test_results_are_weighed_with_a_slope(tmp_path, capsys):
    source = write_landings(tmp_path / "a", {40: 150, 80: 50})
    out = tmp_path / "out"
    assert main(["mass", source, "--out", str(out), "--contrast-per-kda", "3.2e-5", *QUICK]) == 0
    np.testing.assert_allclose(components(out)["mean_kda"], [40, 80], atol=1.5)
    printed = capsys.readouterr().out
    assert "a: 200 landings, 2 components" in printed
    assert "95% interval" in printed


def test_a_calibration_of_standards_is_used_again(tmp_path, capsys):
    source = write_landings(tmp_path / "a", {40: 150, 80: 50})
    standards = tmp_path / "standards.csv"
    standards.write_text("name,mass_kda,contrast\nx,66,0.00211\ny,132,0.00423\nz,480,0.01535\n")
    first, second = tmp_path / "1", tmp_path / "2"
    assert main(["mass", source, "--out", str(first), "--standards", str(standards), *QUICK]) == 0
    assert "residual" in capsys.readouterr().out
    calibration = str(first / "calibration.toml")
    assert main(["mass", source, "--out", str(second), "--calibration", calibration, *QUICK]) == 0
    assert (first / "components.csv").read_bytes() == (second / "components.csv").read_bytes()
    assert (second / "standards.csv").exists()


def test_calibrants_give_the_calibration(tmp_path):
    source = write_landings(tmp_path / "a", {40: 150, 80: 50})
    calibrant = write_landings(tmp_path / "bsa", {66.5: 200, 133: 100}, 1)
    out = tmp_path / "out"
    arguments = ["mass", source, "--out", str(out), "--calibrant", f"{calibrant}=66.5,133", *QUICK]
    assert main(arguments) == 0
    np.testing.assert_allclose(components(out)["mean_kda"], [40, 80], atol=2)
    assert pd.read_csv(out / "standards.csv")["name"].tolist() == ["bsa", "bsa"]


def test_groups_are_compared(tmp_path, capsys):
    one = write_landings(tmp_path / "a", {40: 80, 80: 20})
    other = write_landings(tmp_path / "b", {40: 20, 80: 80}, 1)
    out = tmp_path / "out"
    assert main(
        ["mass", one, other, "--out", str(out), "--groups", "control,drug",
         "--contrast-per-kda", "3.2e-5", *QUICK]
    ) == 0  # fmt: skip
    captured = capsys.readouterr()
    assert "control - drug: Kolmogorov-Smirnov p = " in captured.out
    assert "note: a group has a single recording" in captured.err
    assert pd.read_csv(out / "weights.csv")["p"].tolist() == [0.02, 0.02]


def test_what_was_taken_from_a_foreign_table_is_said(tmp_path, capsys):
    path = tmp_path / "eventsFitted.csv"
    masses = np.random.default_rng(0).normal(60, 4, 50)
    pd.DataFrame({"frame_indices": 1, "masses_kDa": masses}).to_csv(path, index=False)
    assert main(["mass", str(path), "--out", str(tmp_path / "out"), *QUICK]) == 0
    assert "mass_kda from 'masses_kDa'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["a has no masses", "--calibration"]),
        (["--contrast-per-kda", "0"], ["slope", "above 0"]),
        (["--contrast-per-kda", "3e-5", "--calibration", "x.toml"], ["one calibration is enough"]),
        (["--contrast-per-kda-error", "1e-6"], ["needs --contrast-per-kda"]),
        (["--calibration", "no.toml"], ["no.toml cannot be read"]),
        (["--standards", "no.csv"], ["no.csv cannot be read"]),
        (["--calibrant", "no"], ["RESULTS=KDA,KDA"]),
        (["--calibrant", "no=66"], ["no does not exist"]),
        (["--intercept", "--contrast-per-kda", "3e-5"], ["--intercept needs"]),
        (["--contrast-per-kda", "3e-5", "--groups", "a,b"], ["each of the 1 inputs"]),
        (["--contrast-per-kda", "3e-5", "--components", "many"], ["auto or a whole number"]),
        (["--contrast-per-kda", "3e-5", "--components", "0"], ["components must be"]),
        (["--contrast-per-kda", "3e-5", "--sign", "red"], ["sign must be one of"]),
        (["--contrast-per-kda", "3e-5", "--bandwidth", "wide"], ["isj"]),
        (["--contrast-per-kda", "3e-5", "--bin-kda", "0"], ["--bin-kda must be above 0"]),
    ],
)
def test_mistakes_are_told_on_one_line(tmp_path, one_line_error, arguments, words):
    source = write_landings(tmp_path / "a", {60: 30})
    out = tmp_path / "out"
    assert main(["mass", source, "--out", str(out), *QUICK, *arguments]) == FAILED
    one_line_error(*words)
    assert not out.exists()

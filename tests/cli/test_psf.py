"""``napari-uai psf``: files, pictures, fits, and errors of the command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_uai.cli.app import main
from napari_uai.cli.terminal import FAILED
from napari_uai.iscat.optics import Microscope, interferometric_psf

FOCUS = np.linspace(-0.8, 0.8, 9)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Counts of one particle through focus, with others' light around it."""
    path = tmp_path_factory.mktemp("psf") / "stack.tif"
    images = interferometric_psf(
        (29, 33), Microscope(numerical_aperture=1.3), focus_um=FOCUS + 0.1, contrast=None, x=18.0
    )
    counts = 30_000 * (1 + np.arange(9)[:, None, None] / 50) * (1 + images)
    counts += np.random.default_rng(0).normal(0, 5, counts.shape)
    tifffile.imwrite(path, counts.astype(np.uint16))
    return path


def test_a_model_and_a_bank_are_written(tmp_path, capsys):
    path = tmp_path / "new" / "bank.npy"
    words = ["psf", "write", str(path), "--size", "15", "--focus=-1:1:5"]
    assert main([*words, "--set", "polarization=x"]) == 0
    assert capsys.readouterr().out.split() == [str(path), str(path.with_suffix(".toml"))]
    expected = interferometric_psf(
        (15, 15), Microscope(polarization="x"), focus_um=np.linspace(-1, 1, 5)
    )
    np.testing.assert_allclose(np.load(path), expected, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_drawn(suffix, tmp_path):
    path = tmp_path / f"height{suffix}"
    words = ["psf", "picture", str(path), "--size", "21", "--focus", "0.3"]
    assert main([*words, "--particle-height", "0:1:9"]) == 0
    assert path.stat().st_size > 5000


def test_a_stack_is_fitted(stack, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["psf", "fit", str(stack), "--focus=-0.8:0.8:9", "--counts", "--out", str(out)]
    assert main([*words, "--region", "0:29,4:33"]) == 0
    printed = capsys.readouterr().out
    table = pd.read_csv(out / "psf.csv").set_index("parameter")
    for name, truth in (("focus_offset_um", 0.1), ("numerical_aperture", 1.3), ("x", 14.0)):
        value, error = table.loc[name, ["value", "error"]]
        assert abs(value - truth) < 5 * error
        assert f"{name}: {value:.6g} +- {error:.2g}" in printed
    assert np.load(out / "psf.npy").shape == (9, 29, 29)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["write", "a.npy", "--set", "numerical_aperture=1.7"], ["below immersion_index"]),
        (["write", "a.npy", "--set", "na=1.2"], ["no parameter 'na'"]),
        (["write", "a.npy", "--size", "20"], ["odd"]),
        (["write", "a.npy", "--focus", "1:2"], ["--focus", "FROM:TO:COUNT"]),
        (["write", "a.npy", "--focus", "0:1:1"], ["COUNT"]),
        (["write", "a.npy", "--particle-height=-1"], ["height_um must be at least 0"]),
        (["write", "a.tif"], [".npy"]),
        (["picture", "a.gif"], [".png"]),
        (["picture", "a.png", "--focus", "0"], ["--particle-height"]),
        (["fit", "none.tif", "--focus=-1:1:3", "--out", "out"], ["none.tif"]),
    ],
)
def test_errors_are_one_line(arguments, words, tmp_path, monkeypatch, one_line_error):
    monkeypatch.chdir(tmp_path)
    assert main(["psf", *arguments]) == FAILED
    one_line_error(*words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--focus=-1:1:3"], ["3 planes, the stack has 9"]),
        (["--focus=-1:1:9", "--free", "NA"], ["no parameter 'NA'"]),
        (["--focus=-1:1:9", "--start", "phase_rad=x"], ["--start phase_rad"]),
    ],
)
def test_errors_of_fits_are_one_line(arguments, words, stack, tmp_path, one_line_error):
    assert main(["psf", "fit", str(stack), "--out", str(tmp_path / "out"), *arguments]) == FAILED
    one_line_error(*words)

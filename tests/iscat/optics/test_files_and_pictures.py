import tomllib

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, OutputError
from napari_uai.iscat.detect.point_spread_function import read_psf, read_psf_bank
from napari_uai.iscat.optics import (
    Microscope,
    fit_psf_stack,
    interferometric_psf,
    radial_profiles,
    stack_picture,
    write_psf,
    write_psf_fit,
)

FOCUS = np.linspace(-0.5, 0.5, 5)
OPTICS = Microscope(numerical_aperture=1.3)


def test_a_model_is_read_by_the_detector_as_it_was_computed(tmp_path):
    path = write_psf(tmp_path / "one.npy", 21, OPTICS, focus_um=0.2, phase_rad=1.0)
    expected = interferometric_psf((21, 21), OPTICS, focus_um=0.2, phase_rad=1.0)
    image = read_psf(path).image
    np.testing.assert_allclose(image, expected / np.sqrt(np.sum(expected**2)), atol=1e-6)
    bank = read_psf_bank(write_psf(tmp_path / "bank.npy", 21, OPTICS, focus_um=FOCUS))
    assert len(bank) == 5


def test_what_a_model_was_made_with_is_beside_it(tmp_path):
    write_psf(tmp_path / "bank.npy", 21, OPTICS, focus_um=FOCUS, height_um=0.1)
    document = tomllib.loads((tmp_path / "bank.toml").read_text())
    assert document["focus_um"] == FOCUS.tolist()
    assert document["height_um"] == [0.1] * 5
    assert Microscope(**document["microscope"]) == OPTICS


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("psf.png", 21, "written as .npy"), ("psf.npy", 20, "must be odd"), ("psf.npy", 1, "odd")],
)
def test_models_that_cannot_be_written_are_refused(name, size, message, tmp_path):
    with pytest.raises(BadValueError, match=message):
        write_psf(tmp_path / name, size, OPTICS)
    assert not list(tmp_path.iterdir())


def test_profiles_are_means_over_rings():
    y, x = 9.3, 11.8
    rows, columns = np.mgrid[:21, :25]
    distance = np.hypot(rows - y, columns - x)
    table = radial_profiles(np.stack([distance, 2 * distance]), y=y, x=x)
    np.testing.assert_allclose(table["value"], table["radius_px"] * (1 + table["plane"]))
    second = table[(table["plane"] == 0)].iloc[2]
    ring = distance[np.rint(distance) == 2]
    assert second["pixels"] == ring.size
    assert second["error"] == pytest.approx(ring.std(ddof=1) / np.sqrt(ring.size))


@pytest.mark.parametrize("values", [{"y": 30.0}, {"x": -2.0}])
def test_a_point_outside_is_refused(values):
    with pytest.raises(BadValueError, match="must be inside 21 x 21"):
        radial_profiles(np.zeros((21, 21)), **values)


def test_the_picture_shows_profiles_contrast_and_planes():
    stack = interferometric_psf((15, 15), OPTICS, focus_um=FOCUS, contrast=0.01)
    figure = stack_picture(stack[::-1], FOCUS[::-1], pixel_size_um=0.05, model=stack[::-1])
    curves = next(axes for axes in figure.axes if axes.get_ylabel().startswith("contrast at"))
    measured, model, _ = curves.lines
    np.testing.assert_allclose(measured.get_xdata(), FOCUS)  # ascending
    np.testing.assert_allclose(model.get_ydata(), stack[:, 7, 7])
    images = [image for axes in figure.axes for image in axes.images]
    assert len(images) == 10
    np.testing.assert_allclose(images[2].get_array(), stack[2])
    assert [axes.get_title() for axes in figure.axes if axes.get_title()][2] == "0 µm"


@pytest.mark.parametrize(
    ("shape", "count", "model", "message"),
    [
        ((5, 5), 5, None, "planes, rows, columns"),
        ((3, 5, 5), 4, None, "got 4 for 3"),
        ((1, 5, 5), 1, None, "at least 2"),
        ((3, 5, 5), 3, (2, 5, 5), "the model has shape"),
    ],
)
def test_pictures_of_what_does_not_fit_are_refused(shape, count, model, message):
    with pytest.raises(BadValueError, match=message):
        stack_picture(
            np.zeros(shape), np.arange(count), pixel_size_um=1,
            model=None if model is None else np.zeros(model),
        )  # fmt: skip


def test_a_fit_is_written_and_foreign_files_are_kept(tmp_path):
    stack = interferometric_psf((15, 15), OPTICS, focus_um=FOCUS, contrast=0.01)
    fit = fit_psf_stack(stack, OPTICS, focus_um=FOCUS, free=["amplitude", "phase_rad"])
    files = write_psf_fit(fit, stack, FOCUS, tmp_path / "out")
    assert all(path.exists() for path in files.values())
    table = pd.read_csv(files["psf.csv"]).set_index("parameter")
    assert table["fitted"].sum() == 2
    assert table.loc["amplitude", "value"] == pytest.approx(fit.values["amplitude"])
    np.testing.assert_allclose(np.load(files["psf.npy"]), fit.model, atol=1e-7)
    write_psf_fit(fit, stack, FOCUS, tmp_path / "out")  # replaces its own
    files["psf.csv"].write_text("mine")
    with pytest.raises(OutputError, match=r"psf\.csv"):
        write_psf_fit(fit, stack, FOCUS, tmp_path / "out")

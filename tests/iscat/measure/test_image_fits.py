import dask.array as da
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.gaussian_fits import fit_spots
from napari_uai.iscat.measure.image_fits import fit_psf
from napari_uai.iscat.optics import Microscope, interferometric_psf, write_psf

OPTICS = Microscope()
FOCUS = [0.0, 0.4, 0.7]
SHAPE = (48, 52)
NOISE = 1.5e-4


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("psf")
    one = write_psf(folder / "one.npy", 27, OPTICS, focus_um=0.4)
    return {
        "one": str(one),
        "bank": str(write_psf(folder / "bank.npy", 27, OPTICS, focus_um=FOCUS)),
    }


def simulated(n=30, seed=0, focus=0.4, noise=NOISE):
    """One spot per frame, its true amplitude, x, y, background, and a coarse table."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack(
        [
            rng.choice([-1, 1], n) * rng.uniform(1e-3, 3e-3, n),
            rng.uniform(14, SHAPE[1] - 15, n),
            rng.uniform(14, SHAPE[0] - 15, n),
            rng.normal(0, 1e-4, n),
        ]
    )
    unit = interferometric_psf((27, 27), OPTICS, focus_um=focus, contrast=None)
    unit = unit.flat[np.argmax(np.abs(unit))]
    images = [
        a / unit * interferometric_psf(SHAPE, OPTICS, focus_um=focus, y=y, x=x, contrast=None) + b
        for a, x, y, b in truth
    ]
    video = np.stack(images) + rng.normal(0, noise, (n, *SHAPE))
    table = pd.DataFrame(
        {
            "y": np.rint(truth[:, 2]), "x": np.rint(truth[:, 1]), "frame": np.arange(n),
            "center_intensity": 0.0, "sigma": 2.2, "mine": np.arange(n) * 7,
        }
    )  # fmt: skip
    return table, video, truth


VALUES = ["Psf_Amplitude", "Psf_X-Center", "Psf_Y-Center", "Psf_Bias"]
ERRORS = [name.replace("Psf_", "Psf_errors_") for name in VALUES]


def test_fits_and_errors_are_those_of_scipy_with_the_model_itself(models):
    table, video, truth = simulated(n=4)
    fits = fit_psf(table, video, point_spread_function=models["one"])
    unit = interferometric_psf((27, 27), OPTICS, focus_um=0.4, contrast=None)
    unit = unit.flat[np.argmax(np.abs(unit))]
    for i, row in fits.iterrows():
        y0, x0 = int(row["y"]) - 11, int(row["x"]) - 11
        data = video[i, y0 : y0 + 23, x0 : x0 + 23].ravel()

        def model(_, a, x, y, b, y0=y0, x0=x0):
            image = interferometric_psf(
                (23, 23), OPTICS, focus_um=0.4, y=y - y0, x=x - x0, contrast=None
            )
            return (a * image / unit + b).ravel() * 1e3

        p, covariance = curve_fit(model, None, data * 1e3, p0=truth[i])
        error = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(
            row[VALUES].to_numpy(float), p, atol=0.05 * error.max(), rtol=1e-2
        )
        np.testing.assert_allclose(row[ERRORS].to_numpy(float), error, rtol=0.03)


def test_stated_errors_are_those_of_many_spots(models):
    table, video, truth = simulated(n=150, seed=1)
    fits = fit_psf(table, video, point_spread_function=models["one"])
    assert (fits["Psf_status"] == "ok").all()
    pulls = (fits[VALUES].to_numpy() - truth) / fits[ERRORS].to_numpy()
    assert (np.abs(pulls.std(axis=0) - 1) < 0.2).all(), pulls.std(axis=0)
    assert (np.abs(pulls.mean(axis=0)) < 0.4).all(), pulls.mean(axis=0)


def test_the_image_of_each_spot_is_chosen_among_several(models):
    for number, focus in enumerate(FOCUS):
        table, video, _ = simulated(n=6, focus=focus)
        fits = fit_psf(table, video, point_spread_function=models["bank"])
        assert (fits["Psf_image"] == number).all()


def test_rings_are_located_better_than_by_a_gaussian(models):
    table, video, truth = simulated(n=80, focus=0.7, seed=2)
    fits = fit_psf(table, video, point_spread_function=models["bank"])
    gaussian = fit_spots(table, video)
    ok = gaussian["status"] == "ok"
    off = {
        name: np.hypot(
            each[f"{name}_X-Center"] - truth[:, 1], each[f"{name}_Y-Center"] - truth[:, 2]
        )
        for name, each in (("Psf", fits), ("Fit", gaussian))
    }
    assert np.median(off["Psf"]) < 0.7 * np.median(off["Fit"][ok])


def test_columns_order_and_chunks_are_kept(models):
    table, video, _ = simulated(n=12)
    shuffled = table.sample(frac=1, random_state=0)
    fits = fit_psf(
        shuffled, da.from_array(video, chunks=(5, -1, -1)), point_spread_function=models["one"]
    )
    assert fits["mine"].tolist() == shuffled["mine"].tolist()
    whole = fit_psf(table, video, point_spread_function=models["one"])
    pd.testing.assert_frame_equal(
        fits.sort_values("frame", ignore_index=True), whole, check_exact=True
    )


def test_what_cannot_be_fitted_says_why(models):
    table, video, _ = simulated(n=4)
    video[1] = 0.5
    video[2, 20, :] = np.nan
    table.loc[3, ["y", "x"]] = 0.0
    fits = fit_psf(table, video, point_spread_function=models["one"], half_width_px=2)
    status = fits["Psf_status"].tolist()
    assert status[1] == "flat window"
    assert status[3] == "too close to the edge"
    assert fits.loc[1, VALUES].isna().all()
    assert fits.loc[1, "Psf_image"] == -1


def test_an_empty_table_keeps_its_columns(models):
    table, video, _ = simulated(n=2)
    fits = fit_psf(table.iloc[:0], video, point_spread_function=models["one"])
    assert len(fits) == 0
    assert set(VALUES) <= set(fits.columns)


def test_bad_input_is_said_in_one_line(models):
    table, video, _ = simulated(n=2)
    with pytest.raises(
        BadValueError, match=r"none\.npy: file not found; give the path of an image"
    ):
        fit_psf(table, video, point_spread_function="none.npy")
    fits = fit_psf(table, video, point_spread_function=models["one"])
    with pytest.raises(BadValueError, match="already"):
        fit_psf(fits, video, point_spread_function=models["one"])

import numpy as np
import pytest

from napari_uai.errors import BadValueError, CancelledError
from napari_uai.iscat.optics import Microscope, fit_psf_stack, interferometric_psf
from napari_uai.iscat.optics.fit import USUAL, _Model
from napari_uai.monitor import SILENT, Monitor

FOCUS = np.linspace(-0.9, 0.9, 13)
SHAPE = (17, 17)


def simulated(rng, *, noise=3e-4):
    """A stack and the parameters that it was made with."""
    truth = {
        "focus_offset_um": rng.uniform(-0.2, 0.2),
        "numerical_aperture": rng.uniform(1.2, 1.4),
        "spherical_rad": rng.uniform(-0.3, 0.3),
        "amplitude": rng.uniform(0.008, 0.015),
        "phase_rad": rng.uniform(0, 2 * np.pi),
        "y": rng.uniform(7, 9),
        "x": rng.uniform(7, 9),
        "background": rng.normal(0, 1e-4),
    }
    microscope = Microscope(
        numerical_aperture=truth["numerical_aperture"],
        pixel_size_um=0.08,
        zernike_rad=(0,) * 6 + (truth["spherical_rad"],),
    )
    stack = interferometric_psf(
        SHAPE, microscope, focus_um=FOCUS + truth["focus_offset_um"], contrast=None,
        **{name: truth[name] for name in ("amplitude", "phase_rad", "y", "x")},
    )  # fmt: skip
    return stack + truth["background"] + rng.normal(0, noise, stack.shape), truth


def test_the_fit_finds_the_parameters_within_the_errors_it_states():
    known = Microscope(numerical_aperture=1.3, pixel_size_um=0.08)
    ratios = []
    for seed in range(20):
        stack, truth = simulated(np.random.default_rng(seed))
        fit = fit_psf_stack(stack, known, focus_um=FOCUS)
        assert fit.residual_deviation == pytest.approx(3e-4, rel=0.1)
        off = {name: fit.values[name] - truth[name] for name in USUAL}
        off["phase_rad"] = np.angle(np.exp(1j * off["phase_rad"]))
        ratios.append([off[name] / fit.errors[name] for name in USUAL])
    within = np.abs(ratios) < 2.5
    assert (within.sum(axis=0) >= 19).all(), dict(zip(USUAL, within.sum(axis=0), strict=True))
    assert 0.7 < np.mean(np.square(ratios)) < 1.4


def test_derivatives_are_those_of_the_images():
    model = _Model(
        Microscope(pixel_size_um=0.08), (11, 11), FOCUS[::3], 0 * FOCUS[::3] + 0.1, SILENT
    )
    values = model.defaults | {"phase_rad": 2.0, "spherical_rad": 0.1}
    names = ["amplitude", "phase_rad", "background", "y"]
    derivatives = model.jacobian(values, names).T
    for name, own in zip(names, derivatives, strict=True):
        high, low = (model.images(values | {name: values[name] + d}) for d in (1e-3, -1e-3))
        np.testing.assert_allclose(own, (high - low).ravel() / 2e-3, atol=2e-4 * np.abs(own).max())


def test_a_stack_through_height_tells_the_index_of_the_sample():
    optics = Microscope(polarization="scalar", sample_index=1.38)
    height = np.linspace(0.1, 1.0, 19)
    stack = interferometric_psf((15, 15), optics, height_um=height, focus_um=0.3, contrast=None)
    stack = stack + np.random.default_rng(1).normal(0, 1e-4, stack.shape)
    fit = fit_psf_stack(
        stack, Microscope(polarization="scalar"), height_um=height, focus_um=0.3,
        free=["sample_index", "amplitude", "phase_rad", "background"],
        start={"sample_index": 1.36},
    )  # fmt: skip
    assert abs(fit.values["sample_index"] - 1.38) < 4 * fit.errors["sample_index"]
    assert fit.errors["sample_index"] < 1e-3
    assert fit.r2 > 0.9
    held = fit.table.set_index("parameter").loc["coverslip_um"]
    assert not held["fitted"]
    assert np.isnan(held["error"])


def test_a_coverslip_of_another_thickness_is_found():
    made_for = {"numerical_aperture": 1.2, "immersion_index": 1.33, "coverslip_index": 1.523,
                "design_coverslip_um": 170.0}  # fmt: skip
    optics = Microscope(coverslip_um=175.0, **made_for)
    stack = interferometric_psf((21, 21), optics, focus_um=FOCUS, contrast=None)
    stack = stack + np.random.default_rng(2).normal(0, 2e-4, stack.shape)
    fit = fit_psf_stack(
        stack, Microscope(coverslip_um=171.0, **made_for), focus_um=FOCUS,
        free=["coverslip_um", "focus_offset_um", "amplitude", "phase_rad"],
    )  # fmt: skip
    assert abs(fit.values["coverslip_um"] - 175) < 4 * fit.errors["coverslip_um"]
    assert fit.microscope.coverslip_um == fit.values["coverslip_um"]


def test_aperture_and_immersion_can_be_fitted_together():
    made_for = {"design_immersion_index": 1.518, "coverslip_um": 170.0, "pixel_size_um": 0.08}
    optics = Microscope(numerical_aperture=1.3, immersion_index=1.512, **made_for)
    stack = interferometric_psf((21, 21), optics, focus_um=FOCUS - 0.5, contrast=None)
    stack = stack + np.random.default_rng(3).normal(0, 2e-4, stack.shape)
    free = ["numerical_aperture", "immersion_index", "amplitude", "phase_rad", "focus_offset_um"]
    fit = fit_psf_stack(
        stack, Microscope(numerical_aperture=1.32, **made_for), focus_um=FOCUS, free=free
    )
    for name, truth in (("numerical_aperture", 1.3), ("immersion_index", 1.512)):
        assert abs(fit.values[name] - truth) < 4 * fit.errors[name]
    assert fit.microscope.immersion_index == fit.values["immersion_index"]
    assert fit.microscope.design_immersion_index == 1.518


def test_a_particle_far_from_the_middle_is_found():
    optics = Microscope(pixel_size_um=0.08)
    stack = interferometric_psf((31, 31), optics, focus_um=FOCUS, contrast=None, y=7.3, x=23.6)
    stack = stack + np.random.default_rng(2).normal(0, 1e-3, stack.shape)
    fit = fit_psf_stack(stack, optics, focus_um=FOCUS)
    for name, truth in (("y", 7.3), ("x", 23.6)):
        assert abs(fit.values[name] - truth) < 4 * fit.errors[name] < 0.2


@pytest.mark.parametrize(
    ("stack", "values", "message"),
    [
        (np.zeros((9, 9)), {}, "planes, rows, columns"),
        (np.zeros((1, 9, 9)), {}, "the same"),
        (np.full((1, 9, 9), np.nan), {}, "NaN"),
        (np.eye(9)[None], {"free": ["NA"]}, "no parameter 'NA'"),
        (np.eye(9)[None], {"free": []}, "at least one"),
        (np.eye(9)[None], {"focus_um": [0, 1]}, "2 planes, the stack has 1"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(stack, values, message):
    with pytest.raises(BadValueError, match=message):
        fit_psf_stack(stack, Microscope(), **values)


def test_a_fit_can_be_cancelled():
    stack = interferometric_psf((9, 9), Microscope(), focus_um=FOCUS, contrast=None)
    with pytest.raises(CancelledError):
        fit_psf_stack(stack, Microscope(), focus_um=FOCUS, monitor=Monitor(cancelled=lambda: True))

import numpy as np
import pytest
from scipy.integrate import dblquad, quad_vec
from scipy.special import j0, j1, jv

from napari_uai.errors import BadValueError
from napari_uai.iscat.optics import Microscope, interferometric_psf
from napari_uai.iscat.optics.field import RadialField
from napari_uai.iscat.optics.interferometric import field_images
from napari_uai.iscat.optics.pupil import AZIMUTHS, zernike

FOCUS = np.array([0.0])


def radial(microscope, focus=0.0, height=0.0, radius=2.0):
    """Terms of the field by component and order, at the radii of its spline."""
    field = RadialField.of(microscope, np.array([focus]), np.array([height]), radius)
    keys = zip(field.components.tolist(), field.orders.tolist(), strict=True)
    terms = dict(zip(keys, field.values[:, :, 0], strict=True))
    return np.arange(field.values.shape[1]) * field.step_um, terms


def random_microscope(rng, **settings):
    drawn = {
        "numerical_aperture": rng.uniform(0.6, 1.45),
        "wavelength_um": rng.uniform(0.4, 0.7),
        "sample_index": rng.uniform(1.33, 1.45),
        "immersion_index": rng.uniform(1.5, 1.53),
        "coverslip_index": rng.uniform(1.5, 1.53),
        "design_immersion_index": 1.518,
        "design_coverslip_index": 1.523,
        "coverslip_um": rng.uniform(160, 180),
        "design_coverslip_um": 170.0,
    }
    return Microscope(**drawn | settings)


def gibson_lanni_path(m, rho, focus, height):
    """Optical path beyond that of the design, as Gibson & Lanni write it, in um."""
    sine = m.numerical_aperture * rho
    thick = m.immersion_index * (
        m.design_immersion_um / m.design_immersion_index
        + m.design_coverslip_um / m.design_coverslip_index
        - m.coverslip_um / m.coverslip_index
    )
    path = height * np.sqrt(m.sample_index**2 - sine**2 + 0j)
    path += m.coverslip_um * np.sqrt(m.coverslip_index**2 - sine**2)
    path -= m.design_coverslip_um * np.sqrt(m.design_coverslip_index**2 - sine**2)
    path += (thick - focus) * np.sqrt(m.immersion_index**2 - sine**2)
    path -= m.design_immersion_um * np.sqrt(m.design_immersion_index**2 - sine**2)
    return path


def relative_path(m, rho, focus, height):
    """The same beyond that of the reference, which turns back at the coverslip."""
    axis = gibson_lanni_path(m, np.zeros(1), focus, 0.0)[0]
    return gibson_lanni_path(m, rho, focus, height) + m.sample_index * height - axis


def critical(m):
    return [min(m.sample_index / m.numerical_aperture, 1.0)]


@pytest.mark.parametrize("seed", range(6))
def test_the_scalar_field_is_the_integral_of_gibson_and_lanni(seed):
    rng = np.random.default_rng(seed)
    m = random_microscope(rng, polarization="scalar")
    focus, height = rng.uniform(-2, 2), rng.uniform(0, 2)
    r, terms = radial(m, focus, height)
    k = 2 * np.pi / m.wavelength_um

    def integrand(rho):
        (path,) = relative_path(m, np.array([rho]), focus, height)
        return 2 * np.exp(1j * k * path) * j0(k * m.numerical_aperture * r * rho) * rho

    expected, _ = quad_vec(integrand, 0, 1, epsabs=1e-9, limit=2000, points=critical(m))
    np.testing.assert_allclose(terms[0, 0], expected, atol=1e-7)


def test_far_out_of_focus_the_integral_has_nodes_enough():
    m = Microscope(
        polarization="scalar", wavelength_um=0.54, pixel_size_um=0.038, immersion_index=1.5,
        coverslip_index=1.5, design_immersion_um=180.0, design_immersion_index=1.518,
        design_coverslip_index=1.523, design_coverslip_um=170.0,
    )  # fmt: skip
    r, terms = radial(m, 10.0, 3.0, radius=12.0)
    k, some = m.wave_number, slice(None, None, 97)

    def integrand(rho):
        (path,) = relative_path(m, np.array([rho]), 10.0, 3.0)
        return 2 * np.exp(1j * k * path) * j0(k * m.numerical_aperture * r[some] * rho) * rho

    expected, _ = quad_vec(integrand, 0, 1, epsabs=1e-9, limit=20000, points=critical(m))
    np.testing.assert_allclose(terms[0, 0][some], expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_the_vectorial_field_is_that_of_aguet_and_others(seed):
    rng = np.random.default_rng(100 + seed)
    m = random_microscope(rng, polarization="circular")
    focus, height = rng.uniform(-1, 1), rng.uniform(0, 1)
    r, terms = radial(m, focus, height)
    expected, centre = (aguet(m, r, *place) for place in ((focus, height), (None, 0.0)))
    whole = centre[0][0]
    np.testing.assert_allclose(terms[0, 0], expected[0] / whole, atol=1e-6)
    np.testing.assert_allclose(terms[1, 2], expected[1] / whole, atol=1e-6)


def aguet(m, r, focus, height):
    """I0 and I2 of a dipole across the axis, over the angle in the immersion.

    Transmissions are those from immersion to sample, as in Aguet et al. 2009. Without a focus, the
    objective compensates all phases.
    """
    k, ni, ng, ns = (
        2 * np.pi / m.wavelength_um, m.immersion_index, m.coverslip_index, m.sample_index,
    )  # fmt: skip

    def integrand(theta):
        sine = ni * np.sin(theta)
        ci, cg, cs = (np.sqrt(1 - (sine / n) ** 2 + 0j) for n in (ni, ng, ns))
        s = 2 * ni * ci / (ni * ci + ng * cg) * 2 * ng * cg / (ng * cg + ns * cs)
        p = 2 * ni * ci / (ng * ci + ni * cg) * 2 * ng * cg / (ns * cg + ng * cs)
        rho = np.array([sine / m.numerical_aperture])
        path = 0 if focus is None else relative_path(m, rho, focus, height)[0]
        way = np.sqrt(ci) * np.sin(theta) * np.exp(1j * k * path)
        u = k * r * sine
        return way * np.stack([(s + p * cs) * j0(u), (s - p * cs) * jv(2, u)])

    edge = np.arcsin(m.numerical_aperture / ni)
    bend = np.arcsin(min(ns / ni, m.numerical_aperture / ni))
    return quad_vec(integrand, 0, edge, epsabs=1e-10, limit=4000, points=[bend])[0]


def test_in_focus_without_aberrations_the_scalar_field_is_the_airy_amplitude():
    m = Microscope(polarization="scalar")
    r, terms = radial(m)
    v = np.maximum(m.wave_number * m.numerical_aperture * r, 1e-9)
    np.testing.assert_allclose(terms[0, 0], 2 * j1(v) / v, atol=1e-12)


def test_on_the_axis_defocus_has_the_closed_form_of_small_angles():
    # 2 int_0^1 exp(i u rho^2 / 2) rho d rho = exp(i u / 4) sinc(u / 4), u = k NA^2 z / n
    m = Microscope(polarization="scalar", numerical_aperture=0.1)
    z = 20.0
    _, terms = radial(m, focus=z)
    u = m.wave_number * 0.1**2 * z / m.immersion_index
    expected = np.exp(1j * u / 4) * np.sin(u / 4) / (u / 4)
    assert abs(terms[0, 0][0] - expected) < 3e-3


@pytest.mark.parametrize("polarization", ["scalar", "circular", "x"])
def test_energy_is_that_of_the_pupil(polarization):
    # Parseval: int |E|^2 r dr over all radii is int |P|^2 rho d rho / (k NA)^2 for each term
    m = Microscope(polarization=polarization, numerical_aperture=1.2)
    r, terms = radial(m, focus=0.3, height=0.1, radius=60.0)
    step = r[1]
    from napari_uai.iscat.optics.pupil import Pupil

    pupil = Pupil.of(m, 200)
    for key, amplitude in pupil.harmonics(m).items():
        way = np.abs(np.exp(1j * pupil.phases(m, np.array([0.3]), np.array([0.1]))[0]))
        in_pupil = np.sum(pupil.weights * np.abs(amplitude * way) ** 2)
        in_image = np.sum(np.abs(terms[key]) ** 2 * r) * step * (m.wave_number * 1.2) ** 2
        # what is beyond 60 um falls as 1 / r: 4 / (pi k NA R) of an Airy pattern is 0.3 %
        assert in_image == pytest.approx(in_pupil, rel=5e-3)


def test_at_a_small_aperture_the_vectorial_field_is_the_scalar_one():
    settings = {"numerical_aperture": 0.2, "wavelength_um": 0.5, "pixel_size_um": 0.2}
    scalar = interferometric_psf((31, 31), Microscope(polarization="scalar", **settings))
    for polarization in ("circular", "x", "y"):
        vectorial = interferometric_psf((31, 31), Microscope(polarization=polarization, **settings))
        np.testing.assert_allclose(
            vectorial, scalar, atol=2e-2 if polarization != "circular" else 5e-3
        )


def test_at_a_large_aperture_linear_polarisation_makes_images_longer_along_it():
    image = interferometric_psf((41, 41), Microscope(polarization="x", sample_index=1.5))
    np.testing.assert_allclose(image, image[::-1], atol=1e-9)
    np.testing.assert_allclose(image, image[:, ::-1], atol=1e-9)
    assert image[20, 24] > image[24, 20] + 0.01
    along_y = interferometric_psf((41, 41), Microscope(polarization="y", sample_index=1.5))
    np.testing.assert_allclose(along_y, image.T, atol=1e-9)


def test_the_mean_of_both_linear_polarisations_interferes_as_circular_light():
    parts = {
        p: field_images((21, 21), Microscope(polarization=p), FOCUS + 0.3, FOCUS, (10.0, 10.0))
        for p in ("x", "y", "circular")
    }
    np.testing.assert_allclose((parts["x"] + parts["y"]) / 2, parts["circular"], atol=1e-9)


def test_pixels_are_averaged_over_their_area():
    m = Microscope(polarization="scalar", pixel_size_um=0.12)
    image = interferometric_psf((5, 5), m, contrast=None, amplitude=0.2, y=1.7, x=2.4)

    def intensity(x, y):
        v = max(m.wave_number * m.numerical_aperture * m.pixel_size_um * np.hypot(x, y), 1e-9)
        field = -0.2 * 2 * j1(v) / v
        return 2 * field + field**2

    expected = dblquad(intensity, 3 - 1.7 - 0.5, 3 - 1.7 + 0.5, 1 - 2.4 - 0.5, 1 - 2.4 + 0.5)[0]
    assert image[3, 1] == pytest.approx(expected, abs=1e-6)


def test_height_turns_the_phase_by_that_of_the_way_up_and_down():
    m = Microscope(polarization="scalar", numerical_aperture=0.1, sample_index=1.33)
    heights = np.linspace(0, 1, 41)
    parts = field_images((1, 1), m, 0 * heights, heights, (0.0, 0.0))[:, :, 0, 0]
    np.testing.assert_allclose(
        np.unwrap(np.arctan2(parts[1], parts[0])), 2 * 1.33 * m.wave_number * heights, atol=0.05
    )


def test_a_small_transparent_particle_is_dark_below_the_focus_and_bright_above_it():
    # The Gouy phase: a quarter of a period in focus, and less or more on either side.
    low, high = interferometric_psf(
        (1, 1), Microscope(), focus_um=[-0.2, 0.2], phase_rad=np.pi / 2, contrast=None
    )[:, 0, 0]
    assert low > 5e-3
    assert high < -5e-3


def test_intensity_is_that_of_the_sum_of_both_fields():
    m = Microscope(polarization="scalar", pixel_size_um=1e-3)
    real, imaginary, square = field_images((3, 3), m, FOCUS + 0.4, FOCUS + 0.1, (1.0, 1.0))[:, 0]
    image = interferometric_psf(
        (3, 3), m, focus_um=0.4, height_um=0.1, amplitude=0.3, phase_rad=0.7, contrast=None
    )
    scattered = 0.3 * np.exp(0.7j) * (real + 1j * imaginary)
    np.testing.assert_allclose(image, np.abs(1 + scattered) ** 2 - 1, atol=1e-6)
    np.testing.assert_allclose(square, real**2 + imaginary**2, atol=1e-6)


def test_aberrations_of_the_pupil_are_those_of_a_plain_integral_over_it():
    rad = (0.4, -0.3, 0.5, 0.2, 0.0, 0.1, 0.6)
    m = Microscope(polarization="scalar", zernike_rad=rad, pixel_size_um=1e-4)
    rho = (np.arange(600) + 0.5) / 600
    azimuth = 2 * np.pi * np.arange(200) / 200
    phase = sum(each * zernike(5 + i, rho[:, None], azimuth[None]) for i, each in enumerate(rad))
    for dy, dx in ((0.05, 0.1), (-0.13, 0.02)):
        y, x = -dy / 1e-4, -dx / 1e-4
        real, imaginary, _ = field_images((1, 1), m, FOCUS, FOCUS, (y, x))[:, 0, 0, 0]
        q = m.wave_number * m.numerical_aperture
        plane = q * rho[:, None] * (dx * np.cos(azimuth) + dy * np.sin(azimuth))
        expected = np.sum(np.exp(1j * (phase + plane)) * rho[:, None]) * 2 / (600 * 200)
        assert abs(real + 1j * imaginary - expected) < 1e-4


def test_zernike_polynomials_are_orthonormal_over_the_pupil():
    rho, azimuth = (np.arange(400) + 0.5) / 400, 2 * np.pi * np.arange(AZIMUTHS) / AZIMUTHS
    area = rho[:, None] * np.ones(AZIMUTHS) * 2 / (400 * AZIMUTHS)
    each = np.stack([zernike(noll, rho[:, None], azimuth[None]) for noll in range(1, 23)])
    products = np.einsum("ira,jra,ra->ij", each, each, area)
    np.testing.assert_allclose(products, np.eye(22), atol=1e-3)


def test_a_stack_is_its_planes_one_by_one():
    focus = np.linspace(-1, 1, 20)
    stack = interferometric_psf((9, 11), Microscope(), focus_um=focus, contrast=None)
    assert stack.shape == (20, 9, 11)
    alone = interferometric_psf((9, 11), Microscope(), focus_um=focus[17], contrast=None)
    np.testing.assert_allclose(stack[17], alone, atol=1e-8)


def test_the_place_of_the_particle_moves_the_image():
    moved = interferometric_psf((15, 15), Microscope(), y=9.0, x=5.0)
    centred = interferometric_psf((15, 15), Microscope())
    np.testing.assert_allclose(moved[2:, :-2], centred[:-2, 2:], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"numerical_aperture": 1.6},
            r"must be below immersion_index \(1.518\), got 1.6",
        ),
        ({"numerical_aperture": 1.45, "coverslip_index": 1.4}, "below coverslip_index"),
        ({"numerical_aperture": 1.45, "design_immersion_index": 1.4}, "design_immersion_index"),
        ({"wavelength_um": 0}, r"wavelength_um must be a number, above 0 \(um\), got 0"),
        ({"sample_index": 0.9}, "sample_index must be"),
        ({"polarization": "radial"}, "polarization must be"),
        ({"zernike_rad": (0.1,) * 30}, "zernike_rad must have at most 18"),
    ],
)
def test_a_microscope_that_cannot_be_is_refused(settings, message):
    with pytest.raises(BadValueError, match=message):
        Microscope(**settings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height_um": -0.1}, "height_um must be at least 0"),
        ({"focus_um": np.nan}, "must be finite"),
        ({"focus_um": [0, 1], "height_um": [0, 1, 2]}, "one length, got 2 and 3"),
        ({"amplitude": 0}, "amplitude must be above 0"),
        ({"contrast": 0}, "contrast not 0"),
        ({"focus_um": []}, "numbers or lists"),
    ],
)
def test_bad_values_are_one_clear_line(values, message):
    with pytest.raises(BadValueError, match=message):
        interferometric_psf((9, 9), Microscope(), **values)


def test_a_coverslip_too_thick_for_the_objective_is_refused():
    m = Microscope(coverslip_um=400.0, design_coverslip_um=170.0)
    with pytest.raises(BadValueError, match="leaves no room for the immersion"):
        interferometric_psf((9, 9), m)

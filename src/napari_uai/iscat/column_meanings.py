"""What the columns of tables of results mean: for tooltips, and for the page about outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Meaning(NamedTuple):
    """Meaning of columns, in the Markdown of the documentation.

    Attributes
    ----------
    columns
        Names of columns that mean the same of different quantities.
    unit
        Unit, empty if there is none.
    text
        Meaning.
    """

    columns: tuple[str, ...]
    unit: str
    text: str


LANDING_MEANINGS = (
    Meaning(
        ("landing",),
        "",
        "rank by score, from 1",
    ),
    Meaning(
        ("frame",),
        "frames",
        "frame of the rolling average, from 0, in which the V peaks. It is `raw_frame` "
        "minus one batch (minus the first frame chosen with `--frames`), and so negative "
        "for a landing in the first batch",
    ),
    Meaning(
        ("raw_frame",),
        "frames",
        "frame of the input file, from 0, in which the landed particle is first present",
    ),
    Meaning(
        ("y", "x"),
        "px",
        "rows down, columns right, pixel centres at integers, in the full frame of the file",
    ),
    Meaning(
        ("contrast",),
        "relative",
        "height of the step over the mean intensity, signed: negative for a particle darker "
        "than its background",
    ),
    Meaning(
        ("score",),
        "",
        "higher is more confident. `matched`: standard deviations of noise, so that 7 is "
        "not chance. `classical`: contrast over its error in one frame of the rolling "
        "average, which is a different scale",
    ),
    Meaning(
        ("n_localizations",),
        "",
        "rows of `localizations.csv` that belong to this landing",
    ),
    Meaning(
        ("contrast_error", "y_error", "x_error", "frame_error"),
        "as the value",
        "standard errors",
    ),
    Meaning(
        ("frame_before", "frame_after"),
        "frames",
        "the particle landed between `frame - frame_before` and `frame + frame_after` with "
        "a probability of 68 % (`matched`, `rescored`)",
    ),
    Meaning(
        ("other_times",),
        "0 to 1",
        "probability that it landed farther than half a batch from `frame` (`matched`, `rescored`)",
    ),
    Meaning(
        ("changing",),
        "0 to 1",
        "share of the places of the recording whose background changes slowly, the same in all "
        "rows; above 0.15 a network has scored the candidates again (`matched`, `rescored`)",
    ),
    Meaning(
        ("step_score",),
        "",
        "score of the step detector, before a network scored again (`matched`, `rescored`)",
    ),
    Meaning(
        ("kind",),
        "",
        "`landing`, or `takeoff` if the step reverses an earlier one at the same place "
        "(`matched`, `rescored`)",
    ),
    Meaning(
        ("expected_false",),
        "per recording",
        "number of events at least this strong that noise alone would give (`matched`, `rescored`)",
    ),
    Meaning(
        ("psf_image",),
        "",
        "which image of the point-spread function was chosen, from 0, if the file has several",
    ),
    Meaning(
        ("peak_contrast", "intersection_contrast", "prominence_contrast"),
        "relative",
        "three readings of the smoothed V, for comparison with PiSCAT; noise biases the "
        "first upwards",
    ),
    Meaning(
        ("spot_distance_px",),
        "px",
        "distance of the nearest spot of a second recording, where one was compared",
    ),
    Meaning(
        ("coincides",),
        "0 or 1",
        "whether that spot is within the tolerance",
    ),
    Meaning(
        ("coincidence_chance",),
        "0 to 1",
        "share of shifted copies of the spots with which the landing coincides",
    ),
)
"""In the order of the columns."""


TRAJECTORY_MEANINGS = (
    Meaning(("particle",), "", "number of the particle, as in `tracks.csv`"),
    Meaning(
        ("first_frame", "last_frame"), "frames", "first and last frame of the file with a spot"
    ),
    Meaning(("n_spots",), "", "number of spots; fewer than the frames where it was missed"),
    Meaning(("y", "x"), "px", "mean position, in the full frame of the file"),
    Meaning(
        ("diffusion_um2_per_s", "diffusion_px2_per_frame"),
        "µm²/s or px²/frame",
        "diffusion constant by the covariance-based estimator, without localisation error and "
        "motion blur; unbiased, and so sometimes negative for a particle that hardly moves. In "
        "px²/frame where pixel size or frame rate is unknown, as all that follows",
    ),
    Meaning(
        ("diffusion_error_um2_per_s", "diffusion_error_px2_per_frame"),
        "as the value",
        "its standard error, exact for free diffusion",
    ),
    Meaning(
        (
            "diffusion_low_um2_per_s",
            "diffusion_high_um2_per_s",
            "diffusion_low_px2_per_frame",
            "diffusion_high_px2_per_frame",
        ),
        "as the value",
        "ends of its 95 % interval, by the likelihood of the displacements: the one to use for "
        "short trajectories, whose constants scatter more to large values",
    ),
    Meaning(
        ("localization_um", "localization_px"),
        "µm or px",
        "standard deviation of the localisation along an axis; 0 where the estimate of its square "
        "is not positive",
    ),
    Meaning(("localization_error_um", "localization_error_px"), "µm or px", "its standard error"),
    Meaning(
        ("exponent", "exponent_error"),
        "",
        "anomalous exponent of the mean squared displacement and its standard error: 1 for free "
        "diffusion, less if confined, 2 if directed; empty for fewer than 17 frames",
    ),
    Meaning(
        ("diameter_nm", "diameter_error_nm"),
        "nm",
        "hydrodynamic diameter by the Stokes-Einstein relation, for spheres far from any wall, and "
        "its standard error; only where the scale is known",
    ),
    Meaning(("diameter_low_nm", "diameter_high_nm"), "nm", "ends of its 95 % interval"),
    Meaning(
        ("contrast", "contrast_error"),
        "relative",
        "median contrast of the fitted spots, signed, and its standard error; the motion during "
        "the exposure lowers it",
    ),
)
"""Columns of ``trajectories.csv``, in their order."""


_SPOT_MEANINGS = (
    Meaning(("landing",), "", "number of the landing it belongs to, 0 for none"),
    Meaning(("particle",), "", "number of the particle"),
    Meaning(("frame",), "frames", "frame of the video in which the spot was detected, from 0"),
    Meaning(("raw_frame",), "frames", "frame of the input file, from 0"),
    Meaning(("y", "x"), "px", "pixel of the spot, in the full frame of the file"),
    Meaning(("center_intensity",), "relative", "contrast of the pixel"),
    Meaning(("sigma",), "px", "standard deviation of the Gaussian that was looked for"),
    Meaning(("Sigma_ratio",), "", "smaller over larger width of the fit: 1 is round"),
    Meaning(("Fit_Amplitude",), "relative", "contrast of the fitted Gaussian, signed"),
    Meaning(("Fit_X-Center", "Fit_Y-Center"), "px", "its centre, in the full frame of the file"),
    Meaning(("Fit_X-Sigma", "Fit_Y-Sigma"), "px", "its standard deviations"),
    Meaning(("Fit_Bias",), "relative", "background of the fit"),
    *(
        Meaning((f"Fit_errors_{name}",), unit, "standard error of the fit")
        for name, unit in (
            ("Amplitude", "relative"), ("X-Center", "px"), ("Y-Center", "px"),
            ("X-Sigma", "px"), ("Y-Sigma", "px"), ("Bias", "relative"),
        )
    ),
    Meaning(("status",), "", "`ok`, or why the fit has no values"),
    Meaning(("R2",), "", "share of the variance that the fit explains"),
)  # fmt: skip

_TRACE_MEANINGS = (
    Meaning(("landing",), "", "number of the landing, as in `landings.csv`"),
    Meaning(("frame",), "frames", "frame of the rolling average, from 0"),
    Meaning(("raw_frame",), "frames", "frame of the input file, from 0"),
    Meaning(("contrast",), "relative", "contrast at the position of the landing"),
)

_DRIFT_MEANINGS = (
    Meaning(("frame", "raw_frame"), "frames", "frame of the input file, from 0"),
    Meaning(("y_px", "x_px"), "px", "position of the stage relative to the beginning"),
    Meaning(("y_error_px", "x_error_px"), "px", "standard errors"),
)

_DISPLACEMENT_MEANINGS = (
    Meaning(("particle",), "", "number of the particle, as in `tracks.csv`"),
    Meaning(("lag_frames",), "frames", "time between the two positions"),
    Meaning(("lag_s",), "s", "the same"),
    Meaning(("msd_um2",), "µm²", "mean squared displacement over both axes"),
    Meaning(("msd_error_um2",), "µm²", "its standard error"),
    Meaning(("msd_px2",), "px²", "mean squared displacement over both axes"),
    Meaning(("msd_error_px2",), "px²", "its standard error"),
    Meaning(("pairs",), "", "pairs of positions that were averaged"),
)

_POPULATION_MEANINGS = (
    Meaning(("trajectories", "spots"), "", "number that was used"),
    *(
        meaning
        for scale, unit in (("um2_per_s", "µm²/s"), ("px2_per_frame", "px²/frame"))
        for meaning in (
            Meaning((f"diffusion_{scale}",), unit, "median of the log-normal distribution"),
            Meaning(
                (f"diffusion_low_{scale}", f"diffusion_high_{scale}"),
                unit,
                "ends of its 95 % interval",
            ),
            Meaning((f"mean_{scale}",), unit, "mean diffusion constant, weighted by spots"),
            Meaning((f"mean_error_{scale}",), unit, "its standard error"),
        )
    ),
    Meaning(("spread",), "", "standard deviation of ln D between particles"),
    Meaning(("spread_low", "spread_high"), "", "ends of its 95 % interval"),
    Meaning(("diameter_nm",), "nm", "hydrodynamic diameter of the median, by Stokes-Einstein"),
    Meaning(("diameter_low_nm", "diameter_high_nm"), "nm", "ends of its 95 % interval"),
)

_DISTRIBUTION_MEANINGS = (
    Meaning(("low_um2_per_s", "high_um2_per_s"), "µm²/s", "ends of the bin of diffusion constants"),
    Meaning(
        ("low_px2_per_frame", "high_px2_per_frame"),
        "px²/frame",
        "ends of the bin of diffusion constants",
    ),
    Meaning(("diameter_low_nm", "diameter_high_nm"), "nm", "the same as hydrodynamic diameters"),
    Meaning(("trajectories",), "", "number in the bin"),
    Meaning(("share",), "0 to 1", "share of all spots"),
    Meaning(("share_error",), "0 to 1", "its standard error"),
)

_TABLES = (
    ({"particle", "first_frame", "n_spots"}, TRAJECTORY_MEANINGS),
    ({"particle", "lag_frames", "pairs"}, _DISPLACEMENT_MEANINGS),
    ({"trajectories", "spread"}, _POPULATION_MEANINGS),
    ({"trajectories", "share"}, _DISTRIBUTION_MEANINGS),
    ({"y_px", "x_px"}, _DRIFT_MEANINGS),
    ({"y", "x", "center_intensity"}, _SPOT_MEANINGS),
    ({"frame", "y", "x", "contrast"}, LANDING_MEANINGS),
    ({"landing", "frame", "contrast"}, _TRACE_MEANINGS),
)
"""Columns by which a table is known, and what its columns mean."""


class PlainMeaning(NamedTuple):
    """Unit and meaning of one column as plain texts, empty if not known."""

    unit: str
    text: str


def meanings_of(columns: Collection[str]) -> dict[str, PlainMeaning]:
    """Return unit and meaning of the columns of a table of results.

    Parameters
    ----------
    columns
        All columns of the table, by which it is recognised.

    Returns
    -------
    dict
        By column; those that are not known are left out.

    Examples
    --------
    >>> meanings_of(["landing", "frame", "raw_frame", "contrast"])["contrast"]
    PlainMeaning(unit='relative', text='contrast at the position of the landing')
    """
    known: Iterable[Meaning] = next(
        (meanings for needed, meanings in _TABLES if needed <= {*columns}), ()
    )
    return {
        column: PlainMeaning(_unit_of(column, meaning), meaning.text.replace("`", ""))
        for meaning in known
        for column in meaning.columns
        if column in columns
    }


def _unit_of(column: str, meaning: Meaning) -> str:
    """Return the one unit of a column where the units of several are described together."""
    for end, unit in _UNITS_IN_NAMES:
        if column.endswith(end):
            return unit
    if meaning.unit == _AS_VALUE:
        value = column.replace("_error", "")
        return {"y": "px", "x": "px", "frame": "frames", "contrast": "relative"}[value]
    return meaning.unit


_AS_VALUE = "as the value"
_UNITS_IN_NAMES = (
    ("_um2_per_s", "µm²/s"),
    ("_px2_per_frame", "px²/frame"),
    ("_um", "µm"),
    ("_px", "px"),
)


def column_meaning(column: str) -> str:
    """Return the meaning of a column of ``landings.csv`` as plain text, empty if not known.

    Parameters
    ----------
    column
        Name of the column.
    """
    for meaning in LANDING_MEANINGS:
        if column in meaning.columns:
            text = meaning.text.replace("`", "")
            return f"{text} ({meaning.unit})" if meaning.unit else text
    return ""

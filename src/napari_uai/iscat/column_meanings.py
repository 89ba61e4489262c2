"""What the columns of tables of results mean: for tooltips, and for the page about outputs."""

from __future__ import annotations

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
        ("step_score",),
        "",
        "score of the step detector, before rescoring (`rescored`)",
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

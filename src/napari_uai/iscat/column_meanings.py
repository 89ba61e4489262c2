"""What the columns of ``landings.csv`` mean: for tooltips, and for the page about outputs."""

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

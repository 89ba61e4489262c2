"""Colours of everything that the widgets draw.

Classes and curves are drawn in the colours of Okabe and Ito, which people with any kind of colour
vision can tell apart [1]_; those that are too dark for a dark image are lightened.

References
----------
.. [1] M. Okabe and K. Ito, Color Universal Design (2008),
   https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ORANGE, SKY_BLUE, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
VERMILION, PURPLE = "#d55e00", "#cc79a7"
LIGHT_BLUE, LIGHT_GREEN, LIGHT_GREY = "#7f9cff", "#00b388", "#dddddd"
AMBER, CYAN, PINK, MINT, GREY = "#ffb000", "#4cc9f0", "#f72585", "#80ed99", "#6c757d"
WHITE, RED, SAND, SLATE = "#ffffff", "#ff3b30", "#ffd166", "#2a2d34"

CLASS_COLOURS = (
    ORANGE, SKY_BLUE, PURPLE, LIGHT_GREEN, VERMILION, YELLOW, LIGHT_BLUE, LIGHT_GREY,
)  # fmt: skip
"""Colours of the classes of trails, in their order; reused if there are more classes."""

RANK_COLOURS = (ORANGE, SKY_BLUE, YELLOW, GREEN, PURPLE, VERMILION, LIGHT_BLUE)
"""Colours of curves without a class, in their order; reused if there are more curves."""

SHARED_MASK = "#ff4fd8"
"""Region mask of every class; the mask of one class has the colour of that class."""

CHOSEN_CASING = WHITE
"""Around the chosen trail, which keeps the colour of its class."""

THUMBNAIL_START, THUMBNAIL_GROUND = WHITE, SLATE

LANDING_RINGS, LOCALIZATION_RINGS, TRUTH_RINGS, PREVIEW_RINGS = AMBER, CYAN, MINT, MINT
"""Rings around positions."""

VERDICT_COLOURS = {"yes": MINT, "no": GREY, "": AMBER}
"""Accepted, rejected and undecided landings."""

BRIGHT, DARK = AMBER, CYAN
"""Positive and negative contrast in plots."""

MARK = PINK
"""The event, ring or bar that a plot points out."""

ON_LIGHT = {AMBER: "#a85f00", CYAN: "#0a6c96"}
"""Darker variants for plots on a light theme."""

ERROR_ON_DARK, ERROR_ON_LIGHT = "#ff7a6e", "#b3261e"
"""Text of error messages on either theme."""


def class_colour(number: int) -> str:
    """Return the colour of a class.

    Parameters
    ----------
    number
        Position of the class among all classes, from 0.

    Returns
    -------
    str
        Colour as ``#rrggbb``.
    """
    return CLASS_COLOURS[number % len(CLASS_COLOURS)]


def class_colours(kinds: Iterable[str]) -> dict[str, str]:
    """Return the colour of each class by its name, given all classes in their order."""
    return {str(kind): class_colour(number) for number, kind in enumerate(kinds)}


def shade_of(colour: str, share: float) -> str:
    """Return a darker shade of a colour: 0 is black, 1 the colour itself."""
    return "#" + "".join(f"{round(share * channel):02x}" for channel in channels_of(colour))


def channels_of(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of a colour given as ``#rrggbb``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue

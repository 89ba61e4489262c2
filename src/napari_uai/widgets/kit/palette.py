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
AMBER, CYAN, PINK, MINT = "#ffb000", "#4cc9f0", "#f72585", "#80ed99"
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

BRIGHT, DARK, UNSIGNED = AMBER, CYAN, LIGHT_GREY
"""Positive and negative contrast, everywhere in iSCAT; positions whose contrast is not known."""

MARK = PINK
"""The event that a plot points out."""

ON_LIGHT = {AMBER: "#8a4b00", CYAN: "#075a7e", LIGHT_GREY: "#4d5359"}
"""Darker variants for plots on a light theme."""

LINK_ON_DARK, LINK_ON_LIGHT = "#7cb7ff", "#1a5fb4"
ERROR_ON_DARK, ERROR_ON_LIGHT = "#ff7a6e", "#b3261e"
"""Text of error messages on either theme."""


def sign_colour(contrast: float) -> str:
    """Return the colour of a contrast by its sign.

    Parameters
    ----------
    contrast
        Signed contrast; 0 or NaN if not known.

    Returns
    -------
    str
        Colour as ``#rrggbb``.
    """
    return BRIGHT if contrast > 0 else DARK if contrast < 0 else UNSIGNED


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

"""Figures for print: colours, style, and files that are the same for the same result."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that all readers tell apart (Okabe & Ito, https://jfly.uni-koeln.de/color/)."""

INK = "#222222"
"""Colour of lines that belong to no series."""

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # letters stay letters
    "svg.fonttype": "none",
    "svg.hashsalt": "napari-uai",
}
_UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def print_style(font_size: float) -> AbstractContextManager[None]:
    """Return a context in which figures are drawn for print, with letters of a size in points."""
    import matplotlib as mpl

    return mpl.rc_context({**_STYLE, "font.size": font_size})


@contextmanager
def missing_letters() -> Iterator[None]:
    """Draw a box for each letter that the font lacks, as in names of files, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def save_figure(
    figure: Figure, path: Path, *, font_size: float, pixels_per_inch: float | None = None
) -> None:
    """Save a figure of :func:`print_style` so that the same result gives the same file."""
    with print_style(font_size), missing_letters():
        figure.savefig(path, metadata=_UNDATED.get(path.suffix), dpi=pixels_per_inch or "figure")

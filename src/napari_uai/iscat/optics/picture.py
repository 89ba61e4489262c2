"""Picture of a point through focus or height: profile along the axis, contrast, planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.figures import COLOURS, INK, print_style
from napari_uai.iscat.optics.profiles import radial_profiles
from napari_uai.typing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT_SIZE = 8
PIXELS_PER_INCH = 200
PLANES = 7
"""Number of planes that are shown as images, each in the range of its own contrasts."""

SHOWN = 0.4
"""Contrast of the darkest colour relative to the largest one, so that rings can be seen."""

INSIDE = 0.995
"""Share of the pixels of a plane that decides its range."""

_WIDTH_INCHES = 7.2
_COLOUR_MAP = "RdBu_r"  # white is no contrast


def stack_picture(
    stack: npt.ArrayLike,
    positions_um: npt.ArrayLike,
    *,
    pixel_size_um: float,
    axis: str = "focus",
    model: npt.ArrayLike | None = None,
    y: float | None = None,
    x: float | None = None,
) -> Figure:
    """Draw images of a point through focus or height, and a model beside them.

    The upper map shows the mean over rings around the point, mirrored, against the position, as a
    kymograph shows time; the curve below it the contrast at the centre; then a few planes, each in
    the range of its own contrasts.

    Parameters
    ----------
    stack
        Contrasts: planes, rows, columns.
    positions_um
        Focus or height of each plane, um.
    pixel_size_um
        Size of a pixel, um.
    axis
        What the positions are.
    model
        Model of the same planes.
    y, x
        Place of the point, px; by default the middle.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without a screen; save it with ``savefig``.

    Raises
    ------
    BadValueError
        If shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, interferometric_psf, stack_picture
    >>> focus = np.linspace(-1, 1, 41)
    >>> stack = interferometric_psf((33, 33), Microscope(), focus_um=focus, contrast=0.01)
    >>> len(stack_picture(stack, focus, pixel_size_um=0.0437).axes)
    10
    """
    from matplotlib.figure import Figure

    stacks = [np.asarray(each, np.float64) for each in (stack, model) if each is not None]
    positions = np.asarray(positions_um, np.float64).ravel()
    _check(stacks, positions)
    order = np.argsort(positions, kind="stable")
    positions, stacks = positions[order], [each[order] for each in stacks]
    rows, columns = stacks[0].shape[1:]
    place = (rows - 1) / 2 if y is None else y, (columns - 1) / 2 if x is None else x
    most = (float(max(np.abs(each).max() for each in stacks)) or 1.0) * SHOWN
    names = ["measured", "model"] if model is not None else [""]
    heights = [1.6] * len(stacks) + [1.1] + [1.0] * len(stacks)
    with print_style(FONT_SIZE):
        figure = Figure(figsize=(_WIDTH_INCHES, sum(heights) + 0.9), layout="constrained")
        ratios = sum(heights[: len(stacks) + 1]) + 0.4, len(stacks) + 0.2
        parts: Any = figure.subfigures(2, 1, height_ratios=ratios)
        upper, lower = parts
        along = upper.subplots(
            len(stacks) + 1, 1, sharex=True, squeeze=False,
            height_ratios=heights[: len(stacks) + 1],
        )[:, 0]  # fmt: skip
        for axes, each, name in zip(along, stacks, names, strict=False):
            drawn = _draw_profiles(axes, each, positions, place, pixel_size_um, most)
            axes.set_ylabel(f"{name}\nradius (µm)".strip())
        bar = upper.colorbar(drawn, ax=list(along[: len(stacks)]), pad=0.01, extend="both")
        bar.set_label("contrast")
        _draw_contrast(along[-1], stacks, names, positions, place)
        along[-1].set_xlabel(f"{axis} (µm)")
        _draw_planes(lower, stacks, names, positions)
    return figure


def _check(stacks: list[Floats], positions: Floats) -> None:
    shape = stacks[0].shape
    if len(shape) != 3 or min(shape) < 1:
        raise BadValueError(f"a stack must be planes, rows, columns, got shape {shape}")
    if len(positions) != shape[0] or len(positions) < 2:
        raise BadValueError(
            f"positions_um must be one for each of at least 2 planes, got {len(positions)} for "
            f"{shape[0]}"
        )
    if stacks[-1].shape != shape:
        raise BadValueError(f"the model has shape {stacks[-1].shape}, the stack {shape}")


def _draw_profiles(
    axes: Axes,
    stack: Floats,
    positions: Floats,
    place: tuple[float, float],
    pixel_um: float,
    most: float,
) -> Any:
    """Draw the mean over rings against the position; return what a colour bar needs."""
    table = radial_profiles(stack, y=place[0], x=place[1])
    inside = min(*place, stack.shape[1] - 1 - place[0], stack.shape[2] - 1 - place[1])
    table = table[table["radius_px"] <= max(inside, 1.0)]
    profiles = table.pivot_table(index="radius_px", columns="plane", values="value").to_numpy()
    radius = table[table["plane"] == 0]["radius_px"].to_numpy() * pixel_um
    mirrored = np.concatenate([-radius[:0:-1], radius])
    values = np.concatenate([profiles[:0:-1], profiles])
    return axes.pcolormesh(
        positions, mirrored, values, cmap=_COLOUR_MAP, vmin=-most, vmax=most, shading="nearest",
        rasterized=True,
    )  # fmt: skip


def _draw_contrast(
    axes: Axes,
    stacks: list[Floats],
    names: list[str],
    positions: Floats,
    place: tuple[float, float],
) -> None:
    """Draw the value at the centre against the position."""
    y, x = (
        int(np.clip(round(p), 0, n - 1)) for p, n in zip(place, stacks[0].shape[1:], strict=True)
    )
    for i, (each, name) in enumerate(zip(stacks, names, strict=True)):
        measured = name == "measured"
        axes.plot(
            positions, each[:, y, x], "o" if measured else "-", ms=2.5, lw=1.2, color=COLOURS[i],
            label=name,
        )  # fmt: skip
    axes.axhline(0, color=INK, lw=0.5, ls=":")
    axes.set_ylabel("contrast at\nthe centre")
    if len(stacks) > 1:
        axes.legend(fontsize=6.5, loc="best")


def _draw_planes(figure: Any, stacks: list[Floats], names: list[str], positions: Floats) -> None:
    """Draw a few planes as images, with their positions above."""
    count = min(PLANES, len(positions))
    shown = np.unique(np.rint(np.linspace(0, len(positions) - 1, count)).astype(int))
    grid = figure.subplots(len(stacks), len(shown), squeeze=False)
    most = np.max([np.quantile(np.abs(s[shown]), INSIDE, axis=(1, 2)) for s in stacks], axis=0)
    for row, (each, name) in enumerate(zip(stacks, names, strict=True)):
        for axes, plane, limit in zip(grid[row], shown, most, strict=True):
            axes.imshow(each[plane], cmap=_COLOUR_MAP, vmin=-limit, vmax=limit, rasterized=True)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(f"{positions[plane]:.3g} µm".replace("-", "−"), fontsize=7)
        grid[row, 0].set_ylabel(name)

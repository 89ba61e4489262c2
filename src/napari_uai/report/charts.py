"""Small charts as SVG, whose colours follow the page: axes, points with errors, lines, bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_uai.report.markup import Markup, tag
from napari_uai.report.quantities import common_power, number, power_of_ten

if TYPE_CHECKING:
    from napari_uai.typing import Floats

MOST_POINTS = 400
"""Points of a line; of a longer one, evenly spaced points are drawn."""


@dataclass
class Chart:
    """Axes and what is drawn in them.

    Parameters
    ----------
    description
        What is seen, for those who do not see it.
    x, y
        Range of each axis; ``y`` may descend, as in images.
    x_label, y_label
        Labels of the axes; the common power of ten of the ticks is added.
    width, height
        Size in px at full scale.
    n_ticks
        About how many ticks on either axis.
    margins
        Space left, right, above and below.
    """

    description: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    width: float = 480
    height: float = 260
    n_ticks: tuple[int, int] = (6, 5)
    margins: tuple[float, float, float, float] = (58, 14, 12, 44)
    parts: list[Markup] = field(default_factory=list)

    def at_x(self, value: float) -> float:
        """Return where a value is along x, in px."""
        left, right, _, _ = self.margins
        return round(left + _share(value, *self.x) * (self.width - left - right), 1)

    def at_y(self, value: float) -> float:
        """Return where a value is along y, in px."""
        _, _, top, bottom = self.margins
        height = self.height - top - bottom
        return round(self.height - bottom - _share(value, *self.y) * height, 1)

    def points(
        self, x: Floats, y: Floats, kinds: Sequence[str], titles: Sequence[str], *, size: float = 4
    ) -> None:
        """Draw a mark at each position: ``bright`` ones are round, ``dark`` ones square."""
        for px, py, kind, title in zip(x, y, kinds, titles, strict=True):
            if not (math.isfinite(px) and math.isfinite(py)):
                continue
            at = (self.at_x(px), self.at_y(py))
            name = tag("title", title)
            if kind == "bright":
                mark = tag("circle", name, cx=at[0], cy=at[1], r=size, class_="bright full")
            else:
                side = 1.8 * size
                corner = [round(c - side / 2, 1) for c in at]
                mark = tag(
                    "rect", name, x=corner[0], y=corner[1], width=side, height=side,
                    class_="dark full",
                )  # fmt: skip
            self.parts.append(mark)

    def error_bars(self, x: Floats, y: Floats, errors: Floats) -> None:
        """Draw a vertical line of one standard error to either side of each point."""
        for px, py, error in zip(x, y, errors, strict=True):
            if all(map(math.isfinite, (px, py, error))):
                ends = (self.at_y(py - error), self.at_y(py + error))
                at = self.at_x(px)
                self.parts.append(tag("line", x1=at, x2=at, y1=ends[0], y2=ends[1], class_="axis"))

    def line(self, x: Floats, y: Floats, kind: str) -> None:
        """Draw a line, interrupted where a value is not finite."""
        if len(x) > MOST_POINTS:
            some = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
            x, y = x[some], y[some]
        pieces: list[str] = []
        begun = False
        for px, py in zip(x, y, strict=True):
            finite = math.isfinite(px) and math.isfinite(py)
            if finite:
                pieces.append(f"{'L' if begun else 'M'}{self.at_x(px):g} {self.at_y(py):g}")
            begun = finite
        if pieces:
            self.parts.append(tag("path", d="".join(pieces), class_=f"line {kind}"))

    def bars(self, low: Floats, high: Floats, base: Floats, top: Floats, kind: str) -> None:
        """Draw a bar over each interval, from a base to a top."""
        for left, right, bottom, end in zip(low, high, base, top, strict=True):
            if end > bottom:
                x, y = self.at_x(left) + 0.5, self.at_y(end)
                size = (max(self.at_x(right) - 0.5 - x, 1.0), round(self.at_y(bottom) - y, 1))
                bar = tag("rect", x=x, y=y, width=size[0], height=size[1], class_=f"{kind} full")
                self.parts.append(bar)

    def label(self, x: float, y: float, text: str) -> None:
        """Write a text to the upper right of a position."""
        if math.isfinite(x) and math.isfinite(y):
            place = {"x": self.at_x(x) + 6, "y": self.at_y(y) - 5}
            self.parts.append(tag("text", text, **place, class_="small"))

    def legend(self, lines: Sequence[tuple[str, str]]) -> None:
        """Name the kinds of lines above the axes."""
        left, middle = self.margins[0], self.margins[2] - 10
        for n, (kind, name) in enumerate(lines):
            x = left + 110 * n
            self.parts += [
                tag("line", x1=x, x2=x + 24, y1=middle, y2=middle, class_=f"line {kind}"),
                tag("text", name, x=x + 30, y=middle + 4),
            ]

    def zero(self) -> None:
        """Draw a line at y = 0."""
        at = self.at_y(0)
        ends = (self.at_x(self.x[0]), self.at_x(self.x[1]))
        self.parts.append(tag("line", x1=ends[0], x2=ends[1], y1=at, y2=at, class_="grid"))

    def svg(self) -> Markup:
        """Return the chart."""
        return tag(
            "svg",
            self._axes(),
            self.parts,
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="img",
            aria_label=self.description,
        )

    def _axes(self) -> Iterable[Markup]:
        left, right, top, bottom = self.margins
        ends = (left, self.width - right, top, self.height - bottom)
        yield tag(
            "rect", x=ends[0], y=ends[2], width=ends[1] - ends[0], height=ends[3] - ends[2],
            class_="axis",
        )  # fmt: skip
        x_power, x_ticks = ticks(*self.x, self.n_ticks[0])
        for value in x_ticks:
            at = self.at_x(value)
            yield tag("line", x1=at, x2=at, y1=ends[3], y2=ends[3] + 4, class_="axis")
            yield tag(
                "text", number(value / 10.0**x_power), x=at, y=ends[3] + 17, text_anchor="middle"
            )
        y_power, y_ticks = ticks(*self.y, self.n_ticks[1])
        for value in y_ticks:
            at = self.at_y(value)
            yield tag("line", x1=ends[0] - 4, x2=ends[0], y1=at, y2=at, class_="axis")
            yield tag(
                "text", number(value / 10.0**y_power), x=ends[0] - 7, y=at + 4, text_anchor="end"
            )
        middle = ((ends[0] + ends[1]) / 2, (ends[2] + ends[3]) / 2)
        if self.x_label:
            yield tag(
                "text", with_power(self.x_label, x_power), x=middle[0], y=self.height - 8,
                text_anchor="middle",
            )  # fmt: skip
        if self.y_label:
            yield tag(
                "text", with_power(self.y_label, y_power), x=14, y=middle[1], text_anchor="middle",
                transform=f"rotate(-90 14 {middle[1]:g})",
            )  # fmt: skip


def _share(value: float, low: float, high: float) -> float:
    """Return how far a value is along an axis; what is far outside stays near."""
    return min(max((value - low) / (high - low), -1.0), 2.0)


def ticks(low: float, high: float, n: int) -> tuple[int, list[float]]:
    """Return the common power of ten of an axis, and about ``n`` round numbers on it.

    Examples
    --------
    >>> ticks(0, 1200, 6)
    (0, [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0])
    """
    low, high = min(low, high), max(low, high)
    rough = (high - low) / n
    unit = 10.0 ** math.floor(math.log10(rough))
    ladder = [m * unit for m in (0.5, 1, 2, 5, 10)]
    at = next(i for i, step in enumerate(ladder) if step >= rough * (1 - 1e-9))
    # A step that is longer than the axis may have no multiple on it.
    step = ladder[at] if ladder[at] <= high - low else ladder[at - 1]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [i * step for i in range(first, last + 1)]
    return common_power((low, high)), values


def with_power(label: str, power: int) -> str:
    """Add the power of ten in which ticks or cells are printed to a label."""
    if not power:
        return label
    what, bracket, unit = label.partition(" (")
    return f"{what} ({power_of_ten(power)}{' ' + unit if bracket else ')'}"


def padded(values: Floats, share: float = 0.06) -> tuple[float, float]:
    """Return a range around all finite values, with some space at either end."""
    finite = np.asarray(values)[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    space = share * (high - low) or max(abs(high) * share, 1e-12)
    return low - space, high + space

"""The methods paragraph: what was done to the recording, with numbers of this run and citations.

What a stage did is said where it is defined (``methods`` of :class:`napari_uai.stages.Stage`), and
so are its citations (section References of its docstring). Here they are put in order.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_uai.errors import counted, one_line
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.report.markup import Markup, cited, tag
from napari_uai.report.quantities import common_power, fixed, number, power_of_ten

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.report.records import LandingRecord, LandingResults, StageRecord
    from napari_uai.report.trajectory_records import TrajectoryResults
    from napari_uai.stages import Stage

DISTRIBUTION = "napari-uai"
_NAMED = ("numpy", "scipy", "numba")
_MOST_VALUES = 12
_LONGEST_VALUE = 80


class Results(Protocol):
    """Results of a run on one recording."""

    @property
    def name(self) -> str:
        """Path of its folder below that of all results."""

    @property
    def record(self) -> LandingRecord:
        """Record of the run."""


@dataclass(frozen=True)
class Methods:
    """Paragraphs, and what they cite.

    Attributes
    ----------
    paragraphs
        With numbers in square brackets.
    references
        The citation of each number, from 1.
    """

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n\n".join((*self.paragraphs, "References", *self._numbered)) + "\n"

    def html(self) -> Markup:
        """All of it, with a button that copies it."""
        parts = [tag("p", paragraph) for paragraph in self.paragraphs]
        parts += [tag("p", "References"), *(tag("p", cited(each)) for each in self._numbered)]
        copy = tag(
            "button", "Copy the text", type="button", data_copies="methods-text", hidden=True
        )
        return tag("div", tag("div", parts, class_="methods", id="methods-text"), tag("p", copy))

    @property
    def _numbered(self) -> tuple[str, ...]:
        return tuple(f"[{i}] {text}" for i, text in enumerate(self.references, start=1))


class Bibliography:
    """Citations, numbered in the order in which they are first used."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, citations: Iterable[str]) -> str:
        """Return the numbers of citations in brackets, after a space; empty if there are none."""
        numbers = [self._numbers.setdefault(one, len(self._numbers) + 1) for one in citations]
        return f" [{', '.join(map(str, sorted(numbers)))}]" if numbers else ""

    @property
    def references(self) -> tuple[str, ...]:
        """All citations in their order."""
        return tuple(self._numbers)


def landing_methods(groups: Sequence[Sequence[LandingResults]]) -> Methods:
    """Write how landings were detected.

    Parameters
    ----------
    groups
        Results of recordings that were analysed in the same way, by way.
    """
    sources = Bibliography()
    paragraphs = [
        paragraph
        for group in groups
        for paragraph in _done("Landings were detected", group, _found(group), sources)
    ]
    return Methods(tuple(paragraphs), sources.references)


def trajectory_methods(groups: Sequence[Sequence[TrajectoryResults]]) -> Methods:
    """Write how particles were tracked; as :func:`landing_methods`."""
    sources = Bibliography()
    paragraphs = [
        paragraph
        for group in groups
        for paragraph in _done("Particles were tracked", group, _tracked(group), sources)
    ]
    return Methods(tuple(paragraphs), sources.references)


def software_citation(version: str) -> str:
    """Return how this package is cited, from its own metadata."""
    about = importlib.metadata.metadata(DISTRIBUTION)
    subject = about["Summary"].partition(":")[0].rstrip(".")
    subject = subject[:1].lower() + subject[1:]
    return f"{about['Author']}, {about['Name']}: {subject}, version {version} (software)"


def versions_text(versions: Mapping[str, str]) -> str:
    """Return the sentence that names Python and the packages that affect the numbers."""
    others = [f"{name} {one_line(versions[name], 40)}" for name in _NAMED if name in versions]
    python = one_line(versions.get("python", "of unknown version"), 40)
    return f"Computations ran under Python {python}" + (
        f" with {', '.join(others)}." if others else "."
    )


def written(time: str) -> str:
    """Return the time of a record as it is printed."""
    return one_line(time, 40).replace("T", " ").replace("+00:00", " UTC")


def known_stage(use: str) -> Stage | None:
    """Return a stage by the name of its function, None if this version does not have it."""
    return STAGES.get(use)


def printed_value(value: Any) -> str:
    """Return the value of a parameter as it is printed."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, (list, tuple)):
        some = [printed_value(each) for each in value[:_MOST_VALUES]]
        return f"({', '.join(some)}{', ...' if len(value) > _MOST_VALUES else ''})"
    return one_line(value, _LONGEST_VALUE)


def with_unit(use: str, name: str, value: Any) -> str:
    """Return the value of a parameter of a stage with its unit."""
    stage, text = known_stage(use), printed_value(value)
    known = stage.parameters.get(name) if stage else None
    is_number = isinstance(value, (int, float, list, tuple)) and not isinstance(value, bool)
    return f"{text} {known.unit}" if known and known.unit and is_number else text


def _done(
    what: str, group: Sequence[Results], found: str, sources: Bibliography
) -> tuple[str, str]:
    """Say what was done to recordings, and what was found."""
    record = group[0].record
    version = one_line(record.versions.get(DISTRIBUTION, "of unknown version"), 40)
    software = f"{DISTRIBUTION} {version}{sources.mark([software_citation(version)])}"
    recipe = one_line(record.recipe.name, 80)
    first = (
        f"{what} in {_recordings(group)} with {software}, recipe {recipe}, in the "
        f"following steps. {' '.join(_sentence(stage, sources) for stage in record.stages)}"
    )
    return first, f"{found} {versions_text(record.versions)}"


def _recordings(group: Sequence[Results]) -> str:
    inputs = [results.record.input for results in group]
    shapes = sorted({each.shape for each in inputs})
    rates = sorted({each.rate for each in inputs if each.rate})
    pixels = sorted({each.pixel_nm for each in inputs if each.pixel_nm})
    frames, rows, columns = shapes[0]
    size = f"{counted(frames, 'frame')} of {rows} × {columns} px"
    if len(shapes) > 1:
        size = f"{number(shapes[0][0])} to {counted(shapes[-1][0], 'frame')}"
    facts = [size]
    facts += [f"{' or '.join(number(rate) for rate in rates)} frames per second"] if rates else []
    facts += [f"{' or '.join(number(each) for each in pixels)} nm per px"] if pixels else []
    if len(group) == 1:
        return f"the recording {one_line(inputs[0].name, 120)} ({', '.join(facts)})"
    return f"{len(group)} recordings ({', '.join(facts)})"


def _sentence(stage: StageRecord, sources: Bibliography) -> str:
    """Say what a stage did, with all parameters that are set."""
    known = known_stage(stage.use)
    said = known.methods if known else ""
    if not said:
        said = f"The stage {one_line(stage.use, 80)} was applied"
        if known:
            said += f" ({known.summary.rstrip('.')})"
    values = [
        f"{one_line(name, 80)} {with_unit(stage.use, name, value)}"
        for name, value in stage.parameters.items()
        if value is not None
    ]
    about = f"{one_line(stage.use, 80)}{': ' if values else ''}{', '.join(values)}"
    return f"{said}{sources.mark(known.references if known else ())} ({about})."


def _found(group: Sequence[LandingResults]) -> str:
    import pandas as pd

    landings = pd.concat([results.landings for results in group], ignore_index=True)
    per = f" in {len(group)} recordings" if len(group) > 1 else ""
    if not len(landings):
        return f"No landings were found{per}."
    contrast = landings["contrast"].to_numpy(float)
    bright, dark = int((contrast > 0).sum()), int((contrast < 0).sum())
    text = (
        f"{counted(len(landings), 'landing')} {'was' if len(landings) == 1 else 'were'} found"
        f"{per}, {bright} of positive and {dark} of negative contrast"
    )
    if bright + dark:
        height = np.abs(contrast[np.isfinite(contrast)])
        median, low, high = (
            number(float(each), 3) for each in (np.median(height), height.min(), height.max())
        )
        text += f"; the median absolute contrast was {median} (from {low} to {high})"
    text += _errors(landings)
    accepted = [
        s.parameters.get("false_landings") for s in group[0].record.stages_of("accept_events")
    ]
    if accepted and isinstance(accepted[0], (int, float)):
        text += (
            f" The threshold admitted {number(float(accepted[0]))} expected false landings per "
            "recording, as estimated from each recording itself."
        )
    return text


def _tracked(group: Sequence[TrajectoryResults]) -> str:
    """Say how many trajectories were found, and the diffusion of each recording's population."""
    n = sum(len(results.trajectories) for results in group)
    if not n:
        return "No trajectories were found."
    spots = int(sum(np.nansum(results.column("n_spots")) for results in group))
    what = "trajectory was" if n == 1 else "trajectories were"
    text = f"{n} {what} found, of {spots} spots in total."
    for results in group[:_MOST_VALUES]:
        table, units = results.population, results.units
        if table is None or table.empty:
            continue
        row = table.iloc[0]
        value, low, high = (
            number(float(row[f"diffusion{end}_{units.diffusion}"]), 3)
            for end in ("", "_low", "_high")
        )
        whose = f" of {one_line(results.name, 120)}" if len(group) > 1 else ""
        text += (
            f" The median of the log-normal distribution of diffusion constants{whose} was {value} "
            f"{units.diffusion_text} (95 % interval {low} to {high})"
        )
        if "diameter_nm" in row:
            value, low, high = (
                number(float(row[f"diameter{end}_nm"]), 3) for end in ("", "_low", "_high")
            )
            text += (
                f", which is a hydrodynamic diameter of {value} nm ({low} to {high}) for spheres "
                "far from walls"
            )
        text += "."
    return text


def _errors(landings: pd.DataFrame) -> str:
    """Say how large the standard errors are, and end the sentence."""
    medians = {
        name: float(np.nanmedian(landings[column]))
        for name, column in (("contrast", "contrast_error"), ("y", "y_error"), ("x", "x_error"))
        if column in landings and landings[column].notna().any()
    }
    if "contrast" not in medians:
        return "."
    power = common_power([medians["contrast"]])
    error = fixed(medians["contrast"] / 10.0**power, 1 if power else 3)
    error += f" × {power_of_ten(power)}" if power else ""
    text = f", its median standard error {error}"
    if {"y", "x"} <= medians.keys():
        text += (
            f"; positions had median standard errors of {fixed(medians['y'], 2)} px (y) and "
            f"{fixed(medians['x'], 2)} px (x)"
        )
    return f"{text}."

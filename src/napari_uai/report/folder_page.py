"""The page about a folder of recordings: all of them together, then each of them, folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from napari_uai.errors import counted, one_line
from napari_uai.report import landing_sections as sections
from napari_uai.report.landing_charts import histogram
from napari_uai.report.markup import Markup, Page, joined, table, tag
from napari_uai.report.methods import Results, landing_methods
from napari_uai.report.quantities import NOTHING, common_power, number, power_of_ten
from napari_uai.report.records import LandingResults, read_landing_results, read_table

if TYPE_CHECKING:
    from napari_uai.report.records import LandingRecord

Some = TypeVar("Some", bound=Results)

N_WITH_PICTURES = 100
"""Recordings shown with pictures, the first ones; a page with thousands would not open."""

PROBLEMS = "problems.csv"


def folder_page(folder: Path, places: Sequence[Path], others: Sequence[Path]) -> Page:
    """Return the page about several recordings.

    Parameters
    ----------
    folder
        The folder of all of them.
    places
        Folders of the results of recordings.
    others
        Other results in the folder, which are only named.
    """
    every = [read_landing_results(place, place.relative_to(folder).as_posix()) for place in places]
    groups = in_the_same_way(every)
    methods = landing_methods(groups)
    overview = [
        sections.key_figures(every),
        _overview(every),
        tag("div", _pooled(groups), class_="figures"),
    ]
    return Page(
        f"Landings in {counted(len(every), 'recording')}",
        f"Results in {one_line(folder.resolve().name, 120)}",
        (
            ("Recordings", joined(overview)),
            ("Problems", problems_of_all(folder, every, others)),
            ("Limits", sections.limits(group[0].record for group in groups)),
            ("Methods", methods.html()),
            ("Each recording", joined([_left_out(every), *map(_one, range(len(every)), every)])),
            ("Parameters", joined(_parameters(group, len(groups)) for group in groups)),
        ),
        methods.text,
    )


def in_the_same_way(every: Iterable[Some]) -> list[list[Some]]:
    """Group results of recordings by recipe, parameters and versions."""
    groups: dict[str, list[Some]] = {}
    for results in every:
        groups.setdefault(_way(results.record), []).append(results)
    return list(groups.values())


def _way(record: LandingRecord) -> str:
    stages = [(stage.name, stage.use, stage.input, stage.parameters) for stage in record.stages]
    return repr((record.recipe.name, stages, sorted(record.versions.items())))


def _overview(every: Sequence[LandingResults]) -> Markup:
    medians = [_median(results) for results in every]
    power = common_power(medians)
    unit = f" ({power_of_ten(power)})" if power else ""
    rows = [
        (
            tag("a", one_line(results.name, 120), href=f"#recording-{n}"),
            one_line(results.record.recipe.name, 80),
            number(results.record.input.shape[0]),
            number(len(results.landings)),
            number(median / 10.0**power, 3),
            number(len(results.record.problems)),
        )
        for n, (results, median) in enumerate(zip(every, medians, strict=True))
    ]
    header = ("recording", "recipe", "frames", "landings", f"median |contrast|{unit}", "problems")
    return table("Every recording; its name leads to its results.", header, rows, numeric=True)


def _median(results: LandingResults) -> float:
    contrast = results.landings["contrast"].abs()
    return float(contrast.median()) if len(contrast) else float("nan")


def _pooled(groups: Sequence[Sequence[LandingResults]]) -> Iterable[Markup]:
    for group in groups:
        landings = pd.concat([results.landings for results in group], ignore_index=True)
        if len(landings) and np.isfinite(landings["contrast"]).any():
            recipe = one_line(group[0].record.recipe.name, 80)
            yield histogram(landings, f" in {counted(len(group), 'recording')}, recipe {recipe}")


def problems_of_all(folder: Path, every: Sequence[Results], others: Sequence[Path]) -> Markup:
    """Return what went wrong in a folder of recordings, and what else is in it."""
    lines = []
    if (folder / PROBLEMS).exists():
        failures = read_table(folder / PROBLEMS, needed=("recording", "failed", "problem"))
        lines += [
            f"{recording} failed: {problem}"
            for recording, failed, problem in failures.itertuples(index=False)
            if failed == "yes"
        ]
    lines += [f"{each.name}: {text}" for each in every for text in each.record.problems]
    beside = [
        tag("p", f"{_name(folder, place)} holds other results, which are not reported here.")
        for place in others
    ]
    if not lines:
        return joined([tag("p", "The runs reported no problems."), beside])
    shown = [tag("li", one_line(line)) for line in lines[: sections.MOST_PROBLEMS]]
    more = len(lines) - len(shown)
    listed = tag("ul", shown, tag("li", f"and {more} more") if more else None, class_="notes")
    return joined([listed, beside])


def _name(folder: Path, place: Path) -> str:
    return one_line(place.relative_to(folder).as_posix(), 200)


def _left_out(every: Sequence[LandingResults]) -> Markup | None:
    if len(every) <= N_WITH_PICTURES:
        return None
    shown = f"Pictures of the first {N_WITH_PICTURES} recordings are shown"
    return tag("p", f"{shown}; summary.png in the folder of each has its own.", class_="quiet")


def _one(n: int, results: LandingResults) -> Markup:
    record = results.record
    name = tag(
        "summary", f"{one_line(results.name, 200)}: {counted(len(results.landings), 'landing')}"
    )
    content = [
        sections.recording_facts(record),
        sections.problems(record),
        sections.landings(results, pictures=n < N_WITH_PICTURES),
        sections.provenance(results.folder, record),
    ]
    return tag("details", name, content, id=f"recording-{n}")


def _parameters(group: Sequence[LandingResults], n_groups: int) -> Markup:
    parts: list[Markup] = []
    if n_groups > 1:
        names = ", ".join(one_line(results.name, 120) for results in group[:20])
        more = f" and {len(group) - 20} more" if len(group) > 20 else NOTHING[:0]
        parts.append(tag("h3", f"{names}{more}"))
    record = group[0].record
    return joined([*parts, sections.parameters(record), sections.versions_table(record.versions)])

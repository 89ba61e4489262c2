"""The page about particles that move, in one recording or in several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import counted, one_line
from napari_uai.report import landing_sections as sections
from napari_uai.report.folder_page import N_WITH_PICTURES, in_the_same_way, problems_of_all
from napari_uai.report.markup import Markup, Page, facts, figure, joined, picture, table, tag
from napari_uai.report.methods import DISTRIBUTION, trajectory_methods, written
from napari_uai.report.quantities import NOTHING, number, with_error
from napari_uai.report.records import read_png
from napari_uai.report.trajectory_charts import trajectory_charts
from napari_uai.report.trajectory_records import TrajectoryResults, read_trajectory_results

if TYPE_CHECKING:
    import pandas as pd

N_ROWS = 50
"""Rows of the table of trajectories."""


def trajectory_page(folder: Path, places: Sequence[Path], others: Sequence[Path]) -> Page:
    """Return the page about trajectories.

    Parameters
    ----------
    folder
        That was asked for.
    places
        Folders of the results of recordings: the folder itself, or those below it.
    others
        Other results in the folder, which are only named.
    """
    if [*places] == [folder]:
        return _page_of_one(read_trajectory_results(folder))
    every = [
        read_trajectory_results(place, place.relative_to(folder).as_posix()) for place in places
    ]
    groups = in_the_same_way(every)
    methods = trajectory_methods(groups)
    return Page(
        f"Trajectories in {counted(len(every), 'recording')}",
        f"Results in {one_line(folder.resolve().name, 120)}",
        (
            ("Recordings", joined([_key_figures(every), _overview(every)])),
            ("Problems", problems_of_all(folder, every, others)),
            ("Limits", sections.limits(group[0].record for group in groups)),
            ("Methods", methods.html()),
            ("Each recording", joined(map(_one, range(len(every)), every))),
            ("Parameters", joined(sections.parameters(group[0].record) for group in groups)),
        ),
        methods.text,
    )


def _page_of_one(results: TrajectoryResults) -> Page:
    record = results.record
    methods = trajectory_methods([[results]])
    version = one_line(record.versions.get(DISTRIBUTION, ""), 40)
    origin = [
        sections.provenance(results.folder, record),
        sections.versions_table(record.versions),
    ]
    return Page(
        f"Trajectories in {one_line(record.input.name, 120)}",
        f"Recipe {one_line(record.recipe.name, 80)}, analysed with {DISTRIBUTION} {version} on "
        f"{written(record.written)}",
        (
            ("Recording", joined([_key_figures([results]), sections.recording_facts(record)])),
            ("Problems", sections.problems(record)),
            ("Trajectories", _trajectories(results)),
            ("Limits", sections.limits([record])),
            ("Methods", methods.html()),
            ("Parameters", sections.parameters(record)),
            ("Origin", joined(origin)),
        ),
        methods.text,
    )


def _key_figures(every: Sequence[TrajectoryResults]) -> Markup:
    n = sum(len(each.trajectories) for each in every)
    frames = sum(each.record.input.shape[0] for each in every)
    shown = [(f"{n}", "trajectory" if n == 1 else "trajectories"), (f"{frames}", "frames")]
    if len(every) > 1:
        shown.insert(0, (f"{len(every)}", "recordings"))
    elif every[0].population is not None and len(every[0].population):
        row, units = every[0].population.iloc[0], every[0].units
        value = number(float(row[f"diffusion_{units.diffusion}"]), 3)
        shown.append((value, f"{units.diffusion_text} diffusion constant"))
    items = [tag("li", tag("b", figures), what) for figures, what in shown]
    return tag("ul", items, class_="key")


def _trajectories(results: TrajectoryResults, *, pictures: bool = True) -> Markup:
    some = len(results.trajectories) > 0
    return joined(
        [
            sections.check_of_rows(
                results.record, "trajectories", len(results.trajectories), "trajectories.csv"
            ),
            _population(results),
            trajectory_charts(results) if some and pictures else None,
            _summary(results) if pictures else None,
            _table(results) if some else tag("p", "No trajectories were found."),
        ]
    )


def _population(results: TrajectoryResults) -> Markup | None:
    """Return what is known of all particles together."""
    if results.population is None or results.population.empty:
        return None
    row, units = results.population.iloc[0], results.units
    diameter = f"{_with_interval(row, 'diameter', 'nm')} nm" if "diameter_nm" in row else ""
    pairs: list[tuple[str, Any]] = [
        ("Trajectories, spots", f"{number(row['trajectories'])}, {number(row['spots'])}"),
        (
            "Diffusion constant, median",
            f"{_with_interval(row, 'diffusion', units.diffusion)} {units.diffusion_text}",
        ),
        ("Spread of ln D between particles", _with_interval(row, "spread", "")),
        ("Hydrodynamic diameter", diameter),
    ]
    note = tag("p", "Values of the population with 95 % intervals:", class_="quiet")
    return joined([note, facts(pairs)])


def _with_interval(row: pd.Series[Any], what: str, unit: str) -> str:
    unit = unit and f"_{unit}"
    value, low, high = (float(row[f"{what}{end}{unit}"]) for end in ("", "_low", "_high"))
    return f"{number(value, 3)} ({number(low, 3)} to {number(high, 3)})"


def _table(results: TrajectoryResults) -> Markup:
    """Return the longest trajectories, with the errors of what was measured."""
    units, n = results.units, len(results.trajectories)
    shown = results.trajectories.nlargest(N_ROWS, "n_spots", keep="first")
    measured = [
        (f"D ({units.diffusion_text})", "diffusion", units.diffusion),
        (f"localisation ({units.length_text})", "localization", units.length),
        ("exponent", "exponent", ""),
        ("diameter (nm)", "diameter", "nm"),
        ("contrast", "contrast", ""),
    ]
    measured = [each for each in measured if "_".join(filter(None, each[1:])) in shown.columns]
    header = ["particle", "frames of the file", "spots", "y (px)", "x (px)"]
    rows = []
    for _, row in shown.iterrows():
        cells = [
            number(row["particle"]),
            f"{number(row['first_frame'])} to {number(row['last_frame'])}",
            number(row["n_spots"]), number(row["y"]), number(row["x"]),
        ]  # fmt: skip
        rows.append([*cells, *(_measured(row, what, unit) for _, what, unit in measured)])
    which = f"The longest {N_ROWS} of {n} trajectories" if n > N_ROWS else "All trajectories"
    caption = (
        f"{which}, longest first; ± one standard error. y counts rows down, x columns to the "
        "right, from the centre of the first pixel of the full frame. Of short trajectories, "
        "trajectories.csv has 95 % intervals of the diffusion constant, which are not symmetric. "
        "It has all rows and digits."
    )
    return table(caption, [*header, *(name for name, _, _ in measured)], rows, numeric=True)


def _measured(row: pd.Series[Any], what: str, unit: str) -> str:
    value, error = ("_".join(filter(None, (name, unit))) for name in (what, f"{what}_error"))
    return with_error(float(row[value]), float(row.get(error, float("nan"))))


def _summary(results: TrajectoryResults) -> Markup | None:
    content = read_png(results.folder / "summary.png")
    if content is None:
        return None
    name = one_line(results.record.input.name)
    seen = "paths, mean squared displacements, diffusion constants over contrasts and sizes"
    shown = picture(content, f"Summary of the run: mean image of {name} with {seen}.")
    return figure(shown, "Summary picture of the run (summary.png).", wide=True)


def _overview(every: Sequence[TrajectoryResults]) -> Markup:
    rows = [
        (
            tag("a", one_line(results.name, 120), href=f"#recording-{n}"),
            one_line(results.record.recipe.name, 80),
            number(results.record.input.shape[0]),
            number(len(results.trajectories)),
            _median(results),
            number(len(results.record.problems)),
        )
        for n, results in enumerate(every)
    ]
    header = ("recording", "recipe", "frames", "trajectories", "median D (95 %)", "problems")
    return table("Every recording; its name leads to its results.", header, rows, numeric=True)


def _median(results: TrajectoryResults) -> str:
    if results.population is None or results.population.empty:
        return NOTHING
    units = results.units
    interval = _with_interval(results.population.iloc[0], "diffusion", units.diffusion)
    return f"{interval} {units.diffusion_text}"


def _one(n: int, results: TrajectoryResults) -> Markup:
    found = len(results.trajectories)
    what = "trajectory" if found == 1 else "trajectories"
    content = [
        sections.recording_facts(results.record),
        sections.problems(results.record),
        _trajectories(results, pictures=n < N_WITH_PICTURES),
        sections.provenance(results.folder, results.record),
    ]
    title = tag("summary", f"{one_line(results.name, 200)}: {found} {what}")
    return tag("details", title, content, id=f"recording-{n}")

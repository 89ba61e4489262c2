"""Sections of the page about recordings: facts, landings, problems, limits, parameters, origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.docstrings import cautions, plain_text
from napari_uai.errors import counted, one_line
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe, recipe_names
from napari_uai.limits import amount
from napari_uai.report.charts import with_power
from napari_uai.report.landing_charts import landing_charts, trace_charts
from napari_uai.report.markup import Markup, facts, figure, joined, picture, scrolled, table, tag
from napari_uai.report.methods import DISTRIBUTION, known_stage, printed_value, with_unit, written
from napari_uai.report.quantities import (
    NOTHING,
    common_power,
    exponent_of,
    number,
    with_error,
)
from napari_uai.report.records import read_png
from napari_uai.results import checksum_of, versions

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.report.records import LandingRecord, LandingResults, StageRecord

N_ROWS = 50
"""Rows of the table of landings."""

MOST_PROBLEMS = 200
"""Problems that are listed."""

_FILES = (
    "landings.csv", "localizations.csv", "traces.csv", "candidates.csv", "drift.csv",
    "trajectories.csv", "tracks.csv", "displacements.csv", "population.csv", "distribution.csv",
    "recipe.toml", "summary.png", "run.json",
)  # fmt: skip
_LONGEST_S = 1e9
_READING = {
    "format": "format",
    "dtype": "pixel type in the file",
    "offset": "bytes before the first frame",
    "axes": "axes",
    "image": "image",
    "known_from": "shape known from",
}


def key_figures(results: Sequence[LandingResults]) -> Markup:
    """Return the few numbers that say what was found."""
    landings = sum(len(each.landings) for each in results)
    frames = sum(each.record.input.shape[0] for each in results)
    problems = sum(len(each.record.problems) for each in results)
    shown = [(landings, "landing"), (frames, "frame"), (problems, "problem")]
    if len(results) > 1:
        shown.insert(0, (len(results), "recording"))
    items = [tag("li", tag("b", f"{n}"), counted(n, word).partition(" ")[2]) for n, word in shown]
    return tag("ul", items, class_="key")


def recording_facts(record: LandingRecord) -> Markup:
    """Return what is known of the recording, and how it was read."""
    recording = record.input
    frames, rows, columns = recording.shape
    rate, pixel = recording.rate, recording.pixel_nm
    duration = f" ({number(frames / rate, 4)} s)" if rate else ""
    given = recording.reading.get("given")
    pairs: list[tuple[str, Any]] = [
        ("Recording", one_line(recording.name)),
        ("Frames", f"{frames}{duration}"),
        ("First frame", f"{recording.first_frame} of the file" if recording.first_frame else ""),
        ("Frame", f"{rows} rows × {columns} columns, {recording.dtype}"),
        ("Frame rate", f"{number(rate)} per second" if rate else "not known"),
        ("Pixel size", f"{number(pixel)} nm" if pixel else "not known"),
        ("Size of the file", amount(recording.bytes, "bytes") if recording.bytes else ""),
        ("Read as", _reading(recording.reading)),
        ("Stated when it was opened", _pairs(given) if isinstance(given, dict) else ""),
        ("History", "; ".join(one_line(each, 200) for each in recording.history[:20])),
        ("Recipe", one_line(record.recipe.name)),
        ("Analysed", written(record.written)),
    ]
    return joined([tag("p", one_line(record.recipe.description, 1000)), facts(pairs)])


def landings(results: LandingResults, *, pictures: bool = True) -> Markup:
    """Return pictures and table of the landings of a recording."""
    some = len(results.landings) > 0
    return joined(
        [
            check_of_rows(results.record, "landings", len(results.landings), "landings.csv"),
            landing_charts(results) if some and pictures else None,
            _summary(results) if pictures else None,
            trace_charts(results) if some and pictures else None,
            landing_table(results) if some else tag("p", "No landings were found."),
        ]
    )


def landing_table(results: LandingResults) -> Markup:
    """Return the first landings with their errors."""
    shown, n = results.landings.head(N_ROWS), len(results.landings)
    rate, first = results.record.input.rate, results.record.input.first_frame
    power = common_power(shown["contrast"])
    decimals = max(exponent_of(rate) + 1, 0) if rate else 0
    header = ["landing", "frame of the file"]
    header += ["time (s)"] if rate else []
    header += ["y (px)", "x (px)", with_power("contrast", power), "score"]
    extra = {
        "other_times": "other times",
        "expected_false": "expected false",
        "n_localizations": "localizations",
        "kind": "kind",
    }
    extra = {column: name for column, name in extra.items() if column in shown}
    rows = []
    for _, row in shown.iterrows():
        cells = [number(row["landing"]), _with_error(row, "raw_frame", "frame_error")]
        cells += [_seconds(row["raw_frame"] - first, rate, decimals)] if rate else []
        cells += [_with_error(row, "y", "y_error"), _with_error(row, "x", "x_error")]
        cells += [_with_error(row, "contrast", "contrast_error", power), number(row["score"], 3)]
        cells += [_cell(row[column]) for column in extra]
        rows.append(cells)
    which = f"The first {N_ROWS} of {n} landings" if n > N_ROWS else f"All {counted(n, 'landing')}"
    caption = (
        f"{which}, most confident first; ± one standard error. y counts rows down, x columns to "
        "the right, from the centre of the first pixel of the full frame. "
    )
    if "other_times" in extra:
        caption += "Other times: probability that it happened more than half a batch away. "
    caption += "The file landings.csv has all rows and digits."
    return table(caption, [*header, *extra.values()], rows, numeric=True)


def problems(record: LandingRecord) -> Markup:
    """Return the warnings of a run."""
    if not record.problems:
        return tag("p", "The run reported no problems.")
    shown = [tag("li", one_line(each)) for each in record.problems[:MOST_PROBLEMS]]
    more = len(record.problems) - len(shown)
    return tag("ul", shown, tag("li", f"and {more} more") if more else None, class_="notes")


def limits(records: Iterable[LandingRecord]) -> Markup:
    """Return what the stages of the recipes cannot know, as their docstrings say."""
    items: list[str] = []
    for record in records:
        items += [_accepted(record)] if record.stages_of("accept_events") else []
        for stage in record.stages:
            known = known_stage(stage.use)
            texts = cautions(known.function) if known else ()
            items += [f"{plain_text(text)} ({stage.use})" for text in texts]
    unique = list(dict.fromkeys(items))
    if not unique:
        return tag("p", "The stages of this recipe state no limits.")
    return tag("ul", [tag("li", one_line(item, 1000)) for item in unique], class_="limits")


def parameters(record: LandingRecord) -> Markup:
    """Return every stage with its parameters, defaults, and by whom they were set."""
    packaged = _packaged(record.recipe.name)
    rows: list[Markup] = []
    for n, stage in enumerate(record.stages, start=1):
        rows.append(
            tag("tr", tag("th", _about(n, stage), colspan=5, scope="rowgroup"), class_="stage")
        )
        known = known_stage(stage.use)
        for name, value in stage.parameters.items():
            parameter = known.parameters.get(name) if known else None
            default = NOTHING
            if parameter and not parameter.required:
                default = printed_value(parameter.default)
            origin = _origin(stage, name, value, packaged)
            rows.append(
                tag(
                    "tr",
                    tag("th", tag("code", one_line(name, 80)), scope="row"),
                    tag("td", with_unit(stage.use, name, value)),
                    tag("td", default),
                    tag("td", origin, class_=None if origin == "default" else "changed"),
                    tag("td", plain_text(parameter.description) if parameter else NOTHING),
                )
            )
    head = ("Parameter", "Value", "Default of the stage", "Set by", "Meaning")
    caption = (
        "All parameters of the run, set by the default of the stage, the recipe, or the user. "
        "The file recipe.toml of the results repeats the run."
    )
    note = _other_version(record.versions)
    body = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", cell, scope="col") for cell in head])),
        tag("tbody", rows),
    )
    return joined([note, scrolled(body)])


def provenance(folder: Path, record: LandingRecord) -> Markup:
    """Return checksums of the input and of the files of the run, and how long it took."""
    checksums = [(f"{record.input.name} (input)", record.input.bytes, record.input.sha256)]
    checksums += [
        (f"weights of {stage.name}", None, stage.weights_sha256)
        for stage in record.stages
        if stage.weights_sha256
    ]
    checksums += [
        (name, *checksum_of(folder / name)) for name in _FILES if (folder / name).is_file()
    ]
    return joined(
        [
            checksum_table(checksums),
            tag("p", f"The analysis took {number(record.seconds, 3)} s.", class_="quiet"),
        ]
    )


def checksum_table(checksums: Sequence[tuple[str, int | None, str | None]]) -> Markup:
    """Return names, sizes and checksums of files."""
    rows = [
        (one_line(name), amount(size, "bytes") if size is not None else NOTHING,
         tag("code", one_line(digest, 80)) if digest else NOTHING)
        for name, size, digest in checksums
    ]  # fmt: skip
    caption = "Checksums: of the input as recorded by the run, of the files as this page read them."
    return table(caption, ("File", "Size", "SHA-256"), rows)


def versions_table(recorded: Mapping[str, str]) -> Markup:
    """Return the versions that a run recorded."""
    rows = [(one_line(name, 80), one_line(version, 80)) for name, version in recorded.items()]
    return table("Versions that affect the numbers.", ("Package", "Version"), rows[:100])


def _accepted(record: LandingRecord) -> str:
    accepted = record.stages_of("accept_events")[0].parameters.get("false_landings")
    return (
        f"The threshold admits {printed_value(accepted)} expected false landings per recording: "
        "some of the landings may be false, the weakest most likely. Expected false in the table "
        "is the number of events at least as strong that noise alone would give in the recording."
    )


def _summary(results: LandingResults) -> Markup | None:
    content = read_png(results.folder / "summary.png")
    if content is None:
        return None
    seen = "the landings, their contrast over time, and images and traces of the first ones"
    name = one_line(results.record.input.name)
    shown = picture(content, f"Summary of the run: mean image of {name} with {seen}.")
    return figure(shown, "Summary picture of the run (summary.png).", wide=True)


def check_of_rows(record: LandingRecord, what: str, rows: int, file: str) -> Markup | None:
    """Say if a table of what was found is not the one that the run wrote."""
    recorded = record.found.get(what)
    if recorded is None or recorded == rows:
        return None
    text = (
        f"{file} has {counted(rows, 'row')}, the run recorded {recorded}: "
        "the table was changed after the run. This page shows the table as it is."
    )
    return tag("ul", tag("li", text), class_="notes")


def _other_version(recorded: Mapping[str, str]) -> Markup | None:
    own, run = versions()[DISTRIBUTION], recorded.get(DISTRIBUTION, "an unknown version")
    if own == run:
        return None
    text = (
        f"The run was made with {DISTRIBUTION} {one_line(run, 40)}; defaults, meanings and limits "
        f"are those of {own}, which wrote this page."
    )
    return tag("ul", tag("li", text), class_="notes")


def _packaged(name: str) -> Recipe | None:
    return load_recipe(name) if name in recipe_names() else None


def _origin(stage: StageRecord, name: str, value: Any, packaged: Recipe | None) -> str:
    """Say by whom a parameter was set: the stage, the packaged recipe, or the user."""
    known = known_stage(stage.use)
    parameter = known.parameters.get(name) if known else None
    if parameter is not None and not parameter.required and _same(value, parameter.default):
        return "default"
    if packaged is None:
        return "recipe"
    steps = [step for step in packaged.steps if step.name == stage.name]
    own = packaged.values(stage.name).get(name) if steps else None
    return "recipe" if steps and _same(value, own) else "user"


def _same(value: Any, other: Any) -> bool:
    """Return whether values are equal; JSON has lists where Python has tuples."""
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(value) == len(other) and all(map(_same, value, other))
    return bool(value == other)


def _about(n: int, stage: StageRecord) -> Markup:
    known = known_stage(stage.use)
    title = known.title if known else "stage that is not in this version"
    if stage.frames is not None:
        output = counted(stage.frames, "frame")
    else:
        output = counted(stage.rows or 0, "row")
    sources = ", ".join(one_line(each, 80) for each in stage.input)
    return joined(
        [
            f"{n}. {one_line(stage.name, 80)}: {title} (",
            tag("code", one_line(stage.use, 80)),
            f"), takes {sources}, gives {output}, {number(stage.seconds, 2)} s",
        ]
    )


def _reading(reading: Mapping[str, Any]) -> str:
    known = {name: reading[name] for name in _READING if reading.get(name) not in (None, "", [])}
    return _pairs({_READING[name]: value for name, value in known.items()})


def _pairs(values: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{one_line(name, 80)} {printed_value(value).strip('()')}"
        for name, value in list(values.items())[:20]
    )


def _with_error(row: pd.Series, name: str, error: str, power: int = 0) -> str:
    return with_error(row[name], row.get(error, np.nan), power=power)


def _seconds(frames: float, rate: float, decimals: int) -> str:
    seconds = frames / rate
    return f"{seconds:.{decimals}f}" if abs(seconds) < _LONGEST_S else number(seconds)


def _cell(value: Any) -> str:
    return one_line(value, 40) if isinstance(value, str) else number(float(value), 2)

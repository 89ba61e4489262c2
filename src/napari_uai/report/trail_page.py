"""The page about a ranking of trails."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from napari_uai.docstrings import cautions, plain_text, references
from napari_uai.errors import counted, one_line
from napari_uai.parameters import Parameter
from napari_uai.report.landing_sections import checksum_table, versions_table
from napari_uai.report.markup import (
    Markup,
    Page,
    facts,
    figure,
    joined,
    picture,
    scrolled,
    table,
    tag,
)
from napari_uai.report.methods import (
    DISTRIBUTION,
    Bibliography,
    Methods,
    printed_value,
    software_citation,
    versions_text,
    written,
)
from napari_uai.report.quantities import NOTHING, fixed, number
from napari_uai.report.records import read_photo, read_record, read_table
from napari_uai.results import checksum_of
from napari_uai.trails.analysis.outputs import files_of_earlier_run
from napari_uai.trails.analysis.result import PRESETS, RECORD
from napari_uai.trails.analysis.settings import settable_parameters
from napari_uai.trails.scores.score_names import SCORES

N_ROWS = 50
"""Rows of the table of trails."""

MOST_CLASSES = 12
"""Classes whose pictures are shown."""

_PARTS = {
    "default": (
        (
            (
                "The trails of each class were painted into a heatmap, with a painted width that, "
                "unless stated, maximises the leave-one-out likelihood"
            ),
            "napari_uai.trails.heat.painted_width:choose_painted_width",
        ),
        (
            (
                "Each trail was compared with the most similar ones of its class, resampled along "
                "their paths, and with companions, which accompany it stretch by stretch"
            ),
            "napari_uai.trails.scores.companions:find_companions",
        ),
        (
            (
                "How far the sixth closest trail is at each place, wherever it comes from and "
                "goes to, tells places where only a few go"
            ),
            "napari_uai.trails.scores.passers:passer_distances",
        ),
        (
            (
                "Distances from companions were also compared with those of the companions from "
                "theirs, as the local outlier factor does"
            ),
            "napari_uai.trails.scores.company:sparsity",
        ),
        (
            (
                "What principal components of positions and headings along whole trails do not "
                "explain is the score shape; how much more sharply a trail turns at some place "
                "than similar trails do there is the score turning"
            ),
            "napari_uai.trails.scores.shape:shape_scores",
        ),
        (
            (
                "The scores of a trail were put on a common scale and combined, without labels, "
                "into one anomaly"
            ),
            "napari_uai.trails.scores.combine_scores:combine",
        ),
        (
            "The stretch in which a trail departs most from the others was determined",
            "napari_uai.trails.scores.explanations:departing_stretches",
        ),
    ),
    "reference": (
        (
            "The anomaly of a trail is one minus the mean heat along it in a heatmap of its class",
            "napari_uai.trails.scores.reference:reference_scores",
        ),
    ),
}
"""What each preset does, and the functions whose docstrings cite the sources."""

_SCORING = {
    "default": "napari_uai.trails.scores.scores:score_trails",
    "reference": "napari_uai.trails.scores.reference:reference_scores",
}


class TrailClass(msgspec.Struct, frozen=True):
    """A class in ``run.json``."""

    trails: int
    files: list[str] = []


class TrailRecord(msgspec.Struct, frozen=True):
    """The ``run.json`` of :func:`napari_uai.write_trail_results`."""

    written: str
    input: dict[str, Any]
    preset: str
    parameters: dict[str, dict[str, Any]]
    classes: dict[str, TrailClass]
    found: dict[str, int]
    masks: dict[str, Any] = {}
    n_problems: int = 0
    versions: dict[str, str] = {}


def trail_page(folder: Path) -> Page:
    """Return the page about the results of a trail analysis."""
    record = read_record(folder / RECORD, TrailRecord)
    scores = read_table(
        folder / "scores.csv",
        needed=("trail", "class", "n_samples", "rank", "anomaly", "p_value"),
        optional=tuple(SCORES),
    )
    listed = read_table(folder / "problems.csv", needed=("file", "trail", "problem"))
    methods = trail_methods(record)
    name = _scene_name(record)
    version = one_line(record.versions.get(DISTRIBUTION, ""), 40)
    return Page(
        f"Unusual trails in {name}",
        f"Preset {one_line(record.preset, 40)}, analysed with {DISTRIBUTION} {version} on "
        f"{written(record.written)}",
        (
            ("Scene", joined([_key_figures(record), _facts(record)])),
            ("Problems", _problems(listed)),
            ("Trails", joined([*_pictures(folder, record), _table(scores), _meanings(scores)])),
            ("Limits", _limits(record.preset)),
            ("Methods", methods.html()),
            ("Parameters", _parameters(record)),
            ("Origin", _origin(folder, record)),
        ),
        methods.text,
    )


def trail_methods(record: TrailRecord) -> Methods:
    """Write how trails were ranked."""
    sources = Bibliography()
    version = one_line(record.versions.get(DISTRIBUTION, "of unknown version"), 40)
    software = f"{DISTRIBUTION} {version}{sources.mark([software_citation(version)])}"
    done = " ".join(
        f"{said}{sources.mark(references(_function(path)))}."
        for said, path in _PARTS.get(record.preset, ())
    )
    classes = ", ".join(
        f"{one_line(kind, 60)}: {each.trails}" for kind, each in [*record.classes.items()][:20]
    )
    trails = record.found.get("trails", 0)
    values = "; ".join(
        f"{one_line(part, 40)}: "
        + ", ".join(
            f"{one_line(n, 60)} {printed_value(v)}" for n, v in values.items() if v is not None
        )
        for part, values in record.parameters.items()
    )
    first = (
        f"{counted(trails, 'trail')} ({classes}) of {_scene_name(record)} "
        f"were ranked by how little they fit the ordinary traffic of the scene with {software}, "
        f"preset {one_line(record.preset, 40)}. {done} Parameters were: {values}."
    )
    masked = record.found.get("masked_out", 0)
    second = (
        f"{counted(masked, 'trail')} outside the painted regions did not count; "
        if record.masks
        else ""
    )
    second += (
        f"{counted(record.found.get('regions', 0), 'region')} of ordinary traffic were outlined. "
        f"{versions_text(record.versions)}"
    )
    return Methods((first, second[:1].upper() + second[1:]), sources.references)


def _scene_name(record: TrailRecord) -> str:
    """Return location and camera, or the name of the file."""
    places = [record.input[key] for key in ("location", "camera") if record.input.get(key)]
    return one_line(", ".join(map(str, places)) or record.input.get("name", "a scene"), 120)


def _function(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _key_figures(record: TrailRecord) -> Markup:
    shown = [
        (record.found.get("trails", 0), "trail"),
        (len(record.classes), "class"),
        (record.found.get("regions", 0), "region"),
        (record.n_problems, "problem"),
    ]
    items = [
        tag(
            "li",
            tag("b", f"{n}"),
            counted(n, word).partition(" ")[2],
        )
        for n, word in shown
    ]
    return tag("ul", items, class_="key")


def _facts(record: TrailRecord) -> Markup:
    scene = record.input.get("scene")
    size = ""
    if isinstance(scene, dict):
        size = f"{printed_value(scene.get('width'))} × {printed_value(scene.get('height'))} px"
    classes = ", ".join(f"{kind} ({each.trails})" for kind, each in record.classes.items())
    known = ("name", "location", "camera", "samples")
    stated = [
        (name.capitalize(), printed_value(record.input[name]))
        for name in known
        if name in record.input
    ]
    return facts([*stated, ("Scene", size), ("Classes", one_line(classes, 1000)),
                  ("Analysed", written(record.written))])  # fmt: skip


def _problems(listed: Any) -> Markup:
    if not len(listed):
        return tag("p", "The run reported no problems.")
    rows = [
        [one_line(cell, 300) for cell in row] for row in listed.head(N_ROWS).itertuples(index=False)
    ]
    caption = f"{counted(len(listed), 'problem')}; problems.csv lists all."
    return table(caption, ("file", "trail", "problem"), rows)


def _pictures(folder: Path, record: TrailRecord) -> list[Markup]:
    """Return pictures that the run wrote; names come from its record, so they are checked."""
    own = set(files_of_earlier_run(folder))
    shown = [
        ("tiles.png", "What the camera saw when the most anomalous trails ended, in order of time.")
    ]
    for kind, each in [*record.classes.items()][:MOST_CLASSES]:
        name = one_line(kind, 80)
        for file in each.files:
            if file.startswith("top_"):
                shown.append(
                    (file, f"Most anomalous trails of class {name}, thick where they depart.")
                )
            elif file.startswith("heatmap_"):
                shown.append((file, f"Ordinary traffic of class {name}."))
    figures = []
    for file, caption in shown:
        content = read_photo(folder / file) if file in own and file.endswith(".png") else None
        if content is not None:
            figures.append(
                figure(
                    picture(content, caption, kind="jpeg"),
                    f"{caption} ({one_line(file, 120)})",
                    wide=True,
                )
            )
    return figures


def _table(scores: Any) -> Markup:
    columns = [name for name in SCORES if name in scores.columns]
    rows = [
        [
            number(row["rank"]), one_line(row["trail"], 60), one_line(row["class"], 60),
            number(row["n_samples"]), fixed(row["anomaly"], 3), number(row["p_value"], 2),
            *(fixed(row[name], 2) for name in columns),
        ]
        for _, row in scores.head(N_ROWS).iterrows()
    ]  # fmt: skip
    which = f"The first {N_ROWS} of {len(scores)}" if len(scores) > N_ROWS else f"All {len(scores)}"
    caption = (
        f"{which} trails, most anomalous first. p is the share of the class that is at least as "
        "anomalous; the other scores are between 0 and 1, 1 most anomalous. scores.csv has all."
    )
    header = ("rank", "trail", "class", "samples", "anomaly", "p", *columns)
    return table(caption, header, rows, numeric=True)


def _meanings(scores: Any) -> Markup:
    """Say what each score of the table measures."""
    rows = [[name, meaning] for name, meaning in SCORES.items() if name in scores.columns]
    return table("What the scores measure.", ("score", "meaning"), rows)


def _limits(preset: str) -> Markup:
    texts = cautions(_function(_SCORING[preset])) if preset in _SCORING else ()
    return tag("ul", [tag("li", plain_text(text)) for text in texts], class_="limits")


def _parameters(record: TrailRecord) -> Markup:
    known: Mapping[str, Parameter] = {}
    if record.preset in PRESETS:
        known = settable_parameters("reference" if record.preset == "reference" else "default")
    rows: list[Markup] = []
    for part, values in record.parameters.items():
        rows.append(
            tag("tr", tag("th", one_line(part, 80), colspan=4, scope="rowgroup"), class_="stage")
        )
        for name, value in values.items():
            parameter = known.get(name)
            text = printed_value(value)
            default = printed_value(parameter.default) if parameter else NOTHING
            unit = (
                f" {parameter.unit}" if parameter and parameter.unit and value is not None else ""
            )
            rows.append(
                tag(
                    "tr",
                    tag("th", tag("code", one_line(name, 80)), scope="row"),
                    tag("td", f"{text}{unit}"),
                    tag("td", default),
                    tag("td", plain_text(parameter.description) if parameter else NOTHING),
                )
            )
    head = ("Parameter", "Value", "Default of the scores", "Meaning")
    return scrolled(
        tag(
            "table",
            tag("caption", "All parameters of the run, by part of the analysis."),
            tag("thead", tag("tr", [tag("th", cell, scope="col") for cell in head])),
            tag("tbody", rows),
        )
    )


def _origin(folder: Path, record: TrailRecord) -> Markup:
    digest = record.input.get("samples_sha256")
    checksums: list[tuple[str, int | None, str | None]]
    checksums = [("samples of all trails", None, digest if isinstance(digest, str) else None)]
    own = sorted(name for name in files_of_earlier_run(folder) if (folder / name).is_file())
    checksums += [(name, *checksum_of(folder / name)) for name in own]
    return joined([checksum_table(checksums), versions_table(record.versions)])

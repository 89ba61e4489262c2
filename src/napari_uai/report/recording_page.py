"""The page about one recording."""

from __future__ import annotations

from pathlib import Path

from napari_uai.errors import one_line
from napari_uai.report import landing_sections as sections
from napari_uai.report.markup import Page, joined
from napari_uai.report.methods import DISTRIBUTION, landing_methods, written
from napari_uai.report.records import read_landing_results


def recording_page(folder: Path) -> Page:
    """Return the page about the results of a run on one recording."""
    results = read_landing_results(folder)
    record = results.record
    methods = landing_methods([[results]])
    version = record.versions.get(DISTRIBUTION, "")
    return Page(
        f"Landings in {one_line(record.input.name, 120)}",
        f"Recipe {one_line(record.recipe.name, 80)}, analysed with {DISTRIBUTION} "
        f"{one_line(version, 40)} on {written(record.written)}",
        (
            (
                "Recording",
                joined([sections.key_figures([results]), sections.recording_facts(record)]),
            ),
            ("Problems", sections.problems(record)),
            ("Landings", sections.landings(results)),
            ("Limits", sections.limits([record])),
            ("Methods", methods.html()),
            ("Parameters", sections.parameters(record)),
            (
                "Origin",
                joined(
                    [sections.provenance(folder, record), sections.versions_table(record.versions)]
                ),
            ),
        ),
        methods.text,
    )

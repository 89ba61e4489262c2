"""The methods paragraph: every stage and parameter, and the sources of both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_uai.docstrings import cautions, references
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names
from napari_uai.report.landing_sections import limits
from napari_uai.report.methods import landing_methods, printed_value, software_citation
from napari_uai.report.records import read_landing_results

CITATION = Path(__file__).parents[2] / "CITATION.cff"


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_says_what_it_did_in_one_sentence(name):
    said = STAGES[name].methods
    assert said[:1].isupper()
    assert not said.endswith(".")
    assert re.search(r"\b(was|were|served|became|predicted)\b", said), "in the past"


@pytest.mark.parametrize("name", list(STAGES))
def test_references_of_stages_are_citations_with_a_year_or_a_document(name):
    for citation in STAGES[name].references:
        assert re.search(r"\b(19|20)\d\d\b|MAN\d+", citation)
        assert not re.search(r"\bdoi:(?!10\.\d{4,9}/\S+$|10\.\d{4,9}/\S+, )", citation)


def test_numbered_and_separated_references_are_read():
    def numbered():
        """Do.

        References
        ----------
        .. [1] A; B, "T;
           U" (1999).
        .. [2] C (2000)
        """

    def separated():
        """Do.

        References
        ----------
        A (1999); B
        (2000).

        Examples
        --------
        None.
        """

    assert references(numbered) == ('A; B, "T; U" (1999)', "C (2000)")
    assert references(separated) == ("A (1999)", "B (2000)")
    assert references(len) == ()


def test_each_paragraph_of_warnings_is_a_caution():
    def warns():
        """Do.

        Warnings
        --------
        One of
        two lines.

        Two.
        """

    assert cautions(warns) == ("One of two lines.", "Two.")


def test_the_software_is_cited_as_the_citation_file_says():
    file = CITATION.read_text("utf-8")
    title = re.search(r'^title: "(.*)"$', file, re.MULTILINE)[1]
    author = re.search(r"^  - name: (.*)$", file, re.MULTILINE)[1]
    assert software_citation("9.8") == f"{author}, {title}, version 9.8 (software)"


def test_every_stage_and_parameter_of_the_run_is_named(recording_results):
    results = read_landing_results(recording_results)
    text = landing_methods([[results]]).paragraphs[0]
    recipe = load_recipe("classical").with_values(dra={"batch_size": 200})
    position = 0
    for step in recipe.steps:
        position = text.index(f"({step.stage.name}", position)  # in this order
        said = text[position : text.index(")", position)]
        for name, value in recipe.values(step.name).items():
            if value is not None:
                assert f"{name} {printed_value(value)}" in said
        assert step.stage.methods in text


def test_every_citation_is_used_and_every_use_is_cited(recording_results):
    methods = landing_methods([[read_landing_results(recording_results)]])
    used = {int(n) for group in re.findall(r"\[([\d, ]+)\]", " ".join(methods.paragraphs))
            for n in group.split(", ")}  # fmt: skip
    assert used == set(range(1, len(methods.references) + 1))
    assert len(set(methods.references)) == len(methods.references)
    for n, citation in enumerate(methods.references, start=1):
        assert f"[{n}] {citation}\n" in methods.text


def test_every_recipe_of_the_package_cites_what_its_stages_cite():
    for name in recipe_names():
        for step in load_recipe(name).steps:
            assert step.stage.methods, f"{name}.{step.name}"


def test_a_stage_of_a_user_is_named_without_a_sentence(results):
    path = results / "run.json"
    path.write_text(path.read_text().replace('"median_filter"', '"my_own_stage"'))
    results = read_landing_results(results)
    text = landing_methods([[results]]).paragraphs[0]
    assert "The stage my_own_stage was applied (my_own_stage: size 3)." in text


def test_limits_are_those_of_the_stages_that_ran(recording_results, parse):
    record = read_landing_results(recording_results).record
    items = [li.text for li in parse(limits([record, record])).all("li")]
    expected = [
        caution for stage in record.stages for caution in cautions(STAGES[stage.use].function)
    ]
    assert len(items) == len(expected)
    assert (
        "The number of landings that are due to chance is not estimated. (landings_from_tracks)"
        in items
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (True, "yes"), (200, "200"), (1e-5, "1 × 10⁻⁵"), ([1, 2.5], "(1, 2.5)"),
     ("a\nb", "a b"), (list(range(99)), "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)")],
)  # fmt: skip
def test_values_are_printed_on_one_line(value, text):
    assert printed_value(value) == text

"""What is not markup is text, whatever it says."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_uai.report.markup import Page, cited, facts, joined, table, tag

NASTY = ['<script>alert("1")</script>', "a & b", "' onload='x", "]]>", "</title>", "&lt;"]


@pytest.mark.parametrize("text", NASTY)
def test_texts_and_attributes_are_escaped(parse, text):
    element = parse(tag("p", text, title=text)).all("p")[0]
    assert (element.text, element.attributes["title"]) == (text, text)
    assert not element.every()


@given(st.text())
def test_any_printable_text_comes_through(parse, text):
    shown = parse(tag("p", text)).all("p")[0].text
    assert shown == "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def test_the_direction_of_text_cannot_be_turned():
    assert "\u202e" not in joined("gpj.\u202eexe")


def test_a_citation_links_its_doi_only(parse):
    text = "A <b>, J. 1 (2000), doi:10.1000/a.b(1), arXiv:1907.01361."
    whole = parse(cited(text))
    assert whole.text == text
    assert [a.attributes["href"] for a in whole.all("a")] == [
        "https://doi.org/10.1000/a.b(1)",
        "https://doi.org/10.48550/arXiv.1907.01361",
    ]


def test_tables_name_rows_and_columns(parse):
    whole = parse(table("What", ("a", "b"), [("1", "2")]))
    assert whole.all("caption")[0].text == "What"
    assert [th.attributes["scope"] for th in whole.all("th")] == ["col", "col", "row"]


def test_facts_that_are_not_known_are_left_out(parse):
    assert [dt.text for dt in parse(facts([("a", ""), ("b", "2")])).all("dt")] == ["b"]


def test_a_page_runs_its_own_script_only(parse):
    html = Page("T", "below", [("First part", tag("p", "x"))], "").html()
    whole = parse(html)
    policy = next(
        m.attributes["content"] for m in whole.all("meta") if m.attributes.get("http-equiv")
    )
    for name in ("style", "script"):
        content = whole.all(name)[0].text.encode()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"url\(|@import", html)


def test_contents_lead_to_the_sections(parse):
    whole = parse(Page("T", "", [("First part", tag("p", "x")), ("B", tag("p", "y"))], "").html())
    for link in whole.all("nav")[0].all("a"):
        assert whole.by_id(link.attributes["href"][1:]).text == link.text

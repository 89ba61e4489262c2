from __future__ import annotations

import re

import pytest

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.handbook import anchor_of, page_names, plain_markdown, read_page
from napari_uai.widgets.kit.help import PAGES


def headings(page):
    return [h.strip() for h in re.findall(r"^#+ (.+)$", page.text, re.MULTILINE)]


@pytest.mark.parametrize("target", sorted(set(PAGES.values())))
def test_the_page_of_each_dock_and_its_section_exist(target):
    name, _, section = target.partition("#")
    page = read_page(name)
    assert not section or section in {anchor_of(heading) for heading in headings(page)}


@pytest.mark.parametrize("name", page_names())
def test_no_page_shows_what_only_sphinx_understands(name):
    text = re.sub(r"^```.*?^```", "", read_page(name).text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^:::|\{[a-z:-]+\}`|^\([\w-]+\)=$|^```\{|^---$", text, re.MULTILINE)


@pytest.mark.parametrize("name", page_names())
def test_every_link_of_a_page_leads_to_a_page_or_another_site(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", read_page(name).text):
        if target.startswith(("http:", "https:")):
            continue
        path, _, section = target.partition("#")
        page = read_page(path.removesuffix(".md") or name)
        known = {anchor_of(heading) for heading in headings(page)} | set(page.labels)
        assert not section or section in known, target


def test_code_is_shown_as_it_is():
    code = "```python\nx = {'a': 1}  # (label)=\n[a](b.rst)\n```\n"
    assert plain_markdown(code) == code


def test_terms_of_a_glossary_are_bold():
    source = "```{glossary}\nrolling average\nDRA\n  What changed.\n\nbatch\n  Frames.\n```\n"
    plain = "**rolling average, DRA**: What changed.\n\n**batch**: Frames.\n"
    assert plain_markdown(source) == plain


def test_a_page_that_does_not_exist_is_named():
    with pytest.raises(BadValueError, match="no page 'tutorial-napary'"):
        read_page("tutorial-napary")

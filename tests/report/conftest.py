"""A page as a browser sees it, and results to report."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_uai as uai

VOID = {"meta", "img", "br"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def all(self, name: str) -> list[Element]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] * (child.name == name) + child.all(name)
        return found

    def by_id(self, name: str) -> Element:
        return next(e for e in self.every() if e.attributes.get("id") == name)

    def every(self) -> list[Element]:
        return [e for c in self.children if isinstance(c, Element) for e in (c, *c.every())]

    def section(self, title: str) -> Element:
        return next(s for s in self.all("section") if s.all("h2")[0].text == title)

    def rows(self) -> list[list[str]]:
        return [[c.text for c in row.children if isinstance(c, Element)] for row in self.all("tr")]


class Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    tree = Tree()
    tree.feed(html)
    tree.close()
    assert len(tree.open) == 1, "an element is not closed"
    return tree.open[0]


@pytest.fixture(scope="session", name="parse")
def _parse():
    return parse


@pytest.fixture(scope="session")
def printed():
    """Read a number, with its error if there is one, as reports print it."""
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")

    def read(text: str) -> list[float]:
        plain = re.sub(r" × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"e\1", text).translate(superscripts)
        return [float(part) for part in plain.split(" ± ")]

    return read


@pytest.fixture(scope="session")
def recording_results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "results"
    recipe = uai.load_recipe("classical").with_values(dra={"batch_size": 200})
    uai.analyse_recording(uai.sample_path("landings.bin"), folder, recipe)
    return folder


@pytest.fixture
def results(recording_results, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(recording_results, tmp_path / "results"))


@pytest.fixture(scope="session")
def trail_results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "trails"
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {
            "trail": np.repeat([f"trail {i}" for i in range(12)], 10),
            "class": "<b>car</b>",
            "x": np.tile(np.arange(0, 60, 6.0), 12),
            "y": np.repeat(20 + rng.normal(size=12), 10),
            "frame": np.tile(np.arange(10), 12),
        }
    )
    trails = uai.trails.trails_of_frame(samples, scene_size=(64, 48))
    uai.write_trail_results(uai.analyse_trails(trails), folder)
    return folder

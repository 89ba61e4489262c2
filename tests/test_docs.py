"""The pages that are written by hand are in step with the code; all others are made from it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_uai.iscat.column_meanings import LANDING_MEANINGS, TRAJECTORY_MEANINGS
from napari_uai.iscat.measure.contrast import CONTRAST_COLUMNS
from napari_uai.iscat.measure.diffusion import diffusion_constants
from napari_uai.iscat.recipes import outputs as landing_outputs
from napari_uai.iscat.recipes import run
from napari_uai.iscat.recipes.catalogue import listed_stages
from napari_uai.iscat.recipes.recipe import OUTPUTS, load_recipe, recipe_names
from napari_uai.iscat.tables import LANDING_COLUMNS
from napari_uai.stages import REGISTERED
from napari_uai.trails.analysis import outputs as trail_outputs
from napari_uai.trails.scores.score_names import SCORES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "napari_uai"
EXAMPLES = sorted((DOCS / "examples").rglob("*.py"))
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
OF_NAPARI = {
    *("File", "Open Sample", "Preferences", "IO Utilities", "Save Selected Layers", "Plugins"),
    *("Layers", "Visualize", "Filter", "Register", "Measure", "Track", "iSCAT", "Remember"),
}


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def code_spans(text: str) -> set[str]:
    return {part for span in re.findall(r"`([^`\n]+)`", text) for part in re.split(r",? ", span)}


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page in a language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short_and_need_only_the_sample_data(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 30
    assert "import napari_uai as uai" in text
    assert "sample_path(" in text


def test_there_are_examples_enough() -> None:
    assert len(EXAMPLES) >= 10


def test_every_file_of_a_run_is_described() -> None:
    described = code_spans(page("outputs.md"))
    assert {*landing_outputs.FILES, *trail_outputs.ALWAYS} <= described
    assert {f"{output}.csv" for output in OUTPUTS} <= described


def test_every_column_of_the_results_is_described() -> None:
    meant = {column for meaning in LANDING_MEANINGS for column in meaning.columns}
    assert {*LANDING_COLUMNS, *run.LANDING_COLUMNS, *CONTRAST_COLUMNS} <= meant
    moving = pd.DataFrame({"particle": 0, "frame": range(20), "y": 0.0, "x": range(20)})
    columns = {
        column
        for scale in ({}, {"pixel_size_um": 0.05, "frame_rate_hz": 100.0})
        for column in diffusion_constants(moving, **scale).columns
    }
    assert columns == {c for meaning in TRAJECTORY_MEANINGS for c in meaning.columns}
    described = code_spans(page("outputs.md"))
    assert {*SCORES, "anomaly", "p_value", "departs_from", "departs_to"} <= described


@pytest.mark.parametrize("name", ["recipes.md", "how-landings-are-found.md"])
def test_every_recipe_is_described(name: str) -> None:
    assert set(recipe_names()) <= code_spans(page(name))


def test_the_recipe_of_the_guide_is_valid(tmp_path: Path) -> None:
    [example] = blocks(page("recipes.md"), "toml")
    path = tmp_path / "my.toml"
    path.write_text(example, "utf-8")
    assert load_recipe(path).description == tomllib.loads(example)["description"]


def test_files_that_the_pages_name_exist() -> None:
    missing = {
        f"{path.name}: {span}"
        for path in (DOCS / "structure.md", *DOCS.glob("how-*.md"))
        for span in code_spans(path.read_text("utf-8"))
        if re.fullmatch(r"[\w./-]*(/[\w.-]*|\.(py|pyi|toml|yaml))", span) and not exists(span)
    }
    assert {m for m in missing if not m.endswith("recipe.toml")} == set()  # a run writes it


def exists(name: str) -> bool:
    folders = (
        ROOT,
        PACKAGE,
        PACKAGE / "trails",
        PACKAGE / "iscat" / "detect" / "steps",
        DOCS / "_extensions",
    )
    return name.startswith("docs/_build") or any((folder / name).exists() for folder in folders)


def test_every_room_is_in_the_plan_of_the_house() -> None:
    [plan] = blocks(page("structure.md"), "text")
    rooms = {path.parent.name for path in PACKAGE.rglob("__init__.py")} - {"napari_uai"}
    assert {room for room in rooms if f"{room}/" not in plan} == set()
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert {module for module in modules if module not in plan} == set()


def test_a_stage_written_by_the_guide_works() -> None:
    stage, its_test = (b for b in blocks(page("structure.md"), "python") if "square_root" in b)
    namespace: dict[str, Any] = {"__name__": "of_a_user", "pytest": pytest, "np": np}
    try:
        exec(stage, namespace)
        exec(its_test, namespace)
        namespace["test_shot_noise_of_roots_is_a_half"]()
        assert REGISTERED["square_root"].parameters["offset"].unit == "counts"
    finally:
        REGISTERED.pop("square_root", None)


def test_the_guide_to_corrections_runs() -> None:
    namespace: dict[str, Any] = {}
    for block in blocks(page("corrections.md"), "python"):
        exec(block, namespace)
    assert namespace["camera"].electrons_per_count == pytest.approx(1, abs=0.05)
    assert namespace["floor"]["over_limit"].to_numpy() == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_the_tutorials_of_piscat_run() -> None:
    pytest.importorskip("torch")
    namespace: dict[str, Any] = {}
    for block in blocks(page("piscat-tutorials.md"), "python"):
        exec(block, namespace)
        counts = [len(namespace.get(name, ())) for name in ("found", "as_in_tutorial")]
        assert counts in ([0, 0], [5, 1])
    assert (namespace["dropped"] > 0).sum() == 2
    saved = 1 - namespace["after"]["noise"] / namespace["before"]["noise"]
    assert saved.mean() == pytest.approx(0.014, abs=0.0005)
    assert len(namespace["landings"]) >= 5


@pytest.mark.parametrize(
    "name",
    ["first-five-minutes.md", "piscat-tutorials.md", "tutorial-napari.md", "tutorial-trails.md"],
)
def test_labels_of_the_window_exist(name: str) -> None:
    shown = "\n".join(
        path.read_text("utf-8")
        for path in (*(PACKAGE / "widgets").rglob("*.py"), PACKAGE / "napari.yaml")
    )
    shown += "".join(f'"{stage.title}"' for stage in listed_stages().values())
    labels = {
        label
        for italic in re.findall(r"(?<![*\w])\*([^*\n]+(?:\n[^*\n]+)?)\*(?![*\w])", page(name))
        for label in re.split(r"\s*>\s*", " ".join(italic.split()))
    }
    words = {label for label in labels - OF_NAPARI if len(label) > 1}  # the others are keys
    whole = r'(["\'>]|: )%s(["\'<]| \(|, |$)'
    assert {w for w in words if not re.search(whole % re.escape(w), shown, re.MULTILINE)} == set()


def test_relative_links_of_the_pages_that_github_shows_exist() -> None:
    missing = [f"{path.name}: {link}" for path in PAGES for link in missing_links(path)]
    assert missing == []


def missing_links(path: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)#:\s]+)[^):\s]*\)", path.read_text("utf-8")):
        generated = link.startswith(("reference/", "gallery/"))
        if not generated and not (path.parent / link).exists():
            yield link


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120

"""Write docs/reference from the catalogue of stages and the recipes: nothing there is by hand."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names

if TYPE_CHECKING:
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.parameters import Parameter
    from napari_uai.stages import Stage

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs`; change the docstring instead. -->\n\n"


def main() -> None:
    """Write both pages."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "stages.md").write_text(stages_page(), "utf-8")
    (FOLDER / "recipes.md").write_text(recipes_page(), "utf-8")


def stages_page() -> str:
    """Return the page of all stages."""
    head = (
        "# Stages\n\nEach is a function, a widget in napari's Layers menu, and a step of a recipe "
        "(`use = ...`).\n\n"
    )
    lines = [f"- [{s.title}](#{anchor(s.title)}): {markup(s.summary)}" for s in STAGES.values()]
    return NOTE + head + "\n".join(lines) + "\n\n" + "\n".join(map(stage_section, STAGES.values()))


def stage_section(stage: Stage) -> str:
    """Return what there is to know about a stage."""
    sections = docstring_sections(stage)
    module, _, name = stage.entry.partition(":")
    parts = [
        f"## {stage.title}",
        f"`{module}.{name}` · menu *Layers > {stage.menu.capitalize()} > iSCAT*",
        markup(sections.pop("", "")),
        "**Takes** "
        + "; ".join(
            f"`{i.name}` ({i.kind}{'' if i.required else ', optional'}): {markup(i.description)}"
            for i in stage.inputs
        ),
    ]
    if stage.parameters:
        rows = [parameter_row(p) for p in stage.parameters.values()]
        parts.append(
            "| Parameter | Default | Takes | Meaning |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    titles = {"Returns": "Gives", "Raises": "Errors", "Notes": "Notes", "References": "Source"}
    parts += [
        f"**{shown}** {entries(sections[title])}"
        for title, shown in titles.items()
        if title in sections
    ]
    return "\n\n".join(parts) + "\n"


def parameter_row(parameter: Parameter) -> str:
    """Return a row of the table of parameters."""
    default = "must be given" if parameter.required else f"`{parameter.default}`"
    cells = (f"`{parameter.name}`", default, parameter.accepts, markup(parameter.description))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def recipes_page() -> str:
    """Return the page of all recipes."""
    head = (
        "# Recipes\n\n`napari-uai iscat RECORDING --recipe NAME --set STEP.PARAMETER=VALUE`. Only "
        "what differs from a stage's defaults is listed.\n\n"
    )
    return NOTE + head + "\n".join(recipe_section(load_recipe(name)) for name in recipe_names())


def recipe_section(recipe: Recipe) -> str:
    """Return the steps of a recipe."""
    rows = ["| Step | Stage | Takes | Parameters |", "|---|---|---|---|"]
    for step in recipe.steps:
        own = [
            f"`{name} = {value}`"
            for name, value in step.parameters.items()
            if value != step.stage.parameters[name].default
        ]
        title = f"[{step.stage.title}](stages.md#{anchor(step.stage.title)})"
        rows.append(f"| `{step.name}` | {title} | {', '.join(step.inputs)} | {', '.join(own)} |")
    results = ", ".join(f"{name} of `{step}`" for name, step in recipe.outputs.items())
    return (
        f"## {recipe.name}\n\n{recipe.description}\n\n"
        + "\n".join(rows)
        + f"\n\nGives {results}.\n"
    )


def docstring_sections(stage: Stage) -> dict[str, str]:
    """Return the sections of a numpydoc docstring by title; the text before them by ``""``."""
    sections, title = {"": ""}, ""
    lines = (inspect.getdoc(stage.function) or "").splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"}:
            title = line.strip()
            sections[title] = ""
        elif not (line and set(line) == {"-"}):
            sections[title] += line + "\n"
    return {title: text.strip() for title, text in sections.items()}


def entries(text: str) -> str:
    """Return a section as text; where it lists names with their meaning, each name as code."""
    named = re.sub(r"^(\S[^\n]*)\n(?=    )", r"`\1`: ", text, flags=re.MULTILINE)
    return markup(re.sub(r"\.?\n(?=`)", "; ", named))


def markup(text: str) -> str:
    """Turn the docstrings' markup into Markdown, on one line per paragraph."""
    text = re.sub(r":\w+:(?=`)", "", text).replace("``", "`").replace("`~", "`")
    paragraphs = text.split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def anchor(title: str) -> str:
    """Return the address of a heading within its page."""
    return title.lower().replace(" ", "-")


if __name__ == "__main__":
    main()

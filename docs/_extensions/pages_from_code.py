"""Pages that are written from the code when the site is built; nothing in them is typed by hand.

Stages, recipes, commands, settings, modules and the public names of Python get their pages in
``docs/reference``, which git ignores.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import typer
from docstrings import FACES, documented_name, public_names

import napari_uai
from napari_uai.cli.app import app as command_line
from napari_uai.iscat.column_meanings import (
    LANDING_MEANINGS,
    TRAJECTORY_MEANINGS,
    Meaning,
)
from napari_uai.iscat.optics import Microscope
from napari_uai.iscat.recipes.catalogue import STAGES
from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names
from napari_uai.iscat.recipes.training import training_parameters
from napari_uai.parameters import Parameters
from napari_uai.simulate.iscat.scenarios import DISTURBED, MOVING, SCENARIOS, scenario
from napari_uai.simulate.settings import RecordingSettings, TrailSettings
from napari_uai.trails.analysis.settings import settable_parameters
from napari_uai.trails.io.readers import formats
from napari_uai.trails.io.vocabulary import VOCABULARY
from napari_uai.videos.formats import FORMATS
from napari_uai.videos.writing.movies import MOVIE_SUFFIXES, MovieSettings
from napari_uai.videos.writing.writers import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.parameters import Parameter
    from napari_uai.stages import Stage

SOURCE = Path(napari_uai.__file__).parent
STAGES_OF = "napari_uai.iscat"

SETTINGS = """\
What `--set NAME=VALUE` and the argument `settings` may change. Those of recipes are the parameters
of their [stages](stages.rst), written `STEP.PARAMETER=VALUE`."""

ROOMS = {
    "videos": "Videos",
    "correct": "Correct",
    "detect": "Detect",
    "measure": "Measure and link",
    "rescore": "Rescore",
    "mass": "Mass",
    "events": "Landings of any source",
    "calibration": "Calibration",
    "calibrants": "Calibrants",
    "mixtures": "Mixtures",
    "density": "Kernel density",
    "comparing": "Comparison",
    "interferometric": "Model",
    "microscope": "Model",
    "fit": "Fit",
    "profiles": "Picture",
    "outputs": "Results",
    "picture": "Picture",
    "fastdvdnet": "Predict",
    "recipes": "Recipes and runs",
    "iscat": "Landings",
    "trails": "Trails",
    "simulate": "Simulation",
    "evaluate": "Evaluation",
    "table": "Trails and scenes",
    "io": "Files",
    "heat": "Heat",
    "scores": "Scores",
    "pictures": "Pictures",
    "analysis": "Whole analyses",
    "settings": "Settings",
    "files": "Files",
    "write_samples": "Sample data",
    "truth": "Ground truth",
    "evaluation": "Landings",
    "matching": "Matching",
    "metrics": "Metrics",
    "ranking": "Rankings of trails",
    "report": "Reports",
}
"""Heading of the names that a room gives; what is in no room comes last."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx: the pages must be there before it looks which there are."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx, config: Config) -> None:
    """Write all pages; those of names that are gone are taken away."""
    folder = Path(app.srcdir) / "reference"
    shutil.rmtree(folder / "api", ignore_errors=True)
    pages = {
        "stages.rst": stages_page(),
        "recipes.md": recipes_page(),
        "commands.md": commands_page(),
        "settings.md": settings_page(),
        "formats.md": formats_table(),
        "landing_columns.md": columns_table(LANDING_MEANINGS),
        "trajectory_columns.md": columns_table(TRAJECTORY_MEANINGS),
        "modules.md": modules_page(),
        "trail_formats.md": trail_formats_page(),
        **{
            f"{face}.rst": face_page(face) for face in FACES if face != STAGES_OF and names_of(face)
        },
    }
    for name, text in pages.items():
        write_if_changed(folder / name, text)
    config.autosummary_context = {"about": {name: about_stage(name) for name in public_names()}}


def write_if_changed(path: Path, text: str) -> None:
    """Write a page, unless it is the same already: Sphinx reads what is newer."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


# Python


def names_of(face: str) -> list[str]:
    """Return the public names of a package that are not packages themselves."""
    package = importlib.import_module(face)
    names = getattr(package, "__all__", ())
    return [name for name in names if not inspect.ismodule(getattr(package, name))]


def face_page(face: str) -> str:
    """Return the page of the public names of a package."""
    intro = first_line(importlib.import_module(face))
    return heading(face, "=") + f"{intro}\n\n" + summaries(face)


def stages_page() -> str:
    """Return the page of all stages."""
    return (
        heading("Stages", "=")
        + "Each stage is a function of ``napari_uai.iscat``, a step of a recipe (``use = ...``), "
        "and an entry in napari's *Layers* menu. They are in the order of the pipeline.\n\n"
        + summaries(STAGES_OF)
    )


def summaries(face: str) -> str:
    """Return tables of the names of a package, by the room in which they are defined."""
    rooms: dict[str, list[str]] = {}
    for name in ordered(face):
        found = getattr(importlib.import_module(face), name)
        rooms.setdefault(room_of(face, found), []).append(documented_name(face, name))
    known = [*ROOMS, ""]
    text = ""
    for room in sorted(rooms, key=known.index):
        text += heading(ROOMS.get(room, "Everything else"), "-")
        text += autosummary(face, rooms[room])
    return text


def ordered(face: str) -> list[str]:
    """Return public names, stages in the order of the catalogue."""
    names = names_of(face)
    return [n for n in STAGES if n in names] if face == STAGES_OF else names


def room_of(face: str, found: Any) -> str:
    """Return the first part of the module of an object below the package that gives it."""
    module = getattr(found, "__module__", "")
    own = module.removeprefix("napari_uai.")
    for house in ("iscat.mass.", "iscat.limit.", "iscat.optics."):  # rooms with a face of their own
        own = own.removeprefix(house)
    parts = own.split(".")
    if face != "napari_uai" and parts[0] == face.rpartition(".")[2]:
        parts = parts[1:]
    return parts[0] if parts[0] in ROOMS else ""


def autosummary(face: str, names: Iterable[str]) -> str:
    """Return a table of names that are documented on pages of their own."""
    own = [name for name in names if name.rpartition(".")[0] == face]
    others = [name for name in names if name not in own]
    text = ""
    for listed, option in ((own, "   :toctree: api\n"), (others, "")):
        if listed:
            lines = "".join(f"   ~{name}\n" for name in listed)
            text += f".. autosummary::\n{option}   :nosignatures:\n\n{lines}\n"
    return text


# Stages


def stage_of(name: str) -> Stage | None:
    """Return the stage that a public name means, if any."""
    found = public_names().get(name)
    return getattr(found, "stage", None)


def about_stage(name: str) -> str:
    """Return how a stage is called elsewhere, and which recipes use it."""
    stage = stage_of(name)
    if stage is None:
        return ""
    users = [r for r in recipe_names() if any(s.stage is stage for s in load_recipe(r).steps)]
    rows = {
        "In napari": f"*Layers > {stage.menu.capitalize()} > iSCAT > {stage.title}*",
        "In a recipe": f'``use = "{stage.name}"``',
        "Recipes that use it": ", ".join(f":ref:`{r} <recipe-{r}>`" for r in users) or "none",
    }
    return "\n".join(f":{title}: {text}" for title, text in rows.items())


# Recipes


def recipes_page() -> str:
    """Return the page of all recipes."""
    head = (
        "# Recipes\n\nThe recipes of the package; [](../recipes.md) says how to write one. "
        "Parameters are listed where they differ from the defaults of the stage; "
        "`napari-uai recipes NAME` prints all of them.\n\n"
    )
    return head + "\n".join(recipe_section(load_recipe(name)) for name in recipe_names())


def recipe_section(recipe: Recipe) -> str:
    """Return the steps of a recipe."""
    rows = ["| Step | Stage | Takes | Parameters |", "| --- | --- | --- | --- |"]
    for step in recipe.steps:
        own = [
            f"`{name} = {value}`"
            for name, value in step.parameters.items()
            if value != step.stage.parameters[name].default
        ]
        page = documented_name(STAGES_OF, step.stage.name)
        title = f"[{step.stage.title}](api/{page}.rst)"
        rows.append(f"| `{step.name}` | {title} | {', '.join(step.inputs)} | {'<br>'.join(own)} |")
    results = ", ".join(f"`{name}` (step `{step}`)" for name, step in recipe.outputs.items())
    return (
        f"(recipe-{recipe.name})=\n\n## {recipe.name}\n\n{recipe.description}\n\n"
        + "\n".join(rows)
        + f"\n\nWrites {results}.\n"
    )


# Commands and settings


def commands_page() -> str:
    """Return the help of every command."""
    text = "# Commands\n\nWhat `napari-uai COMMAND --help` prints.\n\n"
    root = typer.main.get_command(command_line)
    for path, command in commands(root, ("napari-uai",)):
        context = click.Context(
            command, info_name=" ".join(path), max_content_width=76, terminal_width=76
        )
        help_text = re.sub(r"^Usage:\s+", "", context.get_help(), count=1)
        text += f"## {' '.join(path)}\n\n```text\n{help_text}\n```\n\n"
    return text


def commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterable[tuple[tuple[str, ...], click.Command]]:
    """Return every command with its words."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, found in inner.items():
        yield from commands(found, (*path, name))


def settings_page() -> str:
    """Return tables of everything that ``--set`` changes, recipes aside."""
    simulated = {name: scenario(name) for name in (*SCENARIOS, MOVING)}
    still = simulated["still"]
    rows = ["| Scenario | Differs from `still` in |", "| --- | --- |"]
    for name, chosen in simulated.items():
        changed = [f"`{n} = {v}`" for n, v in vars(chosen).items() if v != getattr(still, n)]
        rows.append(f"| `{name}` | {', '.join(changed)} |")
    return (
        "\n\n".join(
            (
                "# Settings",
                SETTINGS,
                "## Trails",
                "`napari-uai trails`, {func}`napari_uai.analyse_trails`.",
                parameter_table(settable_parameters()),
                "## Trails, preset `reference`",
                parameter_table(settable_parameters("reference")),
                "## Movies",
                "`napari-uai export` to AVI, MP4 and GIF, {func}`napari_uai.videos.write_movie`.",
                parameter_table(Parameters.of_settings(MovieSettings)),
                "## Training",
                "`napari-uai train`; see [](../training.md).",
                training_table(),
                "## Point-spread function",
                "`napari-uai psf`, {class}`napari_uai.iscat.optics.Microscope`.",
                parameter_table(Parameters.of_settings(Microscope)),
                "## Simulated recordings",
                "`napari-uai simulate iscat`, {func}`napari_uai.simulate_recording`.",
                parameter_table(Parameters.of_settings(RecordingSettings)),
                "### Scenarios",
                "`--scenario NAME`; the sample recording of the package is one more, `sample`.",
                "\n".join(rows),
                "These are one recording with a [disturbance](../disturbances.md) each:",
                disturbed_table(),
                "## Simulated scenes",
                "`napari-uai simulate trails`, {func}`napari_uai.simulate_trails`.",
                parameter_table(Parameters.of_settings(TrailSettings)),
            )
        )
        + "\n"
    )


def disturbed_table() -> str:
    """Return the disturbed scenarios, and what the undisturbed recording has not."""
    rows = [
        f"| `{name}` | {', '.join(f'`{n} = {v}`' for n, v in changes.items())} |"
        for name, changes in DISTURBED.items()
    ]
    return "\n".join(["| Scenario | Disturbance |", "| --- | --- |", *rows])


def formats_table() -> str:
    """Return the table of formats of recordings, which another page includes."""
    written = {*VIDEO_SUFFIXES, *MOVIE_SUFFIXES}
    rows = ["| Format | Suffixes | Written |", "| --- | --- | --- |"]
    for each in FORMATS:
        alone = () if each.name == "images" else each.suffixes
        ours = [f"`{suffix}`" for suffix in alone if suffix in written]
        suffixes = ", ".join(f"`{suffix}`" for suffix in each.suffixes)
        rows.append(f"| {each.title} | {suffixes} | {', '.join(ours)} |")
    return "\n".join(rows) + "\n"


def columns_table(meanings: Iterable[Meaning]) -> str:
    """Return the table of the columns of a table of results, which another page includes."""
    rows = [
        f"| {', '.join(f'`{column}`' for column in each.columns)} | {each.unit} | {each.text} |"
        for each in meanings
    ]
    return "\n".join(["| Column | Unit | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def training_table() -> str:
    """Return the settings of training with their defaults."""
    rows = [f"| `{name}` | `{value}` |" for name, value in training_parameters().items()]
    return "\n".join(["| Setting | Default |", "| --- | --- |", *rows])


def parameter_table(parameters: Mapping[str, Parameter]) -> str:
    """Return a table of parameters: default, what fits, meaning."""
    rows = ["| Name | Default | Takes | Meaning |", "| --- | --- | --- | --- |"]
    for parameter in parameters.values():
        default = "required" if parameter.required else f"`{parameter.default}`"
        cells = (f"`{parameter.name}`", default, parameter.accepts, markdown(parameter.description))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def trail_formats_page() -> str:
    """Return the table of formats of trails, from their readers."""
    rows = "".join(f"| {name} | {needs} |\n" for name, needs in formats())
    words = "".join(
        f"| `{role}` | {', '.join(names[:10])}{', ...' if len(names) > 10 else ''} |\n"
        for role, names in VOCABULARY.items()
    )
    return (
        "# Formats of trails\n\nWhat `napari-uai trails`, {func}`napari_uai.open_trails` and the "
        "dock open; [](../own-trails.md) says how units and columns are recognised.\n\n"
        f"| Input | What is needed |\n| --- | --- |\n{rows}\n## Names of columns\n\n"
        "The preferred ones first; spelling, prefixes and units make no difference.\n\n"
        f"| Column | Names |\n| --- | --- |\n{words}"
    )


# Modules


def modules_page() -> str:
    """Return every module with the first line of its docstring."""
    text = "# Modules\n\nEvery module of `src/napari_uai` in its own words.\n\n"
    for folder in sorted({path.parent for path in SOURCE.rglob("*.py")}):
        package = ".".join(("napari_uai", *folder.relative_to(SOURCE).parts))
        rows = "".join(
            f"| `{path.stem}` | {docline(path)} |\n"
            for path in sorted(folder.glob("*.py"))
            if path.stem != "__init__"
        )
        init = folder / "__init__.py"
        text += f"## {package}\n\n{docline(init) if init.exists() else ''}\n\n"
        text += f"| Module | |\n| --- | --- |\n{rows}\n" if rows else ""
    return text


def docline(path: Path) -> str:
    """Return the first line of the docstring of a file, without importing it."""
    return markdown(
        (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
    )


# Text


def heading(text: str, underline: str) -> str:
    """Return a heading in reStructuredText."""
    return f"{text}\n{underline * len(text)}\n\n"


def first_line(found: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(found) or "").partition("\n")[0]


def markdown(text: str) -> str:
    """Turn the docstrings' markup into Markdown, on one line."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")
    return " ".join(text.split())

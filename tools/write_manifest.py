"""Write what lists the decorated stages and the formats, or check that it is up to date.

These are napari's manifest, the table of modules by which stages are imported late, and the stub
from which editors and type checkers know ``napari_uai.iscat``.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path

from napari_uai.iscat._stages import MODULES
from napari_uai.stages import REGISTERED, Stage
from napari_uai.videos.formats import FORMATS

PACKAGE = Path(__file__).parents[1] / "src" / "napari_uai"
MANIFEST = PACKAGE / "napari.yaml"
BLOCK = re.compile(r"^( *)# (stages|formats)\n.*?^ *# end of \2\n", re.MULTILINE | re.DOTALL)
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".pgm"}
WHOLE_WORKFLOWS = ["napari-uai.iscat_run", "napari-uai.train_network", "napari-uai.detection_limit"]
TABLE = PACKAGE / "iscat" / "_stages.py"
STUB = PACKAGE / "iscat" / "__init__.pyi"


def find_stages() -> dict[str, Stage]:
    """Import every module that decorates stages; known ones keep their order, new ones follow."""
    for path in sorted(PACKAGE.rglob("*/**/*.py")):
        if re.search(r"^@stage\(", path.read_text("utf-8"), re.MULTILINE):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            importlib.import_module(".".join(parts))
    packaged = {
        n: s for n, s in REGISTERED.items() if s.function.__module__.startswith("napari_uai.")
    }
    known = [name for name in MODULES if name in packaged]
    return {name: packaged[name] for name in dict.fromkeys([*known, *packaged])}


def table() -> str:
    """Return the module of :data:`TABLE`."""
    about = "Where the stages are, in the order of menus and pages; written by ``make manifest``."
    modules = [f'    "{name}": "{stage.function.__module__}",\n' for name, stage in STAGES.items()]
    listed = [f'    "{name}": {listing(stage)},\n' for name, stage in STAGES.items()]
    return (
        f'"""{about}"""\n\nMODULES = {{\n'
        + "".join(modules)
        + "}\n\n# Title, menu, inputs (? if optional), output, selects, renumbers, summary.\n"
        "LISTED = {\n" + "".join(listed) + "}\n"
    )


def listing(stage: Stage) -> tuple[str, ...]:
    """Return what lists of stages show of one, so that they need not import its module."""
    inputs = " ".join(i.kind + ("" if i.required else "?") for i in stage.inputs)
    flags = stage.selects, stage.renumbers
    return stage.title, stage.menu, inputs, stage.output, *flags, stage.summary


def stub() -> str:
    """Return the stub of ``napari_uai.iscat``."""
    lines = sorted(
        f"from {stage.function.__module__} import {name} as {name}\n"
        for name, stage in STAGES.items()
    )
    names = "".join(f'    "{name}",\n' for name in sorted(STAGES))
    return "# Written by `make manifest`.\n" + "".join(lines) + f"\n__all__ = [\n{names}]\n"


def command(stage: Stage) -> str:
    """Return the entry of a stage among the commands."""
    return (
        f"- id: {identifier(stage)}\n"
        f"  title: {stage.title}…\n"
        f"  python_name: napari_uai.widgets.iscat.stage_dock:{stage.name}\n"
    )


def recordings() -> str:
    """Return the entry of the reader of recordings: napari shows single pictures itself."""
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]
    kept = dict.fromkeys(s for s in suffixes if s not in PICTURES)
    lines = ", ".join(f'"*{suffix}"' for suffix in kept)
    return (
        "- command: napari-uai.read_recording\n"
        f"  filename_patterns: [{lines}]\n"
        "  accepts_directories: true\n"
    )


def menus() -> str:
    """Return the menus: one submenu of each of napari's, so that its own entries stay in sight."""
    text = ""
    for menu in dict.fromkeys(["track", *(stage.menu for stage in STAGES.values())]):
        commands = [identifier(stage) for stage in STAGES.values() if stage.menu == menu]
        commands = [*WHOLE_WORKFLOWS, *commands] if menu == "track" else commands
        text += f"napari/layers/{menu}:\n  - submenu: napari-uai.{menu}\n"
        text += f"napari-uai.{menu}:\n" + "".join(f"  - command: {c}\n" for c in commands)
    return text


def identifier(stage: Stage) -> str:
    """Return the id of the command of a stage."""
    return f"napari-uai.{stage.name}"


def complete(manifest: str) -> str:
    """Return the manifest with every stage of the catalogue and every format."""
    blocks = iter(
        (
            "".join(map(command, STAGES.values())),
            recordings(),
            menus(),
        )
    )

    def fill(match: re.Match[str]) -> str:
        indent = match[1]
        lines = [f"# {match[2]}", *next(blocks).splitlines(), f"# end of {match[2]}"]
        return "".join(f"{indent}{line}\n" for line in lines)

    return BLOCK.sub(fill, manifest)


STAGES = find_stages()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if it is stale")
    check = parser.parse_args().check
    wanted = {MANIFEST: complete(MANIFEST.read_text("utf-8")), TABLE: table(), STUB: stub()}
    for path, text in wanted.items():
        if check and path.read_text("utf-8") != text:
            sys.exit(f"{path.name} does not match the stages and formats: run make manifest")
        if not check:
            path.write_text(text, "utf-8")

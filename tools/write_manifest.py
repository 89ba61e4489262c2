"""Write the stages of the catalogue into napari's manifest, or check that they are there."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from napari_uai.iscat.recipes.catalogue import STAGES, Stage

MANIFEST = Path(__file__).parents[1] / "src" / "napari_uai" / "napari.yaml"
BLOCK = re.compile(r"^( *)# stages\n.*?^ *# end of stages\n", re.MULTILINE | re.DOTALL)
WHOLE_WORKFLOWS = ["napari-uai.iscat_run", "napari-uai.train_network"]


def command(stage: Stage) -> str:
    """Return the entry of a stage among the commands."""
    return (
        f"- id: {identifier(stage)}\n"
        f"  title: {stage.title}…\n"
        f"  python_name: napari_uai.widgets.iscat.stages:{stage.name}\n"
    )


def widget(stage: Stage) -> str:
    """Return the entry of a stage among the widgets."""
    return f"- command: {identifier(stage)}\n  display_name: {stage.title}\n"


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
    """Return the manifest with every stage of the catalogue."""
    blocks = iter(
        (
            "".join(map(command, STAGES.values())),
            "".join(map(widget, STAGES.values())),
            menus(),
        )
    )

    def fill(match: re.Match[str]) -> str:
        indent = match[1]
        lines = ["# stages", *next(blocks).splitlines(), "# end of stages"]
        return "".join(f"{indent}{line}\n" for line in lines)

    return BLOCK.sub(fill, manifest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if it is stale")
    check = parser.parse_args().check
    before = MANIFEST.read_text("utf-8")
    after = complete(before)
    if check and after != before:
        sys.exit(f"{MANIFEST.name} does not match the catalogue: run make manifest")
    if not check:
        MANIFEST.write_text(after, "utf-8")

"""``napari-uai recipes`` and ``stages``: what there is, with all parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_uai.cli.options import named_recipe


def recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe to print in full.")] = None,
) -> None:
    """List the recipes, or print one as TOML with every parameter."""
    from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names

    if name is not None:
        typer.echo(named_recipe(name).to_toml(), nl=False)
        return
    for known in recipe_names():
        typer.echo(f"{known:22} {load_recipe(known).description.strip()}")


def stages(
    name: Annotated[str | None, typer.Argument(help="A stage whose parameters to print.")] = None,
) -> None:
    """List the stages, or the parameters of one."""
    from napari_uai.iscat.recipes import catalogue

    if name is None:
        for stage in catalogue.STAGES.values():
            typer.echo(f"{stage.name:32}{stage.summary}")
        return
    stage = catalogue.stage(name)
    typer.echo(f"{stage.title}: {stage.summary}")
    for given in stage.inputs:
        typer.echo(f"\n{given.name} ({given.kind})\n    {given.description}")
    for parameter in stage.parameters.values():
        default = "" if parameter.required else f"; default {parameter.default}"
        typer.echo(f"\n{parameter.name}: {parameter.accepts}{default}\n    {parameter.description}")

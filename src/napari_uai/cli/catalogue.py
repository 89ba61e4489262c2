"""``napari-uai recipes`` and ``stages``: lists of recipes and stages, and their parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_uai.cli.options import named_recipe


def recipes(
    name: Annotated[str | None, typer.Argument(help="Recipe to print.")] = None,
) -> None:
    """List the recipes, or print a recipe as TOML with all parameters."""
    from napari_uai.iscat.recipes.recipe import load_recipe, recipe_names

    if name is not None:
        typer.echo(named_recipe(name).to_toml(), nl=False)
        return
    for each in recipe_names():
        typer.echo(f"{each:22} {load_recipe(each).description.strip()}")


def stages(
    name: Annotated[str | None, typer.Argument(help="Stage whose parameters to list.")] = None,
) -> None:
    """List the stages, or the parameters of a stage."""
    from napari_uai.iscat.recipes import catalogue

    if name is None:
        for listed in catalogue.listed_stages().values():
            typer.echo(f"{listed.name:32}{listed.summary}")
        return
    stage = catalogue.stage(name)
    typer.echo(f"{stage.title}: {stage.summary}")
    for each in stage.inputs:
        typer.echo(f"\n{each.name} ({each.kind})\n    {each.description}")
    for parameter in stage.parameters.values():
        default = "" if parameter.required else f"; default {parameter.default}"
        typer.echo(f"\n{parameter.name}: {parameter.accepts}{default}\n    {parameter.description}")

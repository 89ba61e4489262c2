"""The catalogue of stages: those of this package, and those defined by users.

A stage is a plain function decorated by :func:`napari_uai.stage`; its signature and docstring
define everything else (inputs, parameters with types, limits, units and descriptions). This
suffices for a widget, a step of recipes, an option of the command line and a page of the reference.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from napari_uai.errors import RecipeError, nearest
from napari_uai.iscat._stages import MODULES
from napari_uai.stages import REGISTERED, Stage


class Catalogue(Mapping[str, Stage]):
    """Stages by name; the module of a stage is imported when it is first used."""

    def __getitem__(self, name: str) -> Stage:
        if name not in MODULES:
            return REGISTERED[name]
        importlib.import_module(MODULES[name])
        stage = REGISTERED[name]
        if stage.function.__module__ != MODULES[name]:
            raise RecipeError(
                f"stage {name} is defined twice, in {MODULES[name]} and in "
                f"{stage.function.__module__}: rename your function"
            )
        return stage

    def __iter__(self) -> Iterator[str]:
        yield from MODULES
        yield from (name for name in list(REGISTERED) if name not in MODULES)

    def __len__(self) -> int:
        return len(MODULES.keys() | REGISTERED.keys())

    def __contains__(self, name: object) -> bool:
        return name in MODULES or name in REGISTERED


STAGES: Mapping[str, Stage] = Catalogue()
"""Every stage by name."""


def stage(name: str) -> Stage:
    """Return a stage of the catalogue by the name of its function.

    Raises
    ------
    RecipeError
        If there is no such stage; the message suggests the closest match.
    """
    if name not in STAGES:
        raise RecipeError(f"no stage {name!r}; {nearest(name, STAGES)}")
    return STAGES[name]

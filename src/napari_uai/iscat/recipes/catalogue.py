"""The catalogue of stages: those of this package, and those defined by users.

A stage is a plain function decorated by :func:`napari_uai.stage`; its signature and docstring
define everything else (inputs, parameters with types, limits, units and descriptions). This
suffices for a widget, a step of recipes, an option of the command line and a page of the reference.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from napari_uai.errors import RecipeError, nearest
from napari_uai.iscat._stages import LISTED, MODULES
from napari_uai.stages import REGISTERED, Kind, Menu, Stage


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


@dataclass(frozen=True)
class Listed:
    """What a list of stages shows of one, known without importing its module.

    Attributes
    ----------
    name, title, menu, output, selects, renumbers, summary
        As in :class:`napari_uai.Stage`.
    needs
        Kind of each input that is required.
    """

    name: str
    title: str
    menu: Menu
    needs: tuple[Kind, ...]
    output: Kind
    selects: bool
    renumbers: bool
    summary: str

    @property
    def passes_on(self) -> bool:
        """Whether the output can take the place of the first input, as in a chain."""
        if self.renumbers:
            return False
        return self.needs[0] == self.output and (self.output == "video" or self.selects)


def listed_stages() -> dict[str, Listed]:
    """Return what is known of all stages without importing them, by name."""
    known = {name: _listed(name, *cast("Any", entry)) for name, entry in LISTED.items()}
    own = {name: s for name, s in list(REGISTERED.items()) if name not in known}
    return known | {
        name: Listed(
            name, s.title, s.menu, tuple(i.kind for i in s.inputs if i.required), s.output,
            s.selects, s.renumbers, s.summary,
        )
        for name, s in own.items()
    }  # fmt: skip


def _listed(
    name: str,
    title: str,
    menu: Menu,
    inputs: str,
    output: Kind,
    selects: bool,
    renumbers: bool,
    summary: str,
) -> Listed:
    needs = tuple(cast("Kind", kind) for kind in inputs.split() if not kind.endswith("?"))
    return Listed(name, title, menu, needs, output, selects, renumbers, summary)

"""Changing the stages of a recipe: a stage put in, or moved past its neighbour.

A stage that maps a video to a video, or that selects rows of a table, passes its main input on to
the stages after it. Such stages can be put between others; what they passed is taken from them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from napari_uai.errors import RecipeError
from napari_uai.iscat.recipes.catalogue import listed_stages, stage
from napari_uai.iscat.recipes.recipe import RECORDING, Recipe, Step, checked_recipe, passed_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.iscat.recipes.catalogue import Listed
    from napari_uai.stages import Kind


Corners: TypeAlias = tuple[int, int, int, int]
_CROP = "crop"


def stages_to_insert(recipe: Recipe, after: str) -> list[Listed]:
    """Return the stages that can be put after a step: those that pass on what it returns.

    Parameters
    ----------
    recipe
        Recipe to change.
    after
        Name of a step, or ``recording`` for the start.

    Raises
    ------
    RecipeError
        If there is no such step.
    """
    kinds = _kinds_until(recipe, after)
    return [
        each
        for each in listed_stages().values()
        if each.passes_on and each.needs[0] == kinds[after] and {*each.needs} <= {*kinds.values()}
    ]


def with_stage_after(recipe: Recipe, use: str, *, after: str) -> Recipe:
    """Return the recipe with a stage put after a step, whose output it passes on.

    Further inputs of the stage are the latest ones of their kind before it.

    Parameters
    ----------
    recipe
        Recipe to change.
    use
        Stage to put in; its parameters have their defaults.
    after
        Name of a step, or ``recording`` for the start.

    Raises
    ------
    RecipeError
        If the stage does not fit there, or needs a parameter that has no default.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recipe = with_stage_after(uai.load_recipe("matched"), "median_filter", after="power")
    >>> [step.name for step in recipe.steps][:4]
    ['status_line', 'power', 'median_filter', 'dra']
    >>> recipe.step("dra").inputs
    ('median_filter',)
    """
    new = stage(use)
    if new.name not in {each.name for each in stages_to_insert(recipe, after)}:
        raise RecipeError(
            f"{new.title} cannot stand after {_title(recipe, after)}: it does not pass on what "
            "that returns"
        )
    missing = [p.name for p in new.parameters.values() if p.required]
    if missing:
        raise RecipeError(
            f"{new.title} needs {', '.join(missing)}, which has no default: write it into a "
            "recipe file"
        )
    kinds = _kinds_until(recipe, after)
    others = [each.kind for each in new.inputs[1:] if each.required]
    inputs = [after, *(_latest(kinds, kind, but=after) for kind in others)]
    values = {p.name: p.default for p in new.parameters.values()}
    return _put_in(recipe, Step(_free_name(recipe, use), new, tuple(inputs), values), after)


def limited_to(recipe: Recipe, region: Corners) -> Recipe:
    """Return the recipe limited to a region of the field, by a stage before all others.

    Places in the results are still those of the whole recording. A recipe that begins with such a
    stage is limited to the new region instead.

    Parameters
    ----------
    recipe
        Recipe to limit.
    region
        First row, last row + 1, first column, last column + 1.

    Raises
    ------
    RecipeError
        If the region is not four integers.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recipe = limited_to(uai.load_recipe("matched"), (40, 120, 30, 90))
    >>> recipe.steps[0].name, recipe.values("crop")["region"]
    ('crop', (40, 120, 30, 90))
    """
    first = recipe.steps[0]
    if first.stage.name == _CROP and first.inputs == (RECORDING,):
        return recipe.with_values(**{first.name: {"region": region}})
    step = Step(_free_name(recipe, _CROP), stage(_CROP), (RECORDING,), {"region": region})
    return _put_in(recipe, step, RECORDING)


def _put_in(recipe: Recipe, step: Step, after: str) -> Recipe:
    """Return the recipe with a step put after another, whose output it passes on."""
    at = 0 if after == RECORDING else [s.name for s in recipe.steps].index(after) + 1
    later = [_with_inputs(s, {after: step.name}) for s in recipe.steps[at:]]
    outputs = {o: step.name if s == after else s for o, s in recipe.outputs.items()}
    steps = (*recipe.steps[:at], step, *later)
    return checked_recipe(replace(recipe, steps=steps, outputs=outputs))


def with_stage_moved(recipe: Recipe, name: str, by: int) -> Recipe:
    """Return the recipe with a step moved past its neighbour.

    If one of both uses the output of the other, they change places in the chain, which moving back
    undoes.

    Parameters
    ----------
    recipe
        Recipe to change.
    name
        Step to move.
    by
        -1: one place earlier; 1: one place later.

    Raises
    ------
    RecipeError
        If there is no such step or place, or the later of both needs what the earlier one makes, or
        is not the only one to use it.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recipe = with_stage_moved(uai.load_recipe("matched"), "power", -1)
    >>> [(step.name, step.inputs) for step in recipe.steps][:2]
    [('power', ('recording',)), ('status_line', ('power',))]
    """
    steps = list(recipe.steps)
    at = steps.index(recipe.step(name)) + min(by, 0)
    if not 0 <= at < len(steps) - 1:
        raise RecipeError(f"{recipe.step(name).label} is the {'first' if by < 0 else 'last'} stage")
    first, second = steps[at : at + 2]
    rest, outputs = steps[at + 2 :], dict(recipe.outputs)
    if first.name in second.inputs:
        _check_exchange(recipe, first, second)
        source = passed_on(first)
        first, second = (
            _with_inputs(first, {source: second.name}),
            _with_inputs(second, {first.name: source}),
        )
        rest = [_with_inputs(s, {second.name: first.name}) for s in rest]
        outputs = {o: first.name if s == second.name else s for o, s in outputs.items()}
    moved = (*steps[:at], second, first, *rest)
    return checked_recipe(replace(recipe, steps=moved, outputs=outputs))


def _check_exchange(recipe: Recipe, first: Step, second: Step) -> None:
    """Raise RecipeError if a step cannot stand before the one whose output it uses."""
    source = passed_on(first)
    if not source or passed_on(second) != first.name:
        raise RecipeError(
            f"{second.label} needs the {first.stage.output} that {first.label} makes: it cannot "
            "stand before it"
        )
    others = [s.label for s in recipe.steps if first.name in s.inputs and s is not second]
    others += [f"the output {output}" for output, s in recipe.outputs.items() if s == first.name]
    if source in second.inputs:
        others.append(f"{second.label}, beside {_title(recipe, source)}")
    if others:
        raise RecipeError(
            f"{first.label} and {second.label} cannot change places: the former is also used by "
            f"{', '.join(others)}"
        )


def _with_inputs(step: Step, instead: Mapping[str, str]) -> Step:
    return replace(step, inputs=tuple(instead.get(name, name) for name in step.inputs))


def _kinds_until(recipe: Recipe, last: str) -> dict[str, Kind]:
    """Return what the recording and each step up to one return, in order."""
    kinds: dict[str, Kind] = {RECORDING: "video"}
    if last == RECORDING:
        return kinds
    for step in recipe.steps[: recipe.steps.index(recipe.step(last)) + 1]:
        kinds[step.name] = step.stage.output
    return kinds


def _latest(kinds: Mapping[str, Kind], wanted: Kind, *, but: str) -> str:
    names = [name for name, kind in kinds.items() if kind == wanted]
    return next((name for name in reversed(names) if name != but), but)


def _free_name(recipe: Recipe, use: str) -> str:
    taken = {step.name for step in recipe.steps}
    numbered = (f"{use}_{n}" for n in range(2, len(taken) + 3))
    return next(name for name in (use, *numbered) if name not in taken)


def _title(recipe: Recipe, name: str) -> str:
    return "the recording" if name == RECORDING else recipe.step(name).label

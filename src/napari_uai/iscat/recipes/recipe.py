"""Recipes: the stages through which a recording passes, with their parameters.

A recipe is a TOML file::

    description = "What it does, in a line."

    [[stage]]
    name = "dra"
    use = "differential_rolling_average"
    input = "power"

    [stage.parameters]
    batch_size = 500

    [outputs]
    landings = "landings"

``input`` names the stage (or list of stages) whose output is used, by default the preceding stage;
``recording`` is the recording itself. Omitted parameters have their defaults. A value
``"@dra.batch_size"`` refers to the parameter of another stage; ``"@recording.pixel_size_um"`` and
``"@recording.frame_rate_hz"`` refer to what is known of the recording.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import RecipeError, nearest
from napari_uai.iscat.recipes import catalogue
from napari_uai.setting_text import split_setting, toml_plain, toml_value
from napari_uai.stages import Kind, Stage
from napari_uai.untrusted import parse_toml, read_text, refusing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_uai.videos.recording import Recording

RECORDING = "recording"
"""Name by which stages refer to the recording that is analysed."""

PREDICTION = "prediction"
"""Recipe that detects landings in the residual of a network trained on a background."""

TRACKING = "tracking"
"""Recipe that looks for particles that move, not for landings."""

PREDICTING = "predict_background"
"""Stage that uses the weights of such a network."""

RENAMED = {"network": "rescored"}
"""Former names of packaged recipes; still accepted, with a warning."""

RECORDED = ("pixel_size_um", "frame_rate_hz")
"""What parameters can refer to of a recording, as ``"@recording.pixel_size_um"``."""

TRAJECTORIES = "trajectories"
"""Result of recipes that look for particles that move."""

OUTPUTS: dict[str, Kind] = dict.fromkeys(
    (
        "landings",
        "localizations",
        "candidates",
        "traces",
        "drift",
        "tracks",
        TRAJECTORIES,
        "displacements",
        "population",
        "distribution",
    ),
    "table",
)
"""Results that a recipe may produce; each table is written to a file of its name."""


@dataclass(frozen=True)
class Step:
    """A stage at its position in a recipe.

    Attributes
    ----------
    name
        Unique in the recipe.
    stage
        The stage to run.
    inputs
        Names of the steps whose outputs are used, in the order of the stage's inputs.
    parameters
        A value for every parameter of the stage; ``"@step.parameter"`` refers to that of another.
    """

    name: str
    stage: Stage
    inputs: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Title of the stage, as in docks, and the name of the step, as in recipe files."""
        return f"{self.stage.title} (stage {self.name})"


@dataclass(frozen=True)
class Recipe:
    """A validated chain of stages with all parameters.

    Attributes
    ----------
    name
        Name of a packaged recipe, or of the file without its suffix.
    description
        What it does, in a line or two.
    steps
        In the order in which they are run.
    outputs
        Name of the step that produces each result of :data:`OUTPUTS`.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recipe = uai.load_recipe("matched")
    >>> [step.name for step in recipe.steps][:4]
    ['status_line', 'power', 'dra', 'drift']
    >>> recipe.values("localizations")["batch_size"]
    500
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]

    def step(self, name: str) -> Step:
        """Return a step by its name.

        Raises
        ------
        RecipeError
            If there is no such step; the message suggests the closest match.
        """
        for step in self.steps:
            if step.name == name:
                return step
        hint = nearest(name, [s.name for s in self.steps])
        raise RecipeError(f"recipe {self.name} has no stage {name!r}; {hint}")

    def steps_of(self, stage: str) -> list[Step]:
        """Return the steps that run a stage."""
        return [step for step in self.steps if step.stage.name == stage]

    @property
    def tracks_particles(self) -> bool:
        """Whether the recipe looks for particles that move, instead of landings."""
        return TRAJECTORIES in self.outputs

    def values(self, name: str, recording: Recording | None = None) -> dict[str, Any]:
        """Return the parameters of a step with references resolved, each in its type.

        Parameters
        ----------
        name
            Name of the step.
        recording
            Recording that parameters may refer to; without one, they are None.

        Raises
        ------
        RecipeError
            If a value is not accepted, or references are circular.
        """
        step = self.step(name)
        followed = {
            p: self._follow(v, (f"@{name}.{p}",), recording) for p, v in step.parameters.items()
        }
        return step.stage.check(followed, label=name)

    def with_settings(self, settings: Iterable[str]) -> Recipe:
        """Return the recipe with parameters set by ``stage.parameter=value`` texts.

        Parameters
        ----------
        settings
            For example ``["dra.batch_size=500"]``. Values are written as in TOML; the quotes of a
            text may be omitted.

        Raises
        ------
        RecipeError
            If a stage or parameter does not exist (the message suggests the closest match), or a
            value is not accepted.
        """
        recipe = self
        for setting in settings:
            recipe = recipe._with_value(
                *split_setting(setting, form="STAGE.PARAMETER=VALUE", example="dra.batch_size=500")
            )
        return recipe

    def with_values(self, **steps: Mapping[str, Any]) -> Recipe:
        """Return the recipe with parameters set to Python values.

        Parameters
        ----------
        **steps
            For each stage, by its name in the recipe: values by parameter.

        Raises
        ------
        RecipeError
            If a stage or parameter does not exist (the message suggests the closest match), or a
            value is not accepted.

        Examples
        --------
        >>> recipe = load_recipe("matched").with_values(dra={"batch_size": 200})
        >>> recipe.values("dra")["batch_size"]
        200
        """
        recipe = self
        for name, values in steps.items():
            step = recipe.step(name)
            for parameter, value in values.items():
                if parameter not in step.stage.parameters:
                    step.stage.check({parameter: value}, label=name)  # raises, with the closest
            changed = replace(step, parameters={**step.parameters, **values})
            others = tuple(changed if s.name == name else s for s in recipe.steps)
            recipe = replace(recipe, steps=others)
        return checked_recipe(recipe)

    def without(self, names: Iterable[str]) -> Recipe:
        """Return the recipe without some steps, whose inputs replace their outputs.

        Raises
        ------
        RecipeError
            If a step does not exist or cannot be omitted; see :meth:`can_be_left_out`.
        """
        recipe = self
        for name in names:
            recipe = recipe._without(name)
        return recipe

    def can_be_left_out(self, name: str) -> bool:
        """Return whether the recipe works without a step.

        This is the case for steps that map a video to a video, that only remove spots, or that
        produce a table of their own besides landings and localizations; unless a parameter of
        another step refers to them.
        """
        try:
            self._without(name)
        except RecipeError:
            return False
        return True

    def to_toml(self) -> str:
        """Write the recipe with every parameter; reading it back gives the same recipe."""
        import tomli_w

        document: dict[str, Any] = {
            "description": self.description,
            "stage": [
                {
                    "name": step.name,
                    "use": step.stage.name,
                    "input": list(step.inputs),
                    "parameters": {p: toml_plain(v) for p, v in step.parameters.items()},
                }
                for step in self.steps
            ],
            "outputs": dict(self.outputs),
        }
        return tomli_w.dumps(document)

    def _with_value(self, name: str, parameter: str, text: str) -> Recipe:
        try:
            return self.with_values(**{name: {parameter: toml_value(text)}})
        except RecipeError as error:  # a text that looks like another TOML value, or an error
            try:
                return self.with_values(**{name: {parameter: text}})
            except RecipeError:
                raise error from None

    def _without(self, name: str) -> Recipe:
        step = self.step(name)
        needed = RecipeError(f"recipe {self.name}: {step.label} cannot be omitted")
        others = [s for s in self.steps if s.name != name]
        referred = any(
            isinstance(v, str) and v.startswith(f"@{name}.")
            for s in others
            for v in s.parameters.values()
        )
        beside = name not in {i for s in others for i in s.inputs} and not (
            {o for o, s in self.outputs.items() if s == name} & {"landings", "localizations"}
        )
        instead = passed_on(step)
        if referred or not others or not (beside or instead):
            raise needed
        outputs = {o: (instead or "" if s == name else s) for o, s in self.outputs.items()}
        if beside:
            outputs = {o: s for o, s in self.outputs.items() if s != name}
        rewired = [
            replace(s, inputs=tuple((instead or i) if i == name else i for i in s.inputs))
            for s in others
        ]
        return checked_recipe(replace(self, steps=tuple(rewired), outputs=outputs))

    def _follow(self, value: Any, seen: tuple[str, ...], recording: Recording | None) -> Any:
        if not is_reference(value):
            return value
        if value in seen:
            raise RecipeError(f"recipe {self.name}: {' -> '.join((*seen, value))} is circular")
        name, _, parameter = value[1:].partition(".")
        if name == RECORDING:
            if parameter not in RECORDED:
                hint = nearest(parameter, RECORDED)
                raise RecipeError(f"recipe {self.name}: nothing known as {value!r}; {hint}")
            return getattr(recording, parameter, None)
        step = self.step(name)
        if parameter not in step.parameters:
            hint = nearest(parameter, step.parameters)
            raise RecipeError(f"recipe {self.name}: no parameter for {value!r}; {hint}")
        return self._follow(step.parameters[parameter], (*seen, value), recording)


def is_reference(value: object) -> bool:
    """Return whether the value of a parameter refers to that of another stage."""
    return isinstance(value, str) and value.startswith("@")


def passed_on(step: Step) -> str:
    """Return the input that a step passes on, which can replace its output; empty if none can."""
    kind = step.stage.output
    if kind == "table" and not step.stage.selects:
        return ""
    pairs = zip(step.stage.inputs_of(len(step.inputs)), step.inputs, strict=False)
    return next((name for wanted, name in pairs if wanted.kind == kind), "")


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes.

    Returns
    -------
    list of str
        In alphabetical order.

    Examples
    --------
    >>> import napari_uai as uai
    >>> "matched" in uai.recipe_names()
    True
    """
    entries = files("napari_uai.iscat.recipes").iterdir()
    return sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml"))


def landing_recipe_names() -> list[str]:
    """Return the names of the packaged recipes that find landings, in alphabetical order."""
    return [name for name in recipe_names() if name != TRACKING]


def load_recipe(recipe: str | Path) -> Recipe:
    """Load a packaged recipe by name, or a recipe from a TOML file.

    Parameters
    ----------
    recipe
        A name of :func:`recipe_names`, or the path of a file that ends in ``.toml``.

    Returns
    -------
    Recipe
        With all parameters.

    Raises
    ------
    RecipeError
        If there is no such recipe or file, or it is not valid.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.load_recipe("classical").outputs["landings"]
    'landings'
    """
    text = str(recipe)
    if text in RENAMED:
        warnings.warn(f"recipe {text} is now {RENAMED[text]}", FutureWarning, stacklevel=2)
        text = RENAMED[text]
    if text in recipe_names():
        source = (files("napari_uai.iscat.recipes") / f"{text}.toml").read_text("utf-8")
        return parse_recipe(source, name=text)
    if not text.endswith(".toml"):
        raise RecipeError(
            f"no recipe {text!r}; {nearest(text, recipe_names())} "
            "(your own recipes are files that end in .toml)"
        )
    path = Path(recipe)
    with refusing(text, "a recipe", error=RecipeError):
        if not path.exists():
            raise RecipeError(f"recipe file {text} not found; check the path")
        return parse_recipe(read_text(path, error=RecipeError), name=path.stem)


def parse_recipe(text: str, *, name: str) -> Recipe:
    """Parse a recipe from the text of a TOML file.

    Parameters
    ----------
    text
        As described at the top of this module.
    name
        Name of the recipe in messages and in the record of a run.

    Raises
    ------
    RecipeError
        If the text is not a valid recipe.
    """
    document = parse_toml(text, f"recipe {name}", error=RecipeError)
    _only(document, ("description", "stage", "outputs"), f"recipe {name}")
    entries = document.get("stage")
    if not (isinstance(entries, list) and entries and all(isinstance(e, dict) for e in entries)):
        raise RecipeError(f"recipe {name} has no stages; write each as a [[stage]] table")
    steps: list[Step] = []
    for entry in entries:
        steps.append(_step(entry, before=steps[-1].name if steps else RECORDING, recipe=name))
    outputs = document.get("outputs", {})
    if not (isinstance(outputs, dict) and all(isinstance(v, str) for v in outputs.values())):
        raise RecipeError(f'recipe {name}: write [outputs] as landings = "name of a stage"')
    description = str(document.get("description", ""))
    return checked_recipe(Recipe(name, description, tuple(steps), outputs))


def _step(entry: dict[str, Any], *, before: str, recipe: str) -> Step:
    where = f"recipe {recipe}, stage {entry.get('name', entry.get('use', '?'))}"
    _only(entry, ("name", "use", "input", "parameters"), where)
    use, parameters = entry.get("use"), entry.get("parameters", {})
    if not isinstance(use, str):
        raise RecipeError(f'{where}: name the stage with use = "..."')
    if not isinstance(parameters, dict):
        raise RecipeError(f"{where}: parameters must be a table, [stage.parameters]")
    inputs = entry.get("input", before)
    inputs = [inputs] if isinstance(inputs, str) else inputs
    if not (isinstance(inputs, list) and all(isinstance(i, str) for i in inputs)):
        raise RecipeError(f"{where}: input must be the name of a stage or a list of names")
    stage = catalogue.stage(use)
    name = str(entry.get("name", use))
    for parameter in parameters:
        if parameter not in stage.parameters:
            hint = nearest(parameter, stage.parameters)
            raise RecipeError(f"{where} has no parameter {parameter!r}; {hint}")
    defaults = {p.name: p.default for p in stage.parameters.values() if not p.required}
    complete = {**defaults, **parameters}
    ordered = {p: complete[p] for p in stage.parameters if p in complete}
    return Step(name, stage, tuple(inputs), ordered)


def checked_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe with every value in its type.

    Raises
    ------
    RecipeError
        If inputs, values or outputs are not valid.
    """
    kinds: dict[str, Kind] = {RECORDING: "video"}
    steps = []
    for step in recipe.steps:
        where = f"recipe {recipe.name}, stage {step.name}"
        if step.name in kinds:
            raise RecipeError(f"{where}: the name is not unique")
        if step.stage.renumbers:
            raise RecipeError(
                f"{where}: {step.stage.name} changes the numbers of frames or pixels, so "
                "that positions would not be those of the recording: use it outside a recipe"
            )
        _check_inputs(step, kinds, where)
        kinds[step.name] = step.stage.output
        values = recipe.values(step.name)
        steps.append(replace(step, parameters=_keep_references(step.parameters, values)))
    for output, name in recipe.outputs.items():
        if output not in OUTPUTS:
            hint = nearest(output, OUTPUTS)
            raise RecipeError(f"recipe {recipe.name} has an unknown output {output!r}; {hint}")
        if kinds.get(name) != OUTPUTS[output]:
            raise RecipeError(
                f"recipe {recipe.name}: output {output} = {name!r} is not a stage that returns a "
                f"{OUTPUTS[output]}; {nearest(name, [n for n in kinds if kinds[n] == 'table'])}"
            )
    return replace(recipe, steps=tuple(steps))


def _check_inputs(step: Step, kinds: Mapping[str, Kind], where: str) -> None:
    wanted = step.stage.inputs_of(len(step.inputs))
    needed = sum(i.required for i in wanted)
    if not needed <= len(step.inputs) <= len(wanted):
        names = ", ".join(f"{i.name} ({i.kind})" for i in step.stage.inputs)
        raise RecipeError(f"{where}: inputs must be {names}; got {len(step.inputs)}")
    for name, expected in zip(step.inputs, wanted, strict=False):
        if name not in kinds:
            raise RecipeError(f"{where}: no earlier stage {name!r}; {nearest(name, kinds)}")
        if kinds[name] != expected.kind:
            raise RecipeError(
                f"{where}: input {expected.name} must be a {expected.kind}, "
                f"but {name!r} returns a {kinds[name]}"
            )


def _keep_references(written: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {p: written[p] if is_reference(written.get(p)) else v for p, v in values.items()}


def _only(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise RecipeError(f"{where} has an unknown key {key!r}; {nearest(key, known)}")

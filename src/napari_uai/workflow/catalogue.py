"""The list of stages: what a recording can be put through, in the order in which it is read.

A stage is one plain function; its signature and docstring say everything about it (inputs,
parameters with types, limits, units and meaning), so that a line in :data:`STAGES` is all that is
needed for the stage to be a widget, a step of a recipe, an option of the command line and a page
of the reference.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from napari_uai.errors import RecipeError

if TYPE_CHECKING:
    from pydantic import BaseModel

Kind: TypeAlias = Literal["video", "table"]
Menu: TypeAlias = Literal["filter", "register", "measure", "track"]
"""napari's layer menu in which the widget of a stage stands."""


class Offset(NamedTuple):
    """What to add to a position in one video to get the same position in another."""

    frames: int = 0
    rows: int = 0
    columns: int = 0

    def plus(self, other: Offset) -> Offset:
        """Add, axis by axis."""
        return Offset(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Offset) -> Offset:
        """Subtract, axis by axis."""
        return Offset(*(a - b for a, b in zip(self, other, strict=True)))


Origin: TypeAlias = Callable[[Any, Mapping[str, Any]], tuple[int, int, int]]
"""Takes the input video and the parameters of a stage; returns an :class:`Offset`."""

Checksum: TypeAlias = Callable[[str], str]
"""Takes the parameter ``weights`` of a stage; returns the SHA-256 of what it names."""


@dataclass(frozen=True)
class Input:
    """A video or table that a stage works on."""

    name: str
    kind: Kind
    required: bool
    description: str


@dataclass(frozen=True)
class Parameter:
    """A value that the user may set.

    Attributes
    ----------
    annotation
        The type as written in the signature, with limits and unit.
    type
        The bare type: ``int``, ``float``, ``bool``, ``str``, ``tuple[int, int]``, ...
    default
        ``inspect.Parameter.empty`` if a value must be given.
    optional
        Whether None is a value.
    minimum, maximum
        Limits; ``open_minimum`` and ``open_maximum`` tell that the limit itself is outside.
    choices
        The values of a ``Literal``, else empty.
    """

    name: str
    annotation: Any
    type: Any
    default: Any
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    open_minimum: bool = False
    open_maximum: bool = False
    unit: str = ""
    choices: tuple[Any, ...] = ()
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty

    @property
    def accepts(self) -> str:
        """What fits, in words: ``a whole number, at least 1 (frames)``."""
        if self.choices:
            text = "one of " + ", ".join(map(str, self.choices))
        else:
            names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
            text = names.get(self.type) or _several(self.type)
        if self.minimum is not None:
            text += f", {'above' if self.open_minimum else 'at least'} {self.minimum:g}"
        if self.maximum is not None:
            text += f", {'below' if self.open_maximum else 'at most'} {self.maximum:g}"
        if self.unit:
            text += f" ({self.unit})"
        return text + (", or none" if self.optional else "")


def _several(kind: Any) -> str:
    """Return a tuple in words: ``4 whole numbers``, ``numbers``, ``pairs of numbers``."""
    inner = get_args(kind)
    if get_origin(kind) is not tuple or not inner:
        return str(kind).replace("typing.", "")
    if get_origin(inner[0]) is tuple:
        return f"pairs of {_several(inner[0]).removeprefix('2 ')}"
    names = {int: "whole numbers", float: "numbers", str: "texts"}
    what = names.get(inner[0], str(inner[0]))
    return what if inner[-1] is Ellipsis else f"{len(inner)} {what}"


@dataclass(frozen=True)
class Stage:
    """A stage of the catalogue; everything but the fields is read from its function.

    Parameters
    ----------
    entry
        ``package.module:function``; imported when first needed.
    title
        As it stands in menus.
    menu
        napari's layer menu.
    origin
        How positions in the output video differ from positions in the input; None if they do not.
    checksum
        Of the weights that a parameter of that name chooses; None if there is no such parameter.
    """

    entry: str
    title: str
    menu: Menu
    origin: Origin | None = None
    checksum: Checksum | None = None

    @property
    def name(self) -> str:
        """Name of the function, as recipes write it."""
        return self.entry.partition(":")[2]

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        module, _, name = self.entry.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Videos and tables that the function takes, in order."""
        return tuple(
            Input(
                name=p.name,
                kind=_kind(self._hints[p.name]),
                required=p.default is inspect.Parameter.empty,
                description=self._described.get(p.name, ""),
            )
            for p in self._signature.parameters.values()
            if p.kind is not inspect.Parameter.KEYWORD_ONLY
        )

    @cached_property
    def output(self) -> Kind:
        """What the function returns."""
        return _kind(self._hints["return"])

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Keyword parameters by name, without the monitor."""
        return {
            p.name: _parameter(
                p.name, self._hints[p.name], p.default, self._described.get(p.name, "")
            )
            for p in self._signature.parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name != "monitor"
        }

    @property
    def takes_monitor(self) -> bool:
        """Whether the function reports progress and can be cancelled."""
        return "monitor" in self._signature.parameters

    @cached_property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def model(self) -> type[BaseModel]:
        """Pydantic model of the parameters."""
        from pydantic import BaseModel, ConfigDict, create_model

        class Base(BaseModel):
            model_config = ConfigDict(
                extra="forbid",
                frozen=True,
                allow_inf_nan=False,
                arbitrary_types_allowed=True,
                protected_namespaces=(),
            )

        fields: dict[str, Any] = {
            p.name: (p.annotation, ... if p.required else p.default)
            for p in self.parameters.values()
        }
        return create_model(self.name, __base__=Base, **fields)

    def check(self, values: Mapping[str, Any], *, label: str = "") -> dict[str, Any]:
        """Complete values by the defaults and convert them to their types.

        Parameters
        ----------
        values
            Values by parameter name; those that are left out have their defaults.
        label
            What the message of an error calls the stage; its own name if empty.

        Raises
        ------
        RecipeError
            If a name is unknown or a value does not fit.
        """
        from pydantic import ValidationError

        label = label or self.name
        for name in values:
            if name not in self.parameters:
                known = nearest(name, self.parameters)
                raise RecipeError(f"{label} has no parameter {name!r}; {known}")
        for name, parameter in self.parameters.items():
            if parameter.required and name not in values:
                raise RecipeError(f"{label}.{name} must be given: {parameter.accepts}")
        given = {name: self._none(name, value) for name, value in values.items()}
        try:
            checked = self.model.model_validate(given)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise _misfit(label, self.parameters[name], values[name]) from None
        for name, value in given.items():
            if isinstance(value, bool) and self.parameters[name].type in (int, float):
                raise _misfit(label, self.parameters[name], value)
        return {name: getattr(checked, name) for name in self.parameters}

    def _none(self, name: str, value: Any) -> Any:
        """Read the word none, which TOML has no value for."""
        is_none = isinstance(value, str) and value.lower() == "none"
        accepted = self.parameters[name].optional and "none" not in self.parameters[name].choices
        return None if is_none and accepted else value

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def _described(self) -> dict[str, str]:
        return described_parameters(self.function)


def stage(name: str) -> Stage:
    """Return a stage of the catalogue by the name of its function.

    Raises
    ------
    RecipeError
        If there is none; the message names the nearest.
    """
    if name not in STAGES:
        raise RecipeError(f"there is no stage {name!r}; {nearest(name, STAGES)}")
    return STAGES[name]


_NAMED_AT_MOST = 12


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name may be meant, or which there are if none is near."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) > _NAMED_AT_MOST:
        return (
            f"there are {', '.join(names[:_NAMED_AT_MOST])} and {len(names) - _NAMED_AT_MOST} more"
        )
    return "there are " + ", ".join(names) if names else "there are none"


def described_parameters(function: Callable[..., Any]) -> dict[str, str]:
    """Read the Parameters section of a numpydoc docstring: text by name, one paragraph each."""
    doc = inspect.getdoc(function) or ""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", doc, re.MULTILINE | re.DOTALL
    )
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in (section.group(1) if section else "").splitlines():
        if line and not line.startswith(" "):
            names = [name.strip(" *") for name in line.partition(":")[0].split(",")]
            texts.update(dict.fromkeys(names, ""))
        else:
            for name in names:
                texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def parameters_of_settings(settings: Any) -> dict[str, Parameter]:
    """Return the fields of a dataclass of settings, or of an instance, as parameters by name.

    Parameters
    ----------
    settings
        Types, limits and units stand in its annotations, the meaning in its docstring, the
        defaults are its values.
    """
    cls = settings if isinstance(settings, type) else type(settings)
    hints = get_type_hints(cls, include_extras=True)
    described = described_parameters(cls)
    return {
        f.name: _parameter(
            f.name, hints[f.name], getattr(settings, f.name), described.get(f.name, "")
        )
        for f in fields(cls)
    }


def _kind(hint: Any) -> Kind:
    """Tell a table by its class; whatever else a stage takes or gives by position is a video."""
    import pandas as pd

    return "table" if pd.DataFrame in (hint, *get_args(hint)) else "video"


def _parameter(name: str, hint: Any, default: Any, description: str) -> Parameter:
    bare, optional, metadata = _unwrapped(hint)
    limits: dict[str, Any] = {}
    for item in metadata:
        for attribute, field in (
            ("ge", "minimum"),
            ("gt", "minimum"),
            ("le", "maximum"),
            ("lt", "maximum"),
        ):
            value = getattr(item, attribute, None)
            if value is not None:
                limits[field] = value
                limits[f"open_{field}"] = attribute in ("gt", "lt")
        if isinstance(getattr(item, "unit", None), str):
            limits["unit"] = item.unit
    return Parameter(
        name=name,
        annotation=hint,
        type=bare,
        default=default,
        optional=optional,
        choices=get_args(bare) if get_origin(bare) is Literal else (),
        description=description,
        **limits,
    )


def _unwrapped(hint: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """Take a type out of Annotated and Optional: bare type, whether None fits, metadata."""
    optional = False
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            metadata += hint.__metadata__
            hint = hint.__origin__
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            optional = True
            hint = Union[tuple(a for a in get_args(hint) if a is not type(None))]  # noqa: UP007
        else:
            return hint, optional, metadata


def _misfit(label: str, parameter: Parameter, value: Any) -> RecipeError:
    return RecipeError(
        f"{label}.{parameter.name} = {value!r} does not fit: give {parameter.accepts}"
    )


def _catalogue(*stages: Stage) -> dict[str, Stage]:
    return {s.name: s for s in stages}


def _status_line_origin(video: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    from napari_uai.videos.status_line import status_line_origin

    return (0, *status_line_origin(video, **parameters))


def _second_batch(_: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return where the second batch begins: a particle that lands there stands out most."""
    return (parameters["batch_size"], 0, 0)


def _middle_of_batch(_: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    return ((parameters["batch_size"] - 1) // 2, 0, 0)


def _background_weights(weights: str) -> str:
    from napari_uai.fastdvdnet.stages import background_weights

    return background_weights(weights).sha256


def _rescoring_weights(weights: str) -> str:
    from napari_uai.iscat.event_network import load_event_network

    return load_event_network(weights).sha256


STAGES: dict[str, Stage] = _catalogue(
    Stage("napari_uai.videos.status_line:read_status_line", "Read status line", "measure"),
    Stage(
        "napari_uai.videos.status_line:remove_status_line",
        "Remove status line",
        "filter",
        _status_line_origin,
    ),
    Stage("napari_uai.iscat.dark_frame:dark_frame_subtraction", "Subtract dark frame", "filter"),
    Stage("napari_uai.iscat.power:power_normalization", "Power normalisation", "filter"),
    Stage("napari_uai.iscat.bad_pixels:bad_pixel_repair", "Repair bad pixels", "filter"),
    Stage("napari_uai.iscat.bad_pixels:median_filter", "Median filter", "filter"),
    Stage("napari_uai.iscat.filters:gaussian_filter", "Gaussian filter", "filter"),
    Stage("napari_uai.iscat.filters:difference_of_gaussians", "Difference of Gaussians", "filter"),
    Stage("napari_uai.iscat.filters:flat_field", "Flat field", "filter"),
    Stage("napari_uai.iscat.filters:temporal_median", "Divide by temporal median", "filter"),
    Stage(
        "napari_uai.iscat.normalization:global_normalization", "Normalise the recording", "filter"
    ),
    Stage("napari_uai.iscat.normalization:frame_normalization", "Normalise each frame", "filter"),
    Stage("napari_uai.iscat.masks:circular_mask", "Circular mask", "filter"),
    Stage("napari_uai.iscat.masks:polygonal_mask", "Polygonal mask", "filter"),
    Stage(
        "napari_uai.iscat.rolling_average:differential_rolling_average",
        "Differential rolling average",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.rolling_average:rolling_mean", "Rolling mean", "filter", _middle_of_batch
    ),
    Stage(
        "napari_uai.iscat.fixed_pattern:fixed_pattern_correction",
        "Fixed-pattern correction",
        "filter",
    ),
    Stage(
        "napari_uai.fastdvdnet.stages:predict_background",
        "Predict background (network)",
        "filter",
        checksum=_background_weights,
    ),
    Stage("napari_uai.iscat.features:residual", "Residual of a prediction", "filter"),
    Stage("napari_uai.iscat.features:batch_mean", "Mean of a batch", "filter", _second_batch),
    Stage(
        "napari_uai.iscat.features:batch_deviation",
        "Standard deviation of a batch",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.features:batch_difference",
        "Difference of two batches",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.features:difference_of_gaussians_3d",
        "Difference of Gaussians in space and time",
        "filter",
    ),
    Stage("napari_uai.iscat.features:minimum_threshold_map", "Minimum threshold map", "filter"),
    Stage("napari_uai.iscat.features:niblack_threshold_map", "Niblack threshold map", "filter"),
    Stage("napari_uai.iscat.anomaly_maps:anomaly_scores", "Anomaly scores", "filter"),
    Stage("napari_uai.iscat.anomaly_maps:anomaly_mask", "Anomaly mask", "filter"),
    Stage("napari_uai.iscat.stage_drift:stage_drift_correction", "Correct stage drift", "register"),
    Stage("napari_uai.iscat.stage_drift:measure_stage_drift", "Measure stage drift", "register"),
    Stage("napari_uai.iscat.noise_floor:noise_floor", "Noise floor", "measure"),
    Stage("napari_uai.iscat.step_detector:detect_steps", "Detect steps", "measure"),
    Stage(
        "napari_uai.iscat.rescoring:rescore_steps",
        "Rescore steps",
        "measure",
        checksum=_rescoring_weights,
    ),
    Stage("napari_uai.iscat.step_detector:accept_events", "Accept events", "measure"),
    Stage("napari_uai.iscat.spots:detect_spots", "Detect spots", "measure"),
    Stage("napari_uai.iscat.mask_spots:spots_from_mask", "Spots from a mask", "measure"),
    Stage("napari_uai.iscat.mask_spots:locate_spots", "Locate spots", "measure"),
    Stage("napari_uai.iscat.gaussian_fits:fit_spots", "Fit spots", "measure"),
    Stage("napari_uai.iscat.spot_filters:outlier_frames", "Leave out crowded frames", "track"),
    Stage("napari_uai.iscat.spot_filters:dense_spots", "Leave out close spots", "track"),
    Stage("napari_uai.iscat.spot_filters:remove_side_lobes", "Remove side lobes", "track"),
    Stage("napari_uai.iscat.spot_filters:symmetric_spots", "Keep round spots", "track"),
    Stage("napari_uai.iscat.spot_filters:inner_spots", "Leave out spots near the edge", "track"),
    Stage("napari_uai.iscat.linking:link_spots", "Link spots", "track"),
    Stage("napari_uai.iscat.landings:landings_from_tracks", "Landings from tracks", "track"),
    Stage("napari_uai.iscat.landings:assign_spots", "Assign spots to landings", "track"),
    Stage("napari_uai.iscat.localization:localize_landings", "Localise landings", "measure"),
    Stage("napari_uai.iscat.localization:summarize_landings", "Summarise landings", "track"),
    Stage("napari_uai.iscat.landings:contrast_traces", "Contrast traces", "measure"),
    Stage("napari_uai.iscat.contrast:measure_contrasts", "Measure contrasts", "measure"),
    Stage("napari_uai.iscat.contrast:contrast_histogram", "Contrast histogram", "measure"),
)
"""Every stage by name."""

"""Parameters declared in signatures (types, limits, units, descriptions), and their validation."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, wraps
from itertools import pairwise
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Predicate

from napari_uai.docstrings import described_parameters
from napari_uai.errors import BadValueError, RecipeError, nearest
from napari_uai.setting_text import split_setting, toml_value

if TYPE_CHECKING:
    from pydantic import BaseModel


def _is_odd(number: int) -> bool:
    return number % 2 == 1


def _is_ascending(numbers: tuple[float, ...]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


def _is_sorted(numbers: tuple[float, ...]) -> bool:
    return all(low <= high for low, high in pairwise(numbers))


Odd = Predicate(_is_odd)
"""Constraint of a whole number: it is odd, as in ``Annotated[int, Ge(1), Odd]``."""

Ascending = Predicate(_is_ascending)
"""Constraint of several numbers: each is larger than the one before."""

Sorted = Predicate(_is_sorted)
"""Constraint of several numbers: none is smaller than the one before, as in a range."""

SET_BY_RUNS = ("monitor", "disturbances")
"""Keyword parameters that a run sets and users do not: progress, and known disturbances."""

Settings = TypeVar("Settings")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Parameter:
    """A value that the user may set.

    Attributes
    ----------
    name
        Name in the signature.
    annotation
        The type as written in the signature, with limits and unit.
    type
        The bare type: ``int``, ``float``, ``bool``, ``str``, ``tuple[int, int]``, ...
    default
        ``inspect.Parameter.empty`` if the parameter is required.
    optional
        Whether None is accepted.
    minimum, maximum
        Limits, of each entry if the type is a tuple; ``open_minimum`` and ``open_maximum`` say
        whether the limit itself is excluded.
    odd
        Whether only odd numbers are accepted.
    ascending
        Whether entries must be in ascending order.
    unit
        Unit of the value, empty if it has none.
    choices
        Values of a ``Literal``; empty for other types.
    description
        Description from the docstring, on one line.
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
    odd: bool = False
    ascending: bool = False
    unit: str = ""
    choices: tuple[Any, ...] = ()
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether the parameter has no default."""
        return self.default is inspect.Parameter.empty

    @property
    def accepts(self) -> str:
        """Description of the accepted values: ``a whole number, at least 1 (frames)``."""
        if self.choices:
            text = "one of " + ", ".join(map(str, self.choices))
        else:
            whole = "an odd whole number" if self.odd else "a whole number"
            names = {int: whole, float: "a number", bool: "true or false", str: "a string"}
            text = names.get(self.type) or _several(self.type, "odd " if self.odd else "")
        each = "each " if get_origin(self.type) is tuple else ""
        if self.minimum is not None:
            text += f", {each}{'above' if self.open_minimum else 'at least'} {self.minimum:g}"
        if self.maximum is not None:
            text += f", {each}{'below' if self.open_maximum else 'at most'} {self.maximum:g}"
        if self.ascending:
            text += ", in ascending order"
        if self.unit:
            text += f" ({self.unit})"
        return text + (", or none" if self.optional else "")


def _several(kind: Any, adjective: str = "") -> str:
    """Describe a tuple: ``4 whole numbers``, ``numbers``, ``pairs of numbers``."""
    inner = get_args(kind)
    if get_origin(kind) is not tuple or not inner:
        return str(kind).replace("typing.", "")
    if get_origin(inner[0]) is tuple:
        count, _, what = _several(inner[0]).partition(" ")
        return f"pairs of {what}" if count == "2" else f"groups of {count} {what}"
    names = {int: f"{adjective}whole numbers", float: "numbers", str: "strings"}
    what = names.get(inner[0], str(inner[0]))
    return what if inner[-1] is Ellipsis else f"{len(inner)} {what}"


class Parameters(Mapping[str, Parameter]):
    """The parameters of a function or of a settings class, by name, in order.

    Parameters
    ----------
    owner
        Name of the function or class, used in error messages.
    parameters
        In order.

    Examples
    --------
    >>> from napari_uai.iscat import rolling_mean
    >>> Parameters.of(rolling_mean)["batch_size"].accepts
    'a whole number, at least 1 (frames)'
    >>> Parameters.of(rolling_mean).check({"batch_size": "20"})
    {'batch_size': 20}
    """

    def __init__(self, owner: str, parameters: Iterable[Parameter]) -> None:
        self.owner = owner
        self._by_name = {p.name: p for p in parameters}

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Parameters:
        """Read the keyword-only parameters of a function, except those that a run sets.

        Types, limits and units come from its annotations, descriptions from its docstring.
        """
        hints = get_type_hints(function, include_extras=True)
        described = described_parameters(function)
        return cls(
            function.__name__,
            (
                _parameter(p.name, hints[p.name], p.default, described.get(p.name, ""))
                for p in inspect.signature(function).parameters.values()
                if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in SET_BY_RUNS
            ),
        )

    @classmethod
    def of_settings(cls, settings: Any) -> Parameters:
        """Read the fields of a settings dataclass; the values of an instance are the defaults.

        Types, limits and units come from its annotations, descriptions from its docstring.
        """
        kind = settings if isinstance(settings, type) else type(settings)
        hints = get_type_hints(kind, include_extras=True)
        described = described_parameters(kind)
        return cls(
            kind.__name__,
            (
                _parameter(
                    f.name, hints[f.name], getattr(settings, f.name), described.get(f.name, "")
                )
                for f in fields(kind)
            ),
        )

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

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

        entries: dict[str, Any] = {
            p.name: (p.annotation, ... if p.required else p.default) for p in self.values()
        }
        return create_model(self.owner, __base__=Base, **entries)

    def check(self, values: Mapping[str, Any], *, label: str = "") -> dict[str, Any]:
        """Convert values to their types and add defaults.

        Parameters
        ----------
        values
            Values by name of the parameter; the others have their defaults.
        label
            Name of the owner in error messages; by default that of the function or class.

        Returns
        -------
        dict
            Values of all parameters.

        Raises
        ------
        RecipeError
            If a name is unknown or a value is not accepted.
        """
        label = label or self.owner
        for name in values:
            if name not in self:
                raise RecipeError(f"{label} has no parameter {name!r}; {nearest(name, self)}")
        for name, parameter in self.items():
            if parameter.required and name not in values:
                raise RecipeError(f"{label}.{name} is required: {parameter.accepts}")
        typed, wrong = self._validated({n: self._none(n, value) for n, value in values.items()})
        if wrong:
            accepted, value = self[wrong].accepts, values[wrong]
            raise RecipeError(f"{label}.{wrong} must be {accepted}, got {value!r}")
        return {**{p.name: p.default for p in self.values()}, **typed}

    def check_call(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check the keywords of a call, and convert them to their types.

        Parameters
        ----------
        values
            Keywords; those that are not parameters, such as a monitor, are not checked.

        Returns
        -------
        dict
            Converted keywords.

        Raises
        ------
        BadValueError
            If a value is not accepted.
        """
        own = {name: value for name, value in values.items() if name in self}
        if not own or any(p.required and p.name not in own for p in self.values()):
            return dict(values)  # Python reports what is missing
        typed, wrong = self._validated(own)
        if wrong:
            raise BadValueError(f"{wrong} must be {self[wrong].accepts}, got {own[wrong]!r}")
        return {**values, **typed}

    def read(
        self, texts: Mapping[str, str], *, base: Mapping[str, Any] | None = None, label: str = ""
    ) -> dict[str, Any]:
        """Check values written as on the command line.

        Parameters
        ----------
        texts
            Values as written in TOML, by name of the parameter; the quotes of strings may be
            omitted.
        base
            Values of other parameters that differ from the defaults.
        label
            As in :meth:`check`.

        Returns
        -------
        dict
            Values of all parameters.

        Raises
        ------
        RecipeError
            If a name is unknown or a value is not accepted.
        """
        values = dict(base or {})
        for name, text in texts.items():
            try:
                values = self.check({**values, name: toml_value(text)}, label=label)
            except RecipeError as error:  # a string that is also a TOML value, or an error
                try:
                    values = self.check({**values, name: text}, label=label)
                except RecipeError:
                    raise error from None
        return self.check(values, label=label)

    def _validated(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Convert values to their types; return them and the name of the first rejected one."""
        from pydantic import ValidationError

        for name, value in values.items():
            if isinstance(value, bool) and self[name].type in (int, float):
                return {}, name
        try:
            model = self.model.model_validate(dict(values))
        except ValidationError as error:
            return {}, str(error.errors()[0]["loc"][0])
        return {name: getattr(model, name) for name in values}, ""

    def _none(self, name: str, value: Any) -> Any:
        """Convert the string ``none`` to None, because TOML has no null value."""
        is_none = isinstance(value, str) and value.lower() == "none"
        accepted = self[name].optional and "none" not in self[name].choices
        return None if is_none and accepted else value


def checked(function: Function) -> Function:
    """Check the keyword parameters of every call against the limits of their annotations.

    Raises
    ------
    BadValueError
        On calls with a value that is not accepted; the message names the parameter and its limits.

    Examples
    --------
    >>> from annotated_types import Gt, Unit
    >>> @checked
    ... def blur(*, sigma_px: Annotated[float, Gt(0), Unit("px")] = 1.0) -> None: ...
    >>> blur(sigma_px=0)
    Traceback (most recent call last):
    ...
    napari_uai.errors.BadValueError: sigma_px must be a number, above 0 (px), got 0
    """

    @wraps(function)
    def call(*inputs: Any, **values: Any) -> Any:
        return function(*inputs, **_parameters_of(function).check_call(values))

    return cast("Function", call)


def check_settings(settings: Any) -> None:
    """Check a dataclass of settings against the limits of its annotations, in ``__post_init__``.

    Raises
    ------
    BadValueError
        If a value is not accepted; the message names the setting and its limits.

    Examples
    --------
    >>> from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
    >>> NetworkSettings(frames=6)
    Traceback (most recent call last):
    ...
    napari_uai.errors.BadValueError: frames must be an odd whole number, at least 5 (frames), got 6
    """
    kind: type = type(settings)
    for name, value in _settings_of(kind).check_call(vars(settings)).items():
        object.__setattr__(settings, name, value)  # converted; the dataclass may be frozen


def with_texts(settings: Settings, texts: Iterable[str], *, label: str = "") -> Settings:
    """Return settings with values replaced by ``NAME=VALUE`` texts.

    Parameters
    ----------
    settings
        A dataclass.
    texts
        Values are written as in TOML; the quotes of strings may be omitted.
    label
        Name of the settings in error messages; by default that of their class.

    Returns
    -------
    Settings
        Changed settings, of the same class.

    Raises
    ------
    RecipeError
        If a text is not of that form, a name is unknown, or a value is not accepted.

    Examples
    --------
    >>> from napari_uai.simulate.settings import RecordingSettings
    >>> with_texts(RecordingSettings(), ["frames=2000", "landings=3"]).frames
    2000
    """
    parameters = Parameters.of_settings(settings)
    chosen = {setting.name: setting.value for setting in map(split_setting, texts)}
    return replace(settings, **parameters.read(chosen, label=label))  # type: ignore[type-var]


@cache
def _settings_of(kind: type) -> Parameters:
    return Parameters.of_settings(kind)


@cache
def _parameters_of(function: Callable[..., Any]) -> Parameters:
    return Parameters.of(function)


def _parameter(name: str, hint: Any, default: Any, description: str) -> Parameter:
    bare, optional, metadata = _unwrapped(hint)
    limits: dict[str, Any] = {
        "odd": Odd in metadata,
        "ascending": not {Ascending, Sorted}.isdisjoint(metadata),
    }
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
    """Strip Annotated and Optional: return bare type, whether None is accepted, and metadata."""
    optional = False
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            metadata += hint.__metadata__
            hint = hint.__origin__
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            optional = True
            hint = Union[tuple(a for a in get_args(hint) if a is not type(None))]  # noqa: UP007
        elif get_origin(hint) is tuple:
            entries = [(e, False, ()) if e is Ellipsis else _unwrapped(e) for e in get_args(hint)]
            metadata += next((own for _, _, own in entries if own), ())
            return tuple[tuple(bare for bare, _, _ in entries)], optional, metadata  # type: ignore[misc]
        else:
            return hint, optional, metadata

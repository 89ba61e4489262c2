"""Parameters as a signature declares them: types, limits, units, texts; and checks of values."""

from __future__ import annotations

import inspect
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property, wraps
from itertools import pairwise
from pathlib import Path
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

from napari_uai.errors import BadValueError, RecipeError, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel


def _is_odd(number: int) -> bool:
    return number % 2 == 1


def _is_ascending(numbers: tuple[float, ...]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


Odd = Predicate(_is_odd)
"""Constraint of a whole number, as in ``Annotated[int, Ge(1), Odd]``."""

Ascending = Predicate(_is_ascending)
"""Constraint of several numbers: each is larger than the one before."""

Function = TypeVar("Function", bound=Callable[..., Any])


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise BadValueError unless the value is one of the choices."""
    if value not in choices:
        raise BadValueError(f"{name} is one of {', '.join(choices)}, got {value!r}")


def toml_value(text: str) -> Any:
    """Read a value as TOML writes it; what is no such value is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def toml_plain(value: Any) -> Any:
    """Return a value in TOML's types."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return [toml_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


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
        Limits, of each entry if the type is a tuple; ``open_minimum`` and ``open_maximum`` say that
        the limit itself is excluded.
    odd
        Whether only odd numbers are accepted.
    ascending
        Whether entries must be in strictly ascending order.
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
    odd: bool = False
    ascending: bool = False
    unit: str = ""
    choices: tuple[Any, ...] = ()
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty

    @property
    def accepts(self) -> str:
        """The values that are accepted, in words: ``a whole number, at least 1 (frames)``."""
        if self.choices:
            text = "one of " + ", ".join(map(str, self.choices))
        else:
            whole = "an odd whole number" if self.odd else "a whole number"
            names = {int: whole, float: "a number", bool: "true or false", str: "a text"}
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
    """Return a tuple in words: ``4 whole numbers``, ``numbers``, ``pairs of numbers``."""
    inner = get_args(kind)
    if get_origin(kind) is not tuple or not inner:
        return str(kind).replace("typing.", "")
    if get_origin(inner[0]) is tuple:
        return f"pairs of {_several(inner[0]).removeprefix('2 ')}"
    names = {int: f"{adjective}whole numbers", float: "numbers", str: "texts"}
    what = names.get(inner[0], str(inner[0]))
    return what if inner[-1] is Ellipsis else f"{len(inner)} {what}"


class Parameters(Mapping[str, Parameter]):
    """The parameters of a function or of a class of settings, by name, in order.

    Parameters
    ----------
    owner
        What an error calls whatever has the parameters.
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
        """Read the keyword-only parameters of a function, without the monitor.

        Types, limits and units are those of its annotations, the meaning that of its docstring.
        """
        hints = get_type_hints(function, include_extras=True)
        described = described_parameters(function)
        return cls(
            function.__name__,
            (
                _parameter(p.name, hints[p.name], p.default, described.get(p.name, ""))
                for p in inspect.signature(function).parameters.values()
                if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name != "monitor"
            ),
        )

    @classmethod
    def of_settings(cls, settings: Any) -> Parameters:
        """Read the fields of a dataclass of settings; of an instance, with its values as defaults.

        Types, limits and units are those of its annotations, the meaning that of its docstring.
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

        fields: dict[str, Any] = {
            p.name: (p.annotation, ... if p.required else p.default) for p in self.values()
        }
        return create_model(self.owner, __base__=Base, **fields)

    def check(self, values: Mapping[str, Any], *, label: str = "") -> dict[str, Any]:
        """Complete values by the defaults and convert them to their types.

        Parameters
        ----------
        values
            Values by parameter name; those that are left out have their defaults.
        label
            What an error calls whatever has the parameters; its own name if empty.

        Raises
        ------
        RecipeError
            If a name is unknown or a value does not fit.
        """
        label = label or self.owner
        for name in values:
            if name not in self:
                raise RecipeError(f"{label} has no parameter {name!r}; {nearest(name, self)}")
        for name, parameter in self.items():
            if parameter.required and name not in values:
                raise RecipeError(f"{label}.{name} must be given: {parameter.accepts}")
        given = {name: self._none(name, value) for name, value in values.items()}
        fitting, wrong = self._validated(given)
        if wrong:
            accepted, value = self[wrong].accepts, values[wrong]
            raise RecipeError(f"{label}.{wrong} = {value!r} does not fit: give {accepted}")
        return {**{p.name: p.default for p in self.values()}, **fitting}

    def check_call(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check the keywords of a call, and convert them to their types.

        Parameters
        ----------
        values
            Keywords; those that are no parameters, such as a monitor, are left alone.

        Raises
        ------
        BadValueError
            If a value does not fit.
        """
        known = {name: value for name, value in values.items() if name in self}
        if not known or any(p.required and p.name not in known for p in self.values()):
            return dict(values)  # Python itself says what is missing
        fitting, wrong = self._validated(known)
        if wrong:
            accepted = self[wrong].accepts
            raise BadValueError(f"{wrong} must be {accepted}, got {known[wrong]!r}")
        return {**values, **fitting}

    def read(
        self, texts: Mapping[str, str], *, base: Mapping[str, Any] | None = None, label: str = ""
    ) -> dict[str, Any]:
        """Check values that are written as on the command line.

        Parameters
        ----------
        texts
            Values as TOML writes them; the quotes of a text may be left out.
        base
            Values of the other parameters, where they are not the defaults.
        label
            As for :meth:`check`.

        Raises
        ------
        RecipeError
            If a name is unknown or a value does not fit.
        """
        values = dict(base or {})
        for name, text in texts.items():
            try:
                values = self.check({**values, name: toml_value(text)}, label=label)
            except RecipeError:
                values = self.check({**values, name: text}, label=label)
        return self.check(values, label=label)

    def _validated(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Convert values to their types; return them, and the name of one that does not fit."""
        from pydantic import ValidationError

        for name, value in given.items():
            if isinstance(value, bool) and self[name].type in (int, float):
                return {}, name
        try:
            checked = self.model.model_validate(dict(given))
        except ValidationError as error:
            return {}, str(error.errors()[0]["loc"][0])
        return {name: getattr(checked, name) for name in given}, ""

    def _none(self, name: str, value: Any) -> Any:
        """Read the word none, which TOML has no value for."""
        is_none = isinstance(value, str) and value.lower() == "none"
        accepted = self[name].optional and "none" not in self[name].choices
        return None if is_none and accepted else value


def checked(function: Function) -> Function:
    """Check the keyword parameters of every call against the limits of their annotations.

    Raises
    ------
    BadValueError
        On a call with a value that does not fit; the message names the parameter and what it
        must be.

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


@cache
def _parameters_of(function: Callable[..., Any]) -> Parameters:
    return Parameters.of(function)


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


def _parameter(name: str, hint: Any, default: Any, description: str) -> Parameter:
    bare, optional, metadata = _unwrapped(hint)
    limits: dict[str, Any] = {"odd": Odd in metadata, "ascending": Ascending in metadata}
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
            metadata += next((found for _, _, found in entries if found), ())
            return tuple[tuple(bare for bare, _, _ in entries)], optional, metadata  # type: ignore[misc]
        else:
            return hint, optional, metadata

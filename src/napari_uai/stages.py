"""Stages: plain functions that process a recording, with the properties menus and recipes need.

>>> from napari_uai import stage
>>> from napari_uai.videos import Video
>>> @stage("Square root", menu="filter")
... def square_root(video: Video) -> Video:
...     '''Take the square root of each pixel.'''
...     return video**0.5
>>> square_root.stage.title
'Square root'
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args, get_type_hints

from napari_uai.docstrings import described_parameters, references
from napari_uai.parameters import Parameters, checked
from napari_uai.threads import one_blas_thread

Kind: TypeAlias = Literal["video", "table"]

Menu: TypeAlias = Literal["filter", "register", "measure", "track"]
"""napari's layer menu that contains the widget of a stage."""

Shape: TypeAlias = Literal["circle", "polygon", "rectangle"]
"""Shape that sets parameters when drawn: ``center``, ``radius_px``; ``vertices``; ``region``."""

Origin: TypeAlias = Callable[[Any, Mapping[str, Any]], tuple[int, int, int]]
"""Takes the input video and the parameters of a stage; returns frames, rows, columns to add."""


class Raster(NamedTuple):
    """Where the pixels of an output are, if they are not those of the input moved by an offset.

    Attributes
    ----------
    step, first
        Distance of pixels and position of the first one along frames, rows and columns, in frames
        and px of the first video.
    own_axes
        Whether rows and columns are positions in a space of their own, such as frequencies.
    """

    step: tuple[float, float, float]
    first: tuple[float, float, float]
    own_axes: bool = False


RasterOf: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any]], Raster]
"""Takes the inputs and the parameters of a stage."""

Checksum: TypeAlias = Callable[[str], str]
"""Takes the parameter ``weights`` of a stage; returns the SHA-256 of those weights."""

Function = TypeVar("Function", bound=Callable[..., Any])

REGISTERED: dict[str, Stage] = {}
"""All stages whose modules have been imported, including those of users, by name."""


@dataclass(frozen=True)
class Input:
    """A video or table that a stage takes as input.

    Attributes
    ----------
    name
        Name in the signature.
    kind
        ``video`` or ``table``.
    required
        Whether it has no default.
    description
        Description from the docstring, on one line.
    many
        Whether the function takes one or more of them (``*features``).
    """

    name: str
    kind: Kind
    required: bool
    description: str
    many: bool = False


@dataclass(frozen=True, eq=False)
class Stage:
    """Properties of a stage; all except the fields are read from its function.

    Parameters
    ----------
    function
        Takes videos and tables first, then keyword parameters; returns a video or a table.
    title
        Title in menus.
    menu
        napari's layer menu.
    origin
        What to add to a position in the output video to obtain that in the input; None for nothing.
    checksum
        Checksum of the weights selected by the parameter ``weights``; None if there is none.
    frame_by_frame
        Whether the table of a frame depends on that frame only, so that a preview can show it.
    selects
        Whether the returned table consists of rows of the input table, so that a recipe works
        without the stage.
    drawn
        Shape in a viewer from which parameters can be taken.
    methods
        What the stage did, as the methods section of a paper says it, without its parameters.
    renumbers
        Whether frames, rows or columns of the output have other numbers than an offset can say, so
        that a recipe, which hands on positions, cannot contain the stage.
    raster
        Where the pixels of such an output are, so that a viewer shows it in its place; None if they
        are as far apart as those of the input.
    """

    function: Callable[..., Any]
    title: str
    menu: Menu
    origin: Origin | None = None
    checksum: Checksum | None = None
    frame_by_frame: bool = False
    selects: bool = False
    drawn: Shape | None = None
    methods: str = ""
    renumbers: bool = False
    raster: RasterOf | None = None

    @property
    def name(self) -> str:
        """Name of the function, as written in recipes."""
        return self.function.__name__

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Videos and tables that the function takes, in order."""
        return tuple(
            Input(
                name=p.name,
                kind=_kind(self._hints[p.name]),
                required=p.default is inspect.Parameter.empty,
                description=self._described.get(p.name, ""),
                many=p.kind is inspect.Parameter.VAR_POSITIONAL,
            )
            for p in self._signature.parameters.values()
            if p.kind is not inspect.Parameter.KEYWORD_ONLY
        )

    def inputs_of(self, count: int) -> tuple[Input, ...]:
        """Return the inputs of a call with a given number of videos and tables.

        ``*features`` becomes ``feature, feature_2, ...``, of which all but the first are optional.
        """
        last = self.inputs[-1]
        if not last.many:
            return self.inputs
        name = last.name.removesuffix("s")
        others = (
            replace(last, name=f"{name}_{i}", required=False)
            for i in range(2, count - len(self.inputs) + 2)
        )
        return (*self.inputs[:-1], replace(last, name=name), *others)

    @cached_property
    def output(self) -> Kind:
        """What the function returns."""
        return _kind(self._hints["return"])

    @cached_property
    def parameters(self) -> Parameters:
        """Keyword parameters by name, except ``monitor`` and ``disturbances``."""
        return Parameters.of(self.function)

    @property
    def takes_monitor(self) -> bool:
        """Whether the function reports progress and can be cancelled."""
        return "monitor" in self._signature.parameters

    @property
    def takes_disturbances(self) -> bool:
        """Whether the function leaves out the frames and pixels that disturb."""
        return "disturbances" in self._signature.parameters

    @cached_property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Citations in the docstring."""
        return references(self.function)

    def check(self, values: Mapping[str, Any], *, label: str = "") -> dict[str, Any]:
        """Check values of the parameters: see :meth:`napari_uai.parameters.Parameters.check`."""
        return self.parameters.check(values, label=label)

    def __reduce__(self) -> tuple[Callable[..., Stage], tuple[Any, ...]]:
        return _stage_of, (self.function,)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def _described(self) -> dict[str, str]:
        return described_parameters(self.function)


def stage(
    title: str,
    *,
    menu: Menu,
    origin: Origin | None = None,
    checksum: Checksum | None = None,
    frame_by_frame: bool = False,
    selects: bool = False,
    drawn: Shape | None = None,
    methods: str = "",
    renumbers: bool = False,
    raster: RasterOf | None = None,
) -> Callable[[Function], Function]:
    """Make a function a stage: a widget, a step of recipes, an option of the command line.

    Its keyword parameters are checked on every call against the limits of their annotations.

    Parameters
    ----------
    title, menu, origin, checksum, frame_by_frame, selects, drawn, methods, renumbers, raster
        As in :class:`Stage`, which becomes the attribute ``stage`` of the function.

    Returns
    -------
    Callable
        A decorator.

    Raises
    ------
    BadValueError
        On calls of the stage with a value that is not accepted.

    Examples
    --------
    >>> from typing import Annotated
    >>> from annotated_types import Ge, Unit
    >>> from napari_uai.videos import Video
    >>> @stage("Add an offset", menu="filter")
    ... def add_offset(video: Video, *, offset: Annotated[float, Ge(0), Unit("counts")]) -> Video:
    ...     '''Add a constant to all pixels.'''
    ...     return video + offset
    >>> add_offset(1, offset=-2)
    Traceback (most recent call last):
    ...
    napari_uai.errors.BadValueError: offset must be a number, at least 0 (counts), got -2
    """

    def decorate(function: Function) -> Function:
        decorated = cast("Any", one_blas_thread()(checked(function)))
        decorated.stage = Stage(
            decorated,
            title,
            menu,
            origin,
            checksum,
            frame_by_frame,
            selects,
            drawn,
            methods,
            renumbers,
            raster,
        )
        REGISTERED[function.__name__] = decorated.stage
        return cast("Function", decorated)

    return decorate


def _stage_of(function: Any) -> Stage:
    return cast("Stage", function.stage)


def _kind(hint: Any) -> Kind:
    """Recognise tables by their class; all other inputs and outputs are videos."""
    import pandas as pd

    return "table" if pd.DataFrame in (hint, *get_args(hint)) else "video"

"""Docstrings as pages show them: types and limits beside parameters, links to public names.

Docstrings do not repeat what signatures say, so it is added here. They refer to functions by the
module in which these are defined; pages exist for public names only, to which such references lead.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import napari_uai.typing as types_of_arrays
from napari_uai.parameters import Parameter, Parameters

if TYPE_CHECKING:
    from docutils.nodes import Element, TextElement
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

BEFORE_NUMPYDOC = 400
FACES = (
    "napari_uai",
    *(
        f"napari_uai.{name}"
        for name in (
            "iscat",
            "iscat.limit",
            "iscat.mass",
            "iscat.optics",
            "trails",
            "videos",
            "simulate",
            "evaluate",
        )
    ),
)
"""Packages whose names are public; a name that several give is documented under the first."""

TYPES = {
    r"npt\.ArrayLike": "array_like",
    r"npt\.DTypeLike": "dtype",
    r"npt\.NDArray\[Any\]": "numpy.ndarray",
    r"npt\.NDArray\[(?:np\.)?(\w+)\]": r"numpy.ndarray of \1",
    **{
        rf"\b{name}\b": f"numpy.ndarray of {get_args(get_args(alias)[1])[0].__name__}"
        for name, alias in vars(types_of_arrays).items()
        if get_args(alias) and name != "AnyArray"
    },
    r"\bAnyArray\b": "numpy.ndarray",
    r"\bda\.Array\b": "dask.array.Array",
    r"\bpd\.": "pandas.",
    r"\bnp\.": "numpy.",
    r" \| ": " or ",
}
"""How annotations are shown."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", write_types, priority=BEFORE_NUMPYDOC)
    app.connect("missing-reference", refer_to_public_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@cache
def public_names() -> Mapping[str, Any]:
    """Return every public object by the name under which it is documented."""
    objects: dict[str, Any] = {}
    seen: list[Any] = []
    for face in FACES:
        package = importlib.import_module(face)
        for name in getattr(package, "__all__", ()):
            found = getattr(package, name)
            if not inspect.ismodule(found) and not any(found is other for other in seen):
                seen.append(found)
                objects[f"{face}.{name}"] = found
    return objects


def documented_name(face: str, name: str) -> str:
    """Return under which name a public name of a package is documented."""
    found = getattr(importlib.import_module(face), name)
    return next(known for known, other in public_names().items() if other is found)


def write_types(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Write types, limits, units and defaults beside the parameters of a docstring."""
    del app, options
    if what not in {"function", "method", "class"} or not name.startswith("napari_uai"):
        return
    types = parameter_types(obj)
    for i in parameter_headings(lines):
        names = [n.strip() for n in lines[i].split(",")]
        described = [types.get(n.lstrip("*"), "") for n in names]
        if described[0] and len(set(described)) == 1:
            lines[i] = f"{lines[i]} : {described[0]}"
        elif any(described):
            lines[i] = f"{lines[i]} : {'; '.join(d for d in described if d)}"


def parameter_headings(lines: list[str]) -> Iterator[int]:
    """Return the lines of a numpydoc docstring that name parameters or attributes without type."""
    section = ""
    for i, line in enumerate(lines):
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if below and set(below) == {"-"}:
            section = line.strip()
        elif section in {"Parameters", "Attributes"} and re.fullmatch(r"[*\w][\w*, ]*", line):
            yield i


def parameter_types(obj: Any) -> dict[str, str]:
    """Return in words what each parameter of a function or class takes."""
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return {}
    types = {name: plain_type(p) for name, p in signature.parameters.items()}
    limits = declared_parameters(obj)
    return types | {name: text for name, p in limits.items() if (text := accepted(p))}


def declared_parameters(obj: Callable[..., Any]) -> Mapping[str, Parameter]:
    """Return the parameters whose annotations say more than a type."""
    try:
        return {} if inspect.isclass(obj) else Parameters.of(obj)
    except (NameError, TypeError, AttributeError):  # annotations for type checkers only
        return {}


def accepted(parameter: Parameter) -> str:
    """Return what a value must be, as the window and the command line say it, and the default."""
    if parameter.accepts.startswith(("<", "napari_uai")) or "[" in parameter.accepts:
        return ""
    return parameter.accepts + default_text(parameter.default)


def plain_type(parameter: inspect.Parameter) -> str:
    """Return the annotation of a parameter and its default."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for written, shown in TYPES.items():
        text = re.sub(written, shown, text)
    return text + default_text(parameter.default)


def default_text(default: Any) -> str:
    """Return a default as the end of a type; Sphinx replaces defaults by how they are written."""
    if default is inspect.Parameter.empty or "<factory>" in repr(default):
        return ""
    try:
        value = ast.literal_eval(repr(default))
    except (SyntaxError, ValueError):
        return ", optional"
    return f", default: {value}" if value != "" else ", optional"


def refer_to_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> Element | None:
    """Let a reference lead to the public page of what it means; show what has none as code."""
    target = node["reftarget"]
    if node.get("refdomain") != "py":
        return None
    known = public_target(target)
    if known is not None:
        return env.get_domain("py").resolve_xref(
            env, node["refdoc"], app.builder, "obj", known, node, text
        )
    return text if is_internal(target) else None


def public_target(target: str) -> str | None:
    """Return the documented name of what a dotted name means; that of its class for a field."""
    for candidate in (target, *(f"{face}.{target}" for face in FACES)):
        found = imported(candidate)
        for known, other in public_names().items():
            if found is not None and found is other:
                return known
    owner, _, field = target.rpartition(".")
    known = public_target(owner) if owner else None
    return known if known and field in fields_of(public_names()[known]) else None


def fields_of(owner: Any) -> set[str]:
    """Return the names that a class knows, without or with a value."""
    return {*dir(owner), *getattr(owner, "__annotations__", ())}


def is_internal(target: str) -> bool:
    """Tell a name of this package that has no page from one that does not exist."""
    if imported(target) is not None:
        return target.startswith("napari_uai.")
    modules = [m for n, m in list(sys.modules.items()) if n.startswith("napari_uai.")]
    return any(vars(module).get(target) is not None for module in modules)


@cache
def imported(name: str) -> Any:
    """Return what a dotted name means, None if it means nothing."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None) if module else None
    except ImportError:
        return None

"""Every public name has a page that says all there is to say, with examples that run."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import io
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc, NumpyDocString

import napari_uai.errors
from napari_uai.errors import BadValueError
from napari_uai.stages import REGISTERED

FACES = (
    "napari_uai",
    "napari_uai.iscat",
    "napari_uai.iscat.limit",
    "napari_uai.iscat.mass",
    "napari_uai.iscat.optics",
    "napari_uai.trails",
    "napari_uai.videos",
    "napari_uai.simulate",
    "napari_uai.evaluate",
)

SLOW = frozenset(
    {
        "napari_uai.LimitResult",
        "napari_uai.RunResult",
        "napari_uai.TrailResult",
        "napari_uai.analyse_folder",
        "napari_uai.analyse_recording",
        "napari_uai.detection_limit",
        "napari_uai.iscat.detect_steps",
        "napari_uai.iscat.limit.LimitRun",
        "napari_uai.iscat.limit.limit_picture",
        "napari_uai.iscat.limit.write_limit",
        "napari_uai.iscat.predict_background",
        "napari_uai.iscat.rescore_steps",
        "napari_uai.rank_trails",
        "napari_uai.run_recipe",
        "napari_uai.write_report",
        "napari_uai.write_results",
        "napari_uai.write_trail_results",
    }
)
"""Names whose examples take a second or more."""


def public_names() -> dict[str, Any]:
    """Functions and classes by the first name under which they are public."""
    objects: dict[str, Any] = {}
    for face in FACES:
        package = importlib.import_module(face)
        for name in package.__all__:
            value = getattr(package, name)
            repeated = any(value is other for other in objects.values())
            if not repeated and (inspect.isfunction(value) or inspect.isclass(value)):
                objects[f"{face}.{name}"] = value
    return objects


PUBLIC = public_names()


def page_of(name: str) -> NumpyDocString:
    value = PUBLIC[name]
    return ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)


def problems_of(name: str) -> list[str]:
    """What is missing from a docstring."""
    value, page = PUBLIC[name], page_of(name)
    documented = documented_names(page["Parameters"]) | documented_names(page["Attributes"])
    problems = [f"parameter {p} is not documented" for p in parameters_of(value) - documented]
    if not page["Summary"]:
        problems.append("no summary")
    if not any(line.startswith(">>>") for line in page["Examples"]):
        problems.append("no examples")
    if inspect.isfunction(value) and returns_something(value):
        problems += [] if page["Returns"] or page["Yields"] else ["no section Returns"]
    raised = errors_raised_by(value)
    stated = {error_class(entry.type or entry.name) for entry in page["Raises"]}
    problems += [
        f"{error.__name__} is raised but not documented"
        for error in raised
        if not any(issubclass(error, parent) for parent in stated)
    ]
    return problems


def documented_names(entries: list[Any]) -> set[str]:
    return {name.strip(" *") for entry in entries for name in entry.name.split(",")}


def parameters_of(value: Any) -> set[str]:
    if inspect.isclass(value) and issubclass(value, Exception):
        return set()
    signature = inspect.signature(value)
    return {p for p in signature.parameters if not p.startswith("_")}


def returns_something(function: Any) -> bool:
    return inspect.signature(function).return_annotation not in (None, "None")


def errors_raised_by(value: Any) -> set[type[BaseException]]:
    """Classes that the body of a function raises, and that of its checks of parameters."""
    if inspect.isclass(value):
        return set()
    function = inspect.unwrap(value)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = {
        error_class(node.exc.func.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id[:1].isupper()
    }
    kinds = [p.kind for p in inspect.signature(function).parameters.values() if p.name != "monitor"]
    if function is not value and inspect.Parameter.KEYWORD_ONLY in kinds:
        raised.add(BadValueError)
    return raised


def error_class(name: str) -> type[BaseException]:
    error = getattr(napari_uai.errors, name, None) or getattr(builtins, name, None)
    assert isinstance(error, type), f"{name} is not an error of this package or of Python"
    return error


def slow_ones(names: Iterable[str]) -> list[Any]:
    return [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in names]


@pytest.mark.parametrize("name", PUBLIC)
def test_page_is_complete(name: str) -> None:
    assert problems_of(name) == []


@pytest.fixture
def stages_of_examples_are_forgotten() -> Iterator[None]:
    known = dict(REGISTERED)
    yield
    for name in REGISTERED.keys() - known.keys():
        function = REGISTERED[name].function
        if not hasattr(sys.modules[function.__module__], name):
            del REGISTERED[name]


@pytest.mark.usefixtures("stages_of_examples_are_forgotten")
@pytest.mark.parametrize("name", slow_ones(PUBLIC))
def test_examples_run(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    value = PUBLIC[name]
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner()
    report = io.StringIO()
    for examples in finder.find(value, name):
        runner.run(examples, out=report.write)
    assert runner.summarize(verbose=False).failed == 0, report.getvalue()
    assert runner.tries

from __future__ import annotations

import math
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Unit
from pydantic import TypeAdapter
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_uai.iscat.recipes.catalogue import STAGES, stage
from napari_uai.parameters import Odd
from napari_uai.stages import Stage
from napari_uai.widgets.kit.forms import ParameterForm, label_of


def example(
    *,
    batch_size: Annotated[int, Ge(1), Unit("frames")] = 500,
    threshold: Annotated[float, Gt(0), Le(10)] = 1e-4,
    kind: Literal["median", "none"] = "none",
    legacy: bool = False,
    count: Annotated[int, Ge(2)] | None = None,
    region: tuple[int, int, int, int] | None = None,
    name: str = "spot",
    either: int | Literal["auto"] = "auto",
    size: Annotated[int, Ge(2), Le(120), Odd, Unit("px")] = 5,
) -> None:
    """Do nothing.

    Parameters
    ----------
    batch_size
        Frames per ``batch``.
    """


@pytest.fixture
def form(qtbot):
    stage = Stage(f"{__name__}:example", "Example", "filter")
    stage.__dict__["function"] = example
    form = ParameterForm(stage.parameters.values())
    qtbot.addWidget(form)
    return form


def test_a_form_begins_with_the_defaults(form):
    assert form.values() == {
        "batch_size": 500,
        "threshold": 1e-4,
        "kind": "none",
        "legacy": False,
        "count": None,
        "region": None,
        "name": "spot",
        "either": "auto",
        "size": 5,
    }


def test_values_come_back_as_they_were_set(form):
    values = {
        "batch_size": 3,
        "threshold": 2.5e-7,
        "kind": "median",
        "legacy": True,
        "count": 7,
        "region": [0, 4, 1, 5],
        "name": "12",
        "either": 3,
        "size": 7,
    }
    form.set_values(values)
    assert form.values() == values
    form.reset()
    assert form.values()["batch_size"] == 500


def test_limits_and_unit_of_the_annotation_hold_in_the_editor(form):
    batch = form.editors["batch_size"]
    batch.setValue(-5)
    assert batch.value() == 1
    assert batch.suffix() == " frames"
    threshold = form.editors["threshold"]
    threshold.setValue(0)
    assert 0 < threshold.value() < 1e-12
    threshold.setValue(99)
    assert threshold.value() == 10


def test_a_parameter_that_must_be_odd_steps_from_odd_to_odd_number(form):
    size = form.editors["size"]
    assert (size.minimum(), size.maximum()) == (3, 119)
    size.setValue(97)
    for value in (99, 101, 103):
        size.stepUp()
        assert size.value() == value
    size.stepBy(20)
    assert size.value() == 119
    size.stepBy(-200)
    assert size.value() == 3


def test_small_numbers_are_typed_and_shown_as_one_writes_them(form, qtbot):
    threshold = form.editors["threshold"]
    threshold.lineEdit().setText("3.2e-05")
    threshold.interpretText()
    assert math.isclose(threshold.value(), 3.2e-5)
    assert threshold.text() == "3.2e-05"


def test_the_tooltip_shows_description_and_limits(form):
    tooltip = form.editors["batch_size"].toolTip()
    assert "Frames per batch." in tooltip
    assert "at least 1 (frames)" in tooltip


def test_the_wheel_over_an_editor_without_focus_changes_nothing(form):
    form.show()
    batch = form.editors["batch_size"]
    batch.clearFocus()
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(batch, wheel)
    assert batch.value() == 500


@pytest.mark.parametrize("name", STAGES)
def test_the_form_of_every_stage_holds_its_defaults(name, qtbot):
    stage = STAGES[name]
    form = ParameterForm(stage.parameters.values())
    qtbot.addWidget(form)
    for parameter in stage.parameters.values():
        if not parameter.required:
            adapter = TypeAdapter(parameter.annotation)
            assert adapter.validate_python(form.values()[parameter.name]) == parameter.default


def test_labels_are_words():
    assert label_of("batch_size") == "Batch size"
    assert label_of("sigma_px") == "Sigma"


def test_a_number_that_is_not_overridden_is_no_number(qtbot):
    [offset] = [p for p in stage("noise_floor").parameters.values() if p.optional]
    form = ParameterForm([offset])
    qtbot.addWidget(form)
    editor = form.editors[offset.name]
    assert editor.inner.text() == "default"
    editor.override.setChecked(True)
    assert editor.inner.text().startswith("1")
    assert form.values()[offset.name] == 1
    editor.inner.setValue(40)
    editor.override.setChecked(False)
    assert (editor.inner.text(), form.values()[offset.name]) == ("default", None)
    editor.override.setChecked(True)
    assert form.values()[offset.name] == 40

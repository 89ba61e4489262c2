"""The dock of detection limits, in a viewer."""

from __future__ import annotations

import pytest

from napari_uai.errors import BadValueError
from napari_uai.widgets.iscat.limit_call import LimitCall, batches_of

TITLE = "Detection limit"


@pytest.fixture
def dock(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw")
    return open_widget(viewer, TITLE)


@pytest.mark.slow
def test_the_best_batch_goes_to_the_workflow_dock(viewer, open_widget, dock, run, tmp_path, qtbot):
    assert not dock.use_button.isEnabled()
    dock.batches.setText("60, 75")
    dock.form.set_values({"injections": 10, "nulls": 0})
    dock.results_folder.line.setText(str(tmp_path / "out"))
    assert run(dock).startswith("Done: best at batch ")
    assert set(dock.plot.curves) == {"batch 60", "batch 75"}
    assert "batch 75: 50% at" in dock.report.text()
    assert (tmp_path / "out" / "limits.csv").exists()
    dock.use_button.click()
    workflow = open_widget(viewer, "iSCAT workflow")
    best = dock.result.best.batch_size
    assert workflow.recipe().values("dra")["batch_size"] == best
    assert dock.use_button.text() == f"Use batch {best}"


def test_the_workflow_dock_hands_over_its_recipe(viewer, open_widget, recording):
    viewer.add_image(recording, name="raw")
    workflow = open_widget(viewer, "iSCAT workflow")
    workflow.steps.forms["events"].set_values({"false_landings": 0.1})
    workflow.limit()
    dock = open_widget(viewer, TITLE)
    call = dock.call()
    assert call.recipe.values("events")["false_landings"] == 0.1
    assert call.array.shape == recording.shape
    assert call.values == {"injections": 180, "nulls": 1}


def test_mistakes_are_shown(dock, notifications):
    dock.batches.setText("many")
    dock.run()
    assert "whole numbers above 0" in dock.run_bar.status.text()
    assert not dock.task.running
    dock.suggest.setChecked(True)
    assert not dock.batches.isEnabled()
    assert dock.call().suggest


def test_cancelling_leaves_nothing(dock, qtbot, tmp_path):
    dock.batches.setText("60")
    dock.results_folder.line.setText(str(tmp_path / "out"))
    with qtbot.waitSignal(dock.task.ended):
        dock.run_bar.run_button.click()
        dock.run_bar.cancel_button.click()
    assert dock.run_bar.status.text().startswith("Cancelled")
    assert dock.result is None
    assert not (tmp_path / "out").exists()


def test_batches_are_read_from_a_text():
    assert batches_of(" 500, 1000 2000 ") == (500, 1000, 2000)
    assert batches_of("") == ()
    with pytest.raises(BadValueError, match="Image layer"):
        LimitCall.of_layer(None, None)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.iscat.stage_call import landings_layer


@pytest.fixture
def other(review):
    """A run that found the first two landings of three, a little off, and another one."""
    table = review.table.iloc[:2].assign(landing=[2, 3], y=[10.4, 5.2], score=[28.0, 11.0])
    alone = pd.DataFrame(
        {"raw_frame": [220], "y": [18.0], "x": [15.0], "contrast": [-0.008], "landing": [1]}
    ).assign(score=40.0, n_localizations=30)
    table = pd.concat([alone, table.assign(raw_frame=[310, 149])], ignore_index=True)
    placed = table.assign(frame=table["raw_frame"] - 100)
    return Review(table, placed, review.place, verdicts=["yes", "", ""], around=50)


@pytest.fixture
def both(viewer, review, other, recording):
    """The review of a run beside another run, and the layers of both."""
    viewer.add_image(recording, name="raw", scale=(1, 0.5, 0.5))
    layers = []
    for each, name in ((other, "landings of b"), (review, "landings of a")):
        data, attributes, _ = landings_layer(each, name)
        layers.append(viewer.add_points(data, **attributes))
    view = LandingsView(review, viewer, layers[1])
    viewer.window.add_dock_widget(view, name="landings", area="bottom")
    return view, layers[1], layers[0]


def compare(view, name="landings of b"):
    view.compared.other.setCurrentIndex(view.compared.other.findText(name))


def column(view, name):
    model = view.view.model()
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    return [model.index(row, names.index(name)).data() for row in range(model.rowCount())]


def test_counts_say_what_both_and_one_found_and_within_what(both):
    view, _, _ = both
    compare(view)
    assert view.compared.counts.text() == (
        "2 found by both, 1 only here, 1 only by landings of b (same: within 100 frames and 2.5 px)"
    )
    assert column(view, "found_by") == ["both", "both", "this", "other"]


@pytest.mark.parametrize(
    ("choice", "landings"), [("both", [1, 2]), ("this only", [3]), ("other only", [1])]
)
def test_the_table_is_limited_to_what_both_or_one_found(both, choice, landings):
    view, _, _ = both
    assert view.view.fields.found_by.isHidden()
    compare(view)
    assert not view.view.fields.found_by.isHidden()
    view.view.fields.found_by.setCurrentText(choice)
    assert list(map(int, column(view, "landing"))) == landings


def test_a_landing_of_the_other_run_is_shown_but_not_judged_here(viewer, both):
    view, _, _ = both
    compare(view)
    view.choose(3)
    assert viewer.dims.point[0] == 220
    assert "-8.00e-03" in view.trace.title
    assert column(view, "✓")[3] == "✓"
    view.judge("no")
    assert view.review.verdicts == ["", "", ""]


def test_rings_of_one_run_alone_are_double(viewer, both, keep_picture):
    view, own, other = both
    compare(view)
    assert [str(symbol) for symbol in own.symbol] == ["disc", "disc", "ring"]
    assert [str(symbol) for symbol in other.symbol] == ["ring", "disc", "disc"]
    view.choose(3)
    assert keep_picture(viewer, "two-runs").size
    compare(view, "(none)")
    assert {str(symbol) for symbol in [*own.symbol, *other.symbol]} == {"disc"}
    assert "found_by" not in view.listed.table


def test_a_comparison_ends_with_the_layer_of_the_other_run(viewer, both):
    view, own, other = both
    assert not view.compared.isHidden()
    compare(view)
    view.choose(3)
    viewer.layers.remove(other)
    assert view.row == 0
    assert view.view.n_shown() == 3
    assert {str(symbol) for symbol in own.symbol} == {"disc"}
    assert view.compared.isHidden()


def test_runs_on_other_recordings_are_not_offered(viewer, both, other):
    from dataclasses import replace

    view, _, _ = both
    place = replace(other.place, record={"name": "elsewhere"})
    data, attributes, _ = landings_layer(replace(other, place=place), "landings of c")
    viewer.add_points(data, **attributes)
    assert view.compared.other.findText("landings of c") == -1
    assert np.isfinite(view.table["score"]).all()

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton
from scipy.io import loadmat

from napari_uai.widgets.kit.tables import TableView

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "number": [3.0, np.nan, 10.0, 2.0],
            "count": pd.array([3, None, 10, 2], dtype="Int64"),
            "text": ["b", "a", "d", "c"],
        }
    )


@pytest.fixture
def view(qtbot, table):
    view = TableView(table)
    qtbot.addWidget(view)
    return view


def rows(view):
    """Rows of the table in the order in which they are shown."""
    model = view.view.model()
    return [model.row_at(model.index(i, 0)) for i in range(model.rowCount())]


def test_a_table_is_first_shown_in_its_own_order(view):
    assert rows(view) == [0, 1, 2, 3]


@pytest.mark.parametrize("column", [0, 1])
def test_numbers_are_sorted_as_numbers_and_missing_ones_are_last(view, column):
    view.view.sortByColumn(column, UP)
    assert rows(view) == [3, 0, 2, 1]
    view.view.sortByColumn(column, DOWN)
    assert rows(view) == [2, 0, 3, 1]


def test_texts_are_sorted_as_texts_and_the_table_can_be_shown_as_it_was(view):
    view.view.sortByColumn(2, DOWN)
    assert rows(view) == [2, 3, 0, 1]
    view.view.sortByColumn(-1, UP)
    assert rows(view) == [0, 1, 2, 3]


def test_the_chosen_row_is_told_and_stays_chosen_in_another_order(view, qtbot):
    view.view.sortByColumn(0, UP)
    with qtbot.waitSignal(view.row_chosen) as told:
        view.view.selectRow(0)
    assert told.args == [3]
    view.view.sortByColumn(0, DOWN)
    assert view.view.model().row_at(view.view.currentIndex()) == 3


def test_a_table_is_saved_in_the_chosen_format(view, tmp_path, monkeypatch, notifications):
    def chosen(path, kind):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), kind))
        view.findChild(QPushButton, "save").click()

    chosen(tmp_path / "a.csv", "CSV (*.csv)")
    assert pd.read_csv(tmp_path / "a.csv")["text"].tolist() == ["b", "a", "d", "c"]
    chosen(tmp_path / "b", "MATLAB (*.mat)")
    data = loadmat(tmp_path / "b.mat", squeeze_me=True)["data"]
    np.testing.assert_array_equal(data["count"].item(), [3, np.nan, 10, 2])
    chosen(tmp_path / "c.xls", "CSV (*.csv)")
    assert "use one of the suffixes .csv" in notifications[-1]
    chosen(tmp_path / "b", "MATLAB (*.mat)")  # the dialog has not asked about b.mat
    assert "cannot write" in notifications[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.mat"]

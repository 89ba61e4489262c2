"""Verdicts on ranked trails in a real window: keys, undo, notes, export, more like this."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.writing import write_trails
from napari_uai.trails.scores.resampling import resample_along_arc
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.ranking import Filter, likeness_to, rank
from napari_uai.widgets.trails.table import FIRST_COLUMNS, meaning_of
from napari_uai.widgets.trails.verdicts import Verdicts

VERDICT, NOTE = FIRST_COLUMNS.index("verdict"), FIRST_COLUMNS.index("note")


@pytest.fixture
def focused(ranked, viewer, qtbot):
    """A dock whose table has the focus, with the first trail chosen."""
    viewer.window.show()
    viewer.window.activate()
    ranked.table.choose(int(ranked.ranking.rows[0]))
    ranked.table.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is ranked.table)
    return ranked


def shown(dock, place, column):
    return dock.table.ranks.data(dock.table.ranks.index(place, column))


def names(dock):
    return [dock.table.ranks.name_at(place) for place in range(dock.table.ranks.rowCount())]


def test_keys_judge_the_chosen_trail_and_move_on_and_undo_returns(focused, qtbot):
    dock = focused
    first, second, third = names(dock)[:3]
    qtbot.keyClick(dock.table, Qt.Key.Key_A)
    assert dock.review.verdicts.of(first).verdict == "accepted"
    assert dock.table.currentIndex().row() == 1
    qtbot.keyClick(dock.table, Qt.Key.Key_R)
    assert dock.review.verdicts.of(second).verdict == "rejected"
    assert [shown(dock, place, VERDICT) for place in range(3)] == ["✓", "✗", ""]
    assert dock.ranking_page.count.text().endswith("trails\n1 ✓ · 1 ✗")
    assert dock.table.ranks.name_at(dock.table.currentIndex().row()) == third
    qtbot.keyClick(dock.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dock.review.verdicts.of(second).verdict == ""
    assert dock.table.currentIndex().row() == 1
    dock.table.choose(dock.table.ranks.trail_at(0))
    qtbot.keyClick(dock.table, Qt.Key.Key_U)
    assert dock.review.verdicts.of(first).verdict == ""
    for _ in range(2):
        dock.ranking_page.undo_button.click()
    assert dock.review.verdicts.of(first).verdict == ""
    dock.ranking_page.undo_button.click()
    assert dock.run_bar.status.text() == "Nothing to undo."


def test_a_verdict_shows_by_width_of_line_and_by_font(viewer, ranked, settled):
    [top, _] = [la for la in viewer.layers if la.metadata.get(KEY, {}).get("kind") == "top"]
    before = list(top.edge_width)
    for place, verdict in ((0, "accepted"), (1, "rejected")):
        ranked.table.choose(ranked.table.ranks.trail_at(place))
        ranked.ranking_page.judge_buttons[verdict].click()
    settled(ranked)
    accepted, rejected, other = top.edge_width[:3]
    assert rejected < other < accepted
    assert other == before[2]
    model = ranked.table.ranks
    fonts = [model.data(model.index(p, 1), Qt.ItemDataRole.FontRole) for p in range(3)]
    assert [font.bold() for font in fonts] == [True, False, False]
    assert [font.strikeOut() for font in fonts] == [False, True, False]


def test_verdicts_stay_with_their_trails_and_end_with_them(ranked, settled, few):
    from napari_uai.widgets.trails.placement import source_of_trails

    ranked.table.choose(int(ranked.ranking.rows[2]))
    trail = names(ranked)[2]
    ranked.review.judge("accepted")
    ranked.settings.score_limits.high.setValue(0.2)
    settled(ranked)
    assert shown(ranked, names(ranked).index(trail), VERDICT) == "✓"
    ranked.table.sortByColumn(VERDICT, Qt.SortOrder.DescendingOrder)
    assert names(ranked)[0] == trail
    ranked.show_source(source_of_trails(few, "again"))
    settled(ranked)
    assert not ranked.review.verdicts.of(trail).verdict


def test_a_note_is_written_in_the_table(focused, qtbot, drain):
    dock = focused
    qtbot.keyClick(dock.table, Qt.Key.Key_N)
    editor = dock.table.findChild(QLineEdit)
    qtbot.keyClicks(editor, "Rare: a turn")  # letters that are keys of the table
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    drain()
    assert shown(dock, 0, NOTE) == "Rare: a turn"
    assert dock.review.verdicts.of(names(dock)[0]).verdict == ""
    dock.review.undo()
    assert shown(dock, 0, NOTE) == ""


def test_without_a_chosen_trail_a_verdict_says_what_to_do(ranked, notifications):
    ranked.ranking_page.judge_buttons["accepted"].click()
    ranked.ranking_page.like_button.click()
    assert notifications == ["no trail chosen: click on one in the table or the viewer"] * 2


def test_verdicts_and_notes_are_exported_and_loaded_again(ranked, settled, few, tmp_path):
    path = write_trails(few, tmp_path / "trails.csv")
    ranked.open(path)
    settled(ranked)
    first, second = names(ranked)[:2]
    ranked.table.choose(ranked.table.ranks.trail_at(0))
    ranked.review.judge("accepted")
    ranked.review.annotate(second, "=not a\nformula")
    ranked.export(tmp_path / "out")
    settled(ranked)
    table = pd.read_csv(tmp_path / "out" / "scores.csv", dtype={"trail": str}).fillna("")
    table = table.set_index("trail")
    assert table["verdict"].value_counts().to_dict() == {"": len(table) - 1, "accepted": 1}
    assert table.loc[first, "verdict"] == "accepted"
    assert "not a formula" in table.loc[second, "note"]
    ranked.open(path)
    settled(ranked)
    assert not ranked.review.verdicts.of(first).verdict
    ranked.load_settings(tmp_path / "out" / "run.json")
    settled(ranked)
    assert ranked.review.verdicts.of(first).verdict == "accepted"
    assert shown(ranked, 0, VERDICT) == "✓"


def test_a_table_without_verdicts_changes_none_and_a_damaged_one_is_refused(tmp_path):
    verdicts = Verdicts()
    verdicts.judge("a", "accepted")
    (tmp_path / "scores.csv").write_text("trail,anomaly\na,0.5\n")
    verdicts.read(tmp_path / "scores.csv")
    assert verdicts.of("a").verdict == "accepted"
    (tmp_path / "scores.csv").write_bytes(b"\0\xff")
    with pytest.raises(TrailFormatError):
        verdicts.read(tmp_path / "scores.csv")


def test_more_like_this_ranks_by_distance_from_the_chosen_trail(viewer, ranked, settled):
    chosen = int(ranked.ranking.rows[4])
    name = names(ranked)[4]
    ranked.table.choose(chosen)
    ranked.ranking_page.like_button.click()
    settled(ranked)
    points = resample_along_arc(ranked.result.trails)
    apart = [float(np.square(p - points[chosen]).sum(axis=1).mean()) for p in points]
    rows = ranked.ranking.rows.tolist()
    assert rows[0] == chosen
    assert [apart[row] for row in rows] == sorted(apart)
    assert ranked.ranking_page.score.currentText() == f"like {name}"
    assert shown(ranked, 0, FIRST_COLUMNS.index("score")) == "100 %"
    assert names(ranked)[ranked.table.currentIndex().row()] == name
    ranked.ranking_page.score.setCurrentText("anomaly")
    settled(ranked)
    np.testing.assert_array_equal(ranked.ranking.values, ranked.result.scores["anomaly"])


def test_likeness_ends_with_the_trails_that_it_compared(ranked, settled):
    ranked.table.choose(int(ranked.ranking.rows[0]))
    ranked.review.more_like_this()
    settled(ranked)
    ranked.new_mask()
    [mask] = [la for la in ranked.viewer.layers if la.metadata.get(KEY, {}).get("kind") == "mask"]
    inside = np.zeros(mask.data.shape, bool)
    inside[:, : inside.shape[1] // 2] = True
    mask.data_setitem(np.nonzero(inside), 1)
    settled(ranked)
    assert ranked.ranking_page.score.currentText() == "anomaly"
    assert not ranked.ranking_page.ranks_otherwise()


def test_likeness_is_that_of_the_nearest_score(few):
    from napari_uai.trails.analysis.analysis import analyse_trails

    result = analyse_trails(few)
    likeness = likeness_to(result.trails, 3)
    assert likeness.values[3] == likeness.values.max() == 1
    assert np.median(likeness.values) == pytest.approx(0.5, abs=1e-3)
    ranking = rank(result, Filter(least=0.5), likeness)
    assert (ranking.values >= 0.5).all()
    assert ranking.score == f"like {likeness.trail}"


def test_every_column_of_the_table_says_what_it_means(ranked):
    model = ranked.table.ranks
    for column in range(model.columnCount()):
        tip = model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        assert len(tip) > 10
    for i in range(ranked.ranking_page.score.count()):
        name = ranked.ranking_page.score.itemText(i)
        tip = ranked.ranking_page.score.itemData(i, Qt.ItemDataRole.ToolTipRole)
        assert tip == meaning_of(name)

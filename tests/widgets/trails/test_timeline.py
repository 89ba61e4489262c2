"""The timeline of the trail dock in a real window: ticks, verdicts, slider, clicks."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_uai.widgets.kit.palette import class_colours
from napari_uai.widgets.trails.trail_timeline import odd_times


def click(qtbot, timeline, seconds):
    x = round(float(timeline.to_pixels(seconds)))
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(x, 20))


def test_each_listed_trail_has_a_tick_where_its_odd_stretch_ends(ranked):
    timeline, ranking, result = ranked.timeline, ranked.ranking, ranked.result
    trails = result.trails
    assert len(timeline._frames) == len(ranking) == len(result.scores)
    start = trails.time.min()
    for event in (0, 7, len(ranking) - 1):
        row, place = ranking.rows[event], ranking.places[event]
        time = trails.time[trails.trail(int(row))]
        _, end = result.stretches[place]
        assert timeline._frames[event] == pytest.approx(time[max(end, 1) - 1] - start)
    assert timeline.whole == pytest.approx((0.0, trails.time.max() - start))
    colours = class_colours(trails.classes.index)
    kinds = result.scores["class"].to_numpy()[ranking.places]
    assert [timeline._names[i] for i in timeline._colours] == [colours[kind] for kind in kinds]
    order = np.argsort(timeline._heights, kind="stable")
    assert (np.diff(ranking.values[order]) >= 0).all()  # higher score, higher tick


def test_a_click_on_a_tick_chooses_its_trail_and_the_slider_goes_there(viewer, ranked, qtbot):
    viewer.window.show()
    timeline = ranked.timeline
    x = timeline.to_pixels(timeline._frames)
    alone = int(np.argmax([np.sort(np.abs(x - at))[1] for at in x]))
    click(qtbot, timeline, timeline._frames[alone])
    row = int(ranked.ranking.rows[alone])
    assert ranked.table.chosen_row() == row
    assert timeline.marked == alone
    assert timeline._now == pytest.approx(timeline._frames[alone], abs=1.0)


def test_a_click_beside_all_ticks_moves_the_slider(viewer, ranked, qtbot):
    viewer.window.show()
    timeline = ranked.timeline
    free = np.linspace(5, timeline.whole[1] - 5, 400)
    apart = np.abs(free[:, None] - timeline._frames).min(axis=1)
    at = float(free[apart.argmax()])
    timeline.jumped.emit(at)
    assert timeline._now == pytest.approx(at, abs=1.0)


def test_verdicts_and_filters_are_followed(ranked):
    ranked.table.choose(int(ranked.ranking.rows[0]))
    ranked.review.judge("accepted")
    ranked.review.judge("rejected")
    assert ranked.timeline._accepted.tolist().index(True) == 0
    assert ranked.timeline._rejected.sum() == 1
    ranked.view_options.least.setValue(30)
    assert len(ranked.timeline._frames) == len(ranked.ranking)
    assert (odd_times(ranked.ranking) >= ranked.result.trails.time.min()).all()


def test_times_are_in_seconds(ranked):
    assert ranked.timeline.text_at(ranked.timeline.width() / 2).endswith(" s")

"""Saved runs in a viewer: the review of one, and the list of those of a batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError, counted
from napari_uai.widgets.iscat.add_results import add_table
from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.saved_files import why_unreadable
from napari_uai.widgets.iscat.saved_run import OpenedRun
from napari_uai.widgets.kit.help import help_button
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.preferences import PLUGIN
from napari_uai.widgets.kit.running import Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.layers import Points
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.stage_call import CallResult, RecipeCall

_PER_CENT = 100


def review_when_added(opened: OpenedRun, viewer: Viewer) -> None:
    """Open the review of a saved run as soon as napari has added its landings.

    A reader returns layers, and napari adds them afterwards.
    """
    review = opened.result.review
    if review is None or not len(review.table):
        show_review(opened, viewer, None)
        return

    def added(event: Event) -> None:
        if event.value.metadata.get(KEY, {}).get("review") is review:
            viewer.layers.events.inserted.disconnect(added)
            show_review(opened, viewer, event.value)

    viewer.layers.events.inserted.connect(added)


def show_review(opened: OpenedRun, viewer: Viewer, layer: Points | None) -> LandingsView | None:
    """Show the landings of a saved run in a dock, and begin to make their rolling average."""
    from napari.utils.notifications import show_warning

    review = opened.result.review
    if review is None:
        return None
    view = LandingsView(review, viewer, layer)
    name = f"{opened.name}: landings" if layer is None else layer.name
    viewer.window.add_dock_widget(view, name=name, area="bottom", tabify=True)
    for note in opened.result.notes:
        show_warning(note)
    if opened.average is not None:
        _begin_average(opened.average, opened.name, view)
    return view


def show_tables(opened: CallResult, viewer: Viewer) -> None:
    """Show the tables of a saved run that tracked particles, and its notes."""
    from napari.utils.notifications import show_warning

    for entry in opened.tables:
        add_table(entry, viewer)
    for note in opened.notes:
        show_warning(note)


def list_runs(runs: Sequence[Path], folder: Path, viewer: Viewer) -> RunList:
    """List the saved runs of a batch in a dock, to choose one for review."""
    listed = RunList(runs, folder, viewer)
    viewer.window.add_dock_widget(listed, name=f"{folder.name}: runs", area="right")
    return listed


def open_for_review(folder: str | Path, viewer: Viewer) -> None:
    """Open a saved run with its recording, or say why it cannot be opened."""
    from napari.utils.notifications import show_error

    try:
        viewer.open(str(folder), plugin=PLUGIN)
    except NapariUaiError as error:
        show_error(str(error))


def list_for_review(name: str, *columns: str) -> QTreeWidget:
    """Return an empty list of recordings, of which a double click opens one."""
    runs = QTreeWidget()
    runs.setObjectName(name)
    runs.setHeaderLabels(list(columns))
    runs.setRootIsDecorated(False)
    runs.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    runs.setToolTip("Double click: open recording and landings for review.")
    return runs


class RunList(QWidget):
    """The saved runs of a batch; a double click opens recording and landings for review.

    Parameters
    ----------
    runs
        Their folders.
    folder
        Folder of the batch.
    viewer
        Viewer to open them in.
    """

    def __init__(self, runs: Sequence[Path], folder: Path, viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("saved_runs")
        self.viewer = viewer
        self.list = list_for_review("runs", "Recording", "Found", "Folder")
        for run in runs:
            self.list.addTopLevelItem(_item_of(run, folder))
        self.list.setCurrentItem(self.list.topLevelItem(0))
        self.open_button = QPushButton("Open for review")
        self.open_button.setObjectName("open_run")
        self.list.itemActivated.connect(self._open)
        self.open_button.clicked.connect(self._open_chosen)
        header = self.list.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        below = QHBoxLayout()
        below.addWidget(QLabel(counted(len(runs), "recording")), 1)
        below.addWidget(self.open_button)
        below.addWidget(help_button("landings"))
        layout = QVBoxLayout(self)
        layout.addWidget(self.list, 1)
        layout.addLayout(below)

    def _open_chosen(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._open(item)

    def _open(self, item: QTreeWidgetItem, _column: int = 0) -> None:
        open_for_review(item.data(0, Qt.ItemDataRole.UserRole), self.viewer)


def _item_of(run: Path, folder: Path) -> QTreeWidgetItem:
    record, reason = why_unreadable(run)
    where = run.relative_to(folder).as_posix()
    name = "cannot be read" if record is None else record.input.name
    found = {} if record is None else record.found
    n = str(found.get("landings", found.get("trajectories", "")))
    item = QTreeWidgetItem([name, n, where])
    item.setToolTip(0, reason or str(run))
    item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight)
    item.setData(0, Qt.ItemDataRole.UserRole, str(run))
    return item


def _begin_average(call: RecipeCall, name: str, view: LandingsView) -> None:
    """Make the rolling average in a thread, because its recording is read once in full.

    Closing the review cancels it.
    """
    from napari.utils import progress
    from napari.utils.notifications import show_warning

    task = Task(view)
    bar = progress(total=_PER_CENT, desc=f"{name}: rolling average")

    def report(fraction: float, _message: str) -> None:
        bar.update(max(int(_PER_CENT * fraction) - bar.n, 0))

    task.progressed.connect(report)
    task.succeeded.connect(partial(_add_average, view))
    task.failed.connect(lambda reason: show_warning(f"{name}: no rolling average: {reason}"))
    task.ended.connect(bar.close)
    view.destroyed.connect(bar.close)
    task.start(call.run)


def _add_average(view: LandingsView, result: CallResult) -> None:
    """Add the rolling average below the rings, and show the cut-out of the chosen landing."""
    from napari.layers import Image

    if not result.layers or result.review is None:
        return
    viewer = view.viewer
    active = viewer.layers.selection.active
    data, attributes, _ = result.layers[0]
    average = viewer.add_image(data, **attributes)
    others = [i for i, layer in enumerate(viewer.layers) if not isinstance(layer, Image)]
    if others:
        viewer.layers.move(viewer.layers.index(average), others[0])
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active
    view.review.video = result.review.video
    view.choose(view.row, go=False)

"""The recordings of a folder while they are analysed, and their landings together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError, TableFormatError, counted
from napari_uai.widgets.iscat.review import contrast_bars
from napari_uai.widgets.iscat.saved_run_docks import list_for_review, open_for_review
from napari_uai.widgets.kit.help import help_button
from napari_uai.widgets.kit.plots import Bars
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE, shown_dock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_uai.iscat.recipes.batch import Outcome
    from napari_uai.typing import Floats

WAITING, RUNNING, DONE, FAILED, LEFT = "waiting", "running", "done", "failed", "not analysed"
_COLUMNS = ("Recording", "State", "Landings", "Seconds")


class BatchList(QWidget):
    """One row per recording; a double click opens one with its landings, for review.

    One that failed because its shape is not known opens in the dock that asks for it.

    Parameters
    ----------
    paths
        Recordings, in the order in which they are analysed.
    source
        Their folder.
    viewer
        Viewer to open them in.
    """

    def __init__(self, paths: Sequence[Path], source: Path, viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("batch")
        self.viewer = viewer
        self._paths = list(paths)
        self._outcomes: list[Outcome | None] = [None] * len(paths)
        self.list = list_for_review("recordings", *_COLUMNS)
        for path in paths:
            name = path.relative_to(source).as_posix()
            item = QTreeWidgetItem([name, WAITING, "", ""])
            for column in (2, 3):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
            self.list.addTopLevelItem(item)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setStretchLastSection(False)
        self.list.itemActivated.connect(self.open)
        self.open_button = QPushButton("Open for review")
        self.open_button.setObjectName("open_run")
        self.open_button.clicked.connect(lambda _=False: self.open())
        self.count = QLabel(counted(len(paths), "recording"))
        self.bars = Bars(x_label="contrast", y_label="landings")
        self.bars.setObjectName("pooled")
        self._contrasts: dict[int, Floats] = {}
        self._shown: tuple[int, bool] | None = None
        self._lay_out()

    def show_outcomes(self, outcomes: Sequence[Outcome], *, running: bool) -> None:
        """Show what has been analysed, in the order of the recordings, and whether that goes on."""
        n = len(outcomes)
        if (n, running) == self._shown:  # progress is reported many times per recording
            return
        self._shown = n, running
        for row in range(len(self._paths)):
            if row < n:
                if self._outcomes[row] is None:
                    self._show_outcome(row, outcomes[row])
            else:
                state = LEFT if not running else RUNNING if row == n else WAITING
                self._item(row).setText(1, state)
        failed = sum(bool(outcome.error) for outcome in outcomes)
        text = f"{n} of {counted(len(self._paths), 'recording')}"
        self.count.setText(f"{text} · {failed} failed" if failed else text)

    def open(self, item: QTreeWidgetItem | None = None, _column: int = 0) -> None:
        """Open a recording with its landings, the chosen one if None; or say why it failed."""
        from napari.utils.notifications import show_error, show_info

        from napari_uai.widgets.iscat.readers import lacks_shape

        item = item or self.list.currentItem()
        if item is None:
            return
        row = self.list.indexOfTopLevelItem(item)
        outcome, path = self._outcomes[row], self._paths[row]
        if outcome is None:
            show_info(f"{path.name} has not been analysed yet")
        elif outcome.error and lacks_shape(path):
            shown_dock(self.viewer, RAW_TITLE).set_path(str(path))
        elif outcome.error:
            show_error(outcome.error)
        else:
            open_for_review(outcome.folder, self.viewer)

    def _show_outcome(self, row: int, outcome: Outcome) -> None:
        self._outcomes[row] = outcome
        item = self._item(row)
        item.setText(1, FAILED if outcome.error else DONE)
        item.setText(2, "" if outcome.error else _found(outcome))
        item.setText(3, f"{outcome.seconds:.1f}")
        item.setToolTip(0, outcome.error or "\n".join(outcome.problems) or str(outcome.folder))
        item.setToolTip(1, item.toolTip(0))
        if outcome.n_landings:
            self._contrasts[row] = _contrasts_in(outcome.folder)
            self._show_histogram()

    def _show_histogram(self) -> None:
        pooled = np.concatenate(list(self._contrasts.values()))
        n = counted(len(self._contrasts), "recording")
        title = f"{counted(len(pooled), 'landing')} of {n}"
        self.bars.show_bars(*contrast_bars(pooled), title=title)

    def _item(self, row: int) -> QTreeWidgetItem:
        item = self.list.topLevelItem(row)
        assert item is not None
        return item

    def _lay_out(self) -> None:
        below = QHBoxLayout()
        below.addWidget(self.count, 1)
        below.addWidget(self.open_button)
        below.addWidget(help_button("batch"))
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addLayout(below)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(left, 3)
        layout.addWidget(self.bars, 2)


def _found(outcome: Outcome) -> str:
    """Return how much was found."""
    if outcome.n_trajectories is None:
        return str(outcome.n_landings)
    return counted(outcome.n_trajectories, "trajectory")


def _contrasts_in(folder: Path) -> Floats:
    """Return the contrasts of the landings of a run; none if they cannot be read."""
    from napari_uai.iscat.mass.events import LANDINGS_FILE
    from napari_uai.untrusted import read_csv

    try:
        table = read_csv(folder / LANDINGS_FILE, error=TableFormatError)
        return np.asarray(table["contrast"], float)
    except (NapariUaiError, OSError, KeyError, ValueError):
        return np.empty(0)

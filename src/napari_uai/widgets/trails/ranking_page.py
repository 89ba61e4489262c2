"""Lower half of the trail dock: the ranked table, its score, tile sheet and export."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.trails.ranking import SCORE_NAMES
from napari_uai.widgets.trails.table import RankedTable, meaning_of
from napari_uai.widgets.trails.verdicts import SIGNS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


ORDER = "order"
"""Data of the entry that ranks by similarity to a trail, or by a model."""

_BUTTONS: dict[Verdict, tuple[str, str]] = {
    "accepted": ("✓ Accept", "A"),
    "rejected": ("✗ Reject", "R"),
    "": ("Undecided", "U"),
}


class RankingPage(QWidget):
    """Choice of the score, the ranked table, verdicts, and buttons for tile sheet and export.

    Attributes
    ----------
    judged
        Emitted with the verdict on the chosen trail.
    """

    judged = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.table = RankedTable()
        self.score = QComboBox()
        self.score.setObjectName("score")
        self.score.addItems(SCORE_NAMES)
        self.score.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.score.setMinimumContentsLength(6)
        for i, name in enumerate(SCORE_NAMES):
            self.score.setItemData(i, meaning_of(name), Qt.ItemDataRole.ToolTipRole)
        self.count = QLabel("No trails open")
        self.judge_buttons: dict[Verdict, QPushButton] = {}
        self.undo_button = QPushButton("Undo")
        self.undo_button.setObjectName("undo_verdict")
        self.like_button = QPushButton("Like this")
        self.like_button.setObjectName("more_like_this")
        self.like_button.setToolTip("Rank by similarity to the chosen trail. Key M.")
        self.undo_button.setToolTip("Undo the last verdict or note. Key Ctrl+Z.")
        self.tiles_button = QPushButton("Tiles…")
        self.tiles_button.setObjectName("tiles")
        self.tiles_button.setToolTip("Show what the camera saw when the top trails ended.")
        self.model_button = QPushButton("Model")
        self.model_button.setObjectName("model")
        self.model_button.setToolTip("Compare with the ordinary traffic of earlier days.")
        menu = QMenu(self.model_button)
        self.compare_action = menu.addAction("Compare with a model…")
        self.save_model_action = menu.addAction("Save model…")
        self.model_button.setMenu(menu)
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("export")
        self.export_button.setToolTip("Write scores, images and settings to a folder.")
        self._lay_out()
        self.set_enabled(False)

    def set_enabled(self, enabled: bool) -> None:
        """Enable the buttons once trails are open."""
        for button in self.findChildren(QPushButton):
            button.setEnabled(enabled)

    def show_count(self, n_listed: int, n_ranked: int) -> None:
        """Show how many of the ranked trails are listed, and how many have a verdict."""
        verdicts = self.table.ranks.verdicts
        counts = {SIGNS[verdict]: verdicts.count(verdict) for verdict in _BUTTONS if verdict}
        judged = " · ".join(f"{n} {sign}" for sign, n in counts.items() if n)
        listed = f"{n_listed} of {n_ranked} trails"
        self.count.setText(f"{listed}\n{judged}" if judged else listed)

    def ranks_otherwise(self) -> bool:
        """Return whether trails are ranked by similarity to one of them, or by a model."""
        return self.score.currentData() == ORDER

    def offer_order(self, label: str) -> None:
        """Rank by similarity to a trail, or by a model."""
        self.drop_order()
        with QSignalBlocker(self.score):
            self.score.addItem(label, ORDER)
        self.score.setCurrentIndex(self.score.count() - 1)

    def drop_order(self) -> None:
        """Rank by a score again, without saying so: other trails are to be listed."""
        with QSignalBlocker(self.score):
            if self.ranks_otherwise():
                self.score.setCurrentIndex(0)
            if self.score.itemData(self.score.count() - 1) == ORDER:
                self.score.removeItem(self.score.count() - 1)

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.addWidget(QLabel("Rank by"))
        above.addWidget(self.score, 1)
        above.addWidget(self.count)
        judging, below = QHBoxLayout(), QHBoxLayout()
        for row in (judging, below):
            row.setSpacing(2)  # the dock fits into 340 px
        for verdict, (text, key) in _BUTTONS.items():
            button = QPushButton(text)
            button.setObjectName(f"judge_{verdict or 'open'}")
            button.setToolTip(f"Verdict on the chosen trail. Key {key}.")
            button.clicked.connect(partial(self._judge, verdict))
            self._on_key(key, partial(self._judge, verdict))
            self.judge_buttons[verdict] = button
            judging.addWidget(button)
        judging.addWidget(self.undo_button)
        self._on_key("Ctrl+Z", self.undo_button.click)
        self._on_key("N", self.table.edit_note)
        self._on_key("M", self.like_button.click)
        below.addWidget(self.like_button)
        below.addWidget(self.tiles_button)
        below.addWidget(self.model_button)
        below.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addLayout(judging)
        layout.addLayout(below)

    def _judge(self, verdict: Verdict, *_: object) -> None:
        self.judged.emit(verdict)

    def _on_key(self, key: str, act: Callable[[], object]) -> None:
        """Act on a key while the table or one of the buttons has focus."""
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(act)

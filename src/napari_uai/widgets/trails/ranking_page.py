"""Lower half of the trail dock: the ranked table, its score, tile sheet and export."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_uai.widgets.trails.ranking import SCORE_NAMES
from napari_uai.widgets.trails.table import RankedTable, meaning_of


class RankingPage(QWidget):
    """Choice of the score, the ranked table, and buttons for tile sheet and export."""

    def __init__(self) -> None:
        super().__init__()
        self.table = RankedTable()
        self.score = QComboBox()
        self.score.setObjectName("score")
        self.score.addItems(SCORE_NAMES)
        for i, name in enumerate(SCORE_NAMES):
            self.score.setItemData(i, meaning_of(name), Qt.ItemDataRole.ToolTipRole)
        self.count = QLabel("No trails open")
        self.tiles_button = QPushButton("Tile sheet…")
        self.tiles_button.setObjectName("tiles")
        self.tiles_button.setToolTip("Show what the camera saw when the top trails ended.")
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("export")
        self.export_button.setToolTip("Write scores, images and settings to a folder.")
        self.set_enabled(False)
        self._lay_out()

    def set_enabled(self, enabled: bool) -> None:
        """Enable the buttons once trails are open."""
        self.tiles_button.setEnabled(enabled)
        self.export_button.setEnabled(enabled)

    def show_count(self, n_listed: int, n_ranked: int) -> None:
        """Show how many of the ranked trails are listed."""
        self.count.setText(f"{n_listed} of {n_ranked} trails")

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.addWidget(QLabel("Rank by"))
        above.addWidget(self.score, 1)
        above.addWidget(self.count)
        below = QHBoxLayout()
        below.addWidget(self.tiles_button)
        below.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)

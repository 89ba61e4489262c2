"""Which landings the table shows: by score, sign, kind and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QModelIndex, QSignalBlocker, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_uai.widgets.iscat.listed_landings import BOTH, FOUND_BY, OTHER, THIS
from napari_uai.widgets.kit.ring_looks import signs_of

if TYPE_CHECKING:
    from napari_uai.widgets.iscat.listed_landings import ListedLandings

_NO_PARENT = QModelIndex()
_SIGNS = {"any sign": None, "bright": 1, "dark": -1}
_VERDICTS = {"any verdict": None, "undecided": "", "accepted": "yes", "rejected": "no"}
_ANY_KIND = "any kind"
_FOUND_BY = {"any run": None, "both": BOTH, "this only": THIS, "other only": OTHER}


class LandingFilter(QWidget):
    """Fields in one line that limit the rows of a table.

    Attributes
    ----------
    changed
        Emitted when other landings are wanted.
    """

    changed = Signal()

    def __init__(self, listed: ListedLandings) -> None:
        super().__init__()
        self._show(listed)
        kinds = set(self._kinds)
        self.score = QDoubleSpinBox()
        self.score.setRange(0.0, max(float(np.ceil(self._scores.max(initial=0.0))), 1.0))
        self.score.setDecimals(1)
        self.sign, self.kind, self.verdict = QComboBox(), QComboBox(), QComboBox()
        self.found_by = QComboBox()
        for box, choices, name in (
            (self.sign, _SIGNS, "sign"),
            (self.kind, dict.fromkeys([_ANY_KIND, *sorted(kinds)]), "kind"),
            (self.verdict, _VERDICTS, "verdict"),
            (self.found_by, _FOUND_BY, "run"),
        ):
            box.addItems(list(choices))
            box.setObjectName(f"only_{name}")
            box.setToolTip(f"Show landings of this {name} only.")
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.score.setObjectName("least_score")
        self.score.setToolTip("Show landings from this score on.")
        self.score.valueChanged.connect(lambda _: self.changed.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Score from"))
        for field in (self.score, self.sign, self.kind, self.verdict, self.found_by):
            layout.addWidget(field, 1)
        self.kind.setVisible(len(kinds) > 1)  # inside a layout, otherwise it is a window
        self.found_by.setVisible(False)

    def show_listed(self, listed: ListedLandings) -> None:
        """Limit other rows, which the table has to list next: nothing is emitted."""
        self._show(listed)
        self.score.setMaximum(max(self.score.maximum(), float(self._scores.max(initial=0.0))))
        with QSignalBlocker(self.found_by):
            self.found_by.setCurrentIndex(0)
        self.found_by.setVisible(listed.is_compared)

    def wants(self, row: int) -> bool:
        """Return whether a row of the review is wanted."""
        sign = _SIGNS[self.sign.currentText()]
        verdict = _VERDICTS[self.verdict.currentText()]
        return bool(
            self._scores[row] >= self.score.value()
            and sign in (None, self._signs[row])
            and self.kind.currentText() in (_ANY_KIND, self._kinds[row])
            and verdict in (None, self._listed.verdict(row))
            and _FOUND_BY[self.found_by.currentText()] in (None, self._found_by[row])
        )

    def _show(self, listed: ListedLandings) -> None:
        table, self._listed = listed.table, listed
        self._scores = np.nan_to_num(table["score"].to_numpy(float))
        self._signs = signs_of(table)
        self._kinds, self._found_by = (
            [str(text) for text in table[name]] if name in table else [""] * len(table)
            for name in ("kind", FOUND_BY)
        )


class WantedRows(QSortFilterProxyModel):
    """Rows of a table that a filter wants, sorted by the values of the cells."""

    def __init__(self, fields: LandingFilter, parent: Any) -> None:
        super().__init__(parent)
        self._fields = fields
        self.setSortRole(Qt.ItemDataRole.UserRole)
        fields.changed.connect(self.invalidate)

    def filterAcceptsRow(self, row: int, parent: QModelIndex = _NO_PARENT) -> bool:  # noqa: ARG002
        """Return whether a row is wanted."""
        return self._fields.wants(row)

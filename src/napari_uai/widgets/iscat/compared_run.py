"""Comparing a review with another run on the same recording: choice, counts, rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_uai.widgets.iscat.listed_landings import ListedLandings, comparable
from napari_uai.widgets.iscat.review import Review
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.layer_choice import NONE, identity, layer_of
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.rings import double_rings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event


class ComparedRun(QWidget):
    """Choice of a run to compare with, seen while there is one, and the counts in one line.

    Landings that only one of both runs found have double rings.

    Parameters
    ----------
    review
        Landings of this run.
    viewer
        Viewer whose layers hold the other runs.
    layer
        Layer of this run; None if it has none.

    Attributes
    ----------
    listed
        Landings of this run, and those that only the other found.
    changed
        Emitted with the listed landings after another choice.
    """

    changed = Signal(object)

    def __init__(self, review: Review, viewer: ViewerModel, layer: Points | None) -> None:
        super().__init__()
        self._review, self._viewer = review, viewer
        self._own = identity(layer) if layer is not None else ""
        self.listed = ListedLandings(review)
        self.other = Choice()
        self.other.setObjectName("compare_with")
        self.other.setToolTip(
            "Run on the same recording; landings of the same sign within half a batch and "
            "2.5 px are the same. Those that only one run found have double rings."
        )
        self.counts = QLabel("")
        self.counts.setObjectName("comparison")
        self.counts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Compare with"))
        layout.addWidget(self.other, 1)
        layout.addWidget(self.counts, 2)
        self.other.addItem(NONE)
        self.offer()
        self.other.currentIndexChanged.connect(self.compare)

    def offer(self, _event: Event | None = None) -> None:
        """List the other runs; the comparison ends when its run is removed."""
        before = self.other.currentData()
        layers = comparable(self._viewer.layers, self._review, layer_of(self._viewer, self._own))
        self.other.blockSignals(True)  # Qt takes it by position
        self.other.clear()
        self.other.addItem(NONE)
        for layer in layers:
            self.other.addItem(layer.name, identity(layer))
        self.other.setCurrentIndex(max(self.other.findData(before), 0) if before else 0)
        self.other.blockSignals(False)
        self.setVisible(bool(layers))
        if self.other.currentData() != before:
            self.compare()

    def compare(self, *_: object) -> None:
        """Compare with the chosen run, if any, and list the landings."""
        chosen = layer_of(self._viewer, self.other.currentData() or "")
        listed = ListedLandings(self._review)
        if chosen is not None:
            other = chosen.metadata[KEY]["review"]
            listed = ListedLandings.compared(self._review, other, chosen.name)
        self.listed = listed
        self.counts.setText(listed.summary())
        self.counts.setToolTip(listed.summary())
        self.draw()
        self.changed.emit(listed)

    def draw(self, *, seen: bool = True) -> None:
        """Double the rings of landings that only one run found, as long as the review is seen."""
        own, others = self.listed.alone() if seen else (set(), set())
        layer, chosen = layer_of(self._viewer, self._own), self.other.currentData()
        for each in comparable(self._viewer.layers, self._review, layer):
            double_rings(each, others if identity(each) == chosen else set())
        if layer is not None:
            double_rings(layer, own)

"""Page of the trail dock with the classes and their region masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_uai.widgets.kit.layer_choice import LayerChoice
from napari_uai.widgets.trails.classes import ClassList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import ViewerModel

ALL_CLASSES = "all classes"
HINT = (
    "Trails count only inside the region mask of their class or of all classes; without a mask "
    "they count everywhere. To exclude an area, fill the scene with the bucket tool and erase the "
    "area. Undo and redo work as in any Labels layer."
)


class RegionPage(QWidget):
    """List of classes, and buttons that add a region mask or use a Labels layer as one.

    Parameters
    ----------
    viewer
        Viewer whose Labels layers may be used.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.classes = ClassList()
        self.region_class = QComboBox()
        self.region_class.setObjectName("region_class")
        self.region_class.addItem(ALL_CLASSES, "")
        self.mask_layer = LayerChoice(viewer, "labels")
        self.mask_layer.setObjectName("mask_layer")
        self.mask_layer.setMinimumContentsLength(8)
        self.new_mask_button = QPushButton("New region mask")
        self.new_mask_button.setObjectName("new_mask")
        self.use_mask_button = QPushButton("Use as region mask")
        self.use_mask_button.setObjectName("use_mask")
        self.use_mask_row = QWidget()
        self.set_enabled(False)
        self._lay_out()

    def set_enabled(self, enabled: bool) -> None:
        """Enable the buttons once trails are open."""
        self.new_mask_button.setEnabled(enabled)
        self.use_mask_button.setEnabled(enabled)

    def show_classes(self, counts: Mapping[str, int]) -> None:
        """List classes and their numbers of trails."""
        self.classes.show_classes(counts)
        with QSignalBlocker(self.region_class):
            self.region_class.clear()
            self.region_class.addItem(ALL_CLASSES, "")
            for kind in counts:
                self.region_class.addItem(kind, kind)

    def kind(self) -> str:
        """Return the class of the region mask; empty for a mask of all classes."""
        return self.region_class.currentData() or ""

    def reset_choices(self) -> None:
        """Update the list of Labels layers; the row is hidden if there are none."""
        self.mask_layer.reset_choices()
        self.use_mask_row.setVisible(self.mask_layer.layer() is not None)

    def _lay_out(self) -> None:
        new = QHBoxLayout()
        new.addWidget(self.new_mask_button)
        new.addWidget(QLabel("for"))
        new.addWidget(self.region_class, 1)
        use = QHBoxLayout(self.use_mask_row)
        use.setContentsMargins(0, 0, 0, 0)
        use.addWidget(self.use_mask_button)
        use.addWidget(self.mask_layer, 1)
        self.use_mask_row.setToolTip(
            "Use what is painted in this Labels layer, of any size, as the region mask."
        )
        self.use_mask_row.setVisible(self.mask_layer.layer() is not None)
        hint = QLabel(HINT)
        hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.classes)
        layout.addLayout(new)
        layout.addWidget(self.use_mask_row)
        layout.addWidget(hint)
        layout.addStretch()

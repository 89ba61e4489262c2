"""The stages of the catalogue as a list by category, of which those that fit can be chosen."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, get_args

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem

from napari_uai.iscat.recipes.catalogue import listed_stages
from napari_uai.stages import Menu
from napari_uai.widgets.kit.layer_choice import layers_of_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import ViewerModel

    from napari_uai.stages import Kind

_LAYERS: dict[Kind, str] = {"video": "Image", "table": "Points"}
"""Type of the layers that hold a kind of input."""

_NAME = Qt.ItemDataRole.UserRole


class StageList(QTreeWidget):
    """Stages by category; those for which layers are missing are grey and say what they need.

    Parameters
    ----------
    viewer
        Viewer whose layers are the inputs.

    Attributes
    ----------
    chosen
        Emitted with the name of the stage that the user has chosen.
    """

    chosen = Signal(str)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.setObjectName("stages")
        self._viewer = viewer
        self.stages = listed_stages()
        self.setHeaderHidden(True)
        self.setIndentation(12)
        self.setUniformRowHeights(True)
        self.setMinimumHeight(90)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._categories = {menu: self._category(menu) for menu in get_args(Menu)}
        self.show_fitting()
        self.currentItemChanged.connect(self._choose)
        self.itemClicked.connect(self._fold)

    def show_fitting(self) -> None:
        """Enable the stages that fit the layers, and say what the others need."""
        there = {kind: len(layers_of_kind(self._viewer, kind)) for kind in _LAYERS}
        for item in self._items():
            stage = self.stages[item.data(0, _NAME)]
            missing = missing_layers(stage.needs, there)
            item.setText(0, f"{stage.title} · {missing}" if missing else stage.title)
            summary = html.escape(stage.summary.replace("`", ""))
            item.setToolTip(0, f"<qt>{summary}{f'<p><i>{missing}</i></p>' if missing else ''}</qt>")
            flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
            item.setFlags(Qt.ItemFlag.NoItemFlags if missing else flags)

    def show_matches(self, text: str) -> None:
        """Show the stages in whose title, name or summary all words of a text occur."""
        words = text.lower().split()
        for item in self._items():
            stage = self.stages[item.data(0, _NAME)]
            about = f"{stage.title} {stage.name} {stage.summary}".lower()
            item.setHidden(not all(word in about for word in words))
        for category in self._categories.values():
            children = [category.child(i) for i in range(category.childCount())]
            found = any(not child.isHidden() for child in children)
            category.setHidden(not found)
            category.setExpanded(bool(words) and found)

    def choose_first(self) -> None:
        """Choose the first stage in sight that fits, as Return does in the search field."""
        for item in self._items():
            if not item.isHidden() and item.flags() & Qt.ItemFlag.ItemIsEnabled:
                self.setCurrentItem(item)
                return

    def mark(self, name: str) -> None:
        """Mark a stage that is shown, without choosing it."""
        for item in self._items():
            if item.data(0, _NAME) == name and item is not self.currentItem():
                self.blockSignals(True)
                self.setCurrentItem(item)
                self.blockSignals(False)
                self.scrollToItem(item)

    def enabled(self) -> list[str]:
        """Return the names of the stages that can be chosen."""
        return [
            item.data(0, _NAME)
            for item in self._items()
            if item.flags() & Qt.ItemFlag.ItemIsEnabled and not item.isHidden()
        ]

    def _category(self, menu: str) -> QTreeWidgetItem:
        stages = [stage for stage in self.stages.values() if stage.menu == menu]
        category = QTreeWidgetItem([f"{menu.capitalize()} ({len(stages)})"])
        category.setFlags(Qt.ItemFlag.ItemIsEnabled)
        for stage in stages:
            item = QTreeWidgetItem(category, [stage.title])
            item.setData(0, _NAME, stage.name)
        self.addTopLevelItem(category)
        return category

    def _items(self) -> Iterator[QTreeWidgetItem]:
        for category in self._categories.values():
            for at in range(category.childCount()):
                child = category.child(at)
                if child is not None:
                    yield child

    def _choose(self, item: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        if item is not None and item.data(0, _NAME):
            self.chosen.emit(item.data(0, _NAME))

    def _fold(self, item: QTreeWidgetItem, _column: int) -> None:
        if not item.data(0, _NAME):
            item.setExpanded(not item.isExpanded())


def missing_layers(needs: Sequence[Kind], there: dict[Kind, int]) -> str:
    """Return what has to be added before a stage can run; empty if nothing has.

    Examples
    --------
    >>> missing_layers(("table", "video"), {"video": 1, "table": 0})
    'needs a Points layer'
    >>> missing_layers(("video", "video"), {"video": 1, "table": 0})
    'needs two Image layers'
    """
    texts = []
    for kind, name in _LAYERS.items():
        wanted = needs.count(kind)
        if wanted > there[kind]:
            article = "an" if kind == "video" else "a"
            texts.append(f"two {name} layers" if wanted > 1 else f"{article} {name} layer")
    return f"needs {' and '.join(texts)}" if texts else ""

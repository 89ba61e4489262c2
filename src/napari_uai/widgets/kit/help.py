"""The "?" of docks and dialogs, which opens their page of the documentation; works offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import (
    QColor,
    QDesktopServices,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.handbook import Page, anchor_of, read_page
from napari_uai.widgets.kit.palette import LINK_ON_DARK, LINK_ON_LIGHT
from napari_uai.widgets.kit.plots import is_light

if TYPE_CHECKING:
    from qtpy.QtWidgets import QLayout

Topic: TypeAlias = Literal[
    "batch", "iscat_run", "landings", "limit", "open_raw", "second_recording", "stage",
    "stage_table", "tiles", "trail_workflow", "train_network",
]  # fmt: skip

PAGES: dict[Topic, str] = {
    "batch": "folders-and-clusters",
    "iscat_run": "tutorial-napari",
    "landings": "tutorial-napari#review-the-landings",
    "limit": "detection-limit",
    "open_raw": "own-recordings#headerless-files",
    "second_recording": "tutorial-napari#link-a-second-recording",
    "stage": "tutorial-napari#look-at-one-stage",
    "stage_table": "tutorial-napari#look-at-one-stage",
    "tiles": "tutorial-trails#in-napari",
    "trail_workflow": "tutorial-trails#in-napari",
    "train_network": "training",
}
"""Page, and section of it, of each dock and dialog."""

_SIZE = (720, 640)
_ROOM = 8


def help_button(topic: Topic) -> QPushButton:
    """Return a button that opens the page about a dock or dialog."""
    button = QPushButton("?")
    button.setObjectName("help")
    button.setFixedWidth(button.fontMetrics().height() + _ROOM)
    button.setToolTip("Open the page about this.")
    button.clicked.connect(lambda: show_help(PAGES[topic], button))
    return button


def beside_help(topic: Topic, *widgets: QWidget) -> QLayout:
    """Return widgets one below the other, with the button beside the first."""
    across, column = QHBoxLayout(), QVBoxLayout()
    for widget in widgets:
        column.addWidget(widget)
    if widgets:
        across.addLayout(column, 1)
    else:
        across.addStretch()
    across.addWidget(help_button(topic), 0, Qt.AlignmentFlag.AlignTop)
    return across


def show_help(target: str, owner: QWidget) -> HelpWindow:
    """Show a page in the window of help, of which there is one per window of napari."""
    parent = owner.window()
    window: HelpWindow | None = parent.findChild(HelpWindow)
    if window is None:
        window = HelpWindow(parent)
    window.show()  # before the page, whose height depends on the width
    window.raise_()
    window.open_page(target)
    return window


class HelpWindow(QDialog):
    """Pages of the documentation, with links between them and a way back.

    Parameters
    ----------
    parent
        Window of napari.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.page: Page | None = None
        self._history: list[str] = []
        self.browser = QTextBrowser()
        self.browser.setOpenLinks(False)
        self.browser.anchorClicked.connect(self.follow)
        self.back = QPushButton("Back")
        self.back.setObjectName("back")
        self.back.clicked.connect(self.go_back)
        above = QHBoxLayout()
        above.addWidget(self.back)
        above.addStretch()
        layout = QVBoxLayout(self)
        layout.addLayout(above)
        layout.addWidget(self.browser)
        screen = parent.screen()
        room = None if screen is None else screen.availableGeometry()
        width, height = _SIZE
        self.resize(width, height if room is None else min(height, room.height() - 80))

    def open_page(self, target: str) -> None:
        """Show a page, or a section of it, given as ``page`` or ``page#section``."""
        self._show(target)
        self._history.append(target)
        self.back.setEnabled(len(self._history) > 1)

    def go_back(self) -> None:
        """Show the page before."""
        if len(self._history) > 1:
            self._history.pop()
            self._show(self._history[-1])
        self.back.setEnabled(len(self._history) > 1)

    def follow(self, url: QUrl) -> None:
        """Open a link: a page here, another site in the browser."""
        if url.scheme():
            QDesktopServices.openUrl(url)
            return
        name = url.path().removesuffix(".md") or (self.page.name if self.page else "")
        section = url.fragment()
        self.open_page(f"{name}#{section}" if section else name)

    def section_in_view(self) -> str:
        """Return the heading at the top of what is in sight."""
        block = self.browser.cursorForPosition(self.browser.viewport().rect().topLeft()).block()
        while block.isValid() and not block.blockFormat().headingLevel():
            block = block.previous()
        return str(block.text())

    def _show(self, target: str) -> None:
        name, _, section = target.partition("#")
        if self.page is None or self.page.name != name:
            try:
                self.page = read_page(name)
            except BadValueError as error:
                self.page = Page(name, "Help", str(error))
            self.browser.setMarkdown(self.page.text)
            self._colour_links()
            self.setWindowTitle(self.page.title)
        self._scroll_to(self.page.labels.get(section, section))

    def _colour_links(self) -> None:
        """Give links a colour that can be read in the theme, which Qt does not ask for."""
        document = self.browser.document()
        look = QTextCharFormat()
        look.setForeground(QColor(LINK_ON_LIGHT if is_light(self) else LINK_ON_DARK))
        for block in _blocks(document):
            for part in block.textFormats():
                if part.format.isAnchor():
                    cursor, start = QTextCursor(document), block.position() + part.start
                    cursor.setPosition(start)
                    cursor.setPosition(start + part.length, QTextCursor.MoveMode.KeepAnchor)
                    cursor.mergeCharFormat(look)

    def _scroll_to(self, section: str) -> None:
        document, bar = self.browser.document(), self.browser.verticalScrollBar()
        if document is None or bar is None:
            return
        bar.setValue(0)
        for block in _blocks(document):
            is_heading = block.blockFormat().headingLevel() > 0
            if section and is_heading and anchor_of(block.text()) == anchor_of(section):
                self.browser.setTextCursor(QTextCursor(block))
                bar.setValue(bar.value() + self.browser.cursorRect().top())
                return


def _blocks(document: QTextDocument | None) -> list[QTextBlock]:
    blocks = []
    block = QTextBlock() if document is None else document.begin()
    while block.isValid():
        blocks.append(block)
        block = block.next()
    return blocks

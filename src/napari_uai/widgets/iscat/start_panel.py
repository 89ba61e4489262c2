"""What an empty workflow dock shows: how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton

from napari_uai.widgets.kit.help import PAGES, show_help

if TYPE_CHECKING:
    from collections.abc import Callable

HINT = (
    "Drop a recording here, or a folder of them. The sample is a simulated recording of 1200 "
    "frames with five known landings: open it, press <i>Run</i>, and review what was found."
)


class StartPanel(QFrame):
    """Buttons that open the sample, a file or the tutorial, and a hint.

    Parameters
    ----------
    open_sample, open_file
        What the buttons do.
    """

    def __init__(self, open_sample: Callable[[], None], open_file: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("start")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        hint = QLabel(HINT)
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QGridLayout(self)
        layout.addWidget(_button("Open sample", "open_sample", open_sample), 0, 0)
        layout.addWidget(_button("Open recording…", "open_recording", open_file), 0, 1)
        layout.addWidget(hint, 1, 0, 1, 2)
        layout.addWidget(_button("Tutorial", "tutorial", self._show_tutorial), 2, 0)

    def _show_tutorial(self) -> None:
        show_help(PAGES["iscat_run"], self)


def _button(text: str, name: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.clicked.connect(lambda _=False: action())
    return button

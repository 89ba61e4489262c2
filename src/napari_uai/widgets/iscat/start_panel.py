"""What an empty workflow dock shows: how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton

if TYPE_CHECKING:
    from collections.abc import Callable

HINT = (
    "Drop a recording here, or a folder of them. The sample is a simulated recording of 1200 "
    "frames with five known landings: open it, press <i>Run</i>, and review what was found."
)


class StartPanel(QFrame):
    """Buttons that open the sample or a file, and a hint.

    Parameters
    ----------
    open_sample, open_file
        What the buttons do.
    """

    def __init__(self, open_sample: Callable[[], None], open_file: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("start")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        layout = QGridLayout(self)
        for column, (text, name, action) in enumerate(
            (
                ("Open sample", "open_sample", open_sample),
                ("Open recording…", "open_recording", open_file),
            )
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.clicked.connect(lambda _=False, act=action: act())
            layout.addWidget(button, 0, column)
        hint = QLabel(HINT)
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(hint, 1, 0, 1, 2)

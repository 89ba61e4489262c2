"""Choosing a path: a line to type it, and a button that opens a file dialog."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


class FolderChoice(QWidget):
    """Line with the path of a folder, and a button that opens a dialog.

    Parameters
    ----------
    title
        Title of the dialog.
    placeholder
        Text of the empty line.
    """

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__()
        self._title = title
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.setClearButtonEnabled(True)
        button = QPushButton("…")
        button.setToolTip(title)
        button.setFixedWidth(30)
        button.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(button)

    def text(self) -> str:
        """Return the text of the line."""
        return self.line.text().strip()

    def path(self) -> Path | None:
        """Return the path, or None if the line is empty."""
        text = self.text()
        return Path(text).expanduser() if text else None

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._title, self.line.text())
        if path:
            self.line.setText(path)

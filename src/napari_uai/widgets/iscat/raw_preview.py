"""Preview of a recording that is not open yet: its first, middle and last frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QButtonGroup, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_uai.errors import ChoiceNeededError
from napari_uai.widgets.kit.docks import button_grid

if TYPE_CHECKING:
    from pathlib import Path

    from napari_uai.monitor import Monitor
    from napari_uai.typing import AnyArray
    from napari_uai.videos.info import VideoInfo
    from napari_uai.videos.read_options import ReadOptions

_SIZE_PX = 220
_NAMES = ("First", "Middle", "Last")


class Preview(NamedTuple):
    """First, middle and last frame of a recording, their numbers, and its properties."""

    frames: list[AnyArray]
    numbers: list[int]
    info: VideoInfo


class FramePreview(QWidget):
    """One of three frames of a recording as a grey image, and buttons to choose which."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = QLabel("")
        self.picture.setObjectName("preview")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumHeight(_SIZE_PX)
        self._frames: list[AnyArray] = []
        self._numbers: list[int] = []
        self.buttons = [QPushButton(name) for name in _NAMES]
        group = QButtonGroup(self)
        for at, button in enumerate(self.buttons):
            button.setObjectName(f"preview_{_NAMES[at].lower()}")
            button.setCheckable(True)
            group.addButton(button, at)
        self.buttons[0].setChecked(True)
        self._group = group
        group.idToggled.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.picture)
        layout.addLayout(button_grid(*self.buttons))
        self.clear()

    def show_frames(self, preview: Preview) -> None:
        """Show the frame that is chosen; the choice stays while values are changed."""
        self._frames, self._numbers = preview.frames, preview.numbers
        for button, number in zip(self.buttons, preview.numbers, strict=True):
            button.setEnabled(True)
            button.setToolTip(f"Frame {number}")
        self._draw()

    def clear(self) -> None:
        """Show nothing, because the recording cannot be read."""
        self._frames = []
        self.picture.clear()
        for button in self.buttons:
            button.setEnabled(False)

    def _draw(self, *_: object) -> None:
        at = self._group.checkedId()
        if self._frames and at >= 0:
            self.picture.setPixmap(_pixmap(self._frames[at]))
            self.picture.setToolTip(f"Frame {self._numbers[at]}")


def preview_of(path: Path, options: ReadOptions, _monitor: Monitor) -> Preview | ChoiceNeededError:
    """Read three frames and the properties of a file, or return what has to be chosen."""
    from napari_uai.videos.formats import open_frames

    try:
        frames, info = open_frames(path, options)
    except ChoiceNeededError as error:
        return error
    last = len(frames) - 1
    numbers = [0, last // 2, last]
    return Preview(
        [frames.read(n, n + 1)[0] for n in numbers], [info.first_frame + n for n in numbers], info
    )


def _pixmap(frame: AnyArray) -> QPixmap:
    """Return a frame as a grey image in the size of the preview."""
    values = np.nan_to_num(np.asarray(frame, np.float64))
    low, high = np.percentile(values, (0.5, 99.5))
    grey = (255 * np.clip((values - low) / ((high - low) or 1.0), 0, 1)).astype(np.uint8)
    grey = np.ascontiguousarray(grey)
    rows, columns = grey.shape
    image = QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
    return QPixmap.fromImage(image).scaled(_SIZE_PX, _SIZE_PX, Qt.AspectRatioMode.KeepAspectRatio)

"""Opening a recording that has no header: its shape is asked for, with one frame as a preview."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_uai.errors import NapariUaiError
from napari_uai.files import whole_file
from napari_uai.videos.raw_shape import RawShape
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.latest_request import Newest
from napari_uai.widgets.kit.plots import wrong_style

if TYPE_CHECKING:
    from napari_uai.monitor import Monitor

PIXEL_TYPES = ("<u2", ">u2", "|u1", "<i2", "<u4", "<f4", "<f8")
_NAMES = {
    "<u2": "uint16, little-endian",
    ">u2": "uint16, big-endian",
    "|u1": "uint8",
    "<i2": "int16, little-endian",
    "<u4": "uint32, little-endian",
    "<f4": "float32, little-endian",
    "<f8": "float64, little-endian",
}
_PREVIEW_PX = 220


class RawRecordingWidget(QWidget):
    """Asks for rows, columns, type and header of a recording, and shows a frame as it would be.

    Parameters
    ----------
    napari_viewer
        The viewer to which the recording is added.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("open_raw")
        self.viewer = napari_viewer
        self.path = QLineEdit()
        self.suggestions = QComboBox()
        self.height_px, self.width_px = _whole(1, 72, " px"), _whole(1, 72, " px")
        self.pixel_type = QComboBox()
        self.offset = _whole(0, 0, " bytes")
        self.remember = QCheckBox("Remember for this file (writes a .json beside it)")
        self.preview = QLabel("")
        self.message = QLabel("")
        self.open_button = QPushButton("Open")
        self.looking, self.guessing = Newest(self), Newest(self)
        self._typed = self._taking = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(80)
        self._later.timeout.connect(self.show_preview)
        self._lay_out()
        self._connect()

    def set_path(self, path: str | Path) -> None:
        """Take a file; suggest shapes that fit it."""
        self.path.setText(str(path))

    def shape_of_file(self) -> RawShape:
        """Return the shape in the form."""
        return RawShape(
            self.height_px.value(),
            self.width_px.value(),
            self.pixel_type.currentData(),
            self.offset.value(),
        )

    def open(self) -> None:
        """Add the recording to the viewer."""
        from napari.utils.notifications import show_error

        from napari_uai.widgets.iscat.readers import raw_layers, remember_shape

        path, shape = Path(self.path.text()), self.shape_of_file()
        try:
            layers = raw_layers(path, shape)
        except (NapariUaiError, OSError) as error:
            self._say(str(error), wrong=True)
            show_error(str(error))
            return
        remember_shape(shape)
        for data, attributes, _ in layers:
            self.viewer.add_image(data, **attributes)
        self._say(f"Opened {path.name}")
        if self.remember.isChecked():
            self._write_sidecar(path, shape)

    def _write_sidecar(self, path: Path, shape: RawShape) -> None:
        from napari.utils.notifications import show_warning

        try:
            _write_sidecar(path, shape)
        except (NapariUaiError, OSError) as error:
            show_warning(
                f"{path.name} is open, but its shape was not written beside it: {error}; copy the "
                "recording, or untick 'Remember'"
            )

    def show_preview(self) -> None:
        """Show the first frame as the form says, or why that cannot be."""
        if not self.path.text():
            self._say("Choose a recording.")
            return
        path, shape = Path(self.path.text()), self.shape_of_file()
        self.looking.ask(partial(_look_at, path, shape))

    def _show_frame(self, seen: tuple[np.ndarray, Any]) -> None:
        frame, info = seen
        self.preview.setPixmap(_picture(frame))
        shape = " x ".join(map(str, info.shape))
        self._say("\n".join((f"{shape} px", *info.warnings)))

    def _show_problem(self, message: str) -> None:
        self.preview.clear()
        self._say(message, wrong=True)

    def _suggest(self) -> None:
        path = Path(self.path.text())
        self._show_suggestions([], "looking at the pixels…")
        self._typed = False
        self.guessing.forget()
        self.guessing.ask(partial(_likely_shapes, path))
        self._later.start()

    def _show_suggestions(
        self,
        layouts: list[tuple[int, int, int, str, int]],
        first: str = "choose, or give them below",
    ) -> None:
        self.suggestions.blockSignals(True)
        self.suggestions.clear()
        self.suggestions.addItem(first, None)
        for n, rows, columns, kind, offset in layouts:
            text = f"{n} frames of {rows} x {columns} px, {_NAMES.get(kind, kind)}"
            self.suggestions.addItem(text, (rows, columns, kind, offset))
        self.suggestions.blockSignals(False)
        if layouts and not self._typed:
            self.suggestions.setCurrentIndex(1)

    def _take_suggestion(self, index: int) -> None:
        chosen = self.suggestions.itemData(index)
        if chosen is None:
            return
        rows, columns, kind, offset = chosen
        self._taking = True
        try:
            self.height_px.setValue(rows)
            self.width_px.setValue(columns)
            if self.pixel_type.findData(kind) < 0:
                self.pixel_type.addItem(_NAMES.get(kind, kind), kind)
            self.pixel_type.setCurrentIndex(self.pixel_type.findData(kind))
            self.offset.setValue(offset)
        finally:
            self._taking = False

    def _layout_changed(self, *_: object) -> None:
        self._typed = self._typed or not self._taking
        self._later.start()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open raw recording")
        if path:
            self.set_path(path)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self.message.setStyleSheet(wrong_style(self) if wrong else "")
        self.message.setText(text)
        self.open_button.setEnabled(not wrong)

    def _connect(self) -> None:
        self.path.textChanged.connect(self._suggest)
        self.suggestions.currentIndexChanged.connect(self._take_suggestion)
        for box in (self.height_px, self.width_px, self.offset):
            box.valueChanged.connect(self._layout_changed)
        self.pixel_type.currentIndexChanged.connect(self._layout_changed)
        self.open_button.clicked.connect(self.open)
        self.looking.done.connect(self._show_frame)
        self.looking.failed.connect(self._show_problem)
        self.guessing.done.connect(self._show_suggestions)

    def _lay_out(self) -> None:
        for kind in PIXEL_TYPES:
            self.pixel_type.addItem(_NAMES[kind], kind)
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.suggestions.setSizeAdjustPolicy(policy)
        browse = QPushButton("…")
        browse.setFixedWidth(32)
        browse.clicked.connect(self._browse)
        file = QWidget()
        line = QHBoxLayout(file)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.path, 1)
        line.addWidget(browse)
        form = QWidget()
        rows = form_layout(form)
        add_row(rows, "File", file, "A recording without a header.")
        add_row(rows, "Likely", self.suggestions, "Shapes that fill the file, likeliest first.")
        add_row(rows, "Height", self.height_px, "Rows of a frame.")
        add_row(rows, "Width", self.width_px, "Columns of a frame.")
        add_row(rows, "Pixel type", self.pixel_type, "Type and byte order.")
        add_row(rows, "Header", self.offset, "Bytes before the first frame.")
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setMinimumHeight(_PREVIEW_PX)
        self.message.setWordWrap(True)
        layout = QVBoxLayout(self)
        for widget in (form, self.preview, self.message, self.remember, self.open_button):
            layout.addWidget(widget)


def _whole(least: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, 2**31 - 1)
    box.setValue(value)
    box.setSuffix(suffix)
    return box


def _picture(frame: Any) -> QPixmap:
    """Return a frame as a grey picture of the preview's size."""
    values = np.nan_to_num(np.asarray(frame, np.float64))
    low, high = np.percentile(values, (0.5, 99.5))
    grey = (255 * np.clip((values - low) / ((high - low) or 1.0), 0, 1)).astype(np.uint8)
    grey = np.ascontiguousarray(grey)
    rows, columns = grey.shape
    image = QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
    return QPixmap.fromImage(image).scaled(
        _PREVIEW_PX, _PREVIEW_PX, Qt.AspectRatioMode.KeepAspectRatio
    )


def _look_at(path: Path, shape: RawShape, _monitor: Monitor) -> tuple[np.ndarray, Any]:
    """Return the first frame and what is known of the file."""
    from napari_uai.videos.formats import open_frames

    frames, info = open_frames(path, shape)
    return frames.read(0, 1)[0], info


def _likely_shapes(path: Path, _monitor: Monitor) -> list[tuple[int, int, int, str, int]]:
    """Return what a file's sidecar or name says, else shapes that its pixels speak for."""
    from napari_uai.videos.raw_guess import plausible_shapes

    if not path.is_file() or not path.stat().st_size:
        return []
    return _stated_shape(path) or [(*shape, 0) for shape in plausible_shapes(path)]


def _stated_shape(path: Path) -> list[tuple[int, int, int, str, int]]:
    """Return frames, rows, columns, type and header that a recording's sidecar or name gives."""
    from napari_uai.videos.raw import raw_layout, read_sidecar
    from napari_uai.widgets.iscat.readers import lacks_shape

    try:
        if lacks_shape(path):
            return []
        layout = raw_layout(path, sidecar=read_sidecar(path))
    except (NapariUaiError, OSError):
        return []
    return [(*layout.shape, layout.dtype.str, layout.offset)]


def _write_sidecar(path: Path, shape: RawShape) -> None:
    from napari_uai.videos.raw import read_sidecar, sidecar_paths

    sidecar = sidecar_paths(path)[0]
    known = {key: value for key, value in read_sidecar(path).items() if key != "dtype"}
    with whole_file(sidecar) as partial_file:
        partial_file.write_text(json.dumps({**known, **shape.facts}, indent=1) + "\n", "utf-8")

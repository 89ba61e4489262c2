"""Dock to open a recording that needs a choice: the shape of a headerless file, plane, channel."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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

from napari_uai.errors import ChoiceNeededError, NapariUaiError, counted
from napari_uai.files import whole_file
from napari_uai.videos.pixel_types import PACKED
from napari_uai.videos.read_options import ReadOptions
from napari_uai.widgets.iscat.choice_rows import ChoiceRows
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.plots import error_style

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_uai.monitor import Monitor
    from napari_uai.typing import AnyArray
    from napari_uai.videos.info import VideoInfo

    Suggestion: TypeAlias = tuple[int, int, int, str, int, int]
    """Frames, rows, columns, pixel type, bytes before the first frame and before each."""

PIXEL_TYPES = ("<u2", ">u2", "|u1", "<i2", "<u4", "<f4", "<f8", *PACKED)
_NAMES = {
    "<u2": "uint16, little-endian",
    ">u2": "uint16, big-endian",
    "|u1": "uint8",
    "<i2": "int16, little-endian",
    "<u4": "uint32, little-endian",
    "<f4": "float32, little-endian",
    "<f8": "float64, little-endian",
    **{name: f"{each.bits} bits packed, {name}" for name, each in PACKED.items()},
}
_PREVIEW_PX = 220


class RawRecordingWidget(QWidget):
    """Form for what a file does not say of its recording, with a preview of a frame.

    Headerless files need height, width, pixel type and header; files with more axes, or several
    images, a plane, channel or image. Only the rows that a file needs are shown.

    Parameters
    ----------
    napari_viewer
        Viewer to which the recording is added.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("open_raw")
        self.viewer = napari_viewer
        self.path = QLineEdit()
        self.suggestions = QComboBox()
        self.height_px, self.width_px = _int_box(1, 72, " px"), _int_box(1, 72, " px")
        self.pixel_type = QComboBox()
        self.offset = _int_box(0, 0, " bytes")
        self.frame_header = _int_box(0, 0, " bytes")
        self.trust = QCheckBox("Open although the pixels suggest another shape")
        self.remember = QCheckBox("Remember for this file (writes a .json file next to it)")
        self.preview = QLabel("")
        self.message = QLabel("")
        self.open_button = QPushButton("Open")
        self._frame_request, self._guess_request = LatestRequest(self), LatestRequest(self)
        self._typed = self._applying = False
        self.headerless = True
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(80)
        self._later.timeout.connect(self.show_preview)
        self._lay_out()
        self._connect()

    def set_path(self, path: str | Path) -> None:
        """Choose a file and suggest shapes that fit it, or ask what to take from it."""
        self.path.setText(str(path))

    def shape_of_file(self) -> ReadOptions:
        """Return the shape in the form.

        Raises
        ------
        BadValueError
            If the letters of the axes are invalid.
        """
        if not self.headerless:
            return self.choices.shape()
        return ReadOptions(
            self.height_px.value(),
            self.width_px.value(),
            self.pixel_type.currentData(),
            self.offset.value(),
            frame_header=self.frame_header.value() or None,
            trust_shape=self.trust.isChecked(),
        )

    def open(self) -> None:
        """Add the recording to the viewer."""
        from napari.utils.notifications import show_error

        from napari_uai.widgets.iscat.readers import raw_layers, remember_shape

        path = Path(self.path.text())
        try:
            shape = self.shape_of_file()
            layers = raw_layers(path, shape)
        except (NapariUaiError, OSError) as error:
            self._say(str(error), is_error=True)
            show_error(str(error))
            return
        if self.headerless:
            remember_shape(shape)
        for data, attributes, _ in layers:
            self.viewer.add_image(data, **attributes)
        self._say(f"Opened {path.name}")
        if self.headerless and self.remember.isChecked():
            self._write_sidecar(path, shape)

    def _write_sidecar(self, path: Path, options: ReadOptions) -> None:
        from napari.utils.notifications import show_warning

        try:
            _write_sidecar(path, options)
        except (NapariUaiError, OSError) as error:
            show_warning(
                f"{path.name} is open, but its shape could not be saved next to it: {error}; copy "
                "the recording to a writable folder, or untick 'Remember'"
            )

    def show_preview(self) -> None:
        """Show the first frame with the values of the form, or the reason why it cannot be read."""
        if not self.path.text():
            self._say("Choose a recording.")
            return
        path = Path(self.path.text())
        try:
            shape = self.shape_of_file()
        except NapariUaiError as error:
            self._show_problem(str(error))
            return
        self._frame_request.ask(partial(_first_frame, path, shape))

    def _show_frame(self, result: tuple[AnyArray, VideoInfo] | ChoiceNeededError) -> None:
        if isinstance(result, ChoiceNeededError):
            self._show_problem(str(result))
            if self.choices.ask_for(result.choices):
                self._later.start()
            return
        frame, info = result
        self.preview.setPixmap(_pixmap(frame))
        n, height, width = info.shape
        lines = [f"{counted(n, 'frame')} of {height} x {width} px", *info.warnings]
        if self.choices.asked:
            names = " and ".join(name.lower() for name in self.choices.asked)
            lines.append(f"Choose {names}, then Open.")
        self._say("\n".join(lines))

    def _show_problem(self, message: str) -> None:
        self.preview.clear()
        if "trust" in message:
            self._form.setRowVisible(self.trust, True)
        self._say(message, is_error=True)

    def _suggest(self) -> None:
        path = Path(self.path.text())
        self.headerless = _is_headerless(path)
        self.choices.clear()
        for row in self._shape_rows:
            self._form.setRowVisible(row, self.headerless)
        self.remember.setVisible(self.headerless)
        self.trust.setChecked(False)
        self._form.setRowVisible(self.trust, False)
        self._typed = False
        self._guess_request.forget()
        if self.headerless:
            self._show_suggestions([], "looking for likely shapes…")
            self._guess_request.ask(partial(_likely_shapes, path))
        self._later.start()

    def _show_suggestions(
        self,
        suggestions: list[Suggestion],
        first: str = "choose, or enter below",
    ) -> None:
        self.suggestions.blockSignals(True)
        self.suggestions.clear()
        self.suggestions.addItem(first, None)
        for n, rows, columns, kind, *headers in suggestions:
            text = f"{counted(n, 'frame')} of {rows} x {columns} px, {_NAMES.get(kind, kind)}"
            self.suggestions.addItem(text, (rows, columns, kind, *headers))
        self.suggestions.blockSignals(False)
        if suggestions and not self._typed:
            self.suggestions.setCurrentIndex(1)

    def _apply_suggestion(self, index: int) -> None:
        suggestion = self.suggestions.itemData(index)
        if suggestion is None:
            return
        rows, columns, kind, offset, frame_header = suggestion
        self._applying = True
        try:
            self.height_px.setValue(rows)
            self.width_px.setValue(columns)
            if self.pixel_type.findData(kind) < 0:
                self.pixel_type.addItem(_NAMES.get(kind, kind), kind)
            self.pixel_type.setCurrentIndex(self.pixel_type.findData(kind))
            self.offset.setValue(offset)
            self.frame_header.setValue(frame_header)
        finally:
            self._applying = False

    def _layout_changed(self, *_: object) -> None:
        self._typed = self._typed or not self._applying
        self._later.start()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open raw recording")
        if path:
            self.set_path(path)

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self.message.setStyleSheet(error_style(self) if is_error else "")
        self.message.setText(text)
        self.open_button.setEnabled(not is_error)

    def _connect(self) -> None:
        self.path.textChanged.connect(self._suggest)
        self.suggestions.currentIndexChanged.connect(self._apply_suggestion)
        for box in (self.height_px, self.width_px, self.offset, self.frame_header):
            box.valueChanged.connect(self._layout_changed)
        self.trust.toggled.connect(self._later.start)
        self.choices.changed.connect(self._later.start)
        self.pixel_type.currentIndexChanged.connect(self._layout_changed)
        self.open_button.clicked.connect(self.open)
        self._frame_request.done.connect(self._show_frame)
        self._frame_request.failed.connect(self._show_problem)
        self._guess_request.done.connect(self._show_suggestions)

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
        rows = self._form = form_layout(form)
        add_row(rows, "File", file, "Without a header, or with several planes, channels or images.")
        add_row(rows, "Suggestions", self.suggestions, "Shapes that fit the file, best first.")
        add_row(rows, "Height", self.height_px, "Number of rows.")
        add_row(rows, "Width", self.width_px, "Number of columns.")
        add_row(rows, "Pixel type", self.pixel_type, "Data type and byte order.")
        add_row(rows, "Header", self.offset, "Bytes before the first frame.")
        add_row(rows, "Frame header", self.frame_header, "Bytes before each frame.")
        self._shape_rows = (
            *(self.suggestions, self.height_px, self.width_px),
            *(self.pixel_type, self.offset, self.frame_header),
        )
        rows.addRow(self.trust)
        rows.setRowVisible(self.trust, False)
        self.choices = ChoiceRows(rows)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setMinimumHeight(_PREVIEW_PX)
        self.message.setWordWrap(True)
        layout = QVBoxLayout(self)
        for widget in (form, self.preview, self.message, self.remember, self.open_button):
            layout.addWidget(widget)


def _int_box(least: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, 2**31 - 1)
    box.setValue(value)
    box.setSuffix(suffix)
    return box


def _pixmap(frame: AnyArray) -> QPixmap:
    """Return a frame as a grey image in the size of the preview."""
    values = np.nan_to_num(np.asarray(frame, np.float64))
    low, high = np.percentile(values, (0.5, 99.5))
    grey = (255 * np.clip((values - low) / ((high - low) or 1.0), 0, 1)).astype(np.uint8)
    grey = np.ascontiguousarray(grey)
    rows, columns = grey.shape
    image = QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
    return QPixmap.fromImage(image).scaled(
        _PREVIEW_PX, _PREVIEW_PX, Qt.AspectRatioMode.KeepAspectRatio
    )


def _first_frame(
    path: Path, options: ReadOptions, _monitor: Monitor
) -> tuple[AnyArray, VideoInfo] | ChoiceNeededError:
    """Return the first frame and the properties of the file, or what has to be chosen."""
    from napari_uai.videos.formats import open_frames

    try:
        frames, info = open_frames(path, options)
    except ChoiceNeededError as error:
        return error
    return frames.read(0, 1)[0], info


def _is_headerless(path: Path) -> bool:
    """Return whether a file needs a shape; a file of unknown format may have one."""
    from napari_uai.videos.formats import video_format

    try:
        return video_format(path) == "raw"
    except (NapariUaiError, OSError):
        return not path.is_dir()


def _likely_shapes(path: Path, _monitor: Monitor) -> list[Suggestion]:
    """Return the shape in the sidecar or name of a file, otherwise those its pixels suggest."""
    from napari_uai.videos.headerless.guess import plausible_shapes

    if not path.is_file() or not path.stat().st_size:
        return []
    return _stated_shape(path) or [(*shape, 0, 0) for shape in plausible_shapes(path)]


def _stated_shape(path: Path) -> list[Suggestion]:
    """Return the shape in the sidecar or name of a recording, or nothing."""
    from napari_uai.videos.headerless.sidecars import read_sidecar
    from napari_uai.videos.readers.raw import raw_layout
    from napari_uai.widgets.iscat.readers import lacks_shape

    try:
        if lacks_shape(path):
            return []
        layout = raw_layout(path, sidecar=read_sidecar(path))
    except (NapariUaiError, OSError):
        return []
    return [(*layout.shape, layout.dtype.str, layout.offset, layout.frame_header)]


def _write_sidecar(path: Path, options: ReadOptions) -> None:
    from napari_uai.videos.headerless.sidecars import read_sidecar, sidecar_paths

    sidecar = sidecar_paths(path)[0]
    known = {key: value for key, value in read_sidecar(path).values.items() if key != "dtype"}
    with whole_file(sidecar) as partial_file:
        partial_file.write_text(json.dumps({**known, **options.facts}, indent=1) + "\n", "utf-8")

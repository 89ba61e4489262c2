"""Dock to open a recording that needs a choice: the shape of a headerless file, plane, channel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_uai.errors import ChoiceNeededError, NapariUaiError, counted
from napari_uai.parameters import Parameter
from napari_uai.videos.pixel_types import PACKED, type_in_words
from napari_uai.videos.read_options import ReadOptions
from napari_uai.widgets.iscat.choice_rows import ChoiceRows
from napari_uai.widgets.iscat.raw_preview import FramePreview, Preview, preview_of
from napari_uai.widgets.iscat.raw_shapes import (
    are_drawn_in_pixels,
    is_headerless,
    likely_shapes,
    usual_pixel_size,
    write_sidecar,
)
from napari_uai.widgets.kit.choice import Choice
from napari_uai.widgets.kit.docks import dock_layout
from napari_uai.widgets.kit.editors import FloatEditor
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.plots import error_style

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_uai.videos.info import VideoInfo
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.iscat.raw_shapes import Suggestion

PIXEL_TYPES = ("<u2", ">u2", "|u1", "<i2", "<u4", "<f4", "<f8", *PACKED)
_GUESSED_FROM = ("pixel_type", "offset")
"""Fields that the suggestions follow once they were entered by hand."""


class RawRecordingWidget(QWidget):
    """Form for what a file does not say of its recording, with a preview of three frames.

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
        self.suggestions = Choice()
        self.height_px, self.width_px = _int_box(1, 72, " px"), _int_box(1, 72, " px")
        self.pixel_type = Choice()
        self.offset = _int_box(0, 0, " bytes")
        self.frame_header = _int_box(0, 0, " bytes")
        self.pixel_size_um = _scale_box("pixel_size_um", "µm")
        self.frame_rate_hz = _scale_box("frame_rate_hz", "Hz")
        self.trust = QCheckBox("Open with this shape anyway")
        self.remember = QCheckBox("Remember for this file")
        self.preview = FramePreview()
        self.message = QLabel("")
        self.open_button = QPushButton("Open")
        self._frame_request, self._guess_request = LatestRequest(self), LatestRequest(self)
        self._by_hand: set[str] = set()
        self._applying = False
        self.headerless = True
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(80)
        self._later.timeout.connect(self.show_preview)
        self._lay_out()
        self._connect()
        self.reset_choices()

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

    def scale(self) -> dict[str, float]:
        """Return pixel size and frame rate in the form, by their names; without unknown ones."""
        boxes = {"pixel_size_um": self.pixel_size_um, "frame_rate_hz": self.frame_rate_hz}
        return {name: box.value() for name, box in boxes.items() if box.value() > 0}

    def open(self) -> None:
        """Add the recording to the viewer."""
        from napari.utils.notifications import show_error

        from napari_uai.videos.recording import read_recording
        from napari_uai.widgets.iscat.readers import remember_shape
        from napari_uai.widgets.kit.layers import recording_layer

        path = Path(self.path.text())
        try:
            shape = self.shape_of_file()
            recording = self._scaled(read_recording(path, shape))
            data, attributes, _ = recording_layer(recording)
        except (NapariUaiError, OSError) as error:
            self._say(str(error), is_error=True)
            show_error(str(error))
            return
        if self.headerless:
            remember_shape(shape)
        note = ""
        if recording.pixel_size_um and are_drawn_in_pixels(self.viewer):
            # Layers of different units would be drawn as if a pixel were a micrometre.
            attributes |= {"scale": (1.0, 1.0, 1.0), "units": ("pixel",) * 3}
            note = ", drawn in pixels as the layers that are open; its pixel size is kept"
        self.viewer.add_image(data, **attributes)
        self._say(f"Opened {path.name}{note}")
        if self.headerless and self.remember.isChecked():
            self._write_sidecar(path, shape)

    def _scaled(self, recording: Recording) -> Recording:
        """Return a recording with the scale in the form; what is not entered is the file's."""
        pixel, rate = (
            box.value() or (None if name in self._by_hand else stated)
            for name, box, stated in (
                ("pixel_size_um", self.pixel_size_um, recording.pixel_size_um),
                ("frame_rate_hz", self.frame_rate_hz, recording.frame_rate_hz),
            )
        )
        usual, _ = usual_pixel_size(self.viewer)
        return replace(recording, pixel_size_um=pixel or usual or None, frame_rate_hz=rate)

    def reset_choices(self, event: Event | None = None) -> None:  # noqa: ARG002
        """Show the pixel size of the other recordings; napari calls this when layers change."""
        size, origin = usual_pixel_size(self.viewer)
        text = f"{size:.4g} µm, {origin}" if size else "unknown"
        self.pixel_size_um.setSpecialValueText(text)

    def _write_sidecar(self, path: Path, options: ReadOptions) -> None:
        from napari.utils.notifications import show_warning

        try:
            write_sidecar(path, options, self.scale())
        except (NapariUaiError, OSError) as error:
            show_warning(
                f"{path.name} is open, but its shape could not be saved next to it: {error}; copy "
                "the recording to a writable folder, or untick 'Remember'"
            )

    def show_preview(self) -> None:
        """Show frames as read with the values of the form, or why they cannot be read."""
        if not self.path.text():
            self._say("Choose a recording.")
            return
        path = Path(self.path.text())
        try:
            shape = self.shape_of_file()
        except NapariUaiError as error:
            self._show_problem(str(error))
            return
        self._frame_request.ask(partial(preview_of, path, shape))

    def _show_frames(self, result: Preview | ChoiceNeededError) -> None:
        if isinstance(result, ChoiceNeededError):
            self._show_problem(str(result))
            if self.choices.ask_for(result.choices):
                self._later.start()
            return
        info = result.info
        self.preview.show_frames(result)
        self._show_scale(info)
        n, height, width = info.shape
        lines = [f"{counted(n, 'frame')} of {height} x {width} px", *info.warnings]
        if self.choices.asked:
            names = " and ".join(name.lower() for name in self.choices.asked)
            lines.append(f"Choose {names}, then Open.")
        self._say("\n".join(lines))

    def _show_scale(self, info: VideoInfo) -> None:
        """Show what the file says of its scale, unless the user entered something."""
        for name in ("pixel_size_um", "frame_rate_hz"):
            if name not in self._by_hand:
                self._applying = True
                getattr(self, name).set_value(getattr(info, name) or 0.0)
                self._applying = False

    def _show_problem(self, message: str) -> None:
        self.preview.clear()
        if "trust" in message:
            self._form.setRowVisible(self.trust, True)
        self._say(message, is_error=True)

    def _suggest(self) -> None:
        path = Path(self.path.text())
        self.headerless = is_headerless(path)
        self.choices.clear()
        for row in self._shape_rows:
            self._form.setRowVisible(row, self.headerless)
        self.remember.setVisible(self.headerless)
        self.trust.setChecked(False)
        self._form.setRowVisible(self.trust, False)
        self._by_hand = set()
        self._guess_request.forget()
        if self.headerless:
            self._ask_for_suggestions()
        self._later.start()

    def _ask_for_suggestions(self) -> None:
        """Look for shapes that fit the file, and the type and header entered by hand."""
        kind = self.pixel_type.currentData() if "pixel_type" in self._by_hand else None
        offset = self.offset.value() if "offset" in self._by_hand else None
        self._show_suggestions([], "looking for likely shapes…")
        known = ReadOptions(dtype=kind, offset=offset)
        self._guess_request.ask(partial(likely_shapes, Path(self.path.text()), known))

    def _show_suggestions(
        self, suggestions: list[Suggestion], first: str = "choose, or enter below"
    ) -> None:
        self.suggestions.clear()
        self.suggestions.addItem(first, None)
        for n, rows, columns, kind, *headers in suggestions:
            text = f"{counted(n, 'frame')} of {rows} x {columns} px, {type_in_words(kind)}"
            self.suggestions.addItem(text, (rows, columns, kind, *headers))
        if suggestions and not self._by_hand:
            self.suggestions.setCurrentIndex(1)
            self._apply_suggestion(1)

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
                self.pixel_type.addItem(type_in_words(kind), kind)
            self.pixel_type.setCurrentIndex(self.pixel_type.findData(kind))
            self.offset.setValue(offset)
            self.frame_header.setValue(frame_header)
        finally:
            self._applying = False

    def _changed(self, name: str, *_: object) -> None:
        self._later.start()
        if self._applying:
            return
        self._by_hand.add(name)
        if name in _GUESSED_FROM and self.path.text():
            self._ask_for_suggestions()
        elif name in self._shape_fields:
            self.suggestions.setCurrentIndex(0)  # it is no longer what the form shows

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
        self.suggestions.activated.connect(self._apply_suggestion)  # also if chosen again
        for name in self._shape_fields:
            box = getattr(self, name)
            signal = box.currentIndexChanged if box is self.pixel_type else box.valueChanged
            signal.connect(partial(self._changed, name))
        for name in ("pixel_size_um", "frame_rate_hz"):
            getattr(self, name).valueChanged.connect(partial(self._changed, name))
        self.trust.toggled.connect(self._later.start)
        self.choices.changed.connect(self._later.start)
        self.open_button.clicked.connect(self.open)
        self._frame_request.done.connect(self._show_frames)
        self._frame_request.failed.connect(self._show_problem)
        self._guess_request.done.connect(self._show_suggestions)

    def _lay_out(self) -> None:
        for kind in PIXEL_TYPES:
            self.pixel_type.addItem(type_in_words(kind), kind)
        self._shape_fields = ("height_px", "width_px", "pixel_type", "offset", "frame_header")
        for name in (*self._shape_fields, "suggestions", "trust", "remember", "message"):
            getattr(self, name).setObjectName(name)
        self.trust.setToolTip("The pixels suggest another shape.")
        self.remember.setToolTip("Write shape and scale to a .json file next to it.")
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
        self._shape_rows = (self.suggestions, *(getattr(self, f) for f in self._shape_fields))
        rows.addRow(self.trust)
        rows.setRowVisible(self.trust, False)
        self.choices = ChoiceRows(rows)
        add_row(rows, "Pixel size", self.pixel_size_um, "Size of a pixel in the sample.")
        add_row(rows, "Frame rate", self.frame_rate_hz, "Frames per second.")
        self.message.setWordWrap(True)
        layout = dock_layout(self, self.open_button, topic="open_raw")
        for widget in (form, self.preview, self.message, self.remember):
            layout.addWidget(widget)
        layout.addStretch()


def _int_box(least: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, 2**31 - 1)
    box.setValue(value)
    box.setSuffix(suffix)
    return box


def _scale_box(name: str, unit: str) -> FloatEditor:
    """Return an editor of a pixel size or frame rate, in which 0 is unknown."""
    box = FloatEditor(Parameter(name, float, float, 0.0, minimum=0.0, unit=unit))
    box.setObjectName(name)
    box.setSpecialValueText("unknown")
    return box

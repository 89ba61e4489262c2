"""Where trails come from: a folder or file of a tracker, or a Tracks layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.layer_choice import identity, layer_of

if TYPE_CHECKING:
    from napari_uai.trails.analysis.folder import TrailSource

NO_PICTURE = "(none)"
FILES = "Trails (*.csv *.txt *.json *.gz *.zip);;All files (*)"


class SourcePanel(QWidget):
    """Path, location and camera; or a layer.

    Parameters
    ----------
    viewer
        The viewer whose Tracks layers may be taken.

    Attributes
    ----------
    open_asked
        Open what the panel names.
    layer_asked
        Take the chosen Tracks layer.
    """

    open_asked = Signal()
    layer_asked = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._reports: list[Any] = []
        self.path = QLineEdit()
        self.path.setPlaceholderText("folder of a tracker, or a csv, MOT or JSON file")
        self.location, self.camera = QComboBox(), QComboBox()
        self.columns = QLineEdit()
        self.columns.setPlaceholderText("only for numbers without names: frame,trail,x,y")
        self.frame_rate = QLineEdit()
        self.frame_rate.setPlaceholderText("Hz, where a file counts frames: 1")
        self.scene = QLineEdit()
        self.scene.setPlaceholderText("1280x720, or the path of a picture")
        self.guessed = QCheckBox("Positions that the tracker only guessed count, too")
        self.guessed.setChecked(True)
        self.open_button = QPushButton("Open")
        self.tracks, self.picture = QComboBox(), QComboBox()
        self.use_button = QPushButton("Use this layer")
        for name in (
            "path", "location", "camera", "columns", "frame_rate", "scene", "guessed",
            "open_button", "tracks", "picture", "use_button",
        ):  # fmt: skip
            getattr(self, name).setObjectName(name)
        self._lay_out()
        self.path.editingFinished.connect(self._look)
        self.location.currentTextChanged.connect(self._list_cameras)
        self.open_button.clicked.connect(self.open_asked)
        self.use_button.clicked.connect(self.layer_asked)
        self.reset_choices()

    def set_path(self, path: str | Path) -> None:
        """Name a folder or file; list its locations and cameras."""
        self.path.setText(str(path))
        self._look()

    def wanted(self) -> tuple[Path, TrailSource]:
        """Return the path, and how it is to be read.

        Raises
        ------
        BadValueError
            If none is named, or it is said wrongly how it is to be read.
        """
        from napari_uai.errors import BadValueError
        from napari_uai.trails.analysis.folder import TrailSource, scene_of_text

        text = _path_in(self.path)
        if not text:
            raise BadValueError("no trails are named: choose a folder or a file first")
        rate, scene = self.frame_rate.text().strip(), _path_in(self.scene)
        try:
            rate_hz = float(rate) if rate else None
        except ValueError:
            raise BadValueError(f"frame rate {rate!r} is no number: write Hz, as 25") from None
        source = TrailSource(
            location=self.location.currentText() or None,
            camera=self.camera.currentText() or None,
            keep_extrapolated=self.guessed.isChecked(),
            frame_rate_hz=rate_hz,
            columns=self.columns.text().strip() or None,
            scene=scene_of_text(scene) if scene else None,
        )
        return Path(text), source

    def chosen_layers(self) -> tuple[Any, Any]:
        """Return the chosen Tracks layer and the picture below it; None for none."""
        tracks, picture = (layer_of(self._viewer, b.currentData()) for b in self._layer_boxes)
        return tracks, picture

    @property
    def _layer_boxes(self) -> tuple[QComboBox, QComboBox]:
        return self.tracks, self.picture

    def reset_choices(self) -> None:
        """List the viewer's layers anew; those chosen stay."""
        from napari.layers import Image, Points, Tracks

        from napari_uai.widgets.kit.layers import KEY
        from napari_uai.widgets.trails.placement import linked_by

        def foreign(layer: Any) -> bool:
            return layer.metadata.get(KEY, {}).get("kind") not in ("tracks", "heat")

        newest_first = [layer for layer in reversed(self._viewer.layers) if foreign(layer)]
        tracks: list[Any] = [
            (layer.name, identity(layer))
            for layer in newest_first
            if isinstance(layer, Tracks) or (isinstance(layer, Points) and linked_by(layer))
        ]
        pictures = [
            (layer.name, identity(layer))
            for layer in newest_first
            if isinstance(layer, Image) and not layer.multiscale
        ]
        _fill(self.tracks, tracks or [("no Tracks layer", None)])
        _fill(self.picture, [*pictures, (NO_PICTURE, None)])
        self.use_button.setEnabled(bool(tracks))

    def _look(self) -> None:
        """List the locations and cameras of a folder."""
        from napari_uai.trails.io.scv2 import list_reports
        from napari_uai.widgets.trails.readers import holds_reports

        text = _path_in(self.path)
        some = bool(text) and Path(text).is_dir() and holds_reports(Path(text))
        self._reports = list_reports(Path(text)) if some else []
        _fill(self.location, list(dict.fromkeys(r.location for r in self._reports)))
        self._list_cameras()

    def _list_cameras(self) -> None:
        place = self.location.currentText()
        _fill(self.camera, [r.camera for r in self._reports if r.location == place])
        for box in (self.location, self.camera):
            box.setEnabled(box.count() > 1)
        self._show_choices()

    def _lay_out(self) -> None:
        from superqt import QCollapsible

        folder, file = QPushButton("Folder…"), QPushButton("File…")
        folder.clicked.connect(self._ask_folder)
        file.clicked.connect(self._ask_file)
        buttons = QHBoxLayout()
        for button in (folder, file):
            buttons.addWidget(button)
        buttons.addWidget(self.open_button, 1)
        files = QWidget()
        self._rows = rows = form_layout(files)
        add_row(rows, "Files", self.path, "Report folders of the scv2 tracker, csv, MOT, JSON.")
        add_row(rows, "Location", self.location, "Of report folders.")
        add_row(rows, "Camera", self.camera, "Of report folders.")
        rows.addRow("", buttons)
        how = QWidget()
        how_rows = form_layout(how)
        how_rows.addRow(self.guessed)
        add_row(how_rows, "Columns", self.columns, "What the columns of a text without names are.")
        add_row(how_rows, "Frame rate", self.frame_rate, "Frames per second.")
        add_row(how_rows, "Scene", self.scene, "Size of the camera's picture, or a picture.")
        more = QCollapsible("How files are read", expandedIcon="▾", collapsedIcon="▸")
        more.addWidget(how)
        layer = QWidget()
        layer_rows = form_layout(layer)
        add_row(
            layer_rows,
            "Tracks",
            self.tracks,
            "Tracks of any plugin in time, y and x, or linked spots.",
        )
        add_row(layer_rows, "Scene", self.picture, "Image that they move over, if there is one.")
        layer_rows.addRow("", self.use_button)
        for box in (self.location, self.camera, self.tracks, self.picture):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(12)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (
            QLabel("<b>From files of a tracker</b>"), files, more,
            QLabel("<b>Or from a layer, of any plugin</b>"), layer,
        ):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch()
        self._show_choices()

    def _show_choices(self) -> None:
        """Ask for location and camera where there are several."""
        for box in (self.location, self.camera):
            self._rows.setRowVisible(box, len(self._reports) > 1)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of trails", self.path.text())
        if path:
            self._take(path)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "File of trails", self.path.text(), FILES)
        if path:
            self._take(path)

    def _take(self, path: str) -> None:
        """Open at once what leaves no question."""
        self.set_path(path)
        if len(self._reports) <= 1:
            self.open_asked.emit()


def _path_in(line: QLineEdit) -> str:
    """Return what stands in a line, without the quotes that systems put around copied paths."""
    return line.text().strip().strip('"')


def _fill(box: QComboBox, entries: list[Any]) -> None:
    """List entries (text, or text and value) anew; the chosen one stays."""
    before = box.currentData()
    box.blockSignals(True)
    box.clear()
    for entry in entries:
        text, value = entry if isinstance(entry, tuple) else (entry, entry)
        box.addItem(text, value)
    if before is not None:
        box.setCurrentIndex(max(box.findData(before), 0))
    box.blockSignals(False)

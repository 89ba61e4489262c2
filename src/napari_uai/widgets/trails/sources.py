"""Where trails come from: files of a tracker, or a Tracks layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_uai.widgets.kit.folds import Fold
from napari_uai.widgets.kit.forms import add_row, form_layout
from napari_uai.widgets.kit.layer_choice import NONE, identity, layer_of
from napari_uai.widgets.trails.table_form import TableForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points, Tracks

    from napari_uai.trails.analysis.folder import TrailSource
    from napari_uai.trails.io.scv2 import Report

FILES = (
    "Trails (*.csv *.tsv *.txt *.json *.jsonl *.geojson *.gpx *.xml *.npy *.parquet *.xlsx *.h5 "
    "*.slp *.gz *.zip);;All files (*)"
)


class SourcePanel(QWidget):
    """Path, location and camera; or a layer.

    Parameters
    ----------
    viewer
        Viewer whose layers may be used.

    Attributes
    ----------
    open_asked
        Emitted when the user wants to open the path.
    layer_asked
        Emitted when the user wants to use the chosen layer.
    """

    open_asked = Signal()
    layer_asked = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._reports: list[Report] = []
        self.path = QLineEdit()
        self.path.setPlaceholderText("folder, or table of a tracker: CSV, MOT, JSON, ...")
        self.location, self.camera = QComboBox(), QComboBox()
        self.table = TableForm()
        self.columns = self.table.columns
        self.frame_rate = QLineEdit()
        self.frame_rate.setPlaceholderText("Hz, for files with frame numbers (default 1)")
        self.scene = QLineEdit()
        self.scene.setPlaceholderText("1280x720, or the path of an image")
        self.keep_extrapolated = QCheckBox("Keep extrapolated positions")
        self.keep_extrapolated.setChecked(True)
        self.open_button = QPushButton("Open")
        self.tracks, self.image = QComboBox(), QComboBox()
        self.use_button = QPushButton("Use layer")
        for name in (
            "path", "location", "camera", "frame_rate", "scene", "keep_extrapolated", "open_button",
            "tracks", "image", "use_button",
        ):  # fmt: skip
            getattr(self, name).setObjectName(name)
        self._lay_out()
        self.path.editingFinished.connect(self._list_reports)
        self.location.currentTextChanged.connect(self._list_cameras)
        self.open_button.clicked.connect(self.open_asked)
        self.use_button.clicked.connect(self.layer_asked)
        self.reset_choices()

    def set_path(self, path: str | Path) -> None:
        """Show a folder or file, and list its locations and cameras."""
        self.path.setText(str(path))
        self._list_reports()

    def wanted(self) -> tuple[Path, TrailSource]:
        """Return path and reading options.

        Raises
        ------
        BadValueError
            If the path is empty or an option is invalid.
        """
        from napari_uai.errors import BadValueError
        from napari_uai.trails.analysis.folder import TrailSource, scene_of_text

        path = _path_in(self.path)
        if not path:
            raise BadValueError("no path given: choose a folder or a file first")
        rate, scene = self.frame_rate.text().strip(), _path_in(self.scene)
        try:
            rate_hz = float(rate) if rate else None
        except ValueError:
            raise BadValueError(f"frame rate must be a number in Hz, got {rate!r}") from None
        source = TrailSource(
            location=self.location.currentText() or None,
            camera=self.camera.currentText() or None,
            keep_extrapolated=self.keep_extrapolated.isChecked(),
            frame_rate_hz=rate_hz,
            table=self.table.options(),
            scene=scene_of_text(scene) if scene else None,
        )
        return Path(path), source

    def chosen_layers(self) -> tuple[Tracks | Points | None, Image | None]:
        """Return the chosen layers of tracks (or linked spots) and scene."""
        tracks, image = (layer_of(self._viewer, b.currentData()) for b in self._layer_boxes)
        return tracks, image

    def advice(self) -> str:
        """Return what to do before trails can be ranked."""
        if self.n_tracks:
            return "several layers of trails: choose one as Tracks, then click Use layer"
        return (
            "no trails yet: open a folder or file here, drop one into the window, or take "
            "File > Open Sample > Trails of a roundabout"
        )

    @property
    def n_tracks(self) -> int:
        """Number of layers that trails can be taken from."""
        return sum(self.tracks.itemData(i) is not None for i in range(self.tracks.count()))

    @property
    def _layer_boxes(self) -> tuple[QComboBox, QComboBox]:
        return self.tracks, self.image

    def reset_choices(self) -> None:
        """Update the lists of layers; the chosen layers stay."""
        from napari.layers import Image, Points, Tracks

        from napari_uai.widgets.kit.layers import KEY
        from napari_uai.widgets.trails.placement import linked_by

        def is_input(layer: Layer) -> bool:
            return layer.metadata.get(KEY, {}).get("kind") not in ("tracks", "heat")

        layers = [layer for layer in reversed(self._viewer.layers) if is_input(layer)]
        tracks: list[tuple[str, str | None]] = [
            (layer.name, identity(layer))
            for layer in layers
            if isinstance(layer, Tracks) or (isinstance(layer, Points) and linked_by(layer))
        ]
        images = [
            (layer.name, identity(layer))
            for layer in layers
            if isinstance(layer, Image) and not layer.multiscale
        ]
        _fill(self.tracks, tracks or [("add a Tracks layer first", None)])
        _fill(self.image, [*images, (NONE, None)])
        self.use_button.setEnabled(bool(tracks))

    def _list_reports(self) -> None:
        """List the locations and cameras of a folder."""
        from napari_uai.trails.io.scv2 import list_reports
        from napari_uai.widgets.trails.readers import has_reports

        path = _path_in(self.path)
        is_report_folder = bool(path) and Path(path).is_dir() and has_reports(Path(path))
        self._reports = list_reports(Path(path)) if is_report_folder else []
        locations = dict.fromkeys(r.location for r in self._reports)
        _fill(self.location, [(location, location) for location in locations])
        self._list_cameras()

    def _list_cameras(self) -> None:
        location = self.location.currentText()
        cameras = [r.camera for r in self._reports if r.location == location]
        _fill(self.camera, [(camera, camera) for camera in cameras])
        for box in (self.location, self.camera):
            box.setEnabled(box.count() > 1)
        self._show_report_rows()

    def _lay_out(self) -> None:
        for box in (self.location, self.camera, *self._layer_boxes):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(12)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (
            QLabel("<b>Open files of a tracker</b>"), self._file_rows(), self._reading_options(),
            QLabel("<b>Or use a layer of any plugin</b>"), self._layer_rows(),
        ):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch()
        self._show_report_rows()

    def _file_rows(self) -> QWidget:
        folder, file = QPushButton("Folder…"), QPushButton("File…")
        folder.clicked.connect(self._ask_folder)
        file.clicked.connect(self._ask_file)
        buttons = QHBoxLayout()
        for button in (folder, file):
            buttons.addWidget(button)
        buttons.addWidget(self.open_button, 1)
        files = QWidget()
        self._rows = rows = form_layout(files)
        formats = (
            "Report folder of the scv2 tracker, table of another tracker, or folder of tables."
        )
        add_row(rows, "Path", self.path, formats)
        add_row(rows, "Location", self.location, "Location within the report folder.")
        add_row(rows, "Camera", self.camera, "Camera at this location.")
        rows.addRow("", buttons)
        return files

    def _reading_options(self) -> QWidget:
        options = QWidget()
        rows = form_layout(options)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        rows.addRow(self.keep_extrapolated)
        add_row(rows, "Frame rate", self.frame_rate, "Frames per second.")
        add_row(rows, "Scene", self.scene, "Size of the camera image, or an image of the scene.")
        rows.addRow(self.table)
        folded = Fold("Reading options")
        folded.addWidget(options)
        return folded

    def _layer_rows(self) -> QWidget:
        layer = QWidget()
        rows = form_layout(layer)
        tracks = "Tracks layer with time, y and x, or Points layer of linked spots."
        add_row(rows, "Tracks", self.tracks, tracks)
        add_row(rows, "Scene", self.image, "Image behind the tracks, if there is one.")
        rows.addRow("", self.use_button)
        return layer

    def _show_report_rows(self) -> None:
        """Show location and camera if there are several to choose from."""
        for box in (self.location, self.camera):
            self._rows.setRowVisible(box, len(self._reports) > 1)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open folder of trails", self.path.text())
        if path:
            self._set_or_open(path)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open trails", self.path.text(), FILES)
        if path:
            self._set_or_open(path)

    def _set_or_open(self, path: str) -> None:
        """Show a path, and open it unless there are several cameras to choose from."""
        self.set_path(path)
        if len(self._reports) <= 1:
            self.open_asked.emit()


def _path_in(line: QLineEdit) -> str:
    """Return the path in a line, without the quotes that file managers add to copied paths."""
    return line.text().strip().strip('"')


def _fill(box: QComboBox, entries: Sequence[tuple[str, str | None]]) -> None:
    """Replace the entries (text and value) of a list; the chosen value stays."""
    previous = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, value in entries:
        box.addItem(text, value)
    if previous is not None:
        box.setCurrentIndex(max(box.findData(previous), 0))
    box.blockSignals(False)


def warn_of_problems(problems: pd.DataFrame) -> None:
    """Show the first problem of the input as a warning."""
    from napari.utils.notifications import show_warning

    if len(problems):
        others = len(problems) - 1
        more = f" (and {others} more, listed by Export)" if others else ""
        first = str(problems["problem"].iloc[0])
        skipped = any(word in first for word in ("dropped", "skipped", "ignored", "not "))
        show_warning(f"{'some input was skipped: ' if skipped else ''}{first}{more}")

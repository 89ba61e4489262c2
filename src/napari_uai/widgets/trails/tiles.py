"""Window with the tile sheet: what the camera saw when the top trails ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialog, QLabel, QPushButton, QScrollArea, QVBoxLayout

from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.kit.help import beside_help
from napari_uai.widgets.kit.palette import channels_of
from napari_uai.widgets.kit.saving import ask_and_save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtWidgets import QWidget

    from napari_uai.trails.table import Picture
    from napari_uai.widgets.trails.ranking import Ranking


def tile_picture(
    ranking: Ranking, n: int, class_colours: Mapping[str, str], *, monitor: Monitor = SILENT
) -> Picture:
    """Draw the tile sheet of the top trails.

    Parameters
    ----------
    ranking
        Listed trails.
    n
        Number of tiles.
    class_colours
        Colour of each class, in which its trails are drawn.
    monitor
        Progress and cancellation, once per trail.
    """
    from napari_uai.trails.pictures.tiles import moments, tile_sheet

    result, rows = ranking.result, ranking.rows[:n].tolist()
    kinds = map(str, result.trails.table["class"].to_numpy()[rows])
    tiles = []
    for i, row in enumerate(rows):
        monitor.update(0.8 * i / len(rows), "snapshots")
        tiles += moments(result.trails, [row])
    monitor.update(0.8, "tile sheet")
    return tile_sheet(
        result.trails,
        tiles,
        ranking.values[:n].tolist(),
        stretches=result.stretches_at(ranking.places[:n]),
        colours=[channels_of(class_colours[kind]) for kind in kinds],
        title=f"{len(rows)} of {len(ranking)} trails by {ranking.score.replace('_', ' ')}",
    )


class TileWindow(QDialog):
    """Window that shows a tile sheet and saves it.

    Parameters
    ----------
    picture
        Tile sheet, (rows, columns, RGB); uint8.
    parent
        Dock that opens the window.
    """

    def __init__(self, picture: Picture, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tile_window")
        self.setWindowTitle("Tile sheet of top trails")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.picture = picture
        rows, columns = picture.shape[:2]
        image = QImage(picture.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888)
        label = QLabel()
        label.setPixmap(QPixmap.fromImage(image))
        area = QScrollArea()
        area.setWidget(label)
        area.setAlignment(Qt.AlignmentFlag.AlignCenter)
        save = QPushButton("Save image…")
        save.setObjectName("save_tiles")
        save.clicked.connect(self._ask_and_save)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addLayout(beside_help("tiles", save))
        screen = self.screen().availableGeometry()
        self.resize(min(columns + 50, screen.width() - 60), min(rows + 90, screen.height() - 60))

    def save(self, path: str | Path) -> None:
        """Save the tile sheet as PNG."""
        from napari_uai.trails.pictures.canvas import write_picture

        write_picture(self.picture, Path(path))

    def _ask_and_save(self) -> None:
        ask_and_save(self, "Save image", "tiles.png", "PNG (*.png)", self.save)

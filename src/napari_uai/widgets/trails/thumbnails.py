"""Thumbnails of trails for the table: the path of a trail over its scene."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF

from napari_uai.widgets.kit.palette import THUMBNAIL_GROUND, THUMBNAIL_START, class_colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.trails.table import Trails

SIZE = (64, 36)
"""Width and height, px."""

_KEPT = 4000
"""Thumbnails that are kept; all are dropped once there are more."""


class Thumbnails:
    """Small images of the paths of trails, drawn on first use.

    Parameters
    ----------
    trails
        Trails to draw; None for none.
    colours
        Colour of each class.
    """

    def __init__(
        self, trails: Trails | None = None, colours: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._trails = trails
        self._colours = colours
        self._drawn: dict[int, QPixmap] = {}
        self._ground: QPixmap | None = None

    def of(self, row: int) -> QPixmap | None:
        """Return the thumbnail of a trail by its row."""
        if self._trails is None:
            return None
        if row not in self._drawn:
            if len(self._drawn) >= _KEPT:
                self._drawn.clear()
            self._drawn[row] = self._draw(self._trails, row)
        return self._drawn[row]

    def _draw(self, trails: Trails, row: int) -> QPixmap:
        from napari_uai.widgets.trails.drawing import path_of

        if self._ground is None:
            self._ground = _ground_of(trails)
        pixmap = self._ground.copy()
        scale_y = pixmap.height() / max(trails.scene.height, 1)
        scale_x = pixmap.width() / max(trails.scene.width, 1)
        corners = [QPointF(x * scale_x, y * scale_y) for y, x in path_of(trails, row).tolist()]
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._colours.get(str(trails.table["class"].iloc[row]), class_colour(0))
        painter.setPen(QPen(QColor(colour), 1.6))
        painter.drawPolyline(QPolygonF(corners))
        painter.setBrush(QColor(THUMBNAIL_START))
        painter.drawEllipse(corners[0], 1.8, 1.8)
        painter.end()
        return pixmap


def _ground_of(trails: Trails) -> QPixmap:
    """Return the scene, dimmed, in the size of a thumbnail."""
    scene = trails.scene
    size = QSize(scene.width, scene.height).scaled(QSize(*SIZE), Qt.AspectRatioMode.KeepAspectRatio)
    ground = QPixmap(max(size.width(), 4), max(size.height(), 4))
    ground.fill(QColor(THUMBNAIL_GROUND))
    if scene.image is None:
        return ground
    pixels = np.ascontiguousarray(scene.image[..., :3])
    rows, columns = pixels.shape[:2]
    image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    scaled = image.scaled(
        ground.size(),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    painter = QPainter(ground)
    painter.setOpacity(0.6)
    painter.drawImage(0, 0, scaled)
    painter.end()
    return ground

"""How to read a table of samples: names of columns, rows, times, unit, point of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from napari_uai.trails.io.table_options import BOX_POINTS
from napari_uai.widgets.kit.forms import add_row, form_layout

if TYPE_CHECKING:
    from napari_uai.trails.io.table_options import TableOptions

POSITIONS = {"automatic": None, "pixels": False, "fractions of the picture": True}
"""Units of positions, and what they mean for the reader."""


class TableForm(QWidget):
    """Options of tables; empty ones are recognised from the file.

    Attributes
    ----------
    columns, where, time_format
        Lines of text.
    positions, box_point
        Lists to choose from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.columns, self.where, self.time_format = QLineEdit(), QLineEdit(), QLineEdit()
        self.columns.setPlaceholderText("x=cx,y=cy, or all: frame,trail,x,_,y")
        self.where.setPlaceholderText("all, or such as camera=A")
        self.time_format.setPlaceholderText("automatic, or s, ms, us, ns, frame, %d.%m.%Y")
        self.positions, self.box_point = QComboBox(), QComboBox()
        self.positions.addItems(list(POSITIONS))
        self.box_point.addItems([point for point in BOX_POINTS if point != "foot"])  # bottom
        rows = form_layout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.positions.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        for name, label, tooltip in (
            ("columns", "Columns", "Names of columns by what they mean, or of all in order."),
            ("where", "Rows", "Rows of a table to take: a column and its value."),
            ("time_format", "Times", "Unit of times, or order of dates."),
            ("positions", "Positions", "Whether positions are pixels or fractions of the picture."),
            ("box_point", "Box point", "Point of an object's box that is its position."),
        ):
            editor = getattr(self, name)
            editor.setObjectName(name)
            add_row(rows, label, editor, tooltip)

    def options(self) -> TableOptions:
        """Return the options.

        Raises
        ------
        BadValueError
            If one is not understood.
        """
        from napari_uai.trails.io.table_options import TableOptions

        texts = (line.text().strip() for line in (self.columns, self.where, self.time_format))
        columns, where, time_format = (text or None for text in texts)
        return TableOptions(
            columns=columns,
            where=where,
            time_format=time_format,
            normalized=POSITIONS[self.positions.currentText()],
            box_point=self.box_point.currentText(),
        )

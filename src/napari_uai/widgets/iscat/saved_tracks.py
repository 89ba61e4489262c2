"""Trajectories that were saved in a folder, read back; uses no Qt and no viewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.errors import BadValueError
from napari_uai.iscat.column_meanings import TRAJECTORY_MEANINGS
from napari_uai.widgets.iscat.linked_tracks import trajectories_layer
from napari_uai.widgets.iscat.saved_files import TRACKS, TRAJECTORIES, read_numbers
from napari_uai.widgets.iscat.saved_recording import SavedRecording, record_and_recipe
from napari_uai.widgets.iscat.stage_call import (
    TRAJECTORY_TABLES,
    CallResult,
    NamedTable,
    name_of_result,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from napari.layers import Layer

_NEEDED = {
    "population": ("trajectories", "spots"),
    "distribution": ("trajectories", "share"),
    "displacements": ("particle", "lag_frames", "pairs"),
    "trajectories": ("particle", "n_spots", "contrast"),
}
"""Columns of numbers that each table must have."""


@dataclass(frozen=True, eq=False)
class SavedTracks(SavedRecording):
    """Tables, recipe and record of a run that tracked particles.

    Attributes
    ----------
    folder, record, recipe
        As in :class:`SavedRecording`.
    tables
        By output, as in the files of these names.
    tracks
        Linked spots; None if the recipe does not write them.
    """

    tables: dict[str, pd.DataFrame]
    tracks: pd.DataFrame | None = None

    @classmethod
    def read(cls, folder: str | Path) -> SavedTracks:
        """Read the files of a run; no pixel is read.

        Raises
        ------
        NapariUaiError
            If a file is missing or damaged; the message names it and says what to do.
        """
        folder = Path(folder)
        record, recipe = record_and_recipe(folder, TRAJECTORIES)
        measured = [name for meaning in TRAJECTORY_MEANINGS for name in meaning.columns]
        tables = {
            output: read_numbers(folder / f"{output}.csv", _NEEDED[output], optional=measured)
            for output in TRAJECTORY_TABLES
            if output in record.outputs
        }
        if not tables["trajectories"]["particle"].is_unique:
            raise BadValueError(
                f"{folder / TRAJECTORIES} has two rows of one particle: run the analysis again"
            )
        tracks = None
        if "tracks" in record.outputs:
            tracks = read_numbers(folder / TRACKS, ("particle", "frame", "y", "x"))
        return cls(folder, record, recipe, tables, tracks)

    def opened(self, layers: Iterable[Layer] = ()) -> CallResult:
        """Return what a viewer shows of the run; a recording among its layers is used.

        Without the recording, or if it is not what was analysed, a note says so.
        """
        shown = self.placed(layers)
        added = [] if shown.layer is None else [shown.layer]
        trajectories = self.tables["trajectories"]
        if self.tracks is not None and len(trajectories):
            name = name_of_result("tracks", self.recipe, self.name)
            added.append(trajectories_layer(self.tracks, trajectories, shown.place, name))
        tables = [
            NamedTable(name_of_result(output, self.recipe, self.name), table)
            for output, table in self.tables.items()
            if len(table)
        ]
        notes = [f"{shown.missing}. Tracks and tables are shown."] if shown.missing else []
        return CallResult(added, tables, notes=notes)

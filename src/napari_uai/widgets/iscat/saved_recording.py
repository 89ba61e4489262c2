"""The recording of a saved run, found and placed again; uses no Qt and no viewer.

It is searched where the run found it and beside the results.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import BadValueError, NapariUaiError, RecipeError
from napari_uai.widgets.iscat.saved_files import RECIPE, RECORD, TRAJECTORIES
from napari_uai.widgets.kit.layers import KEY, Place, array_of, place_of, recording_layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.report.records import LandingRecord
    from napari_uai.videos.frames import Video
    from napari_uai.videos.read_options import ReadOptions
    from napari_uai.videos.recording import Recording
    from napari_uai.widgets.kit.layers import LayerTuple

_N_FOLDERS_UP = 3
"""Folders above the results in which the recording is searched: those of a batch lie deeper."""


@dataclass(frozen=True, eq=False)
class FoundRecording:
    """The recording of a saved run in a viewer.

    Attributes
    ----------
    place
        Its place, or where it would be.
    video
        None if it was not found.
    layer
        Layer to add; None if a viewer shows it already.
    missing
        Why there is none; empty if there is.
    """

    place: Place
    video: Video | None = None
    layer: LayerTuple | None = None
    missing: str = ""


@dataclass(frozen=True, eq=False)
class SavedRecording:
    """Recipe and record of a run, and the recording that they lead to.

    Attributes
    ----------
    folder
        Where they were read.
    record
        From ``run.json``.
    recipe
        Recipe of the run.
    """

    folder: Path
    record: LandingRecord
    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of the recording without its suffix."""
        return Path(self.record.input.name).stem

    @property
    def expected(self) -> Path:
        """Where the recording was when it was analysed; beside the results if not recorded."""
        return _tidy(self.folder / (self.record.input.path or self.record.input.name))

    def recording_path(self) -> Path | None:
        """Return the recording: where it was, or of the same name beside the results, or None."""
        name = self.record.input.name
        if Path(name).name != name:  # a record from elsewhere must not lead anywhere
            return None
        nearby = [self.folder, *self.folder.absolute().parents[:_N_FOLDERS_UP]]
        places = [folder / name for folder in nearby]
        is_remote = (self.record.input.path or "").startswith(("//", "\\\\"))
        if self.expected.name == name and not is_remote:
            places.insert(0, self.expected)
        return next((place for place in places if place.exists()), None)

    def is_shown_by(self, layer: Layer) -> bool:
        """Return whether a layer shows the recording, whole and unchanged."""
        record = layer.metadata.get(KEY, {})
        source = record.get("source")
        steps = record.get("history", ())
        return (
            record.get("kind") == "video"
            and source is not None
            and Path(source).name == self.record.input.name
            and tuple(layer.data.shape) == self.record.input.shape
            and not any("inputs" in step for step in steps)
        )

    def options(self) -> ReadOptions:
        """Return how the recording was read, so that it is read so again."""
        from napari_uai.videos.read_options import UNKNOWN, ReadOptions

        reading = self.record.input.reading
        known = {each.name for each in fields(UNKNOWN)}
        try:
            given = {name: v for name, v in dict(reading.get("given", {})).items() if name in known}
            if isinstance(given.get("frames"), list):
                given["frames"] = tuple(given["frames"])
            return ReadOptions(**given)
        except (TypeError, ValueError) as error:
            raise BadValueError(
                f"{self.folder / RECORD} is damaged (reading): run the analysis again"
            ) from error

    def placed(self, layers: Iterable[Layer] = ()) -> FoundRecording:
        """Find the recording: among the layers of a viewer, else as a file."""
        shown = next((layer for layer in layers if self.is_shown_by(layer)), None)
        if shown is not None:
            return FoundRecording(place_of(shown), array_of(shown))
        try:
            layer = recording_layer(self._recording())
        except NapariUaiError as error:
            size = self.record.input.pixel_size_um
            scale = (1.0, size or 1.0, size or 1.0)
            units = ("pixel", *("micrometer" if size else "pixel",) * 2)
            place = Place(name=self.name, scale=scale, units=units, record={"name": self.name})
            return FoundRecording(place, missing=str(error))
        return FoundRecording(_place_of_new(layer), layer[0], layer)

    def _recording(self) -> Recording:
        """Open the recording as the run did; raise an error if it is not the same."""
        from napari_uai.videos.recording import read_recording

        path = self.recording_path()
        if path is None:
            raise BadValueError(
                f"{self.record.input.name} not found at {self.expected} or beside the "
                "results: copy it there or open it, then open the results again"
            )
        recording = read_recording(path, self.options())
        now, before = tuple(recording.video.shape), self.record.input.shape
        if now != before:
            raise BadValueError(
                f"{path} has {_by(now)} px, but {_by(before)} px were analysed: open the "
                "recording that was, then open the results again"
            )
        return recording


def record_and_recipe(folder: Path, table: str) -> tuple[LandingRecord, Recipe]:
    """Read the record and the recipe of a run.

    Parameters
    ----------
    folder
        Folder of results.
    table
        Name of the table that it must have: landings or trajectories.

    Raises
    ------
    NapariUaiError
        If a file is missing or damaged; the message names it and says what to do.
    """
    from napari_uai.iscat.recipes.recipe import load_recipe
    from napari_uai.report.records import LandingRecord, find_results, read_record
    from napari_uai.results import settle

    settle(folder)
    for name in (RECORD, table, RECIPE):
        if not (folder / name).is_file():
            raise BadValueError(
                f"{folder} has no {name}: choose a complete folder of results, or run the "
                "analysis again"
            )
    found = find_results(folder)
    if folder not in (found.tracked if table == TRAJECTORIES else found.landings):
        raise BadValueError(
            f"{folder / RECORD} is not the record of a run on a recording: choose results of "
            "napari-uai iscat"
        )
    record = read_record(folder / RECORD, LandingRecord)
    try:
        return record, replace(load_recipe(folder / RECIPE), name=record.recipe.name)
    except RecipeError as error:
        raise BadValueError(f"{folder / RECIPE}: {error}; run the analysis again") from error


def _place_of_new(layer: LayerTuple) -> Place:
    """Return the place of a layer that is not in a viewer yet."""
    attributes: dict[str, Any] = layer[1]
    return Place(
        name=attributes["name"],
        scale=attributes["scale"],
        translate=attributes["translate"],
        units=attributes["units"],
        record=attributes["metadata"][KEY],
    )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _tidy(path: Path) -> Path:
    """Return a path without ``..``; a recording that is gone cannot be resolved on the disk."""
    return Path(os.path.normpath(path.absolute()))

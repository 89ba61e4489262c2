"""Landings that were saved in a folder, read back for review; uses no Qt and no viewer.

The tables are those of the folder; the rolling average is made again of the recording, by the
recipe of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.widgets.iscat.average_again import recipe_of_average
from napari_uai.widgets.iscat.disturbed_times import recorded_times
from napari_uai.widgets.iscat.review import Review, half_batch
from napari_uai.widgets.iscat.saved_files import (
    LANDINGS,
    LOCALIZATIONS,
    read_numbers,
    traces_beside,
)
from napari_uai.widgets.iscat.saved_recording import SavedRecording, record_and_recipe
from napari_uai.widgets.iscat.stage_call import (
    STORED_AVERAGE,
    CallResult,
    RecipeCall,
    in_video,
    landings_layer,
    localizations_layer,
    name_of_result,
)
from napari_uai.widgets.kit.layers import (
    Place,
    image_layer,
)
from napari_uai.widgets.kit.ring_looks import ACCEPTED, verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from napari.layers import Layer

    from napari_uai.videos.frames import Video
    from napari_uai.videos.offset import Offset
    from napari_uai.widgets.kit.layers import LayerTuple

_PLACES = ("frame", "raw_frame", "y", "x")


@dataclass(frozen=True, eq=False)
class SavedRun(SavedRecording):
    """Landings, recipe and record of a run.

    Attributes
    ----------
    folder, record, recipe
        As in :class:`SavedRecording`.
    landings
        As in ``landings.csv``, with a column ``accepted`` if verdicts were exported.
    localizations, traces
        As in the files of these names; None if there is none.
    """

    landings: pd.DataFrame
    localizations: pd.DataFrame | None = None
    traces: pd.DataFrame | None = None

    @classmethod
    def read(cls, folder: str | Path) -> SavedRun:
        """Read the files of a run; no pixel is read.

        Raises
        ------
        NapariUaiError
            If a file is missing or damaged; the message names it and says what to do.
        """
        folder = Path(folder)
        record, recipe = record_and_recipe(folder, LANDINGS)
        needed = ("landing", *_PLACES, "contrast", "score")
        landings = read_numbers(folder / LANDINGS, needed)
        localizations = None
        if (folder / LOCALIZATIONS).is_file():
            localizations = read_numbers(folder / LOCALIZATIONS, _PLACES)
        return cls(folder, record, recipe, landings, localizations, traces_beside(folder))

    def opened(self, layers: Iterable[Layer] = ()) -> OpenedRun:
        """Return what a viewer shows of the run; a recording among its layers is used.

        Without the recording, or if it is not what was analysed, a note says so; the tables and
        traces are there all the same.
        """
        shown = self.placed(layers)
        note = f"{shown.missing}. Landings and traces are shown." if shown.missing else ""
        return self._opened(shown.place, shown.video, shown.layer, note=note)

    def review(self, place: Place) -> Review:
        """Return the landings for review, with the verdicts that were exported.

        Parameters
        ----------
        place
            Place of the recording.
        """
        from napari_uai.iscat.recipes.batches import batches_of

        placed = in_video(self.landings, self.origin)
        batch_size = next(iter(batches_of(self.recipe).values()), None)
        around = half_batch(self.landings, batch_size)
        place = place.moved(self.origin)
        review = reviewed(self.landings, placed, place, self.traces, around=around)
        first = self.record.input.first_frame
        review.frames = first, first + self.record.input.shape[0] - 1
        review.spans = recorded_times(self.record)
        return review

    @property
    def origin(self) -> Offset:
        """What to add to a position in the rolling average to obtain that in the recording."""
        from napari_uai.iscat.recipes.run import ROLLING_AVERAGE
        from napari_uai.videos.offset import Offset

        for stage in self.record.stages:
            if stage.name == ROLLING_AVERAGE and stage.origin is not None:
                return Offset(*stage.origin)
        return Offset()

    def _opened(
        self,
        place: Place,
        video: Video | None,
        recording: LayerTuple | None = None,
        *,
        note: str = "",
    ) -> OpenedRun:
        from napari_uai.videos.recording import open_recording

        review = self.review(place)
        layers = [] if recording is None else [recording]
        stored = self.folder / STORED_AVERAGE
        call = None
        if stored.exists():
            review.video = open_recording(stored).video
            name = name_of_result("average", self.recipe, self.name)
            layers.append(image_layer(review.video, review.place, name=name))
        elif video is not None:
            recipe = recipe_of_average(self.recipe)
            call = None if recipe is None else RecipeCall(recipe, video, place)
        if self.localizations is not None and len(self.localizations):
            name = name_of_result("localizations", self.recipe, self.name)
            place = review.place
            layers.append(localizations_layer(self.localizations, place, self.origin, name))
        if len(review.table):
            name = name_of_result("landings", self.recipe, self.name)
            layers.append(landings_layer(review, name))
        notes = [note] if note else []
        return OpenedRun(CallResult(layers, notes=notes, review=review), call, self.name)


@dataclass(frozen=True, eq=False)
class OpenedRun:
    """What a viewer shows of a saved run.

    Attributes
    ----------
    result
        Layers, notes, and the review that one of the layers holds.
    average
        Makes the rolling average; None if it was stored, or there is no recording.
    name
        Name of the recording without its suffix.
    """

    result: CallResult
    average: RecipeCall | None
    name: str


def reviewed(
    table: pd.DataFrame,
    placed: pd.DataFrame,
    place: Place,
    traces: pd.DataFrame | None,
    *,
    around: float | None = None,
) -> Review:
    """Return the review of a table of landings, with the verdicts in its column ``accepted``."""
    if ACCEPTED not in table.columns:
        return Review(table, placed, place, traces, around=around)
    verdicts = [verdict_of(value) for value in table[ACCEPTED]]
    bare, bare_placed = (each.drop(columns=ACCEPTED) for each in (table, placed))
    return Review(bare, bare_placed, place, traces, verdicts=verdicts, around=around)

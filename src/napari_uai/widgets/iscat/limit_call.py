"""A detection limit of the recording of a layer, to be measured in any thread; no Qt, no viewer."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.iscat.stage_call import recording_of, video_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image

    from napari_uai.iscat.limit.result import LimitResult
    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.videos.frames import Video
    from napari_uai.widgets.kit.layers import Place

_RUN_SHARE = 0.97


@dataclass(frozen=True)
class LimitCall:
    """A measurement of the detection limit of a recipe on the recording of a layer.

    Attributes
    ----------
    recipe
        Recipe with its parameters.
    array, place
        Video of the layer and its place.
    batch_sizes
        Batches to compare; that of the recipe if there are none.
    suggest
        Whether to compare a series of batches instead.
    calibration
        File with a calibration; None for no masses.
    folder
        Folder for the files; None for none.
    values
        Other parameters of :func:`~napari_uai.detection_limit`.
    """

    recipe: Recipe
    array: Video
    place: Place
    batch_sizes: tuple[int, ...] = ()
    suggest: bool = False
    calibration: Path | None = None
    folder: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_layer(cls, recipe: Recipe, layer: Image | None, **values: Any) -> LimitCall:
        """Read the recording from a layer.

        Raises
        ------
        BadValueError
            If the layer is missing or not a video.
        """
        return cls(recipe, *video_of(layer, "a detection limit"), **values)

    def run(self, monitor: Monitor = SILENT) -> LimitResult:
        """Measure the limit, and write its files if there is a folder."""
        from napari_uai.iscat.limit.analysis import detection_limit
        from napari_uai.iscat.limit.outputs import FILES, RECORD, write_limit_files
        from napari_uai.iscat.mass.calibration import read_calibration
        from napari_uai.results import results_folder
        from napari_uai.store.keeping import keeping

        calibration = None if self.calibration is None else read_calibration(self.calibration)
        # Entering the folder first reports a folder that is not writable before the run.
        with (
            keeping(),
            results_folder(self.folder, replaces=FILES, record=RECORD)
            if self.folder
            else nullcontext() as partial,
        ):
            result = detection_limit(
                recording_of(self.array, self.place),
                self.recipe,
                batch_sizes=self.batch_sizes,
                suggest=self.suggest,
                calibration=calibration,
                monitor=monitor.part(0.0, _RUN_SHARE),
                **self.values,
            )
            if isinstance(partial, Path):
                write_limit_files(result, partial, monitor=monitor.part(_RUN_SHARE, 1.0))
        return result


def batches_of(text: str) -> tuple[int, ...]:
    """Return the batches that a text lists, separated by spaces or commas.

    Raises
    ------
    BadValueError
        If one is not a whole number above 0.
    """
    words = text.replace(",", " ").split()
    wrong = [word for word in words if not word.isdecimal() or int(word) == 0]
    if wrong:
        raise BadValueError(
            f"batches must be whole numbers above 0, such as 500 1000 2000, got {wrong[0]!r}"
        )
    return tuple(int(word) for word in words)

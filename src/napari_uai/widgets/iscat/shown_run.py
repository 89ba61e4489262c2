"""The results of a run in a viewer, which the next run on the same recording replaces."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_uai.widgets.iscat.add_results import add_results
from napari_uai.widgets.kit.layer_choice import identity, layer_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.iscat.stage_call import CallResult

_SAME_RECORDING = ("name", "source")


@dataclass(frozen=True)
class ShownRun:
    """Layers and review of a run.

    Attributes
    ----------
    layers
        Identities of the layers.
    record
        Record of the recording.
    view
        Dock for the review; None if there are no landings.
    """

    layers: tuple[str, ...]
    record: Mapping[str, Any]
    view: LandingsView | None

    @classmethod
    def of(
        cls, result: CallResult, viewer: Viewer, earlier: ShownRun | None, *, keep: bool
    ) -> Generator[None, None, ShownRun]:
        """Add the results of a run to a viewer; yields after each of them.

        Parameters
        ----------
        result
            Result with a review.
        viewer
            Where to show it.
        earlier
            The run before. Verdicts on landings of the same recording are taken over.
        keep
            Whether its layers and review remain.
        """
        assert result.review is not None
        record = result.review.place.record
        if earlier is not None and earlier.is_of(record):
            if earlier.view is not None:
                result.review.copy_verdicts(earlier.view.review)
            if not keep:
                earlier.remove(viewer)
                yield
        before = {identity(layer) for layer in viewer.layers}
        view = yield from add_results(result, viewer)
        added = (identity(layer) for layer in viewer.layers)
        return cls(tuple(key for key in added if key not in before), record, view)

    def is_of(self, record: Mapping[str, Any]) -> bool:
        """Return whether this is a run on a recording."""
        return all(self.record.get(key) == record.get(key) for key in _SAME_RECORDING)

    def remove(self, viewer: Viewer) -> None:
        """Remove what is still there."""
        if self.view is not None:
            with suppress(LookupError, RuntimeError):  # its dock was closed
                viewer.window.remove_dock_widget(self.view)
        for key in self.layers:
            layer = layer_of(viewer, key)
            if layer is not None:
                viewer.layers.remove(layer)

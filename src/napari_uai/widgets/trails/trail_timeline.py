"""The timeline of a trail dock: listed trails by class, score and verdict over the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal

from napari_uai.widgets.kit.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from napari.components import ViewerModel

    from napari_uai.trails.table import Trails
    from napari_uai.typing import Floats
    from napari_uai.widgets.kit.ring_looks import Verdict
    from napari_uai.widgets.trails.placement import Source
    from napari_uai.widgets.trails.ranking import Ranking
    from napari_uai.widgets.trails.verdicts import Verdict as Judged
    from napari_uai.widgets.trails.verdicts import Verdicts

_VERDICTS: dict[Judged, Verdict] = {"accepted": "yes", "rejected": "no", "": ""}


class TrailTimeline(Timeline):
    """Listed trails over the time since the first sample, in seconds.

    A trail is where its most anomalous stretch ends, which is where the slider goes when it is
    chosen; its tick has the colour of its class and the height of its score.

    Parameters
    ----------
    viewer
        Viewer whose slider is followed and moved.

    Attributes
    ----------
    trail_chosen
        Emitted with the row of the trail whose tick was clicked.
    """

    trail_chosen = Signal(int)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._source: Source | None = None
        self._start_s = 0.0
        self._ranking: Ranking | None = None
        self.chosen.connect(self._choose)
        self.jumped.connect(self._jump)
        viewer.dims.events.current_step.connect(self.follow)

    def show_source(self, source: Source) -> None:
        """Show the time of other trails, without any yet."""
        self._source, self._ranking = source, None
        time = source.trails.time
        self._start_s = float(time.min())
        self.show_recording(0.0, float(time.max()) - self._start_s, unit="s")
        self.show_events(np.zeros(0), heights=np.zeros(0), colours=[])
        self.follow()

    def show_ranking(
        self, ranking: Ranking, colours: Mapping[str, str], verdicts: Verdicts
    ) -> None:
        """Show the listed trails."""
        self._ranking = ranking
        kinds = ranking.result.scores["class"].to_numpy()[ranking.places]
        self.show_events(
            odd_times(ranking) - self._start_s,
            heights=ranking.values,
            colours=[colours[str(kind)] for kind in kinds],
        )
        self.show_opinions(verdicts)

    def show_opinions(self, verdicts: Verdicts) -> None:
        """Show the verdicts on the listed trails."""
        if not any(verdicts.count(verdict) for verdict in _VERDICTS if verdict):
            self.show_verdicts(())  # at once, of a hundred thousand trails
        elif self._ranking is not None:
            trails = self._ranking.result.scores["trail"].to_numpy()[self._ranking.places]
            self.show_verdicts([_VERDICTS[verdicts.of(trail).verdict] for trail in trails])

    def mark_trail(self, row: int | None) -> None:
        """Point out a trail by its row; None for none."""
        rows = np.zeros(0) if self._ranking is None else self._ranking.rows
        places = np.flatnonzero(rows == row)
        self.mark(int(places[0]) if len(places) else -1)

    def follow(self, _event: Any = None) -> None:
        """Mark the time in view."""
        dims = self._viewer.dims
        if self._source is not None and dims.ndim >= 3:
            world = dims.point[dims.ndim - 3]
            self.show_now(self._source.placement.time_at(world) - self._start_s)

    def close_display(self) -> None:
        """Disconnect from the viewer."""
        self._viewer.dims.events.current_step.disconnect(self.follow)

    def _choose(self, event: int) -> None:
        if self._ranking is not None:
            self.trail_chosen.emit(int(self._ranking.rows[event]))

    def _jump(self, seconds: float) -> None:
        dims = self._viewer.dims
        if self._source is not None and dims.ndim >= 3:
            placed = self._source.placement.to_world(self._start_s + seconds, 0.0, 0.0)
            dims.set_point(dims.ndim - 3, float(placed[0, 0]))


def odd_times(ranking: Ranking) -> Floats:
    """Return when the stretch of each listed trail ends that stands out, in s."""
    result = ranking.result
    ends = np.maximum(result.stretches[ranking.places, 1], 1)
    last: Floats = result.trails.time[_starts(result.trails)[ranking.rows] + ends - 1]
    return last.astype(np.float64)


def _starts(trails: Trails) -> Floats:
    return np.asarray(trails.offsets[:-1])

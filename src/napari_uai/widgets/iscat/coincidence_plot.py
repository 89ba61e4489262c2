"""The plot of coincidences with a second recording against the tolerance, and of chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_uai.widgets.kit.curve import Curve

if TYPE_CHECKING:
    from napari_uai.evaluate import Coincidences
    from napari_uai.typing import AnyArray, Floats


class CoincidencePlot(Curve):
    """Coinciding landings by tolerance, over the mean and the interval of shifted spots."""

    measured_name, model_name, error_name = "coinciding", "by chance", ""
    band_name = "95 %"

    def __init__(self) -> None:
        super().__init__(x_label="tolerance (px)", y_label="landings")
        self.setObjectName("coincidences")
        self._interval: list[Floats] = []
        self.message = "no coincidences counted yet"

    def show_coincidences(self, found: Coincidences) -> None:
        """Draw the counts, and mark the tolerance of the columns."""
        curve = found.by_tolerance
        columns = ("tolerance_px", "coinciding", "chance_mean", "chance_low", "chance_high")
        tolerance, counts, mean, low, high = (curve[name].to_numpy(float) for name in columns)
        self._interval = [low, high]
        self.show_curve(tolerance, counts, model=mean, event=found.tolerance_px)

    def values(self) -> dict[str, AnyArray]:
        """Return counts, chance and its interval."""
        values = super().values()
        if self._interval:
            values |= dict(zip(("chance_low", "chance_high"), self._interval, strict=True))
        return values

    def _bounds(self) -> list[Floats]:
        return [np.asarray(edge) for edge in self._interval]

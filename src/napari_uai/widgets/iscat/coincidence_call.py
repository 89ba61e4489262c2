"""Coincidences of landings with a second recording, to be run in any thread; uses no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_uai.errors import BadValueError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.kit.layers import (
    KEY,
    array_of,
    frames_in,
    moved_by,
    place_of,
    world_matrix,
)

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Points

    from napari_uai.evaluate import Coincidences, Registration
    from napari_uai.typing import Floats
    from napari_uai.videos.frames import Frames


@dataclass(frozen=True)
class Counted:
    """Coincidences, the spots of the second recording, and the registration if one was asked for.

    Attributes
    ----------
    found
        Coincidences.
    spots
        Spots, in px of the second recording.
    registration
        Link that was found; None if the present one was used.
    """

    found: Coincidences
    spots: pd.DataFrame
    registration: Registration | None

    def text(self) -> str:
        """Return residual and counts in one line."""
        link = ""
        if self.registration is not None:
            n = len(self.registration.pairs)
            link = (
                f"Registered by {counted(n, 'pair')} of landing and spot "
                f"({self.registration.pairs_by_chance} by chance), residual "
                f"{self.registration.residual_px:.2f} px. "
            )
        return link + self.found.summary()


@dataclass(frozen=True)
class CoincidenceCall:
    """Landings and a second recording, read from layers in the main thread.

    Attributes
    ----------
    landings
        ``landing``, ``score`` and ``y``, ``x`` in px of the first recording.
    frames
        Second recording.
    link
        Present transform from the second to the first recording, (3, 3).
    magnification
        Pixels of the first recording per pixel of the second, None if not known.
    register
        Whether to find the link.
    sigma_px, tolerance_px
        Width of the spots, px of the second recording; tolerance, px of the first.
    """

    landings: pd.DataFrame
    frames: Frames
    link: Floats
    magnification: float | None
    register: bool
    sigma_px: float
    tolerance_px: float

    @classmethod
    def of_layers(
        cls,
        first: Image,
        second: Image,
        points: Points | None,
        *,
        register: bool,
        sigma_px: float,
        tolerance_px: float,
    ) -> CoincidenceCall:
        """Read landings and recordings.

        Raises
        ------
        BadValueError
            If there are no landings.
        """
        if points is None or "landing" not in points.features.columns:
            raise BadValueError("choose a layer of landings: run a recipe on the first recording")
        place = place_of(first)
        places = place.to_data(moved_by(world_matrix(points), points.data))
        table = points.features[["landing", "score"]].reset_index(drop=True)
        table = table.assign(y=places[:, 1], x=places[:, 2])
        link = np.eye(3)
        whole = np.linalg.inv(place.matrix()) @ world_matrix(second)
        link[:2] = whole[1:3, 1:]
        sizes = [each.metadata.get(KEY, {}).get("pixel_size_um") for each in (first, second)]
        magnification = sizes[1] / sizes[0] if all(sizes) else None
        frames = frames_in(array_of(second))
        return cls(table, frames, link, magnification, register, sigma_px, tolerance_px)

    def run(self, monitor: Monitor = SILENT) -> Counted:
        """Find the spots, register them if asked for, and count coincidences."""
        from napari_uai.evaluate import find_coincidences, register_spots, spots_of_mean

        spots = spots_of_mean(self.frames, sigma_px=self.sigma_px, monitor=monitor.part(0.0, 0.7))
        monitor.update(0.7, "registration")
        link, registration = self.link, None
        if self.register:
            ranked = self.landings.sort_values("score", ascending=False)
            registration = register_spots(
                ranked[["y", "x"]], spots[["y", "x"]], magnification=self.magnification
            )
            link = registration.matrix
        monitor.update(0.9, "coincidences")
        found = find_coincidences(
            self.landings,
            spots,
            shape=(self.frames.shape[1], self.frames.shape[2]),
            link=link,
            tolerance_px=self.tolerance_px,
        )
        return Counted(found, spots, registration)

"""Maps of localizations: where particles were, much finer than the pixels of the camera."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.measure.linking import spot_places
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import Raster, stage
from napari_uai.typing import Floats, Floats32, Ints
from napari_uai.videos.frames import Frames, Video, frames_of, video_like

Drawing: TypeAlias = Literal["histogram", "gaussian"]
Weight: TypeAlias = Literal["count", "contrast"]
Sign: TypeAlias = Literal["both", "bright", "dark"]

_MOST_PIXELS = 2**28
"""Pixels of a map of which one frame needs a gigabyte."""

_SIGMAS = 5.0
"""Standard deviations after which a Gaussian is not drawn any more."""

_CONTRASTS = ("contrast", "Fit_Amplitude", "center_intensity")
_ERRORS = (("y_error", "x_error"), ("Fit_errors_Y-Center", "Fit_errors_X-Center"))
"""Columns with contrast and with standard errors of the place, the best first."""


def _finer(inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Raster:
    """Place the pixels of a map in the field, and each map at the middle of its frames."""
    n_frames = frames_of(inputs[1]).shape[0]
    size, frames = parameters["pixel_px"], parameters["frames_per_map"] or n_frames
    first = size / 2 - 0.5
    return Raster((float(frames), size, size), ((frames - 1) / 2, first, first))


@stage(
    "Map of localizations",
    menu="measure",
    renumbers=True,
    raster=_finer,
    methods="Localizations were drawn into a map with pixels smaller than those of the camera",
)
def localization_map(
    spots: pd.DataFrame,
    video: Video,
    *,
    pixel_px: Annotated[float, Gt(0), Unit("px")] = 0.25,
    drawing: Drawing = "histogram",
    weight: Weight = "count",
    sign: Sign = "both",
    frames_per_map: Annotated[int, Ge(1), Unit("frames")] | None = None,
) -> Video:
    """Draw localizations, landings or spots into a map of the field.

    Parameters
    ----------
    spots
        Columns ``frame, y, x``; of fitted spots the fitted centre is taken. Those outside the field
        are left out.
    video
        Frames, rows, columns; only its shape is used.
    pixel_px
        Size of a pixel of the map, in px of the video.
    drawing
        ``histogram``: each localization counts in one pixel. ``gaussian``: it is spread over a
        Gaussian whose widths are its own standard errors along y and x, with an integral of one;
        those without a standard error are left out.
    weight
        ``count``: each localization counts once; ``contrast``: by its absolute contrast.
    sign
        Which to draw: ``bright`` and ``dark`` ones are told apart by the sign of the contrast.
    frames_per_map
        Frames in each map, for a map over time; None: one map of all.

    Returns
    -------
    Video
        float32, one frame per map: localizations, or sum of contrasts, per pixel of the map. Pixel
        (r, c) is centred at ``(r + 0.5) * pixel_px - 0.5`` px of the video, and so in napari.

    Raises
    ------
    BadValueError
        If a column is missing, the map would have more than 2**28 pixels, or a value is not valid.

    References
    ----------
    Baddeley, Cannell & Soeller, Microsc. Microanal. 16, 64 (2010), doi:10.1017/S143192760999122X.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"frame": [0, 3, 7], "y": [1.0, 1.1, 4.0], "x": [2.0, 2.1, 5.0]})
    >>> picture = iscat.localization_map(spots, np.zeros((10, 8, 8)), pixel_px=0.5)
    >>> picture.shape, float(picture.max()), float(picture.sum())
    ((1, 16, 16), 2.0, 3.0)
    """
    require_columns(spots, "frame", "y", "x")
    shape = frames_of(video).shape
    chosen = _chosen(spots, sign)
    maps = MapFrames(
        chosen["frame"].to_numpy(np.float64),
        _drawn(chosen, drawing, weight),
        shape,
        pixel_px,
        frames_per_map or shape[0],
    )
    return video_like(maps, video)


class MapFrames(Frames):
    """Maps of the localizations in runs of frames.

    Parameters
    ----------
    frame
        Frame of each localization.
    drawn
        (n, 5): y, x and their standard deviations (px; 0 for a point), weight.
    field
        Frames, rows, columns of the video.
    pixel_px
        Size of a pixel of the map.
    frames_per_map
        Frames in a map; if all, those outside the video count, too.
    """

    def __init__(
        self,
        frame: Floats,
        drawn: Floats,
        field: tuple[int, int, int],
        pixel_px: float,
        frames_per_map: int,
    ) -> None:
        n_maps = -(-field[0] // frames_per_map)
        rows, columns = (math.ceil(n / pixel_px - 1e-9) for n in field[1:])
        if rows * columns > _MOST_PIXELS:
            raise BadValueError(
                f"a map of {rows} x {columns} pixels is too large: use a larger pixel_px"
            )
        self.shape = (n_maps, rows, columns)
        self.dtype = np.dtype(np.float32)
        self.pixel_px = pixel_px
        at = np.zeros(len(frame)) if n_maps == 1 else np.floor(frame / frames_per_map)
        order = np.argsort(at, kind="stable")
        self._drawn = drawn[order]
        self._starts: Ints = np.searchsorted(at[order], np.arange(n_maps + 1)).astype(np.int64)

    @property
    def name(self) -> str:
        """What is drawn, and how fine."""
        return f"localization-map-{tokenize(self._drawn, self._starts, self.shape, self.pixel_px)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Draw some of the maps."""
        out = np.zeros((max(stop - start, 0), *self.shape[1:]), np.float32)
        for n, picture in enumerate(out, start):
            total = np.zeros(picture.shape)
            _draw(self._drawn[self._starts[n] : self._starts[n + 1]], self.pixel_px, total)
            picture[:] = total
        return out


def _chosen(spots: pd.DataFrame, sign: Sign) -> pd.DataFrame:
    if sign == "both":
        return spots
    contrast = _contrast(spots)
    return spots[contrast > 0 if sign == "bright" else contrast < 0]


def _contrast(spots: pd.DataFrame) -> Floats:
    known = next((name for name in _CONTRASTS if name in spots.columns), None)
    if known is None:
        raise BadValueError(f"the table has no contrast: one of {', '.join(_CONTRASTS)}")
    return spots[known].to_numpy(np.float64)


def _drawn(spots: pd.DataFrame, drawing: Drawing, weight: Weight) -> Floats:
    """Return place, widths and weight of each localization, NaN where one is not known."""
    widths = np.zeros((len(spots), 2))
    if drawing == "gaussian":
        names = next((pair for pair in _ERRORS if {*pair} <= {*spots.columns}), None)
        if names is None:
            raise BadValueError(
                "the table has no standard errors of y and x: fit the spots, or use "
                "drawing='histogram'"
            )
        errors = spots[[*names]].to_numpy(np.float64)
        widths = np.where(errors > 0, errors, np.nan)
    weights = np.abs(_contrast(spots)) if weight == "contrast" else np.ones(len(spots))
    return np.column_stack([spot_places(spots), widths, weights])


@kernel
def _draw(drawn: Floats, pixel: float, out: Floats) -> None:
    """Add each localization to a map; those of which a value is not finite are left out."""
    for k in range(drawn.shape[0]):
        y, x, sigma_y, sigma_x, weight = drawn[k]
        if not math.isfinite(y + x + sigma_y + sigma_x + weight):
            continue
        # positions in pixels of the map, whose first one begins at 0
        row, column = (y + 0.5) / pixel, (x + 0.5) / pixel
        if sigma_y == 0:
            r, c = math.floor(row), math.floor(column)
            if 0 <= r < out.shape[0] and 0 <= c < out.shape[1]:
                out[r, c] += weight
            continue
        along_y, top = _shares(row, sigma_y / pixel, out.shape[0])
        along_x, left = _shares(column, sigma_x / pixel, out.shape[1])
        for r in range(along_y.size):
            for c in range(along_x.size):
                out[top + r, left + c] += weight * along_y[r] * along_x[c]


@kernel
def _shares(place: float, sigma: float, size: int) -> tuple[Floats, int]:
    """Return the integral of a Gaussian over each pixel that it reaches, and the first of them."""
    first = max(math.floor(place - _SIGMAS * sigma), 0)
    last = min(math.floor(place + _SIGMAS * sigma) + 1, size)
    shares = np.zeros(max(last - first, 0))
    scale = 1 / (sigma * math.sqrt(2))
    for i in range(shares.size):
        low, high = (first + i - place) * scale, (first + i + 1 - place) * scale
        shares[i] = 0.5 * (math.erf(high) - math.erf(low))
    return shares, first

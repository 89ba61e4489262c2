"""Registration of a second recording to an iSCAT recording by what both see: the particles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Floats, Ints
from napari_uai.videos.frames import Video, frames_of, frames_per_chunk, map_chunks

SPOT_SIGMA_PX = 1.3
"""Standard deviation of spots, px of the second recording."""

MOST_POINTS = 20
"""Points of either recording from which hypotheses are made."""

FEWEST_PAIRS = 3
"""Pairs below which a similarity fits anything."""

SCALE_RANGE = (0.2, 5.0)
"""Magnifications that are considered if none is known."""

SCALE_SLACK = 1.15
"""Factor by which the magnification may differ from the one that is known."""

_FIT_SCALE = 1.5
"""Half width of the fitted window over ``sqrt(2) sigma_px``: labels may be close to each other."""

_HYPOTHESES_AT_ONCE = 4000
_REFINEMENTS = 5


@dataclass(frozen=True)
class Registration:
    """Similarity transform between two recordings.

    Attributes
    ----------
    matrix
        From the second to the first recording, (3, 3), for homogeneous rows and columns (px).
    pairs
        Rows of the points that belong together, (n, 2): in the first, in the second.
    residual_px
        Root of the mean squared distance of the pairs, in px of the first recording.
    pairs_by_chance
        Pairs that the mirror image of the second recording gives, which cannot be right.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> matrix = np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    >>> registration = uai.evaluate.Registration(matrix, np.zeros((4, 2), int), 0.3, 2)
    >>> registration.magnification, registration.rotation_deg, registration.shift
    (2.0, 90.0, (5.0, 1.0))
    """

    matrix: Floats
    pairs: Ints
    residual_px: float
    pairs_by_chance: int

    @property
    def magnification(self) -> float:
        """Pixels of the first recording per pixel of the second."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def rotation_deg(self) -> float:
        """Rotation, positive from rows towards columns."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def shift(self) -> tuple[float, float]:
        """Row and column in the first recording of pixel 0, 0 of the second."""
        return float(self.matrix[0, 2]), float(self.matrix[1, 2])


def register_spots(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    magnification: float | None = None,
    tolerance_px: float = 2.0,
) -> Registration:
    """Find the similarity transform that lays most spots of a second recording on landings.

    Each two spots and each two landings make a hypothesis; the one with the most pairs within the
    tolerance, one to one, is refined by least squares. It must give more pairs than the mirror
    image of the spots does, since that tells how many there are by chance.

    Parameters
    ----------
    first
        Rows and columns of landings in the first recording, (n, 2) px, the most confident first.
    second
        Rows and columns of spots in the second, (m, 2) px, the brightest first.
    magnification
        Pixels of the first recording per pixel of the second, if known from the pixel sizes.
    tolerance_px
        Largest distance of a pair, in px of the first recording.

    Returns
    -------
    Registration
        Transform, pairs and residual.

    Raises
    ------
    BadValueError
        If there are fewer than three points, or no transform that is better than by chance.

    References
    ----------
    Fischler & Bolles, Commun. ACM 24, 381 (1981), doi:10.1145/358669.358692.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> second = np.array([[2.0, 3.0], [15.0, 4.0], [9.0, 17.0], [20.0, 21.0], [5.0, 12.0]])
    >>> first = 2 * second[:, ::-1] * (1, -1) + (4, 50)
    >>> found = uai.evaluate.register_spots(first, second)
    >>> round(found.magnification, 6), round(found.rotation_deg, 6), len(found.pairs)
    (2.0, -90.0, 5)
    """
    if not tolerance_px > 0:
        raise BadValueError(f"tolerance_px must be above 0, got {tolerance_px}")
    a, b = _complex(first), _complex(second)
    for n, what in ((len(a), "landings in the first"), (len(b), "spots in the second")):
        if n < FEWEST_PAIRS:
            raise BadValueError(
                f"at least {FEWEST_PAIRS} {what} recording are needed, got {n}: link by hand, or "
                "by pairs of points"
            )
    limits = SCALE_RANGE
    if magnification is not None:
        limits = magnification / SCALE_SLACK, magnification * SCALE_SLACK
    scale, shift, pairs = _best(a, b, limits, tolerance_px)
    by_chance = len(_best(a, b.conj(), limits, tolerance_px)[2])
    if len(pairs) < FEWEST_PAIRS or len(pairs) <= by_chance:
        raise BadValueError(
            f"{len(pairs)} of {len(b)} spots lie on landings at best, and {by_chance} do by "
            "chance: link by hand, or by pairs of points"
        )
    matrix = np.array(
        [
            [scale.real, -scale.imag, shift.real],
            [scale.imag, scale.real, shift.imag],
            [0.0, 0.0, 1.0],
        ]
    )
    apart = np.abs(scale * b[pairs[:, 1]] + shift - a[pairs[:, 0]])
    return Registration(matrix, pairs, float(np.sqrt((apart**2).mean())), by_chance)


def spots_of_mean(
    video: Video,
    *,
    sigma_px: float = SPOT_SIGMA_PX,
    threshold: float = 6.0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Find the bright spots in the mean of all frames, such as the labels of a field.

    Parameters
    ----------
    video
        Frames, rows, columns; counts.
    sigma_px
        Standard deviation of the spots.
    threshold
        Smallest response, in standard deviations of the noise, which is told by the difference of
        even and odd frames.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``y, x`` (px, from fits of Gaussians) and ``brightness`` (counts above the background at
        the centre), the brightest first.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits, there is one frame only, or no noise.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("fluorescence.bin"))
    >>> len(uai.evaluate.spots_of_mean(video))
    4
    """
    from napari_uai.iscat.detect.spots import detect_spots, response_noise
    from napari_uai.iscat.measure.gaussian_fits import fit_spots
    from napari_uai.iscat.tables import OK

    even, odd = _means_of(video, monitor)
    mean = (even + odd)[np.newaxis] / 2
    noise = response_noise((even - odd)[np.newaxis] / 2, sigma_px=sigma_px)
    spots = detect_spots(
        mean,
        sigma_px=sigma_px,
        threshold=threshold * noise,
        threshold_unit="contrast",
        polarity="bright",
        border=0,
    )
    fits = fit_spots(spots, mean, scale=_FIT_SCALE)
    fits = fits[fits["status"] == OK]
    table = pd.DataFrame(
        {
            "y": fits["Fit_Y-Center"].to_numpy(np.float64),
            "x": fits["Fit_X-Center"].to_numpy(np.float64),
            "brightness": fits["Fit_Amplitude"].to_numpy(np.float64),
        }
    )
    return table.sort_values("brightness", ascending=False, ignore_index=True)


def _means_of(video: Video, monitor: Monitor) -> tuple[Floats, Floats]:
    """Return the means of even and of odd frames."""
    frames = frames_of(video)
    n = len(frames)
    if n < 2:
        raise BadValueError("at least two frames are needed to tell spots from noise, got one")

    def sums(start: int, stop: int) -> Floats:
        block = frames.read(start, stop)
        even = start % 2
        return np.stack([block[i::2].sum(axis=0, dtype=np.float64) for i in (even, 1 - even)])

    chunk, what = frames_per_chunk(frames.shape), "mean of the second recording"
    total = sum(map_chunks(sums, n, chunk, monitor=monitor, message=what))
    even, odd = np.asarray(total)
    return even / ((n + 1) // 2), odd / (n // 2)


def _complex(points: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    """Return rows and columns as complex numbers: a similarity is then ``scale * z + shift``."""
    places = np.asarray(points, np.float64).reshape(-1, 2)
    places = places[np.isfinite(places).all(axis=1)]
    return places[:, 0] + 1j * places[:, 1]


def _best(
    a: npt.NDArray[np.complex128],
    b: npt.NDArray[np.complex128],
    limits: tuple[float, float],
    tolerance: float,
) -> tuple[complex, complex, Ints]:
    """Return the similarity with the most pairs, and these."""
    scales, shifts = _hypotheses(a[:MOST_POINTS], b[:MOST_POINTS], limits)
    best = (-1, 0.0)
    scale, shift = 1.0 + 0j, 0j
    for start in range(0, len(scales), _HYPOTHESES_AT_ONCE):
        part = slice(start, start + _HYPOTHESES_AT_ONCE)
        placed = scales[part, None] * b[:MOST_POINTS] + shifts[part, None]
        near = np.abs(placed[:, :, None] - a[:MOST_POINTS]) <= tolerance
        n_pairs = np.minimum(near.any(axis=1).sum(axis=1), near.any(axis=2).sum(axis=1))
        at = int(n_pairs.argmax())
        if n_pairs[at] > best[0]:
            best = int(n_pairs[at]), 0.0
            scale, shift = complex(scales[part][at]), complex(shifts[part][at])
    pairs = _pairs(a, scale * b + shift, tolerance)
    for _ in range(_REFINEMENTS):
        if len(pairs) < 2:
            break
        refined = _similarity(a[pairs[:, 0]], b[pairs[:, 1]])
        again = _pairs(a, refined[0] * b + refined[1], tolerance)
        if len(again) < len(pairs):
            break
        (scale, shift), pairs = refined, again
    return scale, shift, pairs


def _hypotheses(
    a: npt.NDArray[np.complex128], b: npt.NDArray[np.complex128], limits: tuple[float, float]
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """Return scales and shifts that lay any two points of ``b`` on any two of ``a``."""
    one, two = np.array([*combinations(range(len(b)), 2)]).T
    k, m = np.array([(k, m) for k in range(len(a)) for m in range(len(a)) if k != m]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = (a[k] - a[m])[:, None] / (b[one] - b[two])
    shifts = a[k][:, None] - scales * b[one]
    wanted = (np.abs(scales) >= limits[0]) & (np.abs(scales) <= limits[1])
    return scales[wanted], shifts[wanted]


def _pairs(
    a: npt.NDArray[np.complex128], placed: npt.NDArray[np.complex128], tolerance: float
) -> Ints:
    """Return pairs within the tolerance, one to one, with the smallest sum of squares."""
    from scipy.optimize import linear_sum_assignment

    apart = np.abs(a[:, None] - placed)
    rows, columns = linear_sum_assignment(np.minimum(apart, 2 * tolerance) ** 2)
    good = apart[rows, columns] <= tolerance
    return np.column_stack([rows[good], columns[good]])


def _similarity(
    a: npt.NDArray[np.complex128], b: npt.NDArray[np.complex128]
) -> tuple[complex, complex]:
    """Return scale and shift that lay ``b`` on ``a`` by least squares."""
    da, db = a - a.mean(), b - b.mean()
    scale = complex(np.vdot(db, da) / np.vdot(db, db).real)
    return scale, complex(a.mean() - scale * b.mean())

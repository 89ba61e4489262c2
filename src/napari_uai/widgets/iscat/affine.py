"""Where a second recording lies over a first: another camera, another frame rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError

Matrix = npt.NDArray[np.float64]
_LEAST_AREA = 1e-6


@dataclass(frozen=True)
class Link:
    """From frames, rows and columns of one recording to those of another.

    Parameters
    ----------
    magnification
        Pixels of the first recording per pixel of the second.
    rotation_deg
        From the first to the second, positive from rows towards columns.
    shift
        Row and column, in the first recording, of the second one's pixel 0, 0.
    frames_per_frame
        Frames of the first recording per frame of the second.
    first_frame
        Frame of the first recording at which the second one begins.
    """

    magnification: float = 1.0
    rotation_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    frames_per_frame: float = 1.0
    first_frame: float = 0.0

    def plane(self) -> Matrix:
        """Return the part in the plane, (3, 3), for homogeneous rows and columns."""
        angle = np.deg2rad(self.rotation_deg)
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.eye(3)
        matrix[:2, :2] = self.magnification * np.array([[cosine, -sine], [sine, cosine]])
        matrix[:2, 2] = self.shift
        return matrix


def affine_of_pairs(first: npt.ArrayLike, second: npt.ArrayLike) -> Matrix:
    """Return the affine map, (3, 3), that takes places in one picture to those in another.

    Parameters
    ----------
    first
        Rows and columns, (n, 2), in the first picture; at least three, not on a line.
    second
        The same places in the second picture, in the same order.

    Returns
    -------
    ndarray
        Maps second to first, exactly for three pairs, in the least-squares sense for more.

    Raises
    ------
    BadValueError
        If there are too few pairs, their numbers differ, or they lie on a line.
    """
    target, source = np.asarray(first, float), np.asarray(second, float)
    if len(target) != len(source):
        raise BadValueError(
            f"{len(target)} places in the first recording and {len(source)} in the second: mark "
            "each place in both, in the same order"
        )
    if len(target) < 3:
        raise BadValueError(f"three pairs of places are needed, got {len(target)}: mark more")
    for points in (target, source):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] <= _LEAST_AREA * max(spread[0], 1.0):
            raise BadValueError("the places lie on a line: mark one aside of it")
    homogeneous = np.column_stack([source, np.ones(len(source))])
    matrix = np.eye(3)
    matrix[:2] = np.linalg.lstsq(homogeneous, target, rcond=None)[0].T
    return matrix


def with_time(plane: Matrix, *, frames_per_frame: float, first_frame: float) -> Matrix:
    """Return the map of frames, rows and columns, (4, 4), from that in the plane.

    Raises
    ------
    BadValueError
        If the ratio of frame rates is not positive.
    """
    if not (np.isfinite(frames_per_frame) and frames_per_frame > 0):
        raise BadValueError(f"the ratio of frame rates must be above 0, got {frames_per_frame}")
    matrix = np.eye(4)
    matrix[0, 0], matrix[0, 3] = frames_per_frame, first_frame
    matrix[1:, 1:] = plane
    return matrix


def world_affine(link: Matrix, first: Matrix, second: Matrix) -> Matrix:
    """Return the ``affine`` of the second layer that puts its data where ``link`` says.

    napari's world is affine after scale and translate of a layer.

    Parameters
    ----------
    link
        Second data to first data, (4, 4).
    first
        First data to world, (4, 4).
    second
        Second data to world without its affine, (4, 4).
    """
    return np.asarray(first @ link @ np.linalg.inv(second))

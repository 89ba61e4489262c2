"""Registration of a second recording to a first: another camera, another frame rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_uai.typing import Floats

_LEAST_AREA = 1e-6


@dataclass(frozen=True)
class Link:
    """Transform from the data of a second recording to those of a first.

    Parameters
    ----------
    magnification
        Pixels of the first recording per pixel of the second.
    rotation_deg
        Rotation from the first to the second, positive from rows towards columns.
    shift
        Row and column in the first recording of pixel 0, 0 of the second.
    frames_per_frame
        Frames of the first recording per frame of the second.
    first_frame
        Frame of the first recording at which the second starts.
    """

    magnification: float = 1.0
    rotation_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    frames_per_frame: float = 1.0
    first_frame: float = 0.0

    def plane(self) -> Floats:
        """Return the transform in the plane, (3, 3), for homogeneous rows and columns."""
        angle = np.deg2rad(self.rotation_deg)
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.eye(3)
        matrix[:2, :2] = self.magnification * np.array([[cosine, -sine], [sine, cosine]])
        matrix[:2, 2] = self.shift
        return matrix


def affine_of_pairs(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Return the affine transform, (3, 3), between points in two images.

    Parameters
    ----------
    first
        Rows and columns, (n, 2), in the first image; at least three, not collinear.
    second
        The same points in the second image, in the same order.

    Returns
    -------
    ndarray
        Transform from second to first: exact for three pairs, least-squares for more.

    Raises
    ------
    BadValueError
        If there are too few pairs, the numbers differ, or the points are collinear.
    """
    target, source = np.asarray(first, float), np.asarray(second, float)
    if len(target) != len(source):
        raise BadValueError(
            f"{len(target)} points in the first recording, {len(source)} in the second: mark each "
            "point in both, in the same order"
        )
    if len(target) < 3:
        raise BadValueError(
            f"at least three pairs of points are needed, got {len(target)}: mark more"
        )
    for points in (target, source):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] <= _LEAST_AREA * max(spread[0], 1.0):
            raise BadValueError("the points are collinear: mark one off the line")
    homogeneous = np.column_stack([source, np.ones(len(source))])
    matrix = np.eye(3)
    matrix[:2] = np.linalg.lstsq(homogeneous, target, rcond=None)[0].T
    return matrix


def with_time(plane: Floats, *, frames_per_frame: float, first_frame: float) -> Floats:
    """Extend a transform in the plane, (3, 3), to frames, rows and columns, (4, 4).

    Raises
    ------
    BadValueError
        If the ratio of frame rates is not positive.
    """
    if not (np.isfinite(frames_per_frame) and frames_per_frame > 0):
        raise BadValueError(f"the ratio of frame rates must be positive, got {frames_per_frame}")
    matrix = np.eye(4)
    matrix[0, 0], matrix[0, 3] = frames_per_frame, first_frame
    matrix[1:, 1:] = plane
    return matrix


def world_affine(link: Floats, first: Floats, second: Floats) -> Floats:
    """Return the attribute ``affine`` of the second layer that links it to the first.

    napari applies ``affine`` after scale and translate of a layer.

    Parameters
    ----------
    link
        Transform from second to first data, (4, 4).
    first
        Transform from first data to world, (4, 4).
    second
        Transform from second data to world without its affine, (4, 4).
    """
    return np.asarray(first @ link @ np.linalg.inv(second))

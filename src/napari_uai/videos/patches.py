"""Overlapping patches of frames, to process each on its own and to join them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Unit
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.parameters import checked
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import Frames, MappedFrames, Video, frames_of, video_like


@dataclass(frozen=True, eq=False)
class Patch:
    """A rectangle of all frames.

    Attributes
    ----------
    row, column
        Its first row and column in the frames.
    video
        Frames, rows, columns of the rectangle.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import Patch, cut_patches
    >>> patches = cut_patches(np.zeros((2, 50, 70)), size=(32, 32), overlap=8)
    >>> brighter = [Patch(each.row, each.column, each.video + 1) for each in patches]
    >>> len(brighter), brighter[-1].row, brighter[-1].column
    (6, 18, 38)
    """

    row: int
    column: int
    video: Video


@checked
def cut_patches(
    video: Video,
    *,
    size: tuple[Annotated[int, Ge(1), Unit("px")], Annotated[int, Ge(1), Unit("px")]] = (64, 64),
    overlap: Annotated[int, Ge(0), Unit("px")] = 16,
) -> list[Patch]:
    """Cut frames into patches of one size that overlap, and cover every pixel.

    Stages run block by block and need no patches; they serve functions of others that take images
    of one size, such as networks.

    Parameters
    ----------
    video
        Frames, rows, columns.
    size
        Rows and columns of a patch.
    overlap
        Rows and columns that neighbours share; the last patches share more, so as to end at the
        border.

    Returns
    -------
    list of Patch
        Row by row. A patch of a numpy array is a view; others stay lazy.

    Raises
    ------
    BadValueError
        If a patch is larger than the frames, or the overlap is not smaller than a patch.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import cut_patches, join_patches
    >>> video = np.arange(2 * 50 * 70.0).reshape(2, 50, 70)
    >>> patches = cut_patches(video, size=(32, 32), overlap=8)
    >>> [(patch.row, patch.column) for patch in patches]
    [(0, 0), (0, 24), (0, 38), (18, 0), (18, 24), (18, 38)]
    >>> bool(np.array_equal(join_patches(patches), video))
    True
    """
    frames = frames_of(video)
    for length, most, axis in zip(size, frames.shape[1:], ("rows", "columns"), strict=True):
        if length > most:
            raise BadValueError(f"patches have {length} {axis}, the frames only {most}")
        if overlap >= length:
            raise BadValueError(f"overlap must be less than the {length} {axis} of a patch")
    rows, columns = (
        _starts(most, length, overlap) for most, length in zip(frames.shape[1:], size, strict=True)
    )
    return [Patch(r, c, _part(video, frames, r, c, size)) for r in rows for c in columns]


def join_patches(patches: Sequence[Patch]) -> Video:
    """Join patches to frames again.

    Where patches overlap, the result is their weighted mean, with weights that fall towards the
    border of each, so that no seams are seen where they were processed differently. Patches that
    were not changed give the frames from which they were cut.

    Parameters
    ----------
    patches
        As returned by :func:`cut_patches`; the videos may be other ones of the same size.

    Returns
    -------
    Video
        float32 (float64 if a patch is), lazy if the first patch is.

    Raises
    ------
    BadValueError
        If there are none, they differ in size, or do not cover every pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import Patch, join_patches
    >>> left, right = (Patch(0, c, np.full((1, 1, 4), v)) for c, v in ((0, 0.0), (2, 1.0)))
    >>> join_patches([left, right])[0, 0].round(2)
    array([0.  , 0.  , 0.33, 0.67, 1.  , 1.  ])
    """
    if not patches:
        raise BadValueError("there are no patches to join")
    sources = [frames_of(patch.video) for patch in patches]
    shapes = {source.shape for source in sources}
    if len(shapes) > 1:
        raise BadValueError(f"patches differ in size: {sorted(shapes)}")
    joined = PatchedFrames(sources, [(patch.row, patch.column) for patch in patches])
    return video_like(joined, patches[0].video)


class PatchedFrames(Frames):
    """Frames whose pixels are weighted means of overlapping patches."""

    def __init__(self, sources: Sequence[Frames], corners: Sequence[tuple[int, int]]) -> None:
        self.sources = tuple(sources)
        self.corners = tuple(corners)
        n, height, width = sources[0].shape
        places = np.array(corners)
        rows, columns = (int(n) for n in places.max(axis=0) + np.array([height, width]))
        self.shape = (n, rows, columns)
        self.dtype = np.result_type(np.float32, *(s.dtype for s in sources if s.dtype.kind == "f"))
        self._weights = _weights((height, width), places)
        self._total = np.zeros((rows, columns))
        for row, column in self.corners:
            self._total[row : row + height, column : column + width] += self._weights
        if not self._total.all():
            raise BadValueError("the patches do not cover every pixel: join all that were cut")

    @property
    def name(self) -> str:
        """Names and places of the patches."""
        return f"patches-{tokenize([s.name for s in self.sources], self.corners)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read all patches of some frames and average them."""
        total = np.zeros((max(stop - start, 0), *self.shape[1:]))
        height, width = self._weights.shape
        for source, (row, column) in zip(self.sources, self.corners, strict=True):
            target = total[:, row : row + height, column : column + width]
            target += self._weights * source.read(start, stop)
        return (total / self._total).astype(self.dtype)


def _starts(length: int, size: int, overlap: int) -> list[int]:
    """Return where patches begin along an axis; the last one ends at the border."""
    return sorted({*range(0, length - size, size - overlap), length - size})


def _weights(size: tuple[int, int], places: Ints) -> Floats:
    """Return weights of the pixels of a patch, which fall to its border over the overlap."""
    along = []
    for length, starts in zip(size, places.T, strict=True):
        steps = np.diff(np.unique(starts))
        overlap = max(length - int(steps.max()), 0) if len(steps) else 0
        at = np.arange(length)
        along.append(np.minimum(np.minimum(at, length - 1 - at) + 1.0, overlap + 1))
    weights: Floats = np.multiply.outer(*along)
    return weights


def _part(video: Video, frames: Frames, row: int, column: int, size: tuple[int, int]) -> Video:
    if isinstance(video, np.ndarray):
        return video[:, row : row + size[0], column : column + size[1]]
    part = partial(_cut, row=row, column=column, size=size)
    cut = MappedFrames(frames, part, label="patch", dtype=frames.dtype, frame_shape=size)
    return video_like(cut, video)


def _cut(frames: AnyArray, *, row: int, column: int, size: tuple[int, int]) -> AnyArray:
    return frames[:, row : row + size[0], column : column + size[1]]

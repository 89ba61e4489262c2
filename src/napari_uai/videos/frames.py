"""Lazy videos: what gives frames from any thread, and how stages chain without storing anything.

A *video* is a numpy or dask array (frames, rows, columns), or :class:`Frames`, an object that
returns any run of frames on demand. Inside the package every stage reads from frames; a stage wraps
the frames of its input and is wrapped by the next one, so that a run of frames goes through the
whole chain while it is warm in the processor's cache. To the outside each stage returns what it was
given: frames, a dask array whose chunks read from the chain, or a numpy array that is filled chunk
by chunk.
"""

from __future__ import annotations

import math
import os
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor, in_threads, raise_if_cancelled
from napari_uai.typing import AnyArray
from napari_uai.videos.lazy_array import LazyArray

Result = TypeVar("Result")

CHUNK_BYTES = 8 * 2**20
"""Size of a chunk as float32: large against dask's overhead per task, small against memory."""

_NEAR = 8
"""Frames between which it takes longer to start over than to read on."""


class Frames(LazyArray):
    """A source of frames that can be read from any thread.

    An array to whoever asks for one: an index reads the frames that are needed into a numpy array,
    ``np.asarray`` all of them; for all else see :class:`LazyArray`.

    Attributes
    ----------
    shape
        Frames, rows, columns.
    dtype
        Type of the pixels that :meth:`read` returns.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    ndim = 3

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique for content: file, size, time of change and all parameters are in it.

        dask caches by it.
        """

    @abstractmethod
    def read(self, start: int, stop: int) -> AnyArray:
        """Return frames ``start`` to ``stop - 1`` as one array that the caller must not change."""

    @property
    def size(self) -> int:
        """Number of pixels in all frames."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Frames, rows, columns that are best read at a time to go through all of them."""
        return (frames_per_chunk(self.shape), *self.shape[1:])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shape} {self.dtype}>"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Return what numpy would for the same index; only frames that it names are read."""
        which, rest = _frames_in(index)
        if isinstance(which, slice):
            return self._run(range(len(self))[which], rest)
        if isinstance(which, np.ndarray):
            chosen = np.arange(len(self))[which]
            each, place = np.unique(chosen, return_inverse=True)
            return self._each(each)[(place.reshape(chosen.shape), *rest)]
        if which is None:
            return np.asarray(self)[index]
        frame = range(len(self))[which]
        return self.read(frame, frame + 1)[(0, *rest)]

    def _run(self, chosen: range, rest: tuple[Any, ...]) -> AnyArray:
        """Read frames, on all cores where they are many, and take ``rest`` of each."""

        def part(start: int, stop: int) -> AnyArray:
            block = self._steps(chosen[start:stop])
            taken: AnyArray = block[(slice(None), *rest)]
            return taken

        chunk = max(self.chunks[0] // min(abs(chosen.step), _NEAR), 1)
        if len(chosen) <= chunk or not all(isinstance(r, (int, slice)) for r in rest):
            return part(0, len(chosen))
        out = np.empty((len(chosen), *part(0, 1).shape[1:]), self.dtype)

        def fill(start: int, stop: int) -> None:
            out[start:stop] = part(start, stop)

        for _ in map_chunks(fill, len(chosen), chunk):
            pass
        return out

    def _steps(self, chosen: range) -> AnyArray:
        """Read frames at equal distances: with those between them if these are few."""
        if not chosen:
            return self.read(0, 0)
        if abs(chosen.step) > _NEAR:
            return self._each(chosen)
        low, high = sorted((chosen[0], chosen[-1]))
        return self.read(low, high + 1)[:: chosen.step]

    def _each(self, chosen: Iterable[int]) -> AnyArray:
        """Read frames one by one."""
        return np.concatenate([self.read(0, 0), *(self.read(int(i), int(i) + 1) for i in chosen)])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        """Compute all frames."""
        if copy is False and not isinstance(self, ArrayFrames):
            raise ValueError("frames are read or computed: an array of them is always a copy")
        return np.array(compute_video(self), dtype, copy=copy)

    def to_dask(self) -> da.Array:
        """Return the frames as a dask array; see :func:`lazy_video`."""
        return lazy_video(self)


Video: TypeAlias = AnyArray | da.Array | Frames
"""Frames, rows, columns; any real dtype; numpy, dask or :class:`Frames`."""


class ArrayFrames(Frames):
    """Frames of a numpy array in memory or of a memory map."""

    def __init__(self, array: AnyArray) -> None:
        self.array = array
        self.shape = _shape_of(array)
        self.dtype = array.dtype

    @property
    def name(self) -> str:
        """Content hash; it reads all of the array."""
        return f"array-{tokenize(self.array)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Return a view."""
        return self.array[start:stop]


class DaskFrames(Frames):
    """Frames of a dask array that was not made by this package."""

    def __init__(self, array: da.Array) -> None:
        self.array = array
        self.shape = _shape_of(array)
        self.dtype = array.dtype

    @property
    def name(self) -> str:
        """Name of the array."""
        return f"dask-{self.array.name}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Compute in the calling thread: the caller is itself one of dask's workers."""
        return np.asarray(self.array[start:stop].compute(scheduler="synchronous"))


class MappedFrames(Frames):
    """Frames that a function makes from the same frames of another source."""

    def __init__(
        self,
        source: Frames,
        function: Callable[[AnyArray], AnyArray],
        *,
        label: str,
        dtype: npt.DTypeLike = np.float32,
        frame_shape: tuple[int, int] | None = None,
    ) -> None:
        self.source = source
        self.function = function
        self.shape = (source.shape[0], *(frame_shape or source.shape[1:]))
        self.dtype = np.dtype(dtype)
        self.label = label

    @property
    def name(self) -> str:
        """Name of the source and of the function with its parameters."""
        return f"{self.label}-{tokenize(self.source.name, self.function)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read the source's frames and map them."""
        raise_if_cancelled()
        return self.function(self.source.read(start, stop))


_FRAMES_BEHIND: WeakValueDictionary[str, Frames] = WeakValueDictionary()
"""The frames behind each dask array of ours, by the array's name; the array's graph keeps them."""


def frames_of(video: Video) -> Frames:
    """Return the frames of a video, as short a way to the data as there is.

    Raises
    ------
    BadValueError
        If the array is not (frames, rows, columns) of real numbers, or has no pixel.
    """
    if getattr(video, "ndim", None) != 3:
        shape = getattr(video, "shape", None)
        raise BadValueError(f"a video has three axes (frames, rows, columns), got shape {shape}")
    if np.dtype(video.dtype).kind not in "uifb":
        raise BadValueError(f"a video holds integers or floats, got {video.dtype}")
    if 0 in video.shape[1:]:
        raise BadValueError(f"a video has at least one row and column, got shape {video.shape}")
    if isinstance(video, Frames):
        return video
    if isinstance(video, da.Array):
        behind = _FRAMES_BEHIND.get(video.name)
        return DaskFrames(video) if behind is None else behind
    return ArrayFrames(np.asanyarray(video))


def lazy_video(frames: Frames) -> da.Array:
    """Return frames as a dask array, chunked by frames; nothing is read."""
    name = frames.name
    video = da.from_array(
        frames,
        chunks=(frames_per_chunk(frames.shape), *frames.shape[1:]),
        name=name,
        asarray=False,
        fancy=False,
        meta=np.empty((0, 0, 0), frames.dtype),
    )
    _FRAMES_BEHIND[name] = frames
    return video


def video_like(frames: Frames, given: Video) -> Video:
    """Return frames as the kind of video that was given: only for numpy they are computed."""
    if isinstance(given, Frames):
        return frames
    return lazy_video(frames) if isinstance(given, da.Array) else compute_video(frames)


def per_frame(
    video: Video,
    function: Callable[[AnyArray], AnyArray],
    *,
    label: str,
    dtype: npt.DTypeLike = np.float32,
) -> Video:
    """Apply a function of a block of frames, frame by frame alike, to a whole video.

    Parameters
    ----------
    video
        Frames, rows, columns.
    function
        Takes and returns (n, rows, columns) for any n; a module-level function or a
        ``functools.partial`` of one, so that its parameters enter the result's name.
    label
        Name of the stage, for dask's task names.
    dtype
        Type of the result.
    """
    frames = MappedFrames(frames_of(video), function, label=label, dtype=dtype)
    return video_like(frames, video)


def frames_per_chunk(shape: tuple[int, int, int]) -> int:
    """Return how many frames make a chunk of about ``CHUNK_BYTES`` as float32, at most 1000."""
    return int(np.clip(CHUNK_BYTES // (4 * shape[1] * shape[2]), 1, min(1000, max(shape[0], 1))))


def map_chunks(
    function: Callable[[int, int], Result],
    n_frames: int,
    chunk: int,
    *,
    monitor: Monitor = SILENT,
    message: str = "",
) -> Iterator[Result]:
    """Call ``function(start, stop)`` for each chunk on all cores; yield the results in order.

    At most two chunks per core are under way or waiting, so memory does not grow with the length,
    and a cancelled monitor acts within a chunk's time; sooner where the function calls
    :func:`~napari_uai.monitor.raise_if_cancelled`. Monitors that are active here act, too.
    """
    starts = range(0, n_frames, chunk)
    workers = os.cpu_count() or 1
    pending: deque[Future[Result]] = deque()
    given_up = threading.Event()

    def one(start: int, stop: int) -> Result:
        raise_if_cancelled()
        return function(start, stop)

    work = in_threads(one, monitor, Monitor(cancelled=given_up.is_set))
    with ThreadPoolExecutor(workers) as pool:
        try:
            done = 0
            for start in starts:
                pending.append(pool.submit(work, start, min(start + chunk, n_frames)))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
                    done += 1
                    monitor.update(done / len(starts), message)
            while pending:
                yield pending.popleft().result()
                done += 1
                monitor.update(done / len(starts), message)
        finally:
            given_up.set()
            for future in pending:
                future.cancel()


def compute_video(video: Video, *, monitor: Monitor = SILENT) -> AnyArray:
    """Compute a whole video into one array, chunk by chunk on all cores.

    Parameters
    ----------
    video
        Frames, rows, columns.
    monitor
        Progress and cancelling, once per chunk.
    """
    frames = frames_of(video)
    if isinstance(frames, ArrayFrames):
        return frames.array
    out = np.empty(frames.shape, frames.dtype)

    def fill(start: int, stop: int) -> None:
        out[start:stop] = frames.read(start, stop)

    for _ in map_chunks(fill, frames.shape[0], frames_per_chunk(frames.shape), monitor=monitor):
        pass
    return out


def _frames_in(index: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what an index says of frames, and the rest of it.

    Frames are an integer, a slice or an array of integers or booleans; None where all frames are
    needed, as for a mask of pixels.
    """
    entries = index if isinstance(index, tuple) else (index,)
    if any(np.ndim(entry) != 1 and np.asarray(entry).dtype.kind == "b" for entry in entries):
        return None, ()
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    for i in dots[:1]:
        axes = sum(entry is not None for entry in entries) - 1
        entries = (*entries[:i], *(slice(None),) * max(3 - axes, 0), *entries[i + 1 :])
    which, *rest = entries or (slice(None),)
    if isinstance(which, (list, np.ndarray)):
        which = np.asarray(which, None if len(np.atleast_1d(which)) else np.intp)
    return which, tuple(rest)


def _shape_of(array: Video) -> tuple[int, int, int]:
    n, height, width = array.shape
    return int(n), int(height), int(width)

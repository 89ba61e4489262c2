"""Lazy videos: sources of frames, and how stages chain without storing intermediate results.

A *video* is a numpy or dask array (frames, rows, columns), or :class:`Frames`, an object that
returns any run of frames on demand. Inside the package every stage reads from frames; a stage wraps
the frames of its input and is wrapped by the next one, so that a run of frames passes through the
whole chain while it is in the processor's cache. A stage returns the kind of video that it was
given: frames, a dask array whose chunks read from the chain, or a numpy array filled chunk by
chunk.
"""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor, in_threads, raise_if_cancelled
from napari_uai.threads import n_threads
from napari_uai.typing import AnyArray, Ints
from napari_uai.videos.lazy_array import LazyArray
from napari_uai.workers import CHUNKS_AT_LEAST, active_workers, chunks_on

Result = TypeVar("Result")

CHUNK_BYTES = 8 * 2**20
"""Size of a chunk as float32: large compared with dask's overhead per task, small in memory."""

_NEAR = 8
"""Gap in frames up to which reading through is faster than reading separately."""


class Frames(LazyArray):
    """A source of frames that can be read from any thread, and behaves as an array.

    An index reads the frames that it needs into a numpy array, ``np.asarray`` reads all of them;
    arithmetic and numpy functions return dask arrays (see
    :class:`~napari_uai.videos.lazy_array.LazyArray`).

    Attributes
    ----------
    shape
        Frames, rows, columns.
    dtype
        Type of the pixels that :meth:`read` returns.

    Examples
    --------
    >>> import napari_uai as uai
    >>> frames, info = uai.videos.open_frames(uai.sample_path("landings.bin"))
    >>> frames
    <FileFrames (1200, 41, 40) uint16>
    >>> frames[100:110, :40].shape
    (10, 40, 40)
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    ndim = 3

    @property
    @abstractmethod
    def name(self) -> str:
        """Identifies the content: file, size, modification time and all parameters enter it.

        dask caches by it.
        """

    @abstractmethod
    def read(self, start: int, stop: int) -> AnyArray:
        """Return frames ``start`` to ``stop - 1`` as one array, which callers must not modify."""

    def read_at(self, numbers: Ints) -> AnyArray:
        """Return some frames as one array, which callers must not modify.

        Parameters
        ----------
        numbers
            Which ones, in ascending order; not so many as to fill the memory.
        """
        if not len(numbers):
            return self.read(0, 0)
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > _NEAR) + 1)
        parts = [self._among(run) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _among(self, numbers: Ints) -> AnyArray:
        """Read through frames that are near each other, and return some of them."""
        first, last = int(numbers[0]), int(numbers[-1])
        block = self.read(first, last + 1)
        return block if len(block) == len(numbers) else block[numbers - first]

    @property
    def size(self) -> int:
        """Number of pixels in all frames."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Frames, rows, columns of the blocks in which a pass over all frames is fastest."""
        return (frames_per_chunk(self.shape), *self.shape[1:])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shape} {self.dtype}>"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Return what numpy returns for the same index; only the indexed frames are read."""
        which, rest = _frames_in(index)
        if isinstance(which, slice):
            return self._run(range(len(self))[which], rest)
        if isinstance(which, np.ndarray):
            chosen = np.arange(len(self))[which]
            each, place = np.unique(chosen, return_inverse=True)
            block = np.concatenate(
                [self.read(0, 0), *(self.read(int(i), int(i) + 1) for i in each)]
            )
            return block[(place.reshape(chosen.shape), *rest)]
        if which is None:
            return np.asarray(self)[index]
        frame = range(len(self))[which]
        return self.read(frame, frame + 1)[(0, *rest)]

    def _run(self, chosen: range, rest: tuple[Any, ...]) -> AnyArray:
        """Read frames, on all cores if they are many, and apply ``rest`` to each."""

        def part(start: int, stop: int) -> AnyArray:
            some = chosen[start:stop]
            block = self.read_at(np.sort(np.asarray(some, np.int64)))[:: np.sign(some.step)]
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

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        """Compute all frames."""
        if copy is False and not isinstance(self, ArrayFrames):
            raise ValueError("frames are read or computed, so an array of them is always a copy")
        return np.array(compute_video(self), dtype, copy=copy)

    def to_dask(self) -> da.Array:
        """Return the frames as a dask array; see :func:`lazy_video`."""
        return lazy_video(self)


Video: TypeAlias = AnyArray | da.Array | Frames
"""Frames, rows, columns; any real dtype; numpy, dask or :class:`Frames`."""


class ArrayFrames(Frames):
    """Frames of a numpy array in memory or in a memory map."""

    def __init__(self, array: AnyArray) -> None:
        self.array = array
        self.shape = _shape_of(array)
        self.dtype = array.dtype

    @property
    def name(self) -> str:
        """Hash of the content; reads the whole array."""
        return f"array-{tokenize(self.array)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Return a view."""
        return self.array[start:stop]


class DaskFrames(Frames):
    """Frames of a dask array that does not come from this package."""

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
    """Frames computed by a function from the same frames of another source."""

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
        """Read frames of the source and apply the function."""
        raise_if_cancelled()
        return self.function(self.source.read(start, stop))

    def read_at(self, numbers: Ints) -> AnyArray:
        """Read frames of the source and apply the function."""
        raise_if_cancelled()
        return self.function(self.source.read_at(numbers))


_FRAMES_BEHIND: WeakValueDictionary[str, Frames] = WeakValueDictionary()
"""Frames behind each dask array of this package, by its name; its graph keeps them alive."""


def frames_of(video: Video) -> Frames:
    """Return the frames of a video, bypassing dask for videos of this package.

    Parameters
    ----------
    video
        Frames, rows, columns.

    Returns
    -------
    Frames
        Read on demand.

    Raises
    ------
    BadValueError
        If the array is not (frames, rows, columns) of real numbers, or has no pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import frames_of
    >>> frames_of(np.zeros((10, 4, 5))).read(2, 4).shape
    (2, 4, 5)
    """
    if getattr(video, "ndim", None) != 3:
        shape = getattr(video, "shape", None)
        raise BadValueError(
            f"a video must have three axes (frames, rows, columns), got shape {shape}"
        )
    if np.dtype(video.dtype).kind not in "uifb":
        raise BadValueError(f"a video must hold integers or floats, got {video.dtype}")
    if 0 in video.shape[1:]:
        raise BadValueError(
            f"a video must have at least one row and column, got shape {video.shape}"
        )
    if isinstance(video, Frames):
        return video
    if isinstance(video, da.Array):
        behind = _FRAMES_BEHIND.get(video.name)
        return DaskFrames(video) if behind is None else behind
    return ArrayFrames(np.asanyarray(video))


def lazy_video(frames: Frames) -> da.Array:
    """Return frames as a dask array, chunked along the frames; nothing is read.

    Parameters
    ----------
    frames
        A source of frames.

    Returns
    -------
    dask.array.Array
        Frames, rows, columns.

    Examples
    --------
    >>> import napari_uai as uai
    >>> frames, _ = uai.videos.open_frames(uai.sample_path("landings.bin"))
    >>> uai.videos.lazy_video(frames).chunks[0]
    (1000, 200)
    """
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
    """Return frames as the kind of video that was given; only a numpy array is computed."""
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
    """Apply a function that treats each frame independently to a whole video.

    Parameters
    ----------
    video
        Frames, rows, columns.
    function
        Takes and returns (n, rows, columns) for any n; a module-level function or a
        ``functools.partial`` of one, so that its parameters enter the name of the result.
    label
        Name of the stage, used for dask's task names.
    dtype
        Type of the result.

    Returns
    -------
    Video
        The same kind of video; frames and dask arrays stay lazy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.videos import per_frame
    >>> per_frame(np.full((3, 2, 2), 4.0), np.sqrt, label="root")[:, 0, 0]
    array([2., 2., 2.], dtype=float32)
    """
    frames = MappedFrames(frames_of(video), function, label=label, dtype=dtype)
    return video_like(frames, video)


def frames_per_chunk(shape: tuple[int, int, int]) -> int:
    """Return the number of frames in a chunk of about ``CHUNK_BYTES`` as float32, at most 1000."""
    return int(np.clip(CHUNK_BYTES // (4 * shape[1] * shape[2]), 1, min(1000, max(shape[0], 1))))


def map_chunks(
    function: Callable[[int, int], Result],
    n_frames: int,
    chunk: int,
    *,
    anywhere: bool = False,
    monitor: Monitor = SILENT,
    message: str = "",
) -> Iterator[Result]:
    """Call ``function(start, stop)`` for each chunk on all cores; yield the results in order.

    With ``anywhere``, workers do it if there are any: the function can be pickled, returns all that
    it does, which is small, and does not warn (:mod:`napari_uai.workers`).

    At most two chunks per core are in progress or waiting, so memory does not grow with the length
    of the video. Cancellation takes effect within the time of one chunk, or sooner if the function
    calls :func:`~napari_uai.monitor.raise_if_cancelled`; monitors that are active here also cancel.
    """
    starts = range(0, n_frames, chunk)
    others = active_workers() if anywhere else None
    if others is not None and len(starts) > CHUNKS_AT_LEAST:
        function(0, 1)  # what is found once for all frames is sent, instead of found by each worker
        send = partial(_run_of_chunks, function, chunk)
        for results in chunks_on(others, send, starts, n_frames, monitor, message):
            yield from results
        return
    workers = n_threads()
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


def _run_of_chunks(
    function: Callable[[int, int], Result], chunk: int, start: int, stop: int
) -> list[Result]:
    """Return the results of consecutive chunks."""
    return list(map_chunks(lambda a, b: function(start + a, start + b), stop - start, chunk))


def compute_video(video: Video, *, monitor: Monitor = SILENT) -> AnyArray:
    """Compute a whole video into one array, chunk by chunk on all cores.

    Parameters
    ----------
    video
        Frames, rows, columns.
    monitor
        Progress and cancellation, once per chunk.

    Returns
    -------
    numpy.ndarray
        Frames, rows, columns.

    Raises
    ------
    CancelledError
        If the monitor is cancelled.

    Examples
    --------
    >>> import napari_uai as uai
    >>> frames, _ = uai.videos.open_frames(uai.sample_path("fluorescence.bin"))
    >>> uai.videos.compute_video(frames).shape
    (55, 24, 24)
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
    """Split an index into that of the frames and the rest.

    The index of frames is an integer, a slice or an array of integers or booleans; None if all
    frames are needed, as for a mask of pixels.
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


def frames_text(start: int, stop: int) -> str:
    """Return a run of frames in words.

    Examples
    --------
    >>> frames_text(7, 8), frames_text(7, 10)
    ('frame 7', 'frames 7 to 9')
    """
    return f"frame {start}" if stop == start + 1 else f"frames {start} to {stop - 1}"

"""Movies: AVI, MP4, MOV, MKV and what else FFmpeg reads, exact to the frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_frame
from napari_uai.videos.cached import cached
from napari_uai.videos.frames import Frames
from napari_uai.videos.grey import to_grey
from napari_uai.videos.info import Opened
from napari_uai.videos.raw_shape import RawShape
from napari_uai.videos.stored import state_of

_BLOCK = 32
_GREY = {"gray": "gray", "gray10le": "gray16le", "gray12le": "gray16le", "gray16le": "gray16le"}


def open_movie(path: Path, shape: RawShape) -> Opened:
    """Open the video stream of a movie; its packets are indexed once, without decoding them.

    Raises
    ------
    VideoFormatError
        If it is not a movie, or has no video.
    """
    del shape
    try:
        with _container(path) as container:
            stream = container.streams.video[0]
            rate = stream.average_rate
            context = stream.codec_context
            codec, pixels = context.name, str(context.pix_fmt)
            check_frame(path, context.height, context.width, 4)
            times, keys = _index(container, stream)
        frames = MovieFrames(path, times, keys, (context.height, context.width), pixels)
        frames.read(0, 1)
    except VideoFormatError:
        raise
    except Exception as error:  # FFmpeg raises many types of errors
        raise VideoFormatError(
            f"{path} is not a readable movie ({error}): export it again"
        ) from error
    notes = []
    if codec not in _LOSSLESS:
        notes.append(f"{path.name}: is compressed with losses ({codec}); contrasts may be wrong")
    if pixels not in _GREY:
        notes.append(f"{path.name}: colours ({pixels}) are converted to grey")
    return Opened(
        cached(frames, _BLOCK),
        np.dtype(frames.dtype),
        frame_rate_hz=float(rate) if rate else None,
        warnings=tuple(notes),
        axes="TYX",
        details={"compression": codec, "pixels": pixels},
    )


_LOSSLESS = {"rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "bmp", "zlib", "v210"}


class MovieFrames(Frames):
    """Frames of a movie, in the order in which they are shown.

    Parameters
    ----------
    path
        The movie.
    times
        Presentation time of each frame, ascending, in units of the stream.
    keys
        Presentation times of the frames from which decoding can start.
    frame_shape
        Rows, columns.
    pixels
        Pixel format, as FFmpeg names it.
    """

    def __init__(
        self,
        path: Path,
        times: AnyArray,
        keys: AnyArray,
        frame_shape: tuple[int, int],
        pixels: str,
    ) -> None:
        self.path = path.absolute()
        self.times = times
        self.keys = keys
        self.pixels = pixels
        self.shape = (len(times), *frame_shape)
        self.dtype = np.dtype(np.uint16 if _GREY.get(pixels) == "gray16le" else np.uint8)
        self._name = "movie-" + tokenize(str(self.path), state_of(path))
        self._idle = threading.local()

    @property
    def name(self) -> str:
        """Path, size and modification time of the movie."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the decoders."""
        return {key: value for key, value in self.__dict__.items() if key != "_idle"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Open the movie again on the next read."""
        self.__dict__.update(state, _idle=threading.local())

    def read(self, start: int, stop: int) -> AnyArray:
        """Decode some frames, from the key frame before them.

        Raises
        ------
        VideoFormatError
            If they cannot be decoded.
        """
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        if not len(out):
            return out
        place = {int(time): i for i, time in enumerate(self.times[start:stop])}
        try:
            for frame in self._decoded(int(self.times[start])):
                if frame.pts in place:
                    out[place.pop(frame.pts)] = self._grey(frame)
                if not place:
                    return out
        except Exception as error:  # FFmpeg raises many types of errors
            raise VideoFormatError(
                f"{self.path}: frame {start} cannot be decoded ({error}): export it again"
            ) from error
        raise VideoFormatError(
            f"{self.path}: frame {start + min(place.values())} is missing: export it again"
        )

    def _decoded(self, first: int) -> Iterator[Any]:
        """Yield frames from a key frame at or before a time."""
        with _container(self.path) as container:
            stream = container.streams.video[0]
            before = self.keys[self.keys <= first]
            container.seek(int(before[-1]) if len(before) else 0, stream=stream, backward=True)
            yield from container.decode(stream)

    def _grey(self, frame: Any) -> AnyArray:
        if self.pixels in _GREY:
            return np.asarray(frame.to_ndarray(format=_GREY[self.pixels]), self.dtype)
        return to_grey(frame.to_ndarray(format="rgb24"))


def _container(path: Path) -> Any:
    import av

    av.logging.set_level(av.logging.PANIC)
    return av.open(str(path), mode="r")


def _index(container: Any, stream: Any) -> tuple[AnyArray, AnyArray]:
    """Return times of all frames in the order in which they are shown, and of key frames."""
    packets = [p for p in container.demux(stream) if p.pts is not None and p.size]
    times = np.array([packet.pts for packet in packets], np.int64)
    keys = np.array([packet.pts for packet in packets if packet.is_keyframe], np.int64)
    if not len(times):
        raise VideoFormatError(f"{container.name} contains no frames: export it again")
    return np.unique(times), np.unique(keys)

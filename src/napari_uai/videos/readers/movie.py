"""Movies: AVI, MP4, MOV, MKV and what else FFmpeg reads, exact to the frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_frame
from napari_uai.videos.frames import Frames, frames_text
from napari_uai.videos.grey import to_grey
from napari_uai.videos.info import Opened
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.cached import cached
from napari_uai.videos.sources.stored import state_of

_BLOCK = 32
_IDLE_AT_MOST = 8
_LOSSLESS = {
    *("rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "bmp", "zlib", "v210"),
    *("gif", "apng", "flic"),
}
_FORMATS = (
    "avi,mov,mp4,matroska,webm,mpeg,mpegvideo,mpegts,asf,flv,ogg,nut,dv,m4v,h264,hevc,ivf,wtv,mjpeg,"
    "gif,apng,flic"
)
"""Of FFmpeg: containers of movies."""

_WITHOUT_TIMES = {"avi"}
"""Formats that state the order of decoding only; FFmpeg guesses when a frame is shown."""

_GREY = {
    "gray": "u1",
    "pal8": "u1",
    "grayf32le": "<f4",
    "grayf32be": ">f4",
    **{
        f"gray{bits}{end}e": f"{mark}u2"
        for bits in (9, 10, 12, 14, 16)
        for end, mark in ("l<", "b>")
    },
}
"""Pixel formats of FFmpeg with one value per pixel, which is taken as stored."""


@dataclass(frozen=True)
class MovieIndex:
    """Where the frames of a movie are.

    Attributes
    ----------
    count
        Number of frames.
    times
        Presentation time of each frame, ascending, in units of the stream; None if the movie does
        not state them, so that its frames have to be counted from the first.
    keys
        Frames from which decoding can start, ascending.
    seek_times
        Time to seek to for each of them.
    """

    count: int
    times: npt.NDArray[np.int64] | None
    keys: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seek_times: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def open_movie(path: Path, options: ReadOptions) -> Opened:
    """Open the first video stream of a movie; its packets are indexed once, without decoding.

    Raises
    ------
    VideoFormatError
        If it is not a movie, or has no video.
    """
    del options
    if path.stat().st_size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    try:
        frames, codec, rate = _opened(path)
        frames.read(0, 1)
    except (VideoFormatError, PermissionError):
        raise
    except Exception as error:  # FFmpeg raises many types of errors
        raise VideoFormatError(
            f"{path} is not a readable movie ({_reason(error)}): export it again"
        ) from error
    pixels = frames.pixels
    return Opened(
        cached(frames, _BLOCK),
        np.dtype(_stored(pixels)),
        frame_rate_hz=rate,
        warnings=tuple(_notes(path, frames.index, codec, pixels)),
        axes="TYX",
        details={"compression": codec, "pixels": pixels},
    )


class MovieFrames(Frames):
    """Frames of a movie, in the order in which they are shown.

    Each read has a decoder for itself; those that are not in use wait for the frames that follow.

    Parameters
    ----------
    path
        The movie.
    index
        Where its frames are.
    frame_shape
        Rows, columns.
    pixels
        Pixel format, as FFmpeg names it.
    """

    def __init__(
        self, path: Path, index: MovieIndex, frame_shape: tuple[int, int], pixels: str
    ) -> None:
        self.path = path.absolute()
        self.index = index
        self.pixels = pixels
        self.shape = (index.count, *frame_shape)
        self.dtype = np.dtype(_stored(pixels)).newbyteorder("=")
        self._name: str = "movie-" + tokenize(str(self.path), state_of(path))
        self._start_closed()

    def _start_closed(self) -> None:
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Path, size and modification time of the movie."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the decoders."""
        return {key: v for key, v in self.__dict__.items() if key not in {"_idle", "_lock"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Open the movie again on the next read."""
        self.__dict__.update(state)
        self._start_closed()

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
        try:
            missing = self._fill(out, start, stop)
        except Exception as error:  # FFmpeg raises many types of errors
            raise VideoFormatError(
                f"{self.path}: {frames_text(start, stop)} cannot be decoded "
                f"({_reason(error)}): export it again"
            ) from error
        if missing:
            raise VideoFormatError(
                f"{self.path}: frame {min(missing)} cannot be decoded: export it again"
            )
        return out

    def _fill(self, out: AnyArray, start: int, stop: int) -> set[int]:
        """Decode frames into an array; return those that are missing."""
        decoder = self._taken(start)
        missing = set(range(start, stop))
        if decoder is not None:
            missing = self._decoded(decoder, out, start, stop)
        # Behind a key frame that is not as independent as it claims, frames are missing.
        before = int(np.searchsorted(self.index.keys, start, side="right")) - 1
        for key in (before, before - 1, -1):
            if not missing:
                break
            decoder = _Decoder(self.path, self.index)
            if key >= 0:
                decoder.seek(key)
            missing = self._decoded(decoder, out, start, stop)
        return missing

    def _decoded(self, decoder: _Decoder, out: AnyArray, start: int, stop: int) -> set[int]:
        missing = set(range(start, stop))
        for number, frame in decoder.frames():
            if number in missing:
                missing.discard(number)
                out[number - start] = decoder.grey(frame, self.pixels)
            if not missing or number >= stop:
                break
        if missing:
            decoder.close()
        else:
            self._give_back(decoder)
        return missing

    def _taken(self, start: int) -> _Decoder | None:
        """Return a waiting decoder from which the way to a frame is short."""
        key = int(np.searchsorted(self.index.keys, start, side="right")) - 1
        first = int(self.index.keys[key]) if key >= 0 else 0
        with self._lock:
            near = [each for each in self._idle if first <= each.position <= start]
            if not near:
                return None
            best = max(near, key=lambda each: each.position)
            self._idle.remove(best)
            return best

    def _give_back(self, decoder: _Decoder) -> None:
        with self._lock:
            self._idle.append(decoder)
            spare = self._idle.pop(0) if len(self._idle) > _IDLE_AT_MOST else None
        if spare is not None:
            spare.close()


class _Decoder:
    """An open movie, for one thread at a time.

    Attributes
    ----------
    position
        The next frame that it gives.
    """

    def __init__(self, path: Path, index: MovieIndex) -> None:
        from av.video.reformatter import VideoReformatter

        self._index = index
        # One for all frames: those of their own, which frames have, take longer than decoding.
        self._reformatter = VideoReformatter()
        self._container = _container(path)
        self._stream = self._container.streams.video[0]
        self._frames: Iterator[Any] = self._container.decode(self._stream)
        self.position = 0

    def seek(self, key: int) -> None:
        """Go to a key frame, which is counted among the key frames."""
        time = int(self._index.seek_times[key])
        self._container.seek(time, stream=self._stream, backward=True)
        self._frames = self._container.decode(self._stream)
        self.position = int(self._index.keys[key])

    def frames(self) -> Iterator[tuple[int, Any]]:
        """Yield the frames that follow, with their numbers."""
        times = self._index.times
        for frame in self._frames:
            if times is None:
                number = self.position
            else:
                if frame.pts is None:
                    continue
                number = int(np.searchsorted(times, frame.pts))
                if number == len(times) or times[number] != frame.pts:
                    continue  # rests of a sequence whose begin was skipped
            self.position = number + 1
            yield number, frame

    def grey(self, frame: Any, pixels: str) -> AnyArray:
        """Return the grey pixels of a frame whose pixel format is to be ``pixels``."""
        if frame.format.name != pixels:
            raise ValueError(f"its pixels change from {pixels} to {frame.format.name}")
        if pixels in _GREY:
            return _plane(frame, np.dtype(_GREY[pixels]), 1)[..., 0]
        stored = np.dtype(_stored(pixels))
        colours = self._reformatter.reformat(
            frame, format="rgb24" if stored.itemsize == 1 else "rgb48le", **_one_thread()
        )
        return to_grey(_plane(colours, stored.newbyteorder("<"), 3))

    def close(self) -> None:
        """Close the movie."""
        self._container.close()


def _opened(path: Path) -> tuple[MovieFrames, str, float | None]:
    """Return the frames of a movie, its codec and its frame rate."""
    with _container(path) as container:
        if not container.streams.video:
            raise VideoFormatError(f"{path} contains no video: give another file")
        stream = container.streams.video[0]
        rate = stream.average_rate
        context = stream.codec_context
        codec, pixels = context.name, str(context.pix_fmt)
        frame_shape = (context.height, context.width)
        check_frame(path, *frame_shape, 4)
        states_times = container.format.name not in _WITHOUT_TIMES
        index = _index(container, stream)
        if codec == "flic" and index.times is not None:
            index, rate = _of_flic(path, index), 1 / stream.time_base
    dependent = len(index.keys) < index.count
    if index.times is None or (dependent and not states_times):
        shown = _shown(path)
        if index.times is None or shown != index.times.tolist():
            index = MovieIndex(len(shown), None)
    if not index.count:
        raise VideoFormatError(f"{path} contains no frames: export it again")
    frames = MovieFrames(path, index, frame_shape, pixels)
    return frames, codec, float(rate) if rate else None


def _container(path: Path) -> Any:
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {
        "fflags": "+genpts",
        # Playlists, which may have any name, would open other files and addresses.
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "file",
    }
    return av.open(str(path.absolute()), mode="r", options=options)


def _index(container: Any, stream: Any) -> MovieIndex:
    """Return where the frames are, by the times of the packets."""
    # The packets themselves hold the whole movie.
    packets = [
        (packet.pts, packet.dts, packet.is_keyframe)
        for packet in container.demux(stream)
        if packet.size and not packet.is_discard
    ]
    if any(pts is None for pts, _, _ in packets):
        return MovieIndex(0, None)
    times = np.array([pts for pts, _, _ in packets], np.int64)
    order = np.unique(times)
    keys = sorted((pts, dts) for pts, dts, is_key in packets if is_key)
    if len(order) < len(times) or not keys:
        return MovieIndex(0, None)
    # Frames before the first key frame cannot be decoded.
    order = order[order >= keys[0][0]]
    # Some formats seek by the time of decoding, others by that of showing; the earlier serves both.
    seek = [pts if dts is None else min(pts, dts) for pts, dts in keys]
    numbers = np.searchsorted(order, [pts for pts, _ in keys])
    return MovieIndex(len(order), order, numbers.astype(np.int64), np.array(seek, np.int64))


def _of_flic(path: Path, index: MovieIndex) -> MovieIndex:
    """Correct what FFmpeg says of an animation of Autodesk.

    Frames state what changed since the frame before, but all count as key frames; behind the last
    one follows the first again.
    """
    stated = int.from_bytes(_head(path)[6:8], "little")
    count = min(stated, index.count) if stated else index.count
    times = index.times[:count] if index.times is not None else None
    return MovieIndex(count, times, index.keys[:1], index.seek_times[:1])


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _shown(path: Path) -> list[int | None]:
    """Return the times of all frames in the order in which they come out of the decoder."""
    with _container(path) as container:
        return [frame.pts for frame in container.decode(container.streams.video[0])]


def _stored(pixels: str) -> npt.DTypeLike:
    import av

    if pixels in _GREY:
        return _GREY[pixels]
    deep = max(component.bits for component in av.VideoFormat(pixels, 16, 16).components) > 8
    return "u2" if deep else "u1"


def _plane(frame: Any, stored: np.dtype[Any], channels: int) -> AnyArray:
    """Return a view of the first plane of a frame: rows, columns, channels."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8)[: frame.height * plane.line_size]
    used = rows.reshape(frame.height, plane.line_size)[
        :, : frame.width * channels * stored.itemsize
    ]
    return used.view(stored).reshape(frame.height, frame.width, channels)


@cache
def _one_thread() -> dict[str, int]:
    """Return what keeps PyAV from starting a thread per core for each frame, as it does from 17."""
    import av

    return {"threads": 1} if int(av.__version__.partition(".")[0]) >= 17 else {}


def _notes(path: Path, index: MovieIndex, codec: str, pixels: str) -> Iterator[str]:
    """Yield what a user has to know about a movie."""
    if codec not in _LOSSLESS:
        yield f"{path.name}: is compressed with losses ({codec}); contrasts may be wrong"
    if pixels == "pal8":
        yield f"{path.name}: has a colour table; pixels are taken as stored"
    elif pixels not in _GREY:
        yield f"{path.name}: colours ({pixels}) are converted to grey"
    if index.times is None:
        yield f"{path.name}: states no times of its frames, so that reading far ones takes long"
    elif len(index.times) > 2:
        steps = np.diff(index.times)
        usual = float(np.median(steps))
        uneven = int(np.sum(np.abs(steps - usual) > max(0.5 * usual, 1)))
        if uneven:
            yield (
                f"{path.name}: {uneven} of {len(steps)} intervals between frames differ from the "
                "usual one; frames are taken as evenly spaced"
            )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)

"""Animated WebP, which FFmpeg does not read: decoded by Pillow, one frame after the other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
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


def open_webp(path: Path, options: ReadOptions) -> Opened:
    """Open a WebP file; all frames are decoded once, to learn their times.

    Raises
    ------
    VideoFormatError
        If it is not a WebP file.
    """
    del options
    try:
        frames, durations = _opened(path)
    except (VideoFormatError, PermissionError):
        raise
    except Exception as error:  # Pillow raises many types of errors
        raise VideoFormatError(
            f"{path} is not a readable WebP ({error}): export it again"
        ) from error
    steps = np.array(durations[:-1] or durations, float)
    usual = float(np.median(steps))
    notes = [f"{path.name}: colours are converted to grey"]
    uneven = int(np.sum(np.abs(steps - usual) > 0.5 * usual))
    if uneven:
        notes.append(
            f"{path.name}: {uneven} of {len(steps)} intervals between frames differ from the "
            "usual one; frames are taken as evenly spaced"
        )
    return Opened(
        cached(frames, _BLOCK),
        np.dtype(np.uint8),
        frame_rate_hz=1000 / usual if usual > 0 else None,
        warnings=tuple(notes),
        axes="TYX",
        details={"compression": "webp"},
    )


class WebpFrames(Frames):
    """Frames of an animated WebP.

    Each read has a decoder for itself; those that are not in use wait for the frames that follow.

    Parameters
    ----------
    path
        The file.
    shape
        Frames, rows, columns.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.path = path.absolute()
        self.shape = shape
        self.dtype = np.dtype(np.uint8)
        self._name: str = "webp-" + tokenize(str(self.path), state_of(path))
        self._start_closed()

    def _start_closed(self) -> None:
        self._idle: list[tuple[int, Any]] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Path, size and modification time of the file."""
        return self._name

    def __getstate__(self) -> dict[str, Any]:
        """Drop the decoders."""
        return {key: v for key, v in self.__dict__.items() if key not in {"_idle", "_lock"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Open the file again on the next read."""
        self.__dict__.update(state)
        self._start_closed()

    def read(self, start: int, stop: int) -> AnyArray:
        """Decode some frames, and those before them that no decoder has passed.

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
            image = self._taken(start)
            for frame in range(start, stop):
                image.seek(frame)
                out[frame - start] = to_grey(np.asarray(image.convert("RGB")))
        except Exception as error:  # Pillow raises many types of errors
            raise VideoFormatError(
                f"{self.path}: {frames_text(start, stop)} cannot be decoded ({error}): "
                "export it again"
            ) from error
        self._give_back(stop, image)
        return out

    def _taken(self, start: int) -> Any:
        """Return the waiting decoder that is nearest before a frame, or a new one."""
        from PIL import Image

        with self._lock:
            near = [each for each in self._idle if each[0] <= start]
            if near:
                best = max(near, key=lambda each: each[0])
                self._idle.remove(best)
                return best[1]
        return Image.open(self.path)

    def _give_back(self, position: int, image: Any) -> None:
        with self._lock:
            self._idle.append((position, image))
            spare = self._idle.pop(0) if len(self._idle) > _IDLE_AT_MOST else None
        if spare is not None:
            spare[1].close()


def _opened(path: Path) -> tuple[WebpFrames, list[int]]:
    """Return the frames of a file, and for how long each is shown, in ms."""
    from PIL import Image

    with Image.open(path, formats=["WEBP"]) as image:
        check_frame(path, image.height, image.width, 4)
        n = int(getattr(image, "n_frames", 1))
        shape = (n, image.height, image.width)
        durations = []
        for frame in range(n):
            image.seek(frame)
            image.load()
            durations.append(int(image.info.get("duration", 0)))
    return WebpFrames(path, shape), durations

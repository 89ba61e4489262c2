"""Movies for talks and papers: AVI, MP4 and GIF of a video, with scale bar, time and marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.errors import BadValueError, OutputError
from napari_uai.files import whole_file
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import check_settings
from napari_uai.videos.contrast import robust_limits
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks
from napari_uai.videos.writing.overlay import BRIGHT, DARK, Overlay
from napari_uai.videos.writing.thumbnails import as_grey
from napari_uai.videos.writing.writers import refuse_existing, write_sidecar

if TYPE_CHECKING:
    import pandas as pd

MOVIE_SUFFIXES = (".avi", ".mp4", ".gif")
_AT_LEAST_ROWS = 320


@dataclass(frozen=True)
class MovieSettings:
    """How a video becomes a movie.

    Parameters
    ----------
    low, high
        Values shown black and white; None: the 0.1 and 99.9 percentiles of a few frames.
    step
        Show every n-th frame.
    rate
        Frames of the movie per second.
    zoom
        Pixels of the movie per pixel; None: as many as fit into 320 rows.
    scale_bar
        Whether a scale bar is drawn, if the pixel size is known.
    time
        Whether the time is written; the frame number if the frame rate is not known.
    mark
        Seconds of the movie during which a landing is marked.

    Examples
    --------
    >>> from napari_uai.videos.writing.movies import MovieSettings
    >>> MovieSettings(step=10, rate=50).step
    10
    """

    low: float | None = None
    high: float | None = None
    step: Annotated[int, Ge(1), Unit("frames")] = 1
    rate: Annotated[float, Gt(0), Le(1000), Unit("Hz")] = 25.0
    zoom: Annotated[int, Ge(1), Le(64)] | None = None
    scale_bar: bool = True
    time: bool = True
    mark: Annotated[float, Ge(0), Unit("s")] = 1.0

    def __post_init__(self) -> None:
        check_settings(self)
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise BadValueError(f"low must be below high, got {self.low:g} and {self.high:g}")


def write_movie(
    video: Video,
    path: str | Path,
    settings: MovieSettings = MovieSettings(),
    *,
    landings: pd.DataFrame | None = None,
    origin: tuple[int, int, int] = (0, 0, 0),
    pixel_size_um: float | None = None,
    frame_rate_hz: float | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Path:
    """Write a video as a movie of 8-bit grey frames with coloured marks, block by block.

    Parameters
    ----------
    video
        Frames, rows, columns.
    path
        ``.avi``: not compressed. ``.mp4``: H.264, or MPEG-4 where FFmpeg lacks it. ``.gif``.
    settings
        Contrast limits, step, rate and what is drawn.
    landings
        Landings to mark: columns ``raw_frame`` (or ``frame``), ``y`` and ``x`` in the recording;
        the sign of ``contrast`` gives their colour.
    origin
        Frame, row and column of the recording at which the video starts.
    pixel_size_um, frame_rate_hz
        Those of the video, for scale bar and time. An AVI or MP4 gets them in a sidecar, because
        its own rate is that of the movie.
    overwrite
        Replace an existing file.
    monitor
        Progress and cancellation; a cancelled write leaves no file.

    Returns
    -------
    Path
        File written.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    BadValueError
        If the suffix is unknown, or the video has no frames.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> settings = uai.videos.MovieSettings(step=20)
    >>> uai.videos.write_movie(video, "landings.avi", settings, frame_rate_hz=400).name
    'landings.avi'
    >>> uai.video_info("landings.avi").shape[0]
    60
    """
    path = Path(path)
    if path.suffix.lower() not in MOVIE_SUFFIXES:
        raise BadValueError(f"{path} is not a movie: use one of {', '.join(MOVIE_SUFFIXES)}")
    frames = frames_of(video)
    if not len(frames):
        raise BadValueError("the video has no frames")
    refuse_existing(path, overwrite=overwrite)
    zoom = settings.zoom or max(1, _AT_LEAST_ROWS // frames.shape[1])
    drawn = Overlay(
        zoom=zoom,
        pixel_size_um=pixel_size_um if settings.scale_bar else None,
        seconds_per_frame=1 / frame_rate_hz if frame_rate_hz else None,
        timed=settings.time,
        marks=_marks(landings, origin),
        marked_frames=0.5 * settings.mark * settings.rate * settings.step,
    )
    movie = _Movie(frames, _limits(frames, settings), settings, drawn, origin[0])
    with whole_file(path) as partial:
        _encode(movie, partial, path.suffix.lower()[1:], monitor)
        scale = {
            "pixel_size_um": pixel_size_um / zoom if pixel_size_um else None,
            "frame_rate_hz": frame_rate_hz / settings.step if frame_rate_hz else None,
        }
        if path.suffix.lower() != ".gif":
            write_sidecar(path, {name: value for name, value in scale.items() if value})
    return path


@dataclass(frozen=True)
class _Movie:
    """A video and how each of its frames is drawn."""

    frames: Frames
    limits: tuple[float, float]
    settings: MovieSettings
    overlay: Overlay
    first_frame: int

    @property
    def coloured(self) -> bool:
        """Whether it has colours, those of marks."""
        return self.overlay.marks is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns of the movie."""
        n, rows, columns = self.frames.shape
        shown = len(range(0, n, self.settings.step))
        return shown, rows * self.overlay.zoom, columns * self.overlay.zoom

    def draw(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return some frames of the movie: frames, rows, columns, and RGB if it has colours."""
        step, zoom = self.settings.step, self.overlay.zoom
        block = self._read(start * step, (stop - 1) * step + 1, step)
        pictures = as_grey(block, self.limits).repeat(zoom, 1).repeat(zoom, 2)
        if self.coloured:
            pictures = _in_colours(pictures)
        for i, pixels in enumerate(pictures):
            self.overlay.draw(pixels, self.first_frame + (start + i) * step)
        return pictures

    def _read(self, start: int, stop: int, step: int) -> npt.NDArray[Any]:
        if step <= 4:  # reading through is faster than reading one by one
            return self.frames.read(start, stop)[::step]
        return np.concatenate([self.frames.read(i, i + 1) for i in range(start, stop, step)])

    def blocks(self, monitor: Monitor) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield all frames in order, a few blocks at a time."""
        n, rows, columns = self.shape
        chunk = frames_per_chunk((n, rows, columns * (3 if self.coloured else 1)))
        yield from map_chunks(
            self.draw, self.shape[0], chunk, monitor=monitor, message="writing a movie"
        )


def _encode(movie: _Movie, path: Path, kind: str, monitor: Monitor) -> None:
    import av

    av.logging.set_level(av.logging.PANIC)
    codec, pixel_format, options = _codec(kind, coloured=movie.coloured)
    rate = Fraction(movie.settings.rate).limit_denominator(1000)
    try:
        with av.open(str(path), "w", format=kind) as container:
            stream: Any = container.add_stream(codec, rate=rate, options=options)
            even = pixel_format == "yuv420p"
            stream.height, stream.width = (n + n % 2 if even else n for n in movie.shape[1:])
            stream.pix_fmt = pixel_format
            for block in movie.blocks(monitor):
                for pixels in _padded(block, stream.height, stream.width):
                    container.mux(stream.encode(_frame(pixels, pixel_format)))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OutputError(
            f"cannot write a movie ({error}): choose another folder, zoom or format"
        ) from error


def _codec(kind: str, *, coloured: bool) -> tuple[str, str, dict[str, str]]:
    """Return codec, pixel format and options for a kind of file."""
    import av

    if kind == "avi":
        return "rawvideo", "bgr24" if coloured else "gray", {}
    if kind == "gif":
        return "gif", "pal8" if coloured else "gray", {}
    if "libx264" in av.codecs_available:
        return "libx264", "yuv420p", {"crf": "16", "preset": "veryfast"}
    return "mpeg4", "yuv420p", {"qscale": "2"}


def _in_colours(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return grey pictures as red, green and blue."""
    import cv2

    n, rows, columns = pictures.shape
    colours = cv2.cvtColor(pictures.reshape(n * rows, columns), cv2.COLOR_GRAY2RGB)
    return np.asarray(colours, np.uint8).reshape(n, rows, columns, 3)


def _frame(pixels: npt.NDArray[np.uint8], pixel_format: str) -> Any:
    """Return a frame for the encoder."""
    import av

    if pixels.ndim == 2:
        return av.VideoFrame.from_ndarray(pixels, format="gray")
    if pixel_format == "pal8":
        return av.VideoFrame.from_ndarray((_indexed(pixels), _PALETTE), format="pal8")
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


_GREYS, _SHADES = 192, 32
_PALETTE = np.array(
    [(255, *(round(i * 255 / (_GREYS - 1)),) * 3) for i in range(_GREYS)]
    + [
        (255, *(round(c * (i + 1) / _SHADES) for c in hue))
        for hue in (BRIGHT, DARK)
        for i in range(_SHADES)
    ],
    np.uint8,
)
"""Colours of a GIF: grey, and those of marks from dark to full; alpha, red, green, blue."""


def _indexed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the place in the palette of each pixel of a picture with marks."""
    red, green, blue = (pixels[..., i].astype(np.int64) for i in range(3))
    place = np.rint(green * ((_GREYS - 1) / 255))
    for number, (hue, channel) in enumerate(((BRIGHT, red), (DARK, blue))):
        shade = np.minimum(channel * _SHADES // max(hue), _SHADES - 1)
        place = np.where(channel > np.minimum(red, blue), _GREYS + number * _SHADES + shade, place)
    return np.asarray(place, np.uint8)


def _padded(block: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.uint8]:
    missing = [(0, 0), (0, rows - block.shape[1]), (0, columns - block.shape[2])]
    missing += [(0, 0)] * (block.ndim - 3)
    return np.pad(block, missing) if any(b for _, b in missing) else np.ascontiguousarray(block)


def _limits(frames: Frames, settings: MovieSettings) -> tuple[float, float]:
    low, high = settings.low, settings.high
    if low is None or high is None:
        robust = robust_limits(frames)
        low, high = (robust[0] if low is None else low, robust[1] if high is None else high)
    replace(settings, low=low, high=high)  # checks their order
    return low, high


def _marks(
    landings: pd.DataFrame | None, origin: tuple[int, int, int]
) -> npt.NDArray[np.float64] | None:
    """Return raw frame, row and column in the video, and sign, of each landing."""
    if landings is None:
        return None
    frame = "raw_frame" if "raw_frame" in landings.columns else "frame"
    missing = [name for name in (frame, "y", "x") if name not in landings.columns]
    if missing:
        raise BadValueError(f"landings have no column {missing[0]}: give a landings.csv")
    places = landings[[frame, "y", "x"]].to_numpy(np.float64) - (0, origin[1], origin[2])
    sign = np.zeros(len(landings))
    if "contrast" in landings.columns:
        sign = np.sign(np.nan_to_num(landings["contrast"].to_numpy(np.float64)))
    return np.column_stack([places, sign])

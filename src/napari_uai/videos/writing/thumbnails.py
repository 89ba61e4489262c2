"""A picture of a few frames of a video, to see at a glance whether it was read as it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_uai.files import whole_file
from napari_uai.lettering import text_size, write_texts
from napari_uai.videos.contrast import robust_limits
from napari_uai.videos.frames import Video, frames_of
from napari_uai.videos.sampling import spread_frames

_HEIGHT_PX, _WIDEST_PX, _GAP_PX, _TEXT_PX = 320, 640, 8, 14
_PAPER, _INK = 255, (30, 30, 30)


def write_thumbnails(video: Video, path: str | Path, *, n_frames: int = 3) -> Path:
    """Write a few frames side by side as PNG, with the contrast limits stated below.

    Parameters
    ----------
    video
        Frames, rows, columns.
    path
        The picture; it replaces an earlier one.
    n_frames
        Frames to show, the first and last among them.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import napari_uai as uai
    >>> video = uai.open_video(uai.sample_path("landings.bin"))
    >>> uai.videos.write_thumbnails(video, "frames.png").name
    'frames.png'
    """
    from PIL import Image

    path = Path(path)
    with whole_file(path) as partial:
        Image.fromarray(thumbnails(video, n_frames=n_frames)).save(partial, "PNG")
    return path


def thumbnails(video: Video, *, n_frames: int = 3) -> npt.NDArray[np.uint8]:
    """Return a few frames side by side, as a picture (rows, columns, RGB)."""
    frames = frames_of(video)
    low, high = robust_limits(frames, n_frames=n_frames)
    tiles = []
    for i in spread_frames(len(frames), n_frames):
        tile = _enlarged(as_grey(frames.read(int(i), int(i) + 1)[0], (low, high)))
        labelled = np.full((tile.shape[0] + 2 * _TEXT_PX, tile.shape[1], 3), _PAPER, np.uint8)
        labelled[: len(tile)] = tile[..., np.newaxis]
        write_texts(labelled, [(0, len(tile) + _TEXT_PX // 2, f"frame {i}", _INK)], _TEXT_PX)
        tiles += [labelled, np.full((len(labelled), _GAP_PX, 3), _PAPER, np.uint8)]
    row = np.hstack(tiles[:-1])
    text = f"black: {low:.6g}, white: {high:.6g}"
    width = max(row.shape[1], text_size(text, _TEXT_PX)[1])
    page = np.full((len(row) + 2 * _TEXT_PX, width, 3), _PAPER, np.uint8)
    page[: len(row), : row.shape[1]] = row
    write_texts(page, [(0, len(row), text, _INK)], _TEXT_PX)
    return page


def as_grey(frame: npt.NDArray[np.generic], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return frames as grey pixels, black at the lower limit and where there is no number."""
    low, high = limits
    scaled = (np.asarray(frame, np.float32) - low) * (255 / (high - low))
    grey: npt.NDArray[np.uint8] = np.nan_to_num(np.rint(scaled).clip(0, 255)).astype(np.uint8)
    return grey


def _enlarged(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pixels repeated, or left out, so that the picture has a readable size."""
    rows, columns = pixels.shape
    factor = min(_HEIGHT_PX / rows, _WIDEST_PX / columns)
    if factor >= 1:
        return pixels.repeat(int(factor), 0).repeat(int(factor), 1)
    step = int(np.ceil(1 / factor))
    return pixels[::step, ::step]

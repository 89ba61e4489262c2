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
_CELLS_WIDE, _CELLS_HIGH, _GAP_CELLS = 36, 20, 2
_FIRST_GREY, _GREYS = 232, 24  # of the 256 colours of terminals


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


def terminal_thumbnails(
    video: Video, *, columns: int, true_colour: bool, n_frames: int = 3
) -> list[str]:
    """Return a few frames side by side as lines for a terminal.

    A cell of the terminal shows two pixels, one above the other.

    Parameters
    ----------
    video
        Frames, rows, columns.
    columns
        Width of the terminal, in cells.
    true_colour
        Whether it knows colours of 24 bits; otherwise greys are among its 256 colours.
    n_frames
        Frames to show, the first and last among them.

    Returns
    -------
    list of str
        Lines with codes of colours; the last one names the frames. Empty if there is no space.
    """
    frames = frames_of(video)
    numbers = spread_frames(len(frames), n_frames)
    free = columns - _GAP_CELLS * (len(numbers) - 1)
    rows, cells = _size_in_cells(frames.shape[1:], min(free // max(len(numbers), 1), _CELLS_WIDE))
    if rows < 1 or cells < 1:
        return []
    low, high = robust_limits(frames, n_frames=n_frames)
    tiles = []
    for i in numbers:
        frame = _averaged(frames.read(int(i), int(i) + 1)[0], 2 * rows, cells)
        tiles.append(_in_half_blocks(as_grey(frame, (low, high)), true_colour=true_colour))
    gap = " " * _GAP_CELLS
    names = gap.join(f"frame {i}"[:cells].ljust(cells) for i in numbers)
    return [*(gap.join(parts) for parts in zip(*tiles, strict=True)), names.rstrip()]


def _size_in_cells(frame_shape: tuple[int, int], most: int) -> tuple[int, int]:
    """Return rows and columns of cells for a frame; a cell is twice as high as wide."""
    height, width = frame_shape
    cells = min(most, _CELLS_HIGH * 2 * width / height)
    return max(round(cells * height / width / 2), 1), int(cells)


def _averaged(frame: npt.NDArray[np.generic], rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return a frame of another size; pixels of large frames are averaged."""
    import cv2

    smaller = frame.shape[0] > rows or frame.shape[1] > columns
    way = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    pixels = np.ascontiguousarray(frame, np.float32)
    resized: npt.NDArray[np.float32] = cv2.resize(pixels, (columns, rows), interpolation=way)
    return resized


def _in_half_blocks(grey: npt.NDArray[np.uint8], *, true_colour: bool) -> list[str]:
    """Return the lines of a picture: the upper half of each cell has the colour of the text."""

    def code(level: int) -> str:
        if true_colour:
            return f"2;{level};{level};{level}"
        return f"5;{_FIRST_GREY + level * _GREYS // 256}"

    return [
        "".join(f"\x1b[38;{code(a)};48;{code(b)}m▀" for a, b in zip(upper, lower, strict=True))
        + "\x1b[0m"
        for upper, lower in zip(grey[::2].tolist(), grey[1::2].tolist(), strict=True)
    ]


def as_grey(frame: npt.NDArray[np.generic], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return frames as grey pixels, black at the lower limit and where there is no number."""
    low, high = limits
    scaled = np.subtract(frame, np.float32(low), dtype=np.float32)
    scaled *= np.float32(255 / (high - low))
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    if np.asarray(frame).dtype.kind == "f":
        scaled[np.isnan(scaled)] = 0
    grey: npt.NDArray[np.uint8] = scaled.astype(np.uint8)
    return grey


def _enlarged(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pixels repeated, or left out, so that the picture has a readable size."""
    rows, columns = pixels.shape
    factor = min(_HEIGHT_PX / rows, _WIDEST_PX / columns)
    if factor >= 1:
        return pixels.repeat(int(factor), 0).repeat(int(factor), 1)
    step = int(np.ceil(1 / factor))
    return pixels[::step, ::step]

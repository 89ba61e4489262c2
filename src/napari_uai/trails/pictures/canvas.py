"""The canvas: the picture of a scene, with lines and text on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from napari_uai.errors import OutputError
from napari_uai.lettering import text_size, write_texts
from napari_uai.trails.table import Picture, Scene, Trails
from napari_uai.typing import Floats, Floats32, Ints32

Colour: TypeAlias = tuple[int, int, int]

Stretch: TypeAlias = tuple[int, int]
"""First sample of a stretch of a trail, and the sample after its last, counted in the trail."""

COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
    (238, 238, 238),
    (178, 160, 255),
)
"""Colours of trails, by rank: those of Okabe and Ito (2008), extended to nine."""

PAPER, INK, FAINT_INK = (24, 26, 31), (240, 240, 240), (160, 164, 172)
_HINT: Colour = (78, 84, 95)
_HINTS = 1000
HULL: Colour = (86, 180, 233)
TRAIL: Colour = (240, 228, 66)
DEPARTING: Colour = (213, 94, 0)
"""Colour of the departing stretch where all trails have one colour."""

THICKER = 4.0
"""Width of the departing stretch, in widths of its trail."""

SHIFT = 4  # OpenCV draws at coordinates in 1/16 px
KEY = "ring: start · arrow: end · thick: departing stretch"
DESIGNED_FOR_PX = 1280

SHORTEST_PX = 64
"""Shortest side of a scene in a picture: narrower scenes are drawn out of proportion."""


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    picture
        Rows, columns, RGB; uint8.
    path
        File to write.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from napari_uai.trails import write_picture
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(np.zeros((48, 64, 3), np.uint8), Path(folder) / "black.png")
    ...     [path.name for path in Path(folder).iterdir()]
    ['black.png']
    """
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, eq=False)
class Canvas:
    """The scene at the size at which it is shown."""

    pixels: Picture
    scale_y: float
    scale_x: float

    def px(self, designed: float) -> int:
        """Return the width of a line, or the size of a letter, for a picture of this size."""
        longest = float(max(self.pixels.shape[:2]))
        return max(round(designed * longest / DESIGNED_FOR_PX), 1)

    def points(self, y: npt.NDArray[np.floating], x: npt.NDArray[np.floating]) -> Floats:
        """Convert positions in the scene to (x, y) in the picture; pixel centres are integers."""
        return np.stack(
            [
                (np.asarray(x, float) + 0.5) * self.scale_x - 0.5,
                (np.asarray(y, float) + 0.5) * self.scale_y - 0.5,
            ],
            axis=-1,
        )

    def line(self, y: npt.NDArray[np.floating], x: npt.NDArray[np.floating]) -> Ints32:
        """Convert positions to points for OpenCV, without consecutive duplicates."""
        points = np.clip(self.points(y, x), -2000, max(self.pixels.shape) + 2000)
        whole = np.rint(points * 2**SHIFT).astype(np.int32)
        moved = np.any(np.diff(whole, axis=0) != 0, axis=1)
        kept: Ints32 = whole[np.flatnonzero(np.concatenate([[True], moved]))]
        return kept

    def stretched(self, values: npt.NDArray[np.floating], scene: Scene) -> Floats32:
        """Resample a map to the picture; its outermost cells lie on those of the scene."""
        rows, columns = self.pixels.shape[:2]
        cells_y = (values.shape[0] - 1) / max(scene.height - 1, 1)
        cells_x = (values.shape[1] - 1) / max(scene.width - 1, 1)
        y = ((np.arange(rows) + 0.5) / self.scale_y - 0.5) * cells_y
        x = ((np.arange(columns) + 0.5) / self.scale_x - 0.5) * cells_x
        at_x, at_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        shown: Floats32 = cv2.remap(
            values.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return shown


def scene_canvas(
    scene: Scene, image: Picture | None, longest_side_px: int, dim: float = 0.6
) -> Canvas:
    """Return the picture of the scene, dimmed so that colours stand out; dark grey without one."""
    factor = longest_side_px / max(scene.width, scene.height)
    # Narrow scenes also need room for labels.
    columns, rows = (max(round(side * factor), SHORTEST_PX) for side in (scene.width, scene.height))
    if image is None:
        pixels = np.full((rows, columns, 3), (44, 48, 56), np.uint8)
    else:
        smaller = image.shape[0] > rows
        way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        shown = cv2.resize(image, (columns, rows), interpolation=way).astype(np.float32)
        grey = shown.mean(axis=2, keepdims=True)
        pixels = np.rint((0.35 * shown + 0.65 * grey) * dim).astype(np.uint8)
    return Canvas(pixels, rows / scene.height, columns / scene.width)


def aspect_problem(scene: Scene, longest_side_px: int = DESIGNED_FOR_PX) -> str:
    """Return what to tell about a scene that is drawn out of proportion; empty if it is not."""
    shorter, longer = sorted((scene.width, scene.height))
    if round(shorter * longest_side_px / longer) >= SHORTEST_PX:
        return ""
    return (
        f"the scene is {scene.width} x {scene.height} px: pictures show it {SHORTEST_PX} px "
        f"{'high' if scene.height < scene.width else 'wide'}, not in proportion"
    )


def clipped_stretch(trails: Trails, row: int, stretch: Stretch | None) -> Stretch | None:
    """Clip a stretch to its trail."""
    if stretch is None:
        return None
    n = int(trails.n_samples[row])
    first = min(max(stretch[0], 0), n - 1)
    return first, min(max(stretch[1], first + 1), n)


def draw_others(canvas: Canvas, trails: Trails) -> None:
    """Draw faint trails in place of a picture of the scene."""
    for row in np.unique(np.linspace(0, len(trails) - 1, min(len(trails), _HINTS)).astype(int)):
        samples = trails.trail(row)
        line = canvas.line(trails.y[samples], trails.x[samples])
        cv2.polylines(canvas.pixels, [line], False, _HINT, 1, cv2.LINE_AA, shift=SHIFT)


def draw_trail(
    canvas: Canvas,
    trails: Trails,
    row: int,
    stretch: Stretch | None,
    colour: Colour,
    width: float = 1.5,
    *,
    departing: Colour | None = None,
) -> None:
    """Draw a trail from a ring to an arrow; the departing stretch is thicker.

    It is also of another colour, if one is given.
    """
    samples = trails.trail(row)
    y, x = trails.y[samples], trails.x[samples]
    line = canvas.line(y, x)
    thin, thick = canvas.px(width), canvas.px(THICKER * width)
    draw_line(canvas.pixels, line, colour, thin)
    if stretch is not None:
        # A stretch of one sample is extended to the next to be visible.
        part = slice(stretch[0], max(stretch[1], stretch[0] + 2))
        draw_line(canvas.pixels, canvas.line(y[part], x[part]), departing or colour, thick)
    start = tuple(int(v) for v in line[0])
    radius = canvas.px(2.5 * width)
    for width_px, shade in ((thin + 2, (0, 0, 0)), (thin, colour)):
        cv2.circle(canvas.pixels, start, radius << SHIFT, shade, width_px, cv2.LINE_AA, shift=SHIFT)
    _draw_arrow(canvas, line, colour, canvas.px(8 * width))


def _draw_arrow(canvas: Canvas, line: Ints32, colour: Colour, length: int) -> None:
    tip = line[-1].astype(float)
    back = np.hypot(*(line - tip).T) >= length << SHIFT
    if not back.any():
        return
    direction = tip - line[np.flatnonzero(back)[-1]]
    along = direction / np.hypot(*direction) * (length << SHIFT)
    across = np.array([-along[1], along[0]]) * 0.45
    corners = np.rint([tip + 0.3 * along, tip - 0.7 * along + across, tip - 0.7 * along - across])
    corners = corners.astype(np.int32)
    cv2.fillPoly(canvas.pixels, [corners], colour, cv2.LINE_AA, shift=SHIFT)
    cv2.polylines(canvas.pixels, [corners], True, (0, 0, 0), 1, cv2.LINE_AA, shift=SHIFT)


def draw_line(
    pixels: Picture,
    line: Ints32,
    colour: Colour,
    width: int,
    *,
    closed: bool = False,
    casing: int = 2,
) -> None:
    """Draw a line with a dark casing, visible on any background."""
    if casing:
        cv2.polylines(pixels, [line], closed, (0, 0, 0), width + casing, cv2.LINE_AA, shift=SHIFT)
    cv2.polylines(pixels, [line], closed, colour, width, cv2.LINE_AA, shift=SHIFT)


def make_page(canvas: Canvas, title: str, below: Picture, key: str = "") -> Picture:
    """Stack a title, the canvas and another picture below it."""
    parts = [canvas.pixels, below]
    if title:
        size_px = max(canvas.px(20), 11)
        parts.insert(0, title_bar(title, canvas.pixels.shape[1], size_px, key))
    return np.vstack(parts)


def title_bar(title: str, width: int, size_px: int, key: str = "") -> Picture:
    """Draw a title, with a key on its right if there is room."""
    bar = np.full((2 * size_px, width, 3), PAPER, np.uint8)
    text = fitted_text(title, width - size_px, size_px)
    write_texts(bar, [(size_px // 2, size_px // 2 - 2, text, INK)], size_px)
    small = round(0.75 * size_px)
    left = width - size_px // 2 - text_size(key, small)[1]
    if key and left > text_size(text, size_px)[1] + 2 * size_px:
        write_texts(bar, [(left, size_px // 2 + 2, key, FAINT_INK)], small)
    return bar


def rank_colour(rank: int) -> Colour:
    """Return the colour of a rank."""
    return COLOURS[rank % len(COLOURS)]


def readable_on(colour: Colour) -> Colour:
    """Return black or white, whichever is readable on a colour."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return (0, 0, 0) if luminance > 100 else (255, 255, 255)


def fitted_text(text: str, width: int, size_px: int, ending: str = "") -> str:
    """Shorten a text so that it fits together with its ending."""
    text = " ".join(text.split())
    if text_size(text + ending, size_px)[1] <= width:
        return text + ending
    for length in range(min(len(text), 200), 0, -1):
        short = text[:length] + "…" + ending
        if text_size(short, size_px)[1] <= width:
            return short
    return ending.strip()

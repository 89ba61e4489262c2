"""Between videos and tables of the library and layers of napari; nothing here knows a viewer.

A video is an Image layer (frames, rows, columns), a table of positions a Points layer with the
other columns as its features. A layer's ``scale`` and ``translate`` tell where its frame 0, row 0,
column 0 lie, so that a video that begins later than the recording, and the spots found in it, lie
over the recording where they belong. What was done stands in ``layer.metadata["napari_uai"]``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd

    from napari_uai.videos.frames import Frames, Video
    from napari_uai.videos.recording import Recording

KEY = "napari_uai"
"""Where in a layer's metadata its history stands."""

AXES = ("frame", "y", "x")
"""Names of the axes, and columns of a table that are positions."""

LayerTuple: TypeAlias = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer, as napari's readers give them."""

_NOISES = 10.0

RING_COLOURS = ("#ffb000", "#4cc9f0", "#f72585", "#80ed99")
"""Colours of rings, told apart by the colour-blind and seen on grey."""

NOWHERE_ELSE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0),
                (0.0, 0.0, 0.0, 1.0))  # fmt: skip
"""The affine of a layer that is not linked with another."""


@dataclass(frozen=True)
class Place:
    """Where the pixels of a video lie in the world of the viewer, and where they come from.

    Attributes
    ----------
    name
        What the layers that are made of it are named after.
    scale, translate
        Of the layer, along frames, rows and columns.
    affine
        What napari applies after them, (4, 4): how a second recording is linked with a first.
    record
        The layer's own entry in its metadata: ``source``, ``history`` and so on.
    """

    name: str = "video"
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    units: tuple[str, ...] = ("pixel", "pixel", "pixel")
    affine: tuple[tuple[float, ...], ...] = NOWHERE_ELSE
    record: Mapping[str, Any] = field(default_factory=dict)

    def moved(self, offset: tuple[int, int, int]) -> Place:
        """Return the place of a video whose position 0, 0, 0 is ``offset`` here."""
        frames, rows, columns = (
            t + s * o for t, s, o in zip(self.translate, self.scale, offset, strict=True)
        )
        return replace(self, translate=(frames, rows, columns))

    def with_step(self, stage: str, parameters: Mapping[str, Any], inputs: list[str]) -> Place:
        """Return the place with one more entry in its history."""
        step = {"stage": stage, "parameters": dict(parameters), "inputs": inputs}
        history = [*self.record.get("history", ()), step]
        return replace(self, record={**self.record, "history": history})

    def matrix(self) -> np.ndarray:
        """Return what takes frames, rows and columns to the world, (4, 4)."""
        return np.asarray(self.affine) @ scaled_and_moved(self.scale, self.translate)

    def to_world(self, data: np.ndarray) -> np.ndarray:
        """Return positions in the world, (n, 3) or (3,), of positions in the video."""
        return moved_by(self.matrix(), data)

    def to_data(self, world: np.ndarray) -> np.ndarray:
        """Return positions in the video, (n, 3) or (3,), of positions in the world."""
        return moved_by(np.linalg.inv(self.matrix()), world)

    def frame_at(self, world_frame: float) -> float:
        """Return the frame at a position of the slider; a link does not mix time and space."""
        matrix = self.matrix()
        return float((world_frame - matrix[0, 3]) / matrix[0, 0])

    def frames_to_world(self, n_frames: float) -> float:
        """Return how far the slider moves in so many frames."""
        return float(n_frames * self.matrix()[0, 0])


def scaled_and_moved(scale: npt.ArrayLike, translate: npt.ArrayLike) -> np.ndarray:
    """Return scale and translate, each (3,), as one matrix (4, 4)."""
    matrix = np.diag([*np.asarray(scale, float), 1.0])
    matrix[:3, 3] = translate
    return matrix


def moved_by(matrix: np.ndarray, positions: npt.ArrayLike) -> np.ndarray:
    """Return positions, (n, 3) or (3,), after a matrix (4, 4)."""
    return np.asarray(positions, float) @ matrix[:3, :3].T + matrix[:3, 3]


def place_of(layer: Any) -> Place:
    """Return where a layer lies; an image of two axes is one frame."""
    lacking = 3 - layer.ndim
    record = dict(layer.metadata.get(KEY, {}))
    scale = (*(1.0,) * lacking, *map(float, layer.scale))
    translate = (*(0.0,) * lacking, *map(float, layer.translate))
    own = scaled_and_moved(scale, translate)
    affine = world_matrix(layer) @ np.linalg.inv(own)
    return Place(
        name=record.get("name") or layer.name,
        scale=scale,
        translate=translate,
        units=(*("pixel",) * lacking, *map(str, layer.units)),
        affine=NOWHERE_ELSE if np.allclose(affine, np.eye(4)) else _rows(affine),
        record={"name": layer.name, "source": layer.source.path, **record},
    )


def world_matrix(layer: Any) -> np.ndarray:
    """Return what takes frames, rows and columns of a layer to the world, (4, 4).

    Scale, translate, rotation, shear and affine of a layer are one matrix; a layer of fewer axes
    lies in frame 0.
    """
    n = layer.ndim
    origin = np.asarray(layer.data_to_world((0.0,) * n), float)[-n:]
    ends = [np.asarray(layer.data_to_world(tuple(unit)), float)[-n:] for unit in np.eye(n)]
    matrix = np.eye(4)
    matrix[3 - n : 3, 3 - n : 3] = (np.array(ends) - origin).T
    matrix[3 - n : 3, 3] = origin
    return matrix


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in matrix)


def array_of(layer: Any) -> Video:
    """Return frames, rows, columns of an Image layer as they are; takes no time.

    Raises
    ------
    BadValueError
        If the layer is no video.
    """
    reason = no_video(layer)
    if reason:
        raise BadValueError(
            f"layer {layer.name!r} is no video ({reason}): choose an Image layer of three axes "
            "(frames, rows, columns)"
        )
    data = layer.data
    data = getattr(data, "__wrapped__", data)  # as napari gives it to plugins
    return data if data.ndim == 3 else data[np.newaxis]


def frames_in(array: Video) -> Frames:
    """Return the frames of what a layer holds; nothing is read.

    The last chunks of a dask array that is not ours are kept, or each frame of a chunk would take
    as long as all of them.
    """
    from napari_uai.videos.cached import cached
    from napari_uai.videos.frames import DaskFrames, frames_of

    frames = frames_of(array)
    return cached(frames, max(frames.array.chunks[0])) if isinstance(frames, DaskFrames) else frames


def lazily(array: Video) -> Video:
    """Return what a layer holds as stages take it: a dask array.

    A numpy array is hashed for its name, which takes a second per gigabyte: not for the thread of
    the window.
    """
    return frames_in(array).to_dask()


def no_video(layer: Any) -> str:
    """Say why a layer is no video; empty if it is one."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        return "not an Image layer"
    if layer.rgb:
        return "a colour image: split its channels, or convert it to grey"
    if layer.multiscale:
        return "a multiscale image: add its full resolution alone"
    if layer.ndim not in (2, 3):
        return f"{layer.ndim} axes: take one channel or position of it as a layer of its own"
    if np.dtype(layer.dtype).kind not in "uifb":
        return f"values of type {np.dtype(layer.dtype)}"
    return ""


def table_of(layer: Any, place: Place) -> pd.DataFrame:
    """Return the features of a Points layer with positions as a video at ``place`` counts them."""
    lacking = 3 - layer.ndim
    if lacking < 0:
        raise BadValueError(f"layer {layer.name!r} has more than three axes: choose another one")
    world = place_of(layer).to_world(np.pad(layer.data, ((0, 0), (lacking, 0))))
    table = layer.features.reset_index(drop=True).copy()
    for axis, values in zip(AXES, place.to_data(world).T, strict=True):
        table[axis] = values
    frames = table["frame"].to_numpy()
    if np.allclose(frames, np.rint(frames), rtol=0, atol=1e-6):
        table["frame"] = np.rint(frames).astype(np.int64)
    return table


def has_positions(table: pd.DataFrame) -> bool:
    """Tell whether the rows of a table are places in a video."""
    return set(AXES).issubset(table.columns)


def recording_layer(recording: Recording) -> LayerTuple:
    """Return the layer of a recording that was opened, with limits from a few of its frames.

    Its pixel size is that of the file, else that of the preferences.
    """
    from napari_uai.widgets.kit.preferences import preferences

    wished = preferences("recordings").pixel_size_nm / 1000
    pixel = recording.pixel_size_um or wished or None
    place = Place(
        name=recording.source.stem if recording.source else "recording",
        scale=(1.0, pixel or 1.0, pixel or 1.0),
        units=("pixel", *(("micrometer",) * 2 if pixel else ("pixel",) * 2)),
        record={
            "name": recording.source.stem if recording.source else "recording",
            "source": str(recording.source) if recording.source else None,
            "pixel_size_um": pixel,
            "frame_rate_hz": recording.frame_rate_hz,
            "first_frame": recording.first_frame,
            "history": [{"stage": line, "parameters": {}} for line in recording.history],
            "problems": list(recording.problems),
        },
    )
    return image_layer(recording.video, place, name=place.name)


def image_layer(video: Video, place: Place, *, name: str) -> LayerTuple:
    """Return a video as a layer; reads a few frames for its contrast limits.

    The layer holds frames, not a dask array: of that, napari would compute and keep a whole chunk
    for the one frame in view.
    """
    from napari_uai.videos.frames import ArrayFrames

    frames = frames_in(video)
    limits = robust_limits(frames)
    attributes = {
        "name": name,
        "scale": place.scale,
        "translate": place.translate,
        "affine": np.asarray(place.affine),
        "units": place.units,
        "axis_labels": AXES,
        "colormap": "gray",
        "contrast_limits": limits,
        "interpolation2d": "nearest",
        "metadata": {KEY: {**place.record, "kind": "video"}},
    }
    return frames.array if isinstance(frames, ArrayFrames) else frames, attributes, "image"


def points_layer(
    table: pd.DataFrame,
    place: Place,
    *,
    name: str,
    colour: str = "",
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> LayerTuple:
    """Return a table of positions as rings; rows without a position are left out.

    Parameters
    ----------
    table
        With columns ``frame``, ``y``, ``x``, px of the video at ``place``; the others become
        features. ``sigma`` sets the size of the rings.
    place
        Where the video lies.
    name
        Of the layer.
    colour
        Of the rings.
    offset
        What to add to frame, y and x for a file of the table: it counts from the recording's
        first pixel. Kept with the order of the columns, so that saving gives the table again.
    """
    positions = table[list(AXES)].to_numpy(float)
    known = np.isfinite(positions).all(axis=1)  # NaN would wreck the slider's range
    features = table.loc[known].drop(columns=list(AXES)).reset_index(drop=True)
    attributes = {
        "name": name,
        "ndim": 3,
        "scale": place.scale,
        "translate": place.translate,
        "affine": np.asarray(place.affine),
        "units": place.units,
        "axis_labels": AXES,
        "features": features,
        "symbol": "disc",  # with a transparent face: a thin ring
        "face_color": "transparent",
        "border_color": colour or RING_COLOURS[0],
        "border_width": 0.06,
        "size": ring_sizes(features),
        # napari draws a frame without points as one of size 0, which its lower limit would show.
        "canvas_size_limits": (0, 10_000),
        "metadata": {
            KEY: {
                **place.record,
                "kind": "table",
                "columns": list(table.columns),
                "offset": tuple(map(float, offset)),
            }
        },
    }
    return positions[known], attributes, "points"


def ring_sizes(features: pd.DataFrame) -> Any:
    """Return diameters, in px, of rings that go around the spot and leave it free."""
    for column in ("sigma", "sigma_px"):
        if column in features.columns:
            sigma = features[column].to_numpy(float)
            return np.clip(np.where(np.isfinite(sigma), 6.0 * sigma, 8.0), 6.0, 40.0)
    return 13.0  # around the rings of the localizations


def robust_limits(video: Video, *, n_frames: int = 5) -> tuple[float, float]:
    """Return contrast limits that a few hot pixels do not spoil.

    Parameters
    ----------
    video
        Frames, rows, columns; counts, or signed contrast, for which the limits are symmetric.
    n_frames
        How many frames to look at, spread over the video.

    Returns
    -------
    low, high
        The 0.1 and 99.9 percentiles; for signed data the 99.9 percentile of the absolute values,
        but at most ten times the noise, either sign.
    """
    from napari_uai.videos.frames import frames_of
    from napari_uai.videos.sampling import robust_deviation, spread_frames

    frames = frames_of(video)
    chosen = spread_frames(len(frames), n_frames)
    sample = np.concatenate([frames.read(i, i + 1).astype(np.float64).ravel() for i in chosen])
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(sample, (0.1, 99.9))
    if low < 0 < high:
        high = float(np.percentile(np.abs(sample), 99.9))
        noise = robust_deviation(sample, about=0.0)
        # In small frames a status line alone is more than a thousandth of the pixels.
        high = min(high, _NOISES * noise) if noise > 0 else high
        low = -high
    if not high > low:
        low, high = float(sample.min()), float(sample.max())
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def sample_truth(path: Path, place: Place) -> LayerTuple:
    """Return the known landings of a simulated recording as a layer."""
    import json

    import pandas as pd

    truth = pd.DataFrame(json.loads(path.read_text("utf-8"))["landings"])
    table = truth.assign(frame=truth["raw_frame"])
    return points_layer(table, place, name=f"{place.name}: true landings", colour=RING_COLOURS[3])

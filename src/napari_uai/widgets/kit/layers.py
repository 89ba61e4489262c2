"""Conversion between videos and tables of the library and napari layers; uses no viewer.

A video is an Image layer (frames, rows, columns). A table of positions is a Points layer with the
other columns as features. ``scale`` and ``translate`` of a layer locate its frame 0, row 0, column
0, so that a video that starts later than its recording, and the spots detected in it, are drawn
over the recording at the right position. ``layer.metadata["napari_uai"]`` records the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.videos.contrast import robust_limits
from napari_uai.widgets.kit.palette import UNSIGNED
from napari_uai.widgets.kit.ring_looks import (
    LOOKS,
    RingKind,
    ring_colours,
    ring_sizes,
    ring_text,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd
    from napari.layers import Layer, Points, Tracks

    from napari_uai.stages import Raster
    from napari_uai.typing import Floats
    from napari_uai.videos.frames import Frames, Video
    from napari_uai.videos.recording import Recording

KEY = "napari_uai"
"""Key of the plugin's record in the metadata of a layer."""

AXES = ("frame", "y", "x")
"""Names of the axes, and the columns of a table that are positions."""

_CENTRES = {axis: (f"Fit_{axis.upper()}-Center", f"Psf_{axis.upper()}-Center") for axis in "yx"}
"""Columns with positions along an axis, in px of what the layer is saved for."""

LayerTuple: TypeAlias = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer, as returned by napari readers."""

ReaderPath: TypeAlias = "str | list[str]"
Reader: TypeAlias = "Callable[[ReaderPath], list[LayerTuple | tuple[None]]]"
"""Reader of napari; ``(None,)`` means that the path was handled without a layer."""

OWN_AXES = "own_axes"
"""Entry in the record of a layer whose rows and columns are not positions in the field."""

NOT_LINKED = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0),
                (0.0, 0.0, 0.0, 1.0))  # fmt: skip
"""Affine of a layer that is not linked to another layer."""


@dataclass(frozen=True)
class Place:
    """Position of a video in the world of the viewer, and its history.

    Attributes
    ----------
    name
        Prefix of the names of layers derived from the video.
    scale, translate
        Scale and translation of the layer along frames, rows and columns.
    units
        Units along frames, rows and columns.
    affine
        Affine that napari applies after them, (4, 4): the link of a second recording to a first.
    record
        Record of the layer in its metadata: ``source``, ``history`` and others.
    """

    name: str = "video"
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    units: tuple[str, ...] = ("pixel", "pixel", "pixel")
    affine: tuple[tuple[float, ...], ...] = NOT_LINKED
    record: Mapping[str, Any] = field(default_factory=dict)

    def moved(self, offset: tuple[float, float, float]) -> Place:
        """Return the place of a video that starts at an offset (frames, rows, columns)."""
        frames, rows, columns = (
            t + s * o for t, s, o in zip(self.translate, self.scale, offset, strict=True)
        )
        return replace(self, translate=(frames, rows, columns))

    def rastered(self, raster: Raster) -> Place:
        """Return the place of an output whose pixels are elsewhere; see ``Stage.raster``."""
        frames, rows, columns = (s * n for s, n in zip(self.scale, raster.step, strict=True))
        moved = self.moved(raster.first)
        if not raster.own_axes:
            return replace(moved, scale=(frames, rows, columns))
        return replace(
            moved,
            scale=(frames, *raster.step[1:]),
            translate=(moved.translate[0], *raster.first[1:]),
            units=(self.units[0], "pixel", "pixel"),
            affine=NOT_LINKED,
            record={**self.record, OWN_AXES: True},
        )

    def with_step(self, stage: str, parameters: Mapping[str, Any], inputs: list[str]) -> Place:
        """Return the place with a step appended to the history."""
        step = {"stage": stage, "parameters": dict(parameters), "inputs": inputs}
        history = [*self.record.get("history", ()), step]
        return replace(self, record={**self.record, "history": history})

    def matrix(self) -> Floats:
        """Return the transform from data to world coordinates, (4, 4)."""
        return np.asarray(self.affine) @ scaled_and_moved(self.scale, self.translate)

    def to_world(self, data: npt.ArrayLike) -> Floats:
        """Convert positions, (n, 3) or (3,), from data to world coordinates."""
        return moved_by(self.matrix(), data)

    def to_data(self, world: npt.ArrayLike) -> Floats:
        """Convert positions, (n, 3) or (3,), from world to data coordinates."""
        return moved_by(np.linalg.inv(self.matrix()), world)

    def frame_at(self, world_frame: float) -> float:
        """Return the frame at a world position along time; a link does not mix time and space."""
        matrix = self.matrix()
        return float((world_frame - matrix[0, 3]) / matrix[0, 0])

    def frames_to_world(self, n_frames: float) -> float:
        """Return the world distance along time of a number of frames."""
        return float(n_frames * self.matrix()[0, 0])


def scaled_and_moved(scale: npt.ArrayLike, translate: npt.ArrayLike) -> Floats:
    """Return scale and translate, each (3,), as one matrix, (4, 4)."""
    matrix = np.diag([*np.asarray(scale, float), 1.0])
    matrix[:3, 3] = translate
    return matrix


def moved_by(matrix: npt.ArrayLike, positions: npt.ArrayLike) -> Floats:
    """Apply a matrix, (4, 4), to positions, (n, 3) or (3,)."""
    matrix = np.asarray(matrix, float)
    return np.asarray(positions, float) @ matrix[:3, :3].T + matrix[:3, 3]


def place_of(layer: Layer) -> Place:
    """Return the place of a layer; an image with two axes is a video of one frame.

    For rings, it is the place of the video in which they were found.
    """
    lacking = 3 - layer.ndim
    record = dict(layer.metadata.get(KEY, {}))
    window = window_of(record.pop("rings", {}).get("around"))
    scale = (*(1.0,) * lacking, *map(float, layer.scale))
    translate = (*(0.0,) * lacking, *map(float, layer.translate))
    own = scaled_and_moved(scale, translate)
    affine = world_matrix(layer) @ np.linalg.inv(own)
    return Place(
        name=record.get("name") or layer.name,
        scale=(scale[0] / window, *scale[1:]),
        translate=translate,
        units=(*("pixel",) * lacking, *map(str, layer.units)),
        affine=NOT_LINKED if np.allclose(affine, np.eye(4)) else _rows(affine),
        record={"name": layer.name, "source": layer.source.path, **record},
    )


def world_matrix(layer: Layer) -> Floats:
    """Return the transform from data to world coordinates of a layer, (4, 4).

    The matrix combines scale, translate, rotate, shear and affine; a layer with fewer than three
    axes is at frame 0.
    """
    n = layer.ndim
    origin = np.asarray(layer.data_to_world((0.0,) * n), float)[-n:]
    ends = [np.asarray(layer.data_to_world(tuple(unit)), float)[-n:] for unit in np.eye(n)]
    matrix = np.eye(4)
    matrix[3 - n : 3, 3 - n : 3] = (np.array(ends) - origin).T
    matrix[3 - n : 3, 3] = origin
    return matrix


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in matrix)


def array_of(layer: Layer) -> Video:
    """Return the data of an Image layer as frames, rows, columns, without computing anything.

    Raises
    ------
    BadValueError
        If the layer is not a video.
    """
    reason = why_no_video(layer)
    if reason:
        raise BadValueError(
            f"layer {layer.name!r} is not a video ({reason}): choose an Image layer with three "
            "axes (frames, rows, columns)"
        )
    data = layer.data
    data = getattr(data, "__wrapped__", data)  # napari passes a proxy to plugins
    return data if data.ndim == 3 else data[np.newaxis]


def frames_in(array: Video) -> Frames:
    """Return the data of a layer as frames, without reading anything.

    The last chunks of a dask array of another plugin are cached, because each frame of a chunk
    would take as long as the whole chunk.
    """
    from napari_uai.videos.frames import DaskFrames, frames_of
    from napari_uai.videos.sources.cached import cached

    frames = frames_of(array)
    return cached(frames, max(frames.array.chunks[0])) if isinstance(frames, DaskFrames) else frames


def lazily(array: Video) -> Video:
    """Return the data of a layer as a dask array, the input of stages.

    A numpy array is hashed for its name, which takes a second per gigabyte: do not call this in
    the main thread.
    """
    return frames_in(array).to_dask()


def why_no_video(layer: Layer) -> str:
    """Return the reason why a layer is not a video, empty if it is one."""
    from napari.layers import Image

    if not isinstance(layer, Image):
        return "not an Image layer"
    if layer.rgb:
        return "a colour image: split the channels or convert it to grey"
    if layer.multiscale:
        return "a multiscale image: add its full resolution as a layer"
    if layer.ndim not in (2, 3):
        return f"{layer.ndim} axes: add one channel or position as a layer"
    if np.dtype(layer.dtype).kind not in "uifb":
        return f"values of type {np.dtype(layer.dtype)}"
    return ""


def table_of(layer: Points | Tracks, place: Place) -> pd.DataFrame:
    """Return the features of a Points layer, with positions in the data of a video at ``place``.

    Fitted centres are moved along, so that they stay those of the spots.

    Those of a Tracks layer are its spots, with the column ``particle``.

    Raises
    ------
    BadValueError
        If the layer has more than three axes.
    """
    lacking = 3 - layer.ndim
    if lacking < 0:
        raise BadValueError(f"layer {layer.name!r} has more than three axes: choose another layer")
    table = layer.features.reset_index(drop=True).copy()
    data = np.asarray(layer.data)
    if data.shape[1] > layer.ndim:  # the first column of tracks is their number
        table["particle"] = data[:, 0].astype(np.int64)
        data = data[:, 1:]
    data = np.pad(data, ((0, 0), (lacking, 0)))
    places = place.to_data(moved_by(world_matrix(layer), data))
    shift = places - data - layer.metadata.get(KEY, {}).get("offset", (0.0, 0.0, 0.0))
    for axis, values, moved in zip(AXES, places.T, shift.T, strict=True):
        table[axis] = values
        for column in _CENTRES.get(axis, ()):
            if column in table.columns:
                table[column] += moved
    frames = table["frame"].to_numpy()
    if np.allclose(frames, np.rint(frames), rtol=0, atol=1e-6):
        table["frame"] = np.rint(frames).astype(np.int64)
    return table


def has_positions(table: pd.DataFrame) -> bool:
    """Return whether the rows of a table are positions in a video."""
    return set(AXES).issubset(table.columns)


def recording_layer(recording: Recording) -> LayerTuple:
    """Return a recording as a layer, with contrast limits estimated from a few frames.

    The pixel size is that of the file, otherwise that of the preferences.
    """
    from napari_uai.widgets.kit.preferences import preferences

    default = preferences("recordings").pixel_size_nm / 1000
    pixel = recording.pixel_size_um or default or None
    name = _name_of(recording)
    place = Place(
        name=name,
        scale=(1.0, pixel or 1.0, pixel or 1.0),
        units=("pixel", *(("micrometer",) * 2 if pixel else ("pixel",) * 2)),
        record={
            "name": name,
            "source": str(recording.source) if recording.source else None,
            "pixel_size_um": pixel,
            "frame_rate_hz": recording.frame_rate_hz,
            "first_frame": recording.first_frame,
            "history": [{"stage": line, "parameters": {}} for line in recording.history],
            "problems": list(recording.problems),
            "reading": dict(recording.reading),
        },
    )
    return image_layer(recording.video, place, name=place.name)


def _name_of(recording: Recording) -> str:
    """Return the name of the file, and what was chosen of it."""
    given = recording.reading.get("given", {})
    chosen = [f"{what} {given[what]}" for what in ("image", "plane", "channel") if what in given]
    return ", ".join([recording.source.stem if recording.source else "recording", *chosen])


def image_layer(video: Video, place: Place, *, name: str) -> LayerTuple:
    """Return a video as a layer; a few frames are read for the contrast limits.

    The layer holds frames instead of a dask array, of which napari would compute and cache a whole
    chunk for each displayed frame.
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
    kind: RingKind = "position",
    around: float | None = None,
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> LayerTuple:
    """Return a table of positions as a layer of rings; rows without a position are skipped.

    Parameters
    ----------
    table
        Columns ``frame``, ``y``, ``x`` in px of the video at ``place``; other columns become
        features. ``sigma`` or ``sigma_px`` sets the size of the rings, the sign of the contrast
        their hue.
    place
        Place of the video.
    name
        Name of the layer.
    kind
        What the positions are; sets the look of the rings.
    around
        Frames before and after its own in which a ring is visible; None: in its own only. napari
        draws a point within half a data pixel of the slice, so the data count in such windows
        along time, and the scale of the layer is as much larger.
    offset
        Added to frame, y and x when the layer is saved, so that they count from the first pixel
        of the recording. Stored with the order of the columns, so that saving restores the table.
    """
    positions = table[list(AXES)].to_numpy(float)
    known = np.isfinite(positions).all(axis=1)  # NaN would corrupt the range of the slider
    features = table.loc[known].drop(columns=list(AXES)).reset_index(drop=True)
    look, any_known, window = LOOKS[kind], bool(known.any()), window_of(around)
    attributes = {
        "name": name,
        "ndim": 3,
        "scale": (place.scale[0] * window, *place.scale[1:]),
        "translate": place.translate,
        "affine": np.asarray(place.affine),
        "units": place.units,
        "axis_labels": AXES,
        "features": features,
        "symbol": look.symbol,
        "face_color": "transparent",
        "border_color": ring_colours(features) if any_known else UNSIGNED,
        "border_width": 0.25,
        "border_width_is_relative": False,
        "size": ring_sizes(features, kind),
        "visible": look.visible,
        # napari draws an empty frame as one point of size 0; a lower limit would make it visible.
        "canvas_size_limits": (0, 10_000),
        "metadata": {
            KEY: {
                **place.record,
                "kind": "table",
                "columns": list(table.columns),
                "offset": tuple(map(float, offset)),
                "rings": {"kind": kind, "around": around},
            }
        },
    }
    if look.numbered and any_known and "landing" in features.columns:
        attributes["text"] = ring_text(features, kind)
    return positions[known] / (window, 1.0, 1.0), attributes, "points"


def sample_truth(path: Path, place: Place) -> LayerTuple:
    """Return the true landings of a simulated recording as a layer."""
    import pandas as pd

    from napari_uai.untrusted import read_json

    told = read_json(path, error=BadValueError)
    truth = pd.DataFrame(told["landings"])
    table = truth.assign(frame=truth["raw_frame"])
    around = told["settings"]["batch_size"] / 2
    return points_layer(
        table, place, name=f"{place.name}: true landings", kind="truth", around=around
    )
